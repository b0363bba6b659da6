//! Public randomness for epochs: a hash chain that the market committed to before its first epoch.

use types::{Epoch, Hash};

/// What a link of the chain is hashed under.
const LINK: &str = "bondstore 2026 beacon link";
/// What the chain's innermost value is derived under.
const SEED: &str = "bondstore 2026 beacon seed";

/// A source of one value per epoch that nobody knows before and nobody can choose.
pub trait Beacon {
    /// The value that opens `epoch`, or nothing where the source does not reach that far.
    fn value(&self, epoch: Epoch) -> Option<Hash>;
}

/// Whether `value` may open the epoch after the one that `previous` opened: `previous` is its hash.
pub fn follows(previous: &Hash, value: &Hash) -> bool {
    link(value) == *previous
}

fn link(value: &Hash) -> Hash {
    Hash::derive(LINK, &[&value.0])
}

/// A chain of BLAKE3 hashes from a secret seed, revealed backwards: each value is the preimage of the one before.
///
/// The market publishes the [`anchor`](HashChain::anchor) when it is founded and cannot depart from it after. It keeps
/// one value in about √n, so that any other is at most √n hashes away.
#[derive(Clone, PartialEq, Eq)]
pub struct HashChain {
    length: u64,
    /// How far apart the kept values are.
    stride: u64,
    /// Every `stride`th value, from the innermost out.
    kept: Vec<Hash>,
    anchor: Hash,
}

impl HashChain {
    /// The chain for epochs 1 to `length` that grows from `seed`.
    pub fn new(seed: &[u8; 32], length: u64) -> Self {
        let stride = length.isqrt().max(1);
        let mut kept = Vec::new();
        let mut value = Hash::derive(SEED, &[seed]);
        for depth in 0..length {
            if depth.is_multiple_of(stride) {
                kept.push(value);
            }
            value = link(&value);
        }
        Self { length, stride, kept, anchor: value }
    }

    /// The value of epoch 0, to be published.
    pub fn anchor(&self) -> Hash {
        self.anchor
    }

    /// The last epoch it reaches.
    pub fn last(&self) -> Epoch {
        Epoch(self.length)
    }
}

impl Beacon for HashChain {
    fn value(&self, epoch: Epoch) -> Option<Hash> {
        if epoch == Epoch(0) {
            return Some(self.anchor);
        }
        let depth = self.length.checked_sub(epoch.0)?;
        let nearest = self.kept.get(usize::try_from(depth / self.stride).ok()?)?;
        Some((0..depth % self.stride).fold(*nearest, |value, _| link(&value)))
    }
}

impl std::fmt::Debug for HashChain {
    /// Shows what is public: the values to come are secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HashChain {{ anchor: {}, length: {} }}", self.anchor, self.length)
    }
}
