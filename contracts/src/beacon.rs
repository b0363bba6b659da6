//! Public randomness for epochs: a hash chain that the market committed to before its first epoch, and [`mixed`] with it, where the
//! market has a chain, a Bitcoin block.
//!
//! [`header`] reads headers, [`remembered`] judges those that come next, and [`course`] is the beacon of one market, epoch by epoch.

pub mod course;
pub mod header;
pub mod mixed;
pub mod remembered;

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

/// The link before the one that is `value`: its hash.
pub fn link(value: &Hash) -> Hash {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_value_opens_the_epoch_after_the_one_before() {
        for length in [0, 1, 2, 3, 10, 99, 100, 101] {
            let chain = HashChain::new(&[7; 32], length);
            let mut previous = chain.anchor();
            for epoch in 1..=length {
                let value = chain.value(Epoch(epoch)).unwrap();
                assert!(follows(&previous, &value), "epoch {epoch} of {length}");
                previous = value;
            }
            assert_eq!(chain.value(Epoch(0)), Some(chain.anchor()));
            assert_eq!(chain.value(Epoch(length + 1)), None);
            assert_eq!(chain.value(Epoch(u64::MAX)), None);
            assert_eq!(chain.last(), Epoch(length));
        }
    }

    #[test]
    fn values_of_other_epochs_and_chains_are_refused() {
        let (chain, other) = (HashChain::new(&[7; 32], 9), HashChain::new(&[8; 32], 9));
        let value = |chain: &HashChain, epoch| chain.value(Epoch(epoch)).unwrap();
        assert!(!follows(&value(&chain, 3), &value(&chain, 5)));
        assert!(!follows(&value(&chain, 3), &value(&chain, 3)));
        assert!(!follows(&value(&chain, 3), &value(&chain, 2)));
        assert!(!follows(&value(&chain, 3), &value(&other, 4)));
    }

    #[test]
    fn the_chain_is_the_same_everywhere() {
        let anchor = HashChain::new(&[0; 32], 3).anchor();
        assert_eq!(
            anchor.to_string(),
            "df9f7deb3e35e7a4cac0688f4171e260d79f9349767c0f43da1842f47677a48a"
        );
    }

    #[test]
    fn what_is_shown_of_a_chain_is_public() {
        let chain = HashChain::new(&[7; 32], 9);
        let shown = format!("{chain:?}");
        assert!(shown.contains(&chain.anchor().to_string()));
        assert!((1..=9).all(|n| !shown.contains(&chain.value(Epoch(n)).unwrap().to_string())));
    }

    proptest! {
        #[test]
        fn a_seed_and_a_length_make_one_chain(seed: [u8; 32], length in 1u64..300, epoch in 1u64..300) {
            let (a, b) = (HashChain::new(&seed, length), HashChain::new(&seed, length));
            prop_assert_eq!(a.value(Epoch(epoch)), b.value(Epoch(epoch)));
            prop_assert_eq!(a.value(Epoch(epoch)).is_some(), epoch <= length);
        }
    }
}
