//! Verifying, with nothing but hashes: that a leaf is in a tree, that a tree is the beginning of another.

use super::{Tip, node};
use crate::Hash;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a proof does not prove.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// It speaks of another tree.
    #[error(
        "the proof is for a tree of {found} leaves, the tree head has {expected}; fetch the proof for that head"
    )]
    OtherTree {
        /// The proof's size.
        found: u64,
        /// The head's.
        expected: u64,
    },
    /// There is no such leaf, or the sizes are the wrong way round.
    #[error("{0} is beyond a tree of {1} leaves; a proof names a leaf or an earlier size of it")]
    Beyond(u64, u64),
    /// The path has another length than its place in the tree demands.
    #[error("the path has {found} hashes, its place in the tree demands {expected}")]
    Length {
        /// How many there are.
        found: usize,
        /// How many there must be.
        expected: usize,
    },
    /// The path leads to another root.
    #[error(
        "the path leads to root {found}, the tree head says {expected}; one of the two was changed"
    )]
    OtherRoot {
        /// What the path gives.
        found: Hash,
        /// What the head says.
        expected: Hash,
    },
}

/// Shows that a leaf is in a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InclusionProof {
    /// Which leaf; the first is 0.
    pub leaf: u64,
    /// How many leaves the tree has.
    pub size: u64,
    /// The hashes beside its way up, from the leaf to the root.
    pub path: Vec<Hash>,
}

impl InclusionProof {
    /// Whether the leaf that hashes to `leaf` is in the tree `tip`, where the proof says (RFC 9162, 2.1.3.2).
    ///
    /// # Errors
    /// [`ProofError`] says what does not fit.
    pub fn verify(&self, leaf: Hash, tip: &Tip) -> Result<(), ProofError> {
        if self.size != tip.size {
            return Err(ProofError::OtherTree { found: self.size, expected: tip.size });
        }
        let plan = super::Plan::inclusion(self.leaf, self.size)
            .ok_or(ProofError::Beyond(self.leaf, self.size))?;
        let expected = plan.path_length();
        if self.path.len() != expected {
            return Err(ProofError::Length { found: self.path.len(), expected });
        }
        let (mut index, mut last) = (self.leaf, self.size - 1);
        let mut root = leaf;
        for hash in &self.path {
            if is_right(index, last) {
                root = node(hash, &root);
                skip_single(&mut index, &mut last);
            } else {
                root = node(&root, hash);
            }
            index >>= 1;
            last >>= 1;
        }
        same(root, tip.root)
    }
}

/// Shows that a tree is the beginning of a later one: nothing in it was changed, moved or taken out since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyProof {
    /// How many leaves the earlier tree has.
    pub from: u64,
    /// How many the later.
    pub to: u64,
    /// The hashes from which both roots follow.
    pub path: Vec<Hash>,
}

impl ConsistencyProof {
    /// Whether `earlier` is the beginning of `later` (RFC 9162, 2.1.4.2).
    ///
    /// # Errors
    /// [`ProofError`] says what does not fit.
    pub fn verify(&self, earlier: &Tip, later: &Tip) -> Result<(), ProofError> {
        for (found, tip) in [(self.from, earlier), (self.to, later)] {
            if found != tip.size {
                return Err(ProofError::OtherTree { found, expected: tip.size });
            }
        }
        let plan = super::Plan::consistency(self.from, self.to)
            .ok_or(ProofError::Beyond(self.from, self.to))?;
        let expected = plan.path_length();
        if self.path.len() != expected {
            return Err(ProofError::Length { found: self.path.len(), expected });
        }
        if self.from == 0 {
            return same(earlier.root, Tip::empty().root);
        }
        let (old, new) = self.roots(earlier.root);
        same(old, earlier.root)?;
        same(new, later.root)
    }

    /// The roots that the path gives for both trees. The first hash is that of a complete subtree on the earlier
    /// tree's right edge, which is that whole tree where the path does not begin with another.
    fn roots(&self, whole: Hash) -> (Hash, Hash) {
        let (mut index, mut last) = (self.from - 1, self.to - 1);
        while index & 1 == 1 {
            index >>= 1;
            last >>= 1;
        }
        let (first, rest) = match self.path.split_first() {
            Some((first, rest)) if !self.from.is_power_of_two() && self.from < self.to => {
                (*first, rest)
            }
            _ => (whole, self.path.as_slice()),
        };
        let (mut old, mut new) = (first, first);
        for hash in rest {
            if is_right(index, last) {
                old = node(hash, &old);
                new = node(hash, &new);
                skip_single(&mut index, &mut last);
            } else {
                new = node(&new, hash);
            }
            index >>= 1;
            last >>= 1;
        }
        (old, new)
    }
}

/// Whether the node on the way has its neighbour on the left.
fn is_right(index: u64, last: u64) -> bool {
    index & 1 == 1 || index == last
}

/// On the right edge, levels where the node has no neighbour are passed over.
fn skip_single(index: &mut u64, last: &mut u64) {
    while *index & 1 == 0 && *index != 0 {
        *index >>= 1;
        *last >>= 1;
    }
}

fn same(found: Hash, expected: Hash) -> Result<(), ProofError> {
    if found == expected { Ok(()) } else { Err(ProofError::OtherRoot { found, expected }) }
}
