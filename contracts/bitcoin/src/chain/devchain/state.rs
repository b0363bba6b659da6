//! A chain's state: which branch is best, what is unspent on it, what waits.

use super::coins::Coins;
use super::error::{BlockError, DevchainError, TransactionError};
use super::log::Log;
use super::mine::{self, Ground, Mining};
use super::pool::Pool;
use super::rules;
use super::spend::Place;
use super::tree::Tree;
use crate::chain::Tip;
use bitcoin::constants::genesis_block;
use bitcoin::{Amount, Block, BlockHash, Network, Transaction, Txid};
use std::collections::HashMap;
use std::sync::Arc;

/// Everything that a development chain knows.
pub(super) struct State {
    pub(super) tree: Tree,
    /// The best branch, by height.
    pub(super) best: Vec<BlockHash>,
    /// Its median times, by height.
    pub(super) medians: Vec<u32>,
    pub(super) coins: Coins,
    /// In which block of the best branch a transaction is.
    pub(super) places: HashMap<Txid, u32>,
    pub(super) pool: Pool,
    pub(super) log: Option<Log>,
}

impl State {
    /// A chain that has its first block alone.
    pub(super) fn new() -> Self {
        let (genesis, mut tree) = (genesis_block(Network::Regtest), Tree::default());
        let (time, hash) = (genesis.header.time, tree.insert(genesis, 0, false));
        Self {
            tree,
            best: vec![hash],
            medians: vec![time],
            // What the first coinbase pays nobody can spend: Bitcoin Core's rule.
            coins: Coins::default(),
            places: HashMap::new(),
            pool: Pool::default(),
            log: None,
        }
    }

    pub(super) fn tip(&self) -> Tip {
        let hash = *self.best.last().expect("the first block is never undone");
        Tip { height: self.next_height() - 1, hash }
    }

    /// Where the next block stands.
    fn next_height(&self) -> u32 {
        u32::try_from(self.best.len()).expect("fewer blocks than 2^32 fit in memory")
    }

    pub(super) fn block_at(&self, height: u32) -> Option<Arc<Block>> {
        let hash = self.best.get(height as usize)?;
        self.tree.get(hash).map(|entry| Arc::clone(&entry.block))
    }

    /// Takes a block; a better branch is adopted. `now` is the clock.
    pub(super) fn submit(&mut self, block: Block, now: u32) -> Result<BlockHash, BlockError> {
        let hash = block.block_hash();
        if let Some(known) = self.tree.get(&hash) {
            return if known.invalid { Err(BlockError::HeldInvalid(hash)) } else { Ok(hash) };
        }
        let below = block.header.prev_blockhash;
        if self.tree.get(&below).is_some_and(|parent| parent.invalid) {
            return Err(BlockError::HeldInvalid(below));
        }
        let height = self.check(&block, now)?;
        if let Some(log) = &mut self.log {
            log.append(&block).map_err(|error| BlockError::Disk(error.to_string()))?;
        }
        self.tree.insert(block, height, false);
        self.rise(hash)
    }

    /// Looks at everything but what a block spends; gives its height.
    fn check(&self, block: &Block, now: u32) -> Result<u32, BlockError> {
        let below = block.header.prev_blockhash;
        let parent = self.tree.get(&below).ok_or(BlockError::UnknownParent(below))?;
        let (height, median) = (parent.height.saturating_add(1), self.tree.median(below));
        rules::check_header(&block.header, median, now)?;
        rules::check_block(block, height, median)?;
        Ok(height)
    }

    /// Takes a block that was taken before, from the log.
    ///
    /// # Errors
    /// The rule that it breaks by itself. That it was found invalid where it stands is no error: it was so before.
    pub(super) fn replay(&mut self, block: Block, condemned: bool) -> Result<(), BlockError> {
        let height = self.check(&block, u32::MAX)?;
        let below = self.tree.get(&block.header.prev_blockhash);
        let invalid = condemned || below.is_some_and(|parent| parent.invalid);
        let hash = self.tree.insert(block, height, invalid);
        if !invalid {
            let _ = self.rise(hash);
        }
        Ok(())
    }

    /// Holds a block, and all on it, for invalid, and goes over to the best branch that is left.
    pub(super) fn invalidate(&mut self, hash: BlockHash) -> Result<(), DevchainError> {
        let height = self.tree.get(&hash).ok_or(DevchainError::UnknownBlock(hash))?.height as usize;
        if height == 0 {
            return Err(DevchainError::Genesis);
        }
        if let Some(log) = &mut self.log {
            log.condemn(hash).map_err(|error| BlockError::Disk(error.to_string()))?;
        }
        self.tree.condemn(hash);
        if self.best.get(height) == Some(&hash) {
            let left = self.best[height..].to_vec();
            self.cut(height);
            self.settle();
            self.refill(&left);
        }
        Ok(())
    }

