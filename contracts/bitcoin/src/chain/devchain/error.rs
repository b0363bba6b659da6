//! Why the development chain refuses a block or a transaction. Texts begin with the word that Bitcoin Core says, since stock tools
//! look for it.

use bitcoin::{Amount, BlockHash, OutPoint, Txid};
use std::path::PathBuf;

/// Why a transaction cannot be in the next block, or is not carried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// It breaks a rule that needs no look at the chain.
    #[error("{0}")]
    Shape(&'static str),
    /// It spends what is not there, or is spent.
    #[error(
        "bad-txns-inputs-missingorspent: {0} is not there or is spent; spend an output that is"
    )]
    Missing(OutPoint),
    /// It spends a coinbase too early.
    #[error(
        "bad-txns-premature-spend-of-coinbase: {outpoint} may be spent from block {from} on, not in block {height}"
    )]
    Immature {
        /// The coinbase's output.
        outpoint: OutPoint,
        /// The first block that may spend it.
        from: u32,
        /// The block that would.
        height: u32,
    },
    /// It pays out more than it takes in.
    #[error("bad-txns-in-belowout: it takes in {taken} and pays out {paid}; it must not pay more")]
    BelowOut {
        /// The sum of its inputs.
        taken: Amount,
        /// The sum of its outputs.
        paid: Amount,
    },
    /// Its lock time has not come.
    #[error("non-final: its lock time {lock_time} is not over at height {height}, time {time}")]
    NotFinal {
        /// Its lock time, as it is written.
        lock_time: u32,
        /// The height of the block that would hold it.
        height: u32,
        /// The median time before that block, in seconds since 1970.
        time: u32,
    },
    /// An input's relative lock has not run out.
    #[error("non-BIP68-final: the relative lock of its input {input} is not over; wait for it")]
    RelativeLock {
        /// Which input.
        input: usize,
    },
    /// A script says no.
    #[error(
        "mandatory-script-verify-flag-failed: input {input} does not satisfy the script that it spends"
    )]
    Script {
        /// Which input.
        input: usize,
    },
    /// It is in the chain already.
    #[error("Transaction outputs already in utxo set: {0} is in the chain")]
    Confirmed(Txid),
    /// It pays too little to be carried.
    #[error("min relay fee not met: {fee} is paid, {least} is the least for its size")]
    Fee {
        /// What it pays.
        fee: Amount,
        /// What it would have to pay.
        least: Amount,
    },
    /// It spends what a carried one spends that cannot be replaced.
    #[error(
        "txn-mempool-conflict: {0} spends the same and does not signal that it may be replaced"
    )]
    Conflict(Txid),
    /// It pays too little to replace what is carried.
    #[error("insufficient fee: {fee} is paid, {least} is the least that replaces what it spends")]
    Replacement {
        /// What it pays.
        fee: Amount,
        /// What it would have to pay.
        least: Amount,
    },
    /// Carrying it is refused though a block may hold it.
    #[error("{0}")]
    Policy(&'static str),
}

/// Why a block is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Nobody knows what it stands on.
    #[error("prev-blk-not-found: {0} is not known; submit it first")]
    UnknownParent(BlockHash),
    /// It, or one below it, was found invalid before, or was declared so.
    #[error("bad-prevblk: {0} is held for invalid, or stands on one that is")]
    HeldInvalid(BlockHash),
    /// Its header or its form break a rule.
    #[error("{0}")]
    Shape(&'static str),
    /// One of its transactions breaks a rule.
    #[error("transaction {index}: {error}")]
    Transaction {
        /// Which of its transactions, counted from 0, the coinbase.
        index: usize,
        /// What is wrong with it.
        error: TransactionError,
    },
    /// Its miner takes too much.
    #[error("bad-cb-amount: the coinbase pays {paid}; at most {due} are due")]
    Reward {
        /// What the coinbase pays.
        paid: Amount,
        /// Subsidy and fees.
        due: Amount,
    },
    /// It could not be written down.
    #[error("the block cannot be written: {0}; make room, and start the chain again")]
    Disk(String),
}

/// Why a development chain does not do as it is told.
#[derive(Debug, thiserror::Error)]
pub enum DevchainError {
    /// Its folder cannot be used.
    #[error("{} cannot be used as a chain's folder: {reason}", path.display())]
    Folder {
        /// Where.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Another process has the folder.
    #[error("{} is in use by another development chain; stop it, or choose another folder", .0.display())]
    InUse(PathBuf),
    /// The file of blocks is damaged before its end.
    #[error("{}: what begins at byte {at} is no block of this chain ({reason}); move the file away to begin anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        at: u64,
        /// What is wrong.
        reason: String,
    },
    /// A block was refused.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// There are not so many blocks to undo.
    #[error("{asked} blocks cannot be undone; {there} stand on the first")]
    TooDeep {
        /// How many were to be undone.
        asked: u32,
        /// How many there are.
        there: u32,
    },
    /// No such block.
    #[error("block {0} is not known")]
    UnknownBlock(BlockHash),
    /// The first block stands for ever.
    #[error("the first block cannot be invalidated")]
    Genesis,
}
