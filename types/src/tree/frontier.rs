//! The right edge of a tree: all that appending needs to know.

use super::{NodeAt, NodeReader, Tip, node};
use crate::Hash;

/// A tree reduced to its complete subtrees that no larger one covers: one hash for each one-bit of its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// From the largest subtree to the smallest.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of a tree of `size` leaves whose complete nodes `nodes` keeps.
    ///
    /// # Errors
    /// Where a node cannot be read.
    pub fn restore<R: NodeReader + ?Sized>(size: u64, nodes: &R) -> Result<Self, R::Error> {
        Ok(Self { size, peaks: nodes.read(&Self::peaks_of(size))? })
    }

    /// The frontier of `size` leaves whose peaks ([`Frontier::peaks_of`]) have been read.
    pub fn of_peaks(size: u64, peaks: Vec<Hash>) -> Self {
        Self { size, peaks }
    }

    /// Where the peaks of a tree of `size` leaves stand, from the largest to the smallest.
    pub fn peaks_of(size: u64) -> Vec<NodeAt> {
        super::plan::cover(0, size)
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its hash; `keep` is given every node that this completes, in the order of their places.
    pub fn append(&mut self, leaf: Hash, mut keep: impl FnMut(Hash)) {
        let mut hash = leaf;
        keep(hash);
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("every one-bit of the size has its peak");
            hash = node(&left, &hash);
            keep(hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The tree's size and root.
    pub fn tip(&self) -> Tip {
        let root = super::plan::fold(&self.peaks).unwrap_or(Tip::empty().root);
        Tip { size: self.size, root }
    }
}
