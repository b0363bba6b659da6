//! Which complete nodes a proof is made of: known from sizes alone, so they can be fetched in one go.

use super::proof::{ConsistencyProof, InclusionProof};
use super::{NodeAt, NodeReader, node};
use crate::Hash;

/// The nodes behind each hash of a proof's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    parts: Vec<Vec<NodeAt>>,
}

impl Plan {
    /// The plan of the path from leaf `index` to the root of the tree of `size` leaves (RFC 6962, 2.1.1); nothing
    /// where there is no such leaf.
    pub fn inclusion(index: u64, size: u64) -> Option<Self> {
        if index >= size {
            return None;
        }
        let mut parts = Vec::new();
        let (mut start, mut length) = (0, size);
        while length > 1 {
            let left = split(length);
            if index < start + left {
                parts.push(cover(start + left, length - left));
                length = left;
            } else {
                parts.push(cover(start, left));
                start += left;
                length -= left;
            }
        }
        parts.reverse();
        Some(Self { parts })
    }

    /// The plan of the proof that the tree of `from` leaves is the beginning of that of `to` (RFC 6962, 2.1.2);
    /// nothing where `from` is the larger.
    pub fn consistency(from: u64, to: u64) -> Option<Self> {
        if from > to {
            return None;
        }
        let mut parts = Vec::new();
        let (mut start, mut length, mut whole) = (0, to, true);
        while from > 0 && from < start + length {
            let left = split(length);
            if from <= start + left {
                parts.push(cover(start + left, length - left));
                length = left;
            } else {
                parts.push(cover(start, left));
                start += left;
                length -= left;
                whole = false;
            }
        }
        if from > 0 && !whole {
            parts.push(cover(start, length));
        }
        parts.reverse();
        Some(Self { parts })
    }

    /// Every node that is needed, in order.
    pub fn nodes(&self) -> Vec<NodeAt> {
        self.parts.concat()
    }

    /// How many hashes the path has.
    pub fn path_length(&self) -> usize {
        self.parts.len()
    }

    /// The path, from the hashes of [`Plan::nodes`] in their order.
    ///
    /// # Panics
    /// Where there are not as many hashes as nodes.
    pub fn path(&self, hashes: &[Hash]) -> Vec<Hash> {
        let mut rest = hashes;
        let part = |part: &Vec<NodeAt>| {
            let (these, others) = rest.split_at(part.len());
            rest = others;
            fold(these).expect("a part of a path covers at least one leaf")
        };
        self.parts.iter().map(part).collect()
    }

    fn read<R: NodeReader + ?Sized>(&self, nodes: &R) -> Result<Vec<Hash>, R::Error> {
        Ok(self.path(&nodes.read(&self.nodes())?))
    }
}

impl InclusionProof {
    /// Proves leaf `index` to be in the tree of `size` leaves; nothing where it is not.
    ///
    /// # Errors
    /// Where a node cannot be read.
    pub fn make<R: NodeReader + ?Sized>(
        index: u64,
        size: u64,
        nodes: &R,
    ) -> Result<Option<Self>, R::Error> {
        let Some(plan) = Plan::inclusion(index, size) else { return Ok(None) };
        Ok(Some(Self { leaf: index, size, path: plan.read(nodes)? }))
    }
}

impl ConsistencyProof {
    /// Proves the tree of `from` leaves to be the beginning of that of `to`; nothing where `from` is the larger.
    ///
    /// # Errors
    /// Where a node cannot be read.
    pub fn make<R: NodeReader + ?Sized>(
        from: u64,
        to: u64,
        nodes: &R,
    ) -> Result<Option<Self>, R::Error> {
        let Some(plan) = Plan::consistency(from, to) else { return Ok(None) };
        Ok(Some(Self { from, to, path: plan.read(nodes)? }))
    }
}

/// The largest power of two below `length`, which is above one.
fn split(length: u64) -> u64 {
    1 << (u64::BITS - 1 - (length - 1).leading_zeros())
}

/// The complete nodes that cover `length` leaves from `start` on, from the largest to the smallest. `start` is a
/// multiple of the largest power of two that is not above `length`, as in every subtree of the RFC's.
pub(super) fn cover(start: u64, length: u64) -> Vec<NodeAt> {
    let mut nodes = Vec::with_capacity(length.count_ones() as usize);
    let (mut start, mut rest) = (start, length);
    while rest > 0 {
        let level = u64::BITS - 1 - rest.leading_zeros();
        nodes.push(NodeAt { level, index: start >> level });
        start += 1 << level;
        rest -= 1 << level;
    }
    nodes
}

/// The hash over neighbouring complete nodes that [`cover`] named; nothing of none.
pub(super) fn fold(hashes: &[Hash]) -> Option<Hash> {
    let (last, before) = hashes.split_last()?;
    Some(before.iter().rev().fold(*last, |right, left| node(left, &right)))
}
