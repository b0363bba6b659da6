//! Rules that need no look at the coins: of a header, of a block's form, of a transaction's form. Bitcoin Core has them in
//! `CheckBlock`, `ContextualCheckBlock` and `CheckTransaction`; every soft fork up to taproot is in force from the first block.

use super::error::{BlockError, TransactionError};
use bitcoin::block::{Header, Version};
use bitcoin::script::Builder;
use bitcoin::{Amount, Block, CompactTarget, OutPoint, ScriptBuf, Transaction};
use std::collections::BTreeSet;

/// The proof of work that regtest asks of every block.
pub(super) const BITS: u32 = 0x207f_ffff;
/// How far ahead of the clock a block's time may be, in seconds.
const AHEAD_MAX: u32 = 7_200;
/// Blocks between two halvings of the subsidy on regtest.
const HALVING: u32 = 150;
/// What a block may weigh.
pub(super) const BLOCK_WEIGHT_MAX: u64 = 4_000_000;
/// What a block's signature operations may cost.
pub(super) const SIGOPS_MAX: usize = 80_000;
/// Where a coinbase's output commits to the witnesses: BIP-141.
const COMMITMENT: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

/// What the miner of block `height` may make.
pub(super) fn subsidy(height: u32) -> Amount {
    let halvings = height / HALVING;
    Amount::from_sat(Amount::from_int_btc(50).to_sat().checked_shr(halvings).unwrap_or(0))
}

/// What a coinbase's script begins with: BIP-34.
pub(super) fn height_push(height: u32) -> ScriptBuf {
    Builder::new().push_int(i64::from(height)).into_script()
}

/// Looks at a header that stands on a block with the median time `median`; `now` is the clock.
pub(super) fn check_header(header: &Header, median: u32, now: u32) -> Result<(), BlockError> {
    let refuse = |why| Err(BlockError::Shape(why));
    if header.bits != CompactTarget::from_consensus(BITS) {
        return refuse("bad-diffbits: regtest asks for bits 207fffff");
    }
    if !header.target().is_met_by(header.block_hash()) {
        return refuse("high-hash: the header's hash is above its target; search on");
    }
    if header.time <= median {
        return refuse(
            "time-too-old: the time must be above the median of the eleven blocks before",
        );
    }
    if header.time > now.saturating_add(AHEAD_MAX) {
        return refuse("time-too-new: the time is more than two hours ahead");
    }
    if header.version < Version::from_consensus(4) {
        return refuse("bad-version: version 4 or above is needed");
    }
    Ok(())
}

/// Looks at a block's form, as block `height` on a chain with the median time `median`.
pub(super) fn check_block(block: &Block, height: u32, median: u32) -> Result<(), BlockError> {
    let refuse = |why| Err(BlockError::Shape(why));
    let Some((coinbase, others)) = block.txdata.split_first() else {
        return refuse("bad-cb-missing: a block begins with its coinbase");
    };
    if block.weight().to_wu() > BLOCK_WEIGHT_MAX {
        return refuse("bad-blk-weight: a block weighs at most 4000000");
    }
    if !coinbase.is_coinbase() || others.iter().any(Transaction::is_coinbase) {
        return refuse("bad-cb-missing: the first transaction, and no other, is the coinbase");
    }
    if !block.check_merkle_root() {
        return refuse("bad-txnmrklroot: the Merkle root is not that of the transactions");
    }
    // A root fits two lists of transactions only where one of them says a transaction twice: CVE-2012-2459.
    let ids: BTreeSet<_> = block.txdata.iter().map(Transaction::compute_txid).collect();
    if ids.len() != block.txdata.len() {
        return refuse("bad-txns-duplicate: a transaction stands in the block twice");
    }
    for (index, transaction) in block.txdata.iter().enumerate() {
        check_transaction(transaction)
            .and_then(|()| check_final(transaction, height, median))
            .map_err(|error| BlockError::Transaction { index, error })?;
    }
    if !coinbase.input[0].script_sig.as_bytes().starts_with(height_push(height).as_bytes()) {
        return refuse("bad-cb-height: the coinbase's script does not begin with the height");
    }
    if !witness_is_committed(block) {
        return refuse("bad-witness-merkle-match: the coinbase does not commit to the witnesses");
    }
    Ok(())
}

/// A commitment that is there must be right; where there is none, there is no witness.
fn witness_is_committed(block: &Block) -> bool {
    let commits = |coinbase: &Transaction| {
        let mut scripts = coinbase.output.iter().map(|output| output.script_pubkey.as_bytes());
        scripts.any(|script| script.len() >= 38 && script.starts_with(&COMMITMENT))
    };
    let Some(coinbase) = block.coinbase() else { return false };
    let reserved = coinbase.input.first().is_some_and(|input| !input.witness.is_empty());
    (reserved || !commits(coinbase)) && block.check_witness_commitment()
}

/// Looks at a transaction by itself.
pub(super) fn check_transaction(transaction: &Transaction) -> Result<(), TransactionError> {
    let refuse = |why| Err(TransactionError::Shape(why));
    if transaction.input.is_empty() {
        return refuse("bad-txns-vin-empty: it has no input");
    }
    if transaction.output.is_empty() {
        return refuse("bad-txns-vout-empty: it has no output");
    }
    if transaction.base_size() as u64 > BLOCK_WEIGHT_MAX / 4 {
        return refuse("bad-txns-oversize: it is larger than a block");
    }
    if paid(transaction).is_none() {
        return refuse("bad-txns-txouttotal-toolarge: it pays more than 21 million bitcoin");
    }
    let spends: BTreeSet<_> = transaction.input.iter().map(|input| input.previous_output).collect();
    if spends.len() != transaction.input.len() {
        return refuse("bad-txns-inputs-duplicate: it spends one output twice");
    }
    if transaction.is_coinbase() {
        if !(2..=100).contains(&transaction.input[0].script_sig.len()) {
            return refuse("bad-cb-length: a coinbase's script has 2 to 100 bytes");
        }
    } else if spends.iter().any(OutPoint::is_null) {
        return refuse("bad-txns-prevout-null: it spends nothing");
    }
    Ok(())
}

/// The sum of what a transaction pays, where there can be so much.
pub(super) fn paid(transaction: &Transaction) -> Option<Amount> {
    let mut values = transaction.output.iter().map(|output| output.value);
    values.try_fold(Amount::ZERO, Amount::checked_add).filter(|sum| *sum <= Amount::MAX_MONEY)
}

/// Whether its lock time is over in block `height`, the median time before it being `time`: BIP-113.
pub(super) fn check_final(
    transaction: &Transaction,
    height: u32,
    time: u32,
) -> Result<(), TransactionError> {
    let lock_time = transaction.lock_time.to_consensus_u32();
    let now = if transaction.lock_time.is_block_height() { height } else { time };
    if lock_time < now || lock_time == 0 || !transaction.is_lock_time_enabled() {
        return Ok(());
    }
    Err(TransactionError::NotFinal { lock_time, height, time })
}
