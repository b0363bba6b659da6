//! A development chain: regtest's consensus rules in this process, its blocks mined when they are asked for. Its coins are worth
//! nothing, and it says so.
//!
//! What holds: proof of work, headers (parent, bits, median time, version, time at most two hours ahead), Merkle root (and no
//! transaction twice), witness commitment, weight and signature operations, BIP-34 heights, subsidy (halved each 150 blocks) and
//! fees, unspent outputs, maturity, lock times (BIP-65, 68, 112, 113), BIP-30, and scripts by Bitcoin Core's own interpreter with
//! every soft fork up to taproot. The branch with the most work is the chain, the first seen among equals.
//!
//! What does not: there are no peers, no version bits and no checkpoints. Of Bitcoin Core's policy for what is carried it has the fee
//! floor, replacement by fee (signalled by what is replaced itself), limits of 25 ancestors and descendants, of weight, of signature
//! operations and of dust; it has neither Core's limits on the kinds of scripts and on their stack nor packages.
//!
//! Nothing is left to chance: the same calls make the same blocks.

mod coins;
mod error;
mod log;
mod mine;
mod pool;
mod rules;
mod spend;
mod state;
#[cfg(test)]
mod tests;
mod tree;

pub use coins::Coin;
pub use error::{BlockError, DevchainError, TransactionError};
pub use log::{BLOCKS, blocks_in};
pub use mine::Mining;
pub use spend::check_scripts;

use super::{Chain, ChainError, Tip, Unspent};
use bitcoin::pow::Work;
use bitcoin::{Block, BlockHash, FeeRate, Network, OutPoint, Transaction, Txid};
use log::Log;
use state::State;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A development chain. Clones are the same chain.
#[derive(Clone)]
pub struct Devchain(Arc<Mutex<State>>);

/// A known block, and where it stands.
#[derive(Clone, Debug)]
pub struct KnownBlock {
    /// The block.
    pub block: Arc<Block>,
    /// How many blocks stand below it.
    pub height: u32,
    /// Of all blocks up to this one.
    pub work: Work,
    /// The median of its time and the ten times before it, in seconds since 1970.
    pub median_time: u32,
    /// How many blocks of the best branch stand on it, itself counted; nothing where it is not on that branch.
    pub confirmations: Option<u32>,
    /// The block on top of it in the best branch.
    pub next: Option<BlockHash>,
}

impl Default for Devchain {
    fn default() -> Self {
        Self::new()
    }
}

