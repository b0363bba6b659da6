//! The slow sequential test that a steady small cheat does not pass.

use crate::policy::{SuspicionPolicy, WHOLE_PPM};
use serde::{Deserialize, Serialize};
use types::Epoch;

/// A cumulative sum of one dimension, fed one observation an epoch: the share of that epoch's outcomes that was bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspicion {
    sum_micro: u64,
    /// The latest piece of time that something bad came in, counted in pieces, and what it has added.
    spell: u64,
    spell_added_micro: u64,
}

impl Suspicion {
    /// Counts `epoch`, of which `bad_ppm` was bad. The sum stops at the alarm, and stays there where that expels.
    pub fn observe(&mut self, policy: &SuspicionPolicy, epoch: Epoch, bad_ppm: u32) {
        if policy.expels && self.is_alarmed(policy) {
            return;
        }
        let bad = bad_ppm.min(WHOLE_PPM);
        let part = |ppm: u32, micro: u32| u64::from(ppm) * u64::from(micro) / u64::from(WHOLE_PPM);
        let added = self.of_spell(policy, epoch, part(bad, policy.bad_adds_micro));
        let taken = part(WHOLE_PPM - bad, policy.good_takes_micro);
        let sum = self.sum_micro.saturating_add(added).saturating_sub(taken);
        self.sum_micro = sum.min(policy.alarm_micro);
    }

    /// What of `micro`, which `epoch` would add, its piece of time may still add.
    fn of_spell(&mut self, policy: &SuspicionPolicy, epoch: Epoch, micro: u64) -> u64 {
        if micro == 0 {
            return 0;
        }
        let spell = epoch.0 / policy.spell_epochs.max(1);
        if self.spell != spell {
            (self.spell, self.spell_added_micro) = (spell, 0);
        }
        let left = policy.spell_adds_max_micro.saturating_sub(self.spell_added_micro);
        let added = micro.min(left);
        self.spell_added_micro = self.spell_added_micro.saturating_add(added);
        added
    }

    /// How near the alarm is, in permille.
    pub fn permille(&self, policy: &SuspicionPolicy) -> u16 {
        let share = u128::from(self.sum_micro) * 1000 / u128::from(policy.alarm_micro.max(1));
        u16::try_from(share.min(1000)).unwrap_or(1000)
    }

    /// The sum, in millionths.
    pub fn level_micro(&self) -> u64 {
        self.sum_micro
    }

    /// Whether the sum has reached the alarm.
    pub fn is_alarmed(&self, policy: &SuspicionPolicy) -> bool {
        self.sum_micro >= policy.alarm_micro
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::DimensionPolicy;
    use proptest::prelude::*;

    const POLICY: SuspicionPolicy = DimensionPolicy::AVAILABILITY.suspicion;
    const ALL_BAD: u32 = WHOLE_PPM;

    fn after(policy: &SuspicionPolicy, epochs: impl IntoIterator<Item = u32>) -> Suspicion {
        let mut suspicion = Suspicion::default();
        let numbered = (0..).map(Epoch).zip(epochs);
        numbered.for_each(|(epoch, bad_ppm)| suspicion.observe(policy, epoch, bad_ppm));
        suspicion
    }

    #[test]
    fn only_good_epochs_leave_no_suspicion() {
        assert_eq!(after(&POLICY, [0; 1000]).level_micro(), 0);
    }

    #[test]
    fn an_alarm_that_expels_does_not_go_away_and_another_does() {
        let long_ago = [ALL_BAD; 120].into_iter().chain([0; 400]);
        assert!(after(&POLICY, long_ago.clone()).is_alarmed(&POLICY));
        let latency = DimensionPolicy::LATENCY.suspicion;
        assert!(after(&latency, [ALL_BAD; 1000]).is_alarmed(&latency));
        assert_eq!(after(&latency, long_ago).level_micro(), 0);
    }

    #[test]
    fn a_spell_of_silence_adds_no_more_than_six_epochs_of_it() {
        let step = u64::from(POLICY.bad_adds_micro);
        let spent = |bad: usize| after(&POLICY, vec![ALL_BAD; bad]).level_micro();
        assert_eq!([1, 6, 7, 24].map(spent), [step, 6 * step, 6 * step, 6 * step]);
        assert_eq!([25, 30, 48, 49].map(spent), [7 * step, 12 * step, 12 * step, 13 * step]);
        let days = |days: usize| after(&POLICY, vec![ALL_BAD; 24 * days]).is_alarmed(&POLICY);
        assert!(!days(4) && days(5));
    }

    #[test]
    fn possession_knows_no_spells() {
        let policy = DimensionPolicy::POSSESSION.suspicion;
        assert!(!after(&policy, [ALL_BAD; 11]).is_alarmed(&policy));
        assert!(after(&policy, [ALL_BAD; 12]).is_alarmed(&policy));
    }

    #[test]
    fn the_published_steps_are_the_logarithms_they_stand_for() {
        // exp(step) by its series, in whole numbers: checks a logarithm without computing one.
        let one = 1_000_000_000_000u128;
        let exp = |micro: u32| {
            let x = u128::from(micro) * 1_000_000;
            let next = |(sum, term): (u128, u128), n: u128| {
                let term = term * x / one / n;
                (sum + term, term)
            };
            (1..40).fold((one, one), next).0
        };
        for (dimension, tolerated, intolerable) in [
            (DimensionPolicy::AVAILABILITY, 2_000u128, 10_000u128),
            (DimensionPolicy::LATENCY, 50_000, 100_000),
            (DimensionPolicy::HONESTY, 300_000, 800_000),
        ] {
            let SuspicionPolicy { bad_adds_micro, good_takes_micro, .. } = dimension.suspicion;
            let added = one * intolerable / tolerated;
            assert!(exp(bad_adds_micro).abs_diff(added) < 10_000_000, "{dimension:?}");
            let taken = one * (1_000_000 - tolerated) / (1_000_000 - intolerable);
            assert!(exp(good_takes_micro).abs_diff(taken) < 10_000_000, "{dimension:?}");
        }
    }

    proptest! {
        #[test]
        fn a_years_outages_of_a_thousandth_never_raise_the_alarm_however_they_are_spread(
            outages in prop::collection::btree_set(0usize..8_760, 0..=8), part in 1..=760_000u32,
        ) {
            let mut year = vec![0; 8_760];
            for hour in outages {
                year[hour] = ALL_BAD;
            }
            if let Some(hour) = year.iter().position(|bad| *bad == 0) {
                year[hour] = part;
            }
            prop_assert!(!after(&POLICY, year).is_alarmed(&POLICY));
        }

        #[test]
        fn a_worse_epoch_never_leaves_less_suspicion(
            epochs in prop::collection::vec(0..=WHOLE_PPM, 1..200), worse in 0usize..200, by in 0..=WHOLE_PPM,
        ) {
            let before = after(&POLICY, epochs.clone()).level_micro();
            let mut epochs = epochs;
            let worse = worse % epochs.len();
            epochs[worse] = (epochs[worse] + by).min(WHOLE_PPM);
            // But for what the good epochs of one spell take: a spell that is full earlier is forgiven as much sooner.
            let slack = POLICY.spell_epochs * u64::from(POLICY.good_takes_micro);
            prop_assert!(after(&POLICY, epochs).level_micro() + slack >= before);
        }
    }
}