    /// Adopts the branch that ends with `hash` if it is better than the best.
    fn rise(&mut self, hash: BlockHash) -> Result<BlockHash, BlockError> {
        let work = |hash| self.tree.get(&hash).map(|entry| entry.work);
        if work(hash) > work(self.tip().hash)
            && let Err((culprit, error)) = self.switch(hash)
        {
            self.tree.condemn(culprit);
            // Blocks below the one that broke a rule were right; their branch may be the best still.
            self.settle();
            return Err(error);
        }
        Ok(hash)
    }

    /// Adopts the best valid branch of all; of equals the one that was seen first.
    fn settle(&mut self) {
        while let Some(hash) = self.tree.heaviest().filter(|hash| *hash != self.tip().hash) {
            if let Err((culprit, _)) = self.switch(hash) {
                self.tree.condemn(culprit);
            }
        }
    }

    /// Goes over to the branch that ends with `hash`; where one of its blocks breaks a rule, everything stays as it is.
    fn switch(&mut self, hash: BlockHash) -> Result<(), (BlockHash, BlockError)> {
        let branch = self.tree.branch(hash, &self.best);
        let fork = branch.first().and_then(|first| self.tree.get(first));
        let keep = fork.map_or(self.best.len(), |entry| entry.height as usize);
        let left = self.best[keep..].to_vec();
        let extends = left.is_empty();
        self.cut(keep);
        for hash in &branch {
            if let Err(error) = self.connect(*hash) {
                self.cut(keep);
                for hash in left {
                    self.connect(hash).expect("it stood here before");
                }
                return Err((*hash, error));
            }
        }
        if extends {
            for hash in branch {
                let block = self.tree.get(&hash).map(|entry| Arc::clone(&entry.block));
                if let Some(block) = block {
                    self.pool.mined(&block);
                }
            }
        } else {
            self.refill(&left);
        }
        Ok(())
    }

    /// Undoes the best branch from height `keep` on.
    fn cut(&mut self, keep: usize) {
        while self.best.len() > keep {
            let Some(hash) = self.best.pop() else { return };
            self.medians.pop();
            let Some(entry) = self.tree.get_mut(&hash) else { continue };
            self.coins.undo(entry.undo.take().unwrap_or_default());
            for transaction in &entry.block.txdata {
                self.places.remove(&transaction.compute_txid());
            }
        }
    }

    /// Puts one block on top.
    fn connect(&mut self, hash: BlockHash) -> Result<(), BlockError> {
        let height = self.next_height();
        let entry = self.tree.get(&hash).ok_or(BlockError::UnknownParent(hash))?;
        let (block, pool) = (Arc::clone(&entry.block), &self.pool);
        let place = Place { height, medians: &self.medians };
        let undo = self.coins.connect(&block, &place, |wtxid| pool.has_judged(wtxid))?;
        let ids = block.txdata.iter().map(Transaction::compute_txid);
        self.places.extend(ids.map(|txid| (txid, height)));
        self.medians.push(self.tree.median(hash));
        self.best.push(hash);
        if let Some(entry) = self.tree.get_mut(&hash) {
            entry.undo = Some(undo);
        }
        Ok(())
    }

    /// What waited, and what was in the blocks `left`, waits again as far as it may.
    fn refill(&mut self, left: &[BlockHash]) {
        let mut again: Vec<Arc<Transaction>> = vec![];
        for block in left.iter().filter_map(|hash| self.tree.get(hash)) {
            again.extend(block.block.txdata.iter().skip(1).cloned().map(Arc::new));
        }
        again.extend(self.pool.drain());
        for transaction in again {
            // What the new branch holds, or forbids, need not wait any more.
            let _ = self.accept(&transaction);
        }
    }

    /// Carries a transaction that the next block may hold.
    pub(super) fn accept(&mut self, transaction: &Transaction) -> Result<Txid, TransactionError> {
        let txid = transaction.compute_txid();
        if self.places.contains_key(&txid) {
            return Err(TransactionError::Confirmed(txid));
        }
        let place = Place { height: self.next_height(), medians: &self.medians };
        self.pool.accept(transaction, &self.coins, &place)
    }

    /// Mines the next block from what waits.
    pub(super) fn mine(&mut self, mining: &Mining) -> Result<BlockHash, BlockError> {
        let (chosen, fees) = self.pool.choose();
        let chosen = chosen.iter().map(|transaction| (**transaction).clone()).collect();
        let ground =
            self.ground(self.tip().hash).ok_or(BlockError::UnknownParent(self.tip().hash))?;
        self.submit(mine::block(&ground, chosen, fees, mining), u32::MAX)
    }

    /// A block on any known parent that holds just these transactions and takes no fees.
    pub(super) fn assemble(
        &self,
        parent: BlockHash,
        transactions: Vec<Transaction>,
        mining: &Mining,
    ) -> Result<Block, DevchainError> {
        let ground = self.ground(parent).ok_or(DevchainError::UnknownBlock(parent))?;
        Ok(mine::block(&ground, transactions, Amount::ZERO, mining))
    }

    fn ground(&self, parent: BlockHash) -> Option<Ground> {
        let height = self.tree.get(&parent)?.height.saturating_add(1);
        let median = self.tree.median(parent);
        Some(Ground { parent, height, median, extra: self.tree.len() as u64 })
    }
}
