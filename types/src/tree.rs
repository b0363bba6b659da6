//! A Merkle tree over a growing list of byte strings, after RFC 6962 and RFC 9162, with BLAKE3.
//!
//! The hash of a leaf is BLAKE3(`0x00` ‖ bytes), that of a node BLAKE3(`0x01` ‖ left ‖ right), that of no
//! leaves at all BLAKE3 of nothing. [`Frontier`] appends and knows the root; [`plan`] says which nodes a
//! proof is made of and makes it from them; [`proof`] verifies with nothing but hashes.
//!
//! Only complete subtrees are ever kept, each once and for good: in the order in which they become complete
//! they form one list that only grows, and [`NodeAt::place`] says where in it a node is.

pub mod frontier;
pub mod plan;
pub mod proof;
#[cfg(test)]
mod tests;

pub use frontier::Frontier;
pub use plan::Plan;
pub use proof::{ConsistencyProof, InclusionProof, ProofError};

use crate::Hash;
use serde::{Deserialize, Serialize};

/// A tree as others can name it: how many leaves it has, and its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tip {
    /// How many leaves.
    pub size: u64,
    /// The hash over all of them.
    pub root: Hash,
}

impl Tip {
    /// The tree without leaves.
    pub fn empty() -> Self {
        Self { size: 0, root: Hash::of(b"") }
    }
}

/// The hash of a leaf.
pub fn leaf(bytes: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[0]).update(bytes);
    Hash(*hasher.finalize().as_bytes())
}

/// The hash of a node over its two children.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    Hash::of(&bytes)
}

/// Where a complete subtree stands: it covers the leaves `index << level .. (index + 1) << level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeAt {
    /// How far above the leaves.
    pub level: u32,
    /// How many of its level stand before it.
    pub index: u64,
}

impl NodeAt {
    /// Its place in the list of all complete nodes, in the order in which they become complete.
    pub fn place(self) -> u64 {
        let last_leaf = ((self.index + 1) << self.level) - 1;
        kept(last_leaf) + u64::from(self.level)
    }
}

/// How many nodes are complete in a tree of `size` leaves.
pub fn kept(size: u64) -> u64 {
    2 * size - u64::from(size.count_ones())
}

/// Whatever keeps the complete nodes.
pub trait NodeReader {
    /// Why it cannot give them.
    type Error;

    /// The hashes of `nodes`, in their order.
    ///
    /// # Errors
    /// Where one is not kept or cannot be read.
    fn read(&self, nodes: &[NodeAt]) -> Result<Vec<Hash>, Self::Error>;
}

/// The complete nodes in memory, in the order of their places.
impl NodeReader for [Hash] {
    type Error = NodeAt;

    fn read(&self, nodes: &[NodeAt]) -> Result<Vec<Hash>, NodeAt> {
        let at = |node: &NodeAt| {
            let place = usize::try_from(node.place()).ok();
            place.and_then(|place| self.get(place)).copied().ok_or(*node)
        };
        nodes.iter().map(at).collect()
    }
}
