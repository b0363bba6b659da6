//! A Beta estimate with forgetting, in whole numbers.

use crate::policy::{TallyPolicy, WHOLE_PPM};
use serde::{Deserialize, Serialize};
use types::Epoch;

/// Millionths in one observation.
const MICROS: u64 = 1_000_000;
/// A whole, in parts per billion.
const WHOLE_PPB: u128 = 1_000_000_000;

/// Good and bad observations of one dimension, one an epoch, weighted by how long ago they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    good_micro: u64,
    bad_micro: u64,
    at: Epoch,
}

impl Tally {
    /// Forgets what time has passed until `epoch`.
    pub fn forget(&mut self, policy: &TallyPolicy, epoch: Epoch) {
        let passed = epoch.since(self.at);
        if passed > 0 {
            self.good_micro = kept(self.good_micro, policy.kept_per_epoch_ppm, passed);
            self.bad_micro = kept(self.bad_micro, policy.kept_per_epoch_ppm, passed);
            self.at = epoch;
        }
    }

    /// Counts `epoch` as one observation of which `bad_ppm` was bad.
    pub fn observe(&mut self, policy: &TallyPolicy, epoch: Epoch, bad_ppm: u32) {
        self.forget(policy, epoch);
        let bad = u64::from(bad_ppm.min(WHOLE_PPM));
        self.good_micro = self.good_micro.saturating_add(MICROS - bad);
        self.bad_micro = self.bad_micro.saturating_add(bad);
    }

    /// What [`bound`](Self::bound) would be if all that was seen had been good.
    pub fn best(&self, policy: &TallyPolicy) -> u16 {
        let good_micro = self.good_micro.saturating_add(self.bad_micro);
        Self { good_micro, bad_micro: 0, ..*self }.bound(policy)
    }

    /// The lower confidence bound on the share of good outcomes, 0..=1000.
    ///
    /// With a and b the good and bad observations, the prior's included, and n = a + b, the estimate is
    /// Beta(a, b): mean a/n, variance ab / (n² (n+1)). The bound lies `deviations_milli` / 1000 standard
    /// deviations below the mean.
    pub fn bound(&self, policy: &TallyPolicy) -> u16 {
        let good = u128::from(self.good_micro) + u128::from(policy.prior_good_micro);
        let bad = u128::from(self.bad_micro) + u128::from(policy.prior_bad_micro);
        let all = (good + bad).max(1);
        let mean = good * WHOLE_PPB / all;
        let variance = mean * (WHOLE_PPB - mean) * u128::from(MICROS) / (all + u128::from(MICROS));
        let below = variance.isqrt() * u128::from(policy.deviations_milli) / 1000;
        let bound = mean.saturating_sub(below) * 1000 / WHOLE_PPB;
        u16::try_from(bound).unwrap_or(1000)
    }
}

/// What is left of `amount` after `epochs`, by squaring.
fn kept(amount: u64, per_epoch_ppm: u32, mut epochs: u64) -> u64 {
    let mut factor = (u128::from(per_epoch_ppm) << 32) / u128::from(WHOLE_PPM);
    let mut left = u128::from(amount);
    while epochs > 0 && left > 0 {
        if epochs & 1 == 1 {
            left = (left * factor) >> 32;
        }
        factor = (factor * factor) >> 32;
        epochs >>= 1;
    }
    u64::try_from(left).unwrap_or(amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A tally of so many observations, none forgotten.
    fn tally(good: u32, bad: u32) -> Tally {
        Tally {
            good_micro: u64::from(good) * MICROS,
            bad_micro: u64::from(bad) * MICROS,
            at: Epoch(0),
        }
    }

    fn bound(good: u32, bad: u32) -> u16 {
        tally(good, bad).bound(&TallyPolicy::default())
    }

    #[test]
    fn the_bound_starts_in_the_middle_and_follows_the_evidence() {
        assert_eq!(bound(0, 0), 500);
        for (good, bad, low, high) in [
            (1, 0, 560, 620),
            (60, 0, 960, 970),
            (10_000, 0, 999, 999),
            (0, 20, 30, 90),
            (98, 2, 940, 960),
        ] {
            let found = bound(good, bad);
            assert!((low..=high).contains(&found), "{good} good, {bad} bad: {found}");
        }
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let policy = TallyPolicy::default();
        let mut tally = tally(0, 1000);
        assert!(tally.bound(&policy) <= 2);
        tally.forget(&policy, Epoch(1000));
        let left = 49_500_000..49_700_000;
        assert!(
            left.contains(&tally.bad_micro),
            "1000 × 0.997^1000 = 49.6, not {}",
            tally.bad_micro
        );
        tally.forget(&policy, Epoch(u64::MAX));
        assert_eq!(tally.bound(&policy), 500);
    }

    #[test]
    fn an_observation_is_one_whatever_it_holds() {
        let policy = TallyPolicy::default();
        let mut tally = Tally::default();
        tally.observe(&policy, Epoch(1), 250_000);
        assert_eq!((tally.good_micro, tally.bad_micro), (750_000, 250_000));
        tally.observe(&policy, Epoch(1), u32::MAX);
        assert_eq!((tally.good_micro, tally.bad_micro), (750_000, 1_250_000));
    }

    proptest! {
        #[test]
        fn a_good_observation_never_lowers_and_a_bad_one_never_raises_the_bound(
            good in 0u32..100_000, bad in 0u32..100_000, more in 1u32..1000,
        ) {
            let before = bound(good, bad);
            prop_assert!(bound(good + more, bad) >= before);
            prop_assert!(bound(good, bad + more) <= before);
            prop_assert!(before <= 1000);
        }

        #[test]
        fn no_evidence_overflows(seen in prop::collection::vec(any::<(u32, u64)>(), 0..20)) {
            let policy = TallyPolicy::default();
            let mut tally = Tally { good_micro: u64::MAX, bad_micro: u64::MAX, at: Epoch(0) };
            for (bad_ppm, epoch) in seen {
                tally.observe(&policy, Epoch(epoch), bad_ppm);
                prop_assert!(tally.bound(&policy) <= 1000);
            }
        }
    }
}
