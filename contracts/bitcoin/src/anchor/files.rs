//! Other people's files in an anchor: a Merkle tree over their SHA-256 digests.
//!
//! Shaped as RFC 6962 shapes it (a node without a neighbour moves up as it is), with SHA-256, so that `OpenTimestamps` can follow
//! a path. A leaf is hashed behind a tag and before a nonce: it is no node, and says nothing about its file to the neighbour whose
//! path shows it.

use super::trail::Trail;
use bitcoin::hashes::{Hash as _, HashEngine as _, sha256};

/// What a leaf is hashed behind.
const LEAF: &[u8] = b"bondstore/anchor/file/1";
/// What a node is hashed behind.
const NODE: &[u8] = b"bondstore/anchor/node/1";
/// What stands for no files at all.
const NONE: &[u8] = b"bondstore/anchor/none/1";

/// A file to be anchored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The SHA-256 digest of its bytes.
    pub digest: sha256::Hash,
    /// Chosen at random, so that who sees the leaf cannot try out files.
    pub nonce: [u8; 16],
}

impl Leaf {
    /// From the file's digest to the leaf.
    fn trail(&self) -> Trail {
        Trail::new(self.digest).prepend(LEAF).append(self.nonce).sha256()
    }

    /// Its hash.
    pub fn hash(&self) -> sha256::Hash {
        self.trail().digest()
    }
}

/// The tree over the files of one anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    leaves: Vec<Leaf>,
    /// The hashes of the leaves, then those of the nodes over them, up to the root.
    levels: Vec<Vec<sha256::Hash>>,
}

impl Files {
    /// The tree over `leaves`, in their order. There may be none.
    pub fn new(leaves: Vec<Leaf>) -> Self {
        let mut levels = vec![leaves.iter().map(Leaf::hash).collect::<Vec<_>>()];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            levels.push(level.chunks(2).map(over).collect());
        }
        Self { leaves, levels }
    }

    /// How many files.
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// The root over them; for none, the digest of a tag of its own.
    pub fn root(&self) -> sha256::Hash {
        let top = self.levels.last().and_then(|level| level.first());
        top.copied().unwrap_or_else(|| sha256::Hash::hash(NONE))
    }

    /// From the digest of file `index` to the root; nothing where there is no such file.
    pub fn trail(&self, index: usize) -> Option<Trail> {
        let mut trail = self.leaves.get(index)?.trail();
        let mut place = index;
        for level in &self.levels {
            let neighbour = level.get(place ^ 1);
            trail = match neighbour {
                Some(left) if place & 1 == 1 => trail.prepend(left).prepend(NODE).sha256(),
                Some(right) => trail.append(right).prepend(NODE).sha256(),
                None => trail,
            };
            place >>= 1;
        }
        Some(trail)
    }
}

/// The node over two neighbours; one without a neighbour is its own.
fn over(pair: &[sha256::Hash]) -> sha256::Hash {
    if let [alone] = pair {
        return *alone;
    }
    let mut engine = sha256::Hash::engine();
    engine.input(NODE);
    for hash in pair {
        engine.input(hash.as_byte_array());
    }
    sha256::Hash::from_engine(engine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn leaf(n: usize) -> Leaf {
        Leaf { digest: sha256::Hash::hash(&n.to_le_bytes()), nonce: [n.to_le_bytes()[0]; 16] }
    }

    fn files(count: usize) -> Files {
        Files::new((0..count).map(leaf).collect())
    }

    #[test]
    fn every_files_trail_leads_to_the_root() {
        for count in 1..=200 {
            let files = files(count);
            for index in 0..count {
                let trail = files.trail(index).unwrap();
                assert_eq!(trail.start(), leaf(index).digest);
                assert_eq!(trail.digest(), files.root(), "{index} of {count}");
            }
            assert_eq!(files.trail(count), None);
        }
    }

    #[test]
    fn the_tree_is_shaped_as_in_rfc_6962() {
        fn root(leaves: &[Leaf]) -> sha256::Hash {
            if let [leaf] = leaves {
                return leaf.hash();
            }
            let left = leaves.len().next_power_of_two() / 2;
            over(&[root(&leaves[..left]), root(&leaves[left..])])
        }
        for count in 1..=70 {
            let leaves: Vec<_> = (0..count).map(leaf).collect();
            assert_eq!(Files::new(leaves.clone()).root(), root(&leaves), "{count}");
        }
    }

    #[test]
    fn trees_of_other_sizes_have_other_roots() {
        let roots: BTreeSet<_> = (0..=64).map(|count| files(count).root()).collect();
        assert_eq!(roots.len(), 65);
        assert!(files(0).is_empty() && files(0).trail(0).is_none());
        assert_eq!(files(3).len(), 3);
    }

    #[test]
    fn a_nonce_hides_a_file_from_its_neighbours() {
        let one = leaf(1);
        assert_ne!(one.hash(), Leaf { nonce: [9; 16], ..one }.hash());
    }
}
