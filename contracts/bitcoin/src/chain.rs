//! What is asked of a chain: where it stands, its blocks, to carry a transaction, and what one costs.
//!
//! Chains are [`devchain`], in this process; [`rpc`], a bitcoind; [`esplora`], an Esplora server. [`follow`] follows watched money on
//! any of them; [`serve`] puts a development chain behind a port.

pub mod devchain;
pub mod esplora;
pub mod follow;
mod remote;
pub mod rpc;
pub mod serve;
mod strict;

pub use remote::Patience;
pub use strict::FeeBounds;

use bitcoin::{Block, BlockHash, FeeRate, Network, OutPoint, Transaction, TxOut, Txid};

/// Within how many blocks a transaction of ours should be, where nobody says otherwise.
pub const WITHIN_BLOCKS: u16 = 6;

/// The block that a chain ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// How many blocks stand below it.
    pub height: u32,
    /// Its name.
    pub hash: BlockHash,
}

/// An output that nothing spends, as a node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unspent {
    /// What it holds, and for whom.
    pub output: TxOut,
    /// How many blocks hold it, its own counted; none where it waits for one.
    pub confirmations: u32,
    /// Whether a miner made it: then 100 blocks must hold it before it may be spent.
    pub is_coinbase: bool,
}

/// Why a chain does not answer, or not as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// It cannot be reached, or did not answer in time; asking again may help.
    #[error("the chain does not answer: {0}")]
    Unreachable(String),
    /// It answers with what no honest node says; asking it again does not help.
    #[error("the chain's node answers with what cannot be: {0}")]
    Senseless(String),
    /// Its address is none.
    #[error("{0}")]
    Address(String),
    /// It does not let us in.
    #[error(
        "the chain's node does not let us in: {0}; name its cookie file, or its user and password"
    )]
    NotAdmitted(String),
    /// It is another network's.
    #[error("the chain's node is on {found}, {expected} is needed; name a node of that network")]
    OtherNetwork {
        /// Which is needed.
        expected: Network,
        /// What it says it is on.
        found: String,
    },
    /// It will not carry this transaction.
    #[error("transaction {txid} is refused: {reason}")]
    Refused {
        /// Which.
        txid: Txid,
        /// In the node's own words.
        reason: String,
    },
}

/// A chain, whichever it is. Every question may be asked again; a transaction may be broadcast any number of times.
pub trait Chain: Send + Sync {
    /// Which network's it is.
    fn network(&self) -> Network;
    /// Where it stands.
    fn tip(&self) -> impl Future<Output = Result<Tip, ChainError>> + Send;
    /// The block at `height` of the best chain, where there is one.
    fn block(&self, height: u32) -> impl Future<Output = Result<Option<Block>, ChainError>> + Send;
    /// Gives it a transaction to carry. One that it carries already is carried.
    fn broadcast(
        &self,
        transaction: &Transaction,
    ) -> impl Future<Output = Result<Txid, ChainError>> + Send;
    /// Gives it a transaction together with a child that spends an output of it and pays for both.
    fn broadcast_pair(
        &self,
        parent: &Transaction,
        child: &Transaction,
    ) -> impl Future<Output = Result<Txid, ChainError>> + Send {
        async move {
            match self.broadcast(parent).await {
                Ok(_) => self.broadcast(child).await,
                Err(refused @ ChainError::Refused { .. }) => {
                    self.broadcast_package(parent, child).await?.ok_or(refused)
                }
                Err(error) => Err(error),
            }
        }
    }
    /// Gives it both at once, since it would not carry the parent alone; nothing where it takes no two at once. The child's name.
    fn broadcast_package(
        &self,
        parent: &Transaction,
        child: &Transaction,
    ) -> impl Future<Output = Result<Option<Txid>, ChainError>> + Send;
    /// The output at `outpoint`, where neither a block nor what waits for one spends it.
    fn unspent(
        &self,
        outpoint: OutPoint,
    ) -> impl Future<Output = Result<Option<Unspent>, ChainError>> + Send;
    /// What it takes now to be in one of the next `blocks` blocks.
    fn fee_rate(&self, blocks: u16) -> impl Future<Output = Result<FeeRate, ChainError>> + Send;
}
