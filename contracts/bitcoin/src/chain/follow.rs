//! What became of watched money: which outputs a chain holds for watched scripts, how deep they are, who spent them.
//!
//! [`Follower`] is pure: it is told which blocks come and go. [`follow`] tells it, from any [`Chain`](super::Chain).

mod catch_up;
#[cfg(test)]
mod tests;

pub use catch_up::follow;

use super::Tip;
use bitcoin::pow::Work;
use bitcoin::{Amount, Block, BlockHash, OutPoint, ScriptBuf, Transaction, TxOut, Txid};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

/// What has changed for a watched output. Every change is told once; what is undone is told too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A block made it.
    Funded(OutPoint),
    /// It has the confirmations that make it final.
    FundingFinal(OutPoint),
    /// A block spends it.
    Spent(OutPoint, Txid),
    /// The spending has the confirmations that make it final.
    SpendFinal(OutPoint, Txid),
    /// The block that made it was undone.
    Unfunded {
        /// Which output.
        outpoint: OutPoint,
        /// Whether it was final: the chain was undone deeper than it was trusted.
        was_final: bool,
    },
    /// The block that spends it was undone.
    Unspent {
        /// Which output.
        outpoint: OutPoint,
        /// Whether the spending was final: the chain was undone deeper than it was trusted.
        was_final: bool,
    },
}

/// How an output came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funding {
    /// What it holds, and for whom.
    pub output: TxOut,
    /// The height of the block that made it.
    pub height: u32,
    /// Whether it has, or had since then, the confirmations that make it final.
    pub is_final: bool,
}

/// How an output was spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spend {
    /// By which transaction, with its witnesses.
    pub transaction: Transaction,
    /// By which of its inputs.
    pub input: u32,
    /// The height of the block that holds it.
    pub height: u32,
    /// Whether it has, or had since then, the confirmations that make it final.
    pub is_final: bool,
}

/// What is known of a watched output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// How it came to be; nothing where the follower has not seen it.
    pub funding: Option<Funding>,
    /// How it was spent; nothing while it is not.
    pub spend: Option<Spend>,
}

/// A block that does not follow the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("block {block} does not stand on {below}, the last one that was followed")]
pub struct Unconnected {
    /// The block.
    pub block: BlockHash,
    /// What it should stand on.
    pub below: BlockHash,
}

/// Follows a chain from one height on. Two that saw one chain's blocks, by whichever detours, are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    start: u32,
    confirmations: NonZeroU32,
    scripts: BTreeSet<ScriptBuf>,
    outpoints: BTreeSet<OutPoint>,
    blocks: Vec<Passed>,
    outputs: BTreeMap<OutPoint, Watched>,
    /// What happened at each height, in order.
    happened: BTreeMap<u32, Vec<Event>>,
}

/// A block that was followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Passed {
    hash: BlockHash,
    /// Of all blocks from the start to this one.
    work: Work,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Funded(OutPoint),
    Spent(OutPoint),
}

impl Follower {
    /// Follows from the block at `start` on; money is final when its block and those on it are `confirmations` in number.
    pub fn new(start: u32, confirmations: NonZeroU32) -> Self {
        Self {
            start,
            confirmations,
            scripts: BTreeSet::new(),
            outpoints: BTreeSet::new(),
            blocks: vec![],
            outputs: BTreeMap::new(),
            happened: BTreeMap::new(),
        }
    }

    /// Watches every output that blocks to come make for `script`, and its spending. [`rewind`](Self::rewind) to look at earlier blocks.
    pub fn watch_script(&mut self, script: ScriptBuf) {
        self.scripts.insert(script);
    }

    /// Watches one output, wherever it comes from.
    pub fn watch_outpoint(&mut self, outpoint: OutPoint) {
        self.outpoints.insert(outpoint);
        self.outputs.entry(outpoint).or_default();
    }

    /// The last block that was followed.
    pub fn tip(&self) -> Option<Tip> {
        let height = self.next_height().checked_sub(1)?;
        self.blocks.last().map(|passed| Tip { height, hash: passed.hash })
    }

    /// What is known of a watched output.
    pub fn watched(&self, outpoint: &OutPoint) -> Option<&Watched> {
        self.outputs.get(outpoint)
    }

    /// Every watched output.
    pub fn outputs(&self) -> impl Iterator<Item = (&OutPoint, &Watched)> {
        self.outputs.iter()
    }

    /// How many blocks stand on an output's making, its own counted; 0 where no block made it.
    pub fn confirmations(&self, outpoint: &OutPoint) -> u32 {
        let funding = self.outputs.get(outpoint).and_then(|watched| watched.funding.as_ref());
        funding.map_or(0, |funding| self.depth(funding.height))
    }

    /// How many blocks stand on an output's spending, its own counted; 0 where no block spends it.
    pub fn spend_confirmations(&self, outpoint: &OutPoint) -> u32 {
        let spend = self.outputs.get(outpoint).and_then(|watched| watched.spend.as_ref());
        spend.map_or(0, |spend| self.depth(spend.height))
    }

