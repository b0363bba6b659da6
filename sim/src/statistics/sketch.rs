//! Quantiles of a stream in bounded memory.

use super::{real, whole};
use serde::{Deserialize, Serialize};

/// How far a quantile may be from the true one, as a share of it.
pub const RELATIVE_ERROR: f64 = 0.01;
/// What is smaller counts as nothing.
pub const LEAST: f64 = 1e-9;
/// What is larger counts as this much.
pub const MOST: f64 = 1e18;

/// A histogram whose buckets grow by a constant factor γ = (1 + e) / (1 − e), with e the [relative error](RELATIVE_ERROR)
/// (Masson, Rim and Lee, "`DDSketch`: a fast and fully-mergeable quantile sketch with relative-error guarantees", PVLDB 12,
/// 2019).
///
/// A quantile between [`LEAST`] and [`MOST`] is off by at most 1 % of itself. Memory is bounded by the logarithm of their
/// ratio: 3,109 buckets of eight bytes at most. Values below zero count as nothing. What is found does not depend on the
/// order of the values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sketch {
    /// How many were below [`LEAST`].
    nothing: u64,
    /// How many fell into each bucket: the nth is from LEAST × γⁿ on.
    buckets: Vec<u64>,
    count: u64,
}

fn log_growth() -> f64 {
    libm::log((1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR))
}

fn bucket_of(value: f64) -> usize {
    let steps = libm::log(value.min(MOST) / LEAST) / log_growth();
    usize::try_from(whole(steps)).unwrap_or(0)
}

/// The value from which both ends of a bucket are the same share away.
fn middle_of(bucket: u64) -> f64 {
    LEAST * libm::exp(real(bucket) * log_growth()) * (1.0 + RELATIVE_ERROR)
}

impl Sketch {
    /// Takes one value. What is not a number counts as nothing.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        if value.is_nan() || value < LEAST {
            self.nothing += 1;
            return;
        }
        let bucket = bucket_of(value);
        if bucket >= self.buckets.len() {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
    }

    /// Takes everything that `other` has taken.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.nothing += other.nothing;
        if other.buckets.len() > self.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (here, there) in self.buckets.iter_mut().zip(&other.buckets) {
            *here += there;
        }
    }

    /// How many values there were.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The value that `share` of all do not exceed, 0 to 1: the one of rank share × (n − 1), rounded down. Nothing where
    /// there were none.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let last = self.count.checked_sub(1)?;
        let rank = whole(share.clamp(0.0, 1.0) * real(last)).min(last);
        let mut below = self.nothing;
        if rank < below {
            return Some(0.0);
        }
        for (bucket, count) in (0..).zip(&self.buckets) {
            below += count;
            if rank < below {
                return Some(middle_of(bucket));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_has_no_quantile_and_memory_is_bounded() {
        let mut sketch = Sketch::default();
        assert_eq!(sketch.quantile(0.5), None);
        for value in [f64::MAX, 0.0, -3.0, f64::NAN, LEAST] {
            sketch.add(value);
        }
        assert!(sketch.buckets.len() <= 3_110, "{}", sketch.buckets.len());
        assert_eq!((sketch.count(), sketch.quantile(0.5)), (5, Some(0.0)));
    }

    proptest! {
        #[test]
        fn a_quantile_is_off_by_no_more_than_is_said(
            values in prop::collection::vec(1e-6f64..1e12, 1..300), share in 0.0f64..=1.0, cut in 0usize..300,
        ) {
            let (mut first, mut second) = (Sketch::default(), Sketch::default());
            for (at, value) in values.iter().enumerate() {
                if at < cut { first.add(*value) } else { second.add(*value) }
            }
            first.merge(&second);
            let mut sorted = values.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let rank = usize::try_from(whole(share * real(values.len() as u64 - 1))).unwrap();
            let found = first.quantile(share).unwrap();
            prop_assert!((found / sorted[rank] - 1.0).abs() <= RELATIVE_ERROR * (1.0 + 1e-9));
        }
    }
}
