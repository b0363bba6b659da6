//! Every block that is known, on whichever branch it stands.

use super::coins::Undo;
use super::rules::BITS;
use bitcoin::pow::{CompactTarget, Target, Work};
use bitcoin::{Block, BlockHash};
use std::collections::HashMap;
use std::sync::Arc;

/// How many blocks a median of times is taken over: BIP-113.
const MEDIAN_OF: usize = 11;

/// A known block.
pub(super) struct Entry {
    pub(super) block: Arc<Block>,
    pub(super) height: u32,
    /// Of all blocks up to this one.
    pub(super) work: Work,
    pub(super) invalid: bool,
    /// What undoes it, while it is on the best branch.
    pub(super) undo: Option<Undo>,
}

/// All known blocks, in the order in which they came.
#[derive(Default)]
pub(super) struct Tree {
    entries: HashMap<BlockHash, Entry>,
    order: Vec<BlockHash>,
}

impl Tree {
    pub(super) fn get(&self, hash: &BlockHash) -> Option<&Entry> {
        self.entries.get(hash)
    }

    pub(super) fn get_mut(&mut self, hash: &BlockHash) -> Option<&mut Entry> {
        self.entries.get_mut(hash)
    }

    /// How many blocks are known.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Adds a block at `height`, on top of its parent, which is here unless this is the first.
    pub(super) fn insert(&mut self, block: Block, height: u32, invalid: bool) -> BlockHash {
        let hash = block.block_hash();
        let own = Target::from_compact(CompactTarget::from_consensus(BITS)).to_work();
        let below = self.entries.get(&block.header.prev_blockhash);
        let work = below.map_or(own, |entry| entry.work + own);
        let entry = Entry { block: Arc::new(block), height, work, invalid, undo: None };
        self.entries.insert(hash, entry);
        self.order.push(hash);
        hash
    }

    /// Holds a block, and all that stand on it, for invalid.
    pub(super) fn condemn(&mut self, hash: BlockHash) {
        let mut fallen = std::collections::HashSet::from([hash]);
        for hash in &self.order {
            let Some(entry) = self.entries.get_mut(hash) else { continue };
            if fallen.contains(hash) || fallen.contains(&entry.block.header.prev_blockhash) {
                fallen.insert(*hash);
                entry.invalid = true;
            }
        }
    }

    /// The valid block with the most work; of several, that which came first.
    pub(super) fn heaviest(&self) -> Option<BlockHash> {
        let mut heaviest: Option<(Work, BlockHash)> = None;
        for hash in &self.order {
            let Some(entry) = self.entries.get(hash).filter(|entry| !entry.invalid) else {
                continue;
            };
            if heaviest.is_none_or(|(work, _)| entry.work > work) {
                heaviest = Some((entry.work, *hash));
            }
        }
        heaviest.map(|(_, hash)| hash)
    }

    /// The blocks from above the best branch up to `hash`, lowest first.
    pub(super) fn branch(&self, hash: BlockHash, best: &[BlockHash]) -> Vec<BlockHash> {
        let (mut branch, mut at) = (vec![], hash);
        while let Some(entry) = self.entries.get(&at) {
            if best.get(entry.height as usize) == Some(&at) {
                break;
            }
            branch.push(at);
            at = entry.block.header.prev_blockhash;
        }
        branch.reverse();
        branch
    }

    /// The median time of a block and the ten before it.
    pub(super) fn median(&self, hash: BlockHash) -> u32 {
        let (mut times, mut at) = (Vec::with_capacity(MEDIAN_OF), hash);
        while let Some(entry) = self.entries.get(&at).filter(|_| times.len() < MEDIAN_OF) {
            times.push(entry.block.header.time);
            at = entry.block.header.prev_blockhash;
        }
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }
}