    /// What watched scripts hold for good: made finally, and spent by no block.
    pub fn balance(&self) -> Amount {
        let unspent = self.outputs.values().filter(|watched| watched.spend.is_none());
        let made = unspent.filter_map(|watched| watched.funding.as_ref());
        let values = made.filter(|funding| funding.is_final).map(|funding| funding.output.value);
        values.fold(Amount::ZERO, |sum, value| sum.checked_add(value).unwrap_or(Amount::MAX))
    }

    /// Puts the next block on top.
    ///
    /// # Errors
    /// [`Unconnected`] where it does not stand on the last one; nothing is changed then.
    pub fn connect(&mut self, block: &Block) -> Result<Vec<Change>, Unconnected> {
        let hash = block.block_hash();
        let mut work = block.header.work();
        if let Some(last) = self.blocks.last() {
            if block.header.prev_blockhash != last.hash {
                return Err(Unconnected { block: hash, below: last.hash });
            }
            work = last.work + work;
        }
        let height = self.next_height();
        let mut changes = vec![];
        for transaction in &block.txdata {
            self.look_at(transaction, height, &mut changes);
        }
        self.blocks.push(Passed { hash, work });
        if let Some(deep) = self.next_height().checked_sub(self.confirmations.get()) {
            self.make_final(deep, &mut changes);
        }
        Ok(changes)
    }

    /// Takes the last block off, and everything that it did.
    pub fn disconnect(&mut self) -> Vec<Change> {
        let Some(Tip { height, .. }) = self.tip() else { return vec![] };
        self.blocks.pop();
        let happened = self.happened.remove(&height).unwrap_or_default();
        happened.into_iter().rev().filter_map(|event| self.take_back(event)).collect()
    }

    /// Takes off every block from `height` on, so that they are looked at again.
    pub fn rewind(&mut self, height: u32) -> Vec<Change> {
        let mut changes = vec![];
        while self.tip().is_some_and(|tip| tip.height >= height) {
            changes.extend(self.disconnect());
        }
        changes
    }

    fn next_height(&self) -> u32 {
        self.start.saturating_add(u32::try_from(self.blocks.len()).unwrap_or(u32::MAX))
    }

    /// The followed block at `height`.
    fn passed(&self, height: u32) -> Option<&Passed> {
        self.blocks.get(height.checked_sub(self.start)? as usize)
    }

    fn depth(&self, height: u32) -> u32 {
        self.next_height().saturating_sub(height)
    }

    fn look_at(&mut self, transaction: &Transaction, height: u32, changes: &mut Vec<Change>) {
        let txid = transaction.compute_txid();
        for (index, input) in (0..).zip(&transaction.input) {
            let outpoint = input.previous_output;
            let Some(watched) = self.outputs.get_mut(&outpoint) else { continue };
            let transaction = transaction.clone();
            watched.spend = Some(Spend { transaction, input: index, height, is_final: false });
            self.happened.entry(height).or_default().push(Event::Spent(outpoint));
            changes.push(Change::Spent(outpoint, txid));
        }
        for (vout, output) in (0..).zip(&transaction.output) {
            let outpoint = OutPoint { txid, vout };
            if !self.scripts.contains(&output.script_pubkey) && !self.outpoints.contains(&outpoint)
            {
                continue;
            }
            let funding = Funding { output: output.clone(), height, is_final: false };
            self.outputs.entry(outpoint).or_default().funding = Some(funding);
            self.happened.entry(height).or_default().push(Event::Funded(outpoint));
            changes.push(Change::Funded(outpoint));
        }
    }

    /// What happened at `height` is deep enough now. Told once, however often blocks above come and go.
    fn make_final(&mut self, height: u32, changes: &mut Vec<Change>) {
        for event in self.happened.get(&height).into_iter().flatten() {
            let (Event::Funded(outpoint) | Event::Spent(outpoint)) = *event;
            let Some(watched) = self.outputs.get_mut(&outpoint) else { continue };
            match (event, &mut watched.funding, &mut watched.spend) {
                (Event::Funded(_), Some(funding), _) if !funding.is_final => {
                    funding.is_final = true;
                    changes.push(Change::FundingFinal(outpoint));
                }
                (Event::Spent(_), _, Some(spend)) if !spend.is_final => {
                    spend.is_final = true;
                    changes.push(Change::SpendFinal(outpoint, spend.transaction.compute_txid()));
                }
                _ => {}
            }
        }
    }

    fn take_back(&mut self, event: Event) -> Option<Change> {
        let (Event::Funded(outpoint) | Event::Spent(outpoint)) = event;
        let watched = self.outputs.get_mut(&outpoint)?;
        let change = match event {
            Event::Funded(_) => {
                let was_final = watched.funding.take()?.is_final;
                Change::Unfunded { outpoint, was_final }
            }
            Event::Spent(_) => {
                let was_final = watched.spend.take()?.is_final;
                Change::Unspent { outpoint, was_final }
            }
        };
        if *watched == Watched::default() && !self.outpoints.contains(&outpoint) {
            self.outputs.remove(&outpoint);
        }
        Some(change)
    }
}