impl Devchain {
    /// A chain in memory that has its first block alone.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State::new())))
    }

    /// The chain in `folder`, which is made where it is missing. Every block is on the disk before it counts; what waits is not kept.
    ///
    /// # Errors
    /// [`DevchainError`] where the folder cannot be used, is in use, or is damaged. A block that was cut short at the end is dropped.
    pub fn open(folder: &Path) -> Result<Self, DevchainError> {
        let (log, held) = Log::open(folder)?;
        let mut state = State::new();
        for (at, block) in held.blocks {
            let condemned = held.invalid.contains(&block.block_hash());
            state.replay(block, condemned).map_err(|error| DevchainError::Damaged {
                path: held.path.clone(),
                at,
                reason: error.to_string(),
            })?;
        }
        state.log = Some(log);
        Ok(Self(Arc::new(Mutex::new(state))))
    }

    /// Where it stands.
    pub fn top(&self) -> Tip {
        self.state().tip()
    }

    /// Mines the next block from what waits.
    ///
    /// # Errors
    /// [`DevchainError`] where it cannot be written.
    pub fn mine(&self, mining: &Mining) -> Result<Tip, DevchainError> {
        let mut state = self.state();
        state.mine(mining)?;
        Ok(state.tip())
    }

    /// Mines `count` blocks, one after the other.
    ///
    /// # Errors
    /// [`DevchainError`] where one cannot be written; those before it stand.
    pub fn mine_blocks(
        &self,
        count: u32,
        mining: &Mining,
    ) -> Result<Vec<BlockHash>, DevchainError> {
        (0..count).map(|_| Ok(self.mine(mining)?.hash)).collect()
    }

    /// Takes a block that was made elsewhere; a better branch of any depth is adopted. `now` is the clock, in seconds since 1970. A
    /// block that is known already is taken.
    ///
    /// # Errors
    /// [`BlockError`], the rule that it breaks.
    pub fn submit(&self, block: Block, now: u32) -> Result<BlockHash, BlockError> {
        self.state().submit(block, now)
    }

    /// Makes a block on any known parent that holds just these transactions, whatever they are, and takes no fees. It is not
    /// submitted.
    ///
    /// # Errors
    /// [`DevchainError::UnknownBlock`].
    pub fn assemble(
        &self,
        parent: BlockHash,
        transactions: Vec<Transaction>,
        mining: &Mining,
    ) -> Result<Block, DevchainError> {
        self.state().assemble(parent, transactions, mining)
    }

    /// Has the best `depth` blocks overtaken by a branch of one more, which holds no transactions. What was in them waits again.
    ///
    /// # Errors
    /// [`DevchainError::TooDeep`] where there are not so many.
    pub fn reorganise(&self, depth: u32, mining: &Mining) -> Result<Tip, DevchainError> {
        let mut state = self.state();
        let there = state.tip().height;
        let fork =
            there.checked_sub(depth).ok_or(DevchainError::TooDeep { asked: depth, there })?;
        let mut parent = state.best[fork as usize];
        for _ in 0..=depth {
            let block = state.assemble(parent, vec![], mining)?;
            parent = state.submit(block, u32::MAX)?;
        }
        Ok(state.tip())
    }

    /// Holds a block, and all that stand on it, for invalid; the best branch of what is left is adopted.
    ///
    /// # Errors
    /// [`DevchainError::UnknownBlock`], or [`DevchainError::Genesis`] for the first block.
    pub fn invalidate(&self, hash: BlockHash) -> Result<Tip, DevchainError> {
        let mut state = self.state();
        state.invalidate(hash)?;
        Ok(state.tip())
    }

    /// Carries a transaction until a block holds it. One that waits already goes on waiting.
    ///
    /// # Errors
    /// [`TransactionError`], the rule that it breaks; [`TransactionError::Confirmed`] where it is in the chain.
    pub fn carry(&self, transaction: &Transaction) -> Result<Txid, TransactionError> {
        self.state().accept(transaction)
    }

    /// The block at `height` of the best branch.
    pub fn block_at(&self, height: u32) -> Option<Arc<Block>> {
        self.state().block_at(height)
    }

    /// A known block, on whichever branch.
    pub fn find_block(&self, hash: BlockHash) -> Option<KnownBlock> {
        let state = self.state();
        let entry = state.tree.get(&hash)?;
        let is_best = state.best.get(entry.height as usize) == Some(&hash);
        let above = state.tip().height.saturating_sub(entry.height);
        Some(KnownBlock {
            block: Arc::clone(&entry.block),
            height: entry.height,
            work: entry.work,
            median_time: state.tree.median(hash),
            confirmations: is_best.then(|| above.saturating_add(1)),
            next: state.best.get(entry.height as usize + 1).copied().filter(|_| is_best),
        })
    }

    /// A transaction that waits (no height) or is in the best branch (the height of its block).
    pub fn find_transaction(&self, txid: Txid) -> Option<(Arc<Transaction>, Option<u32>)> {
        let state = self.state();
        if let Some(waiting) = state.pool.get(&txid) {
            return Some((Arc::clone(&waiting.transaction), None));
        }
        let height = *state.places.get(&txid)?;
        let block = state.block_at(height)?;
        let found = block.txdata.iter().find(|transaction| transaction.compute_txid() == txid)?;
        Some((Arc::new(found.clone()), Some(height)))
    }

    /// An unspent output of the best branch.
    pub fn coin(&self, outpoint: OutPoint) -> Option<Coin> {
        self.state().coins.get(&outpoint).cloned()
    }

    /// Whether something that waits spends `outpoint`.
    pub fn is_being_spent(&self, outpoint: OutPoint) -> bool {
        self.state().pool.spends(&outpoint)
    }

    /// What waits, in the order in which it came.
    pub fn waiting(&self) -> Vec<Txid> {
        self.state().pool.iter().map(|waiting| waiting.txid).collect()
    }

    /// What it takes to be in one of the next `blocks` blocks: just above what fills them, or the least that is carried.
    pub fn needed_fee_rate(&self, blocks: u16) -> FeeRate {
        self.state().pool.fee_rate(blocks)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Devchain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Devchain({:?})", self.top())
    }
}

impl Chain for Devchain {
    fn network(&self) -> Network {
        Network::Regtest
    }

    async fn tip(&self) -> Result<Tip, ChainError> {
        Ok(self.top())
    }

    async fn block(&self, height: u32) -> Result<Option<Block>, ChainError> {
        Ok(self.block_at(height).map(|block| (*block).clone()))
    }

    async fn broadcast(&self, transaction: &Transaction) -> Result<Txid, ChainError> {
        match self.carry(transaction) {
            Ok(txid) | Err(TransactionError::Confirmed(txid)) => Ok(txid),
            Err(refused) => Err(ChainError::Refused {
                txid: transaction.compute_txid(),
                reason: refused.to_string(),
            }),
        }
    }

    /// The least that is carried never rises here, so that whatever pays it is carried alone.
    async fn broadcast_package(
        &self,
        _: &Transaction,
        _: &Transaction,
    ) -> Result<Option<Txid>, ChainError> {
        Ok(None)
    }

    async fn unspent(&self, outpoint: OutPoint) -> Result<Option<Unspent>, ChainError> {
        let state = self.state();
        if state.pool.spends(&outpoint) {
            return Ok(None);
        }
        if let Some(coin) = state.coins.get(&outpoint).cloned() {
            let confirmations = state.tip().height.saturating_sub(coin.height).saturating_add(1);
            let Coin { output, is_coinbase, .. } = coin;
            return Ok(Some(Unspent { output, confirmations, is_coinbase }));
        }
        let waiting = state.pool.get(&outpoint.txid);
        let made = waiting.and_then(|w| w.transaction.output.get(outpoint.vout as usize).cloned());
        Ok(made.map(|output| Unspent { output, confirmations: 0, is_coinbase: false }))
    }

    async fn fee_rate(&self, blocks: u16) -> Result<FeeRate, ChainError> {
        Ok(self.needed_fee_rate(blocks))
    }
}
