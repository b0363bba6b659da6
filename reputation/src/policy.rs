//! The parameters of scores, gates and weights.

use serde::{Deserialize, Serialize};
use types::{Bytes, Dimension, Standing};

/// A whole, in parts per million.
pub(crate) const WHOLE_PPM: u32 = 1_000_000;

/// How the Beta estimate of a dimension begins, forgets and is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TallyPolicy {
    /// Good epochs a new provider is credited with, in millionths of an epoch.
    pub prior_good_micro: u64,
    /// Bad epochs a new provider is charged with, in millionths of an epoch.
    pub prior_bad_micro: u64,
    /// What is left of an epoch's weight an epoch later.
    pub kept_per_epoch_ppm: u32,
    /// How many standard deviations below the mean the bound lies, in thousandths.
    pub deviations_milli: u32,
}

/// A cumulative-sum test of one dimension (Page 1954), fed one observation an epoch.
///
/// For a tolerated rate p and an intolerable rate q it adds ln(q/p) for an epoch that was all bad, takes
/// ln((1−p)/(1−q)) for one that was all good, in proportion in between, and never falls below zero. A rate
/// below p drifts down, a rate near q drifts up however steady it is, and reaches the alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuspicionPolicy {
    /// What an epoch of only bad outcomes adds, in millionths.
    pub bad_adds_micro: u32,
    /// What an epoch of only good outcomes takes, in millionths.
    pub good_takes_micro: u32,
    /// Where the alarm is, in millionths.
    pub alarm_micro: u64,
    /// Whether this dimension can ban, by its alarm or by its points; else it can make the standing Low.
    pub expels: bool,
}

/// What is asked of a provider in one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DimensionPolicy {
    /// The rate of bad outcomes up to which a review period gains points.
    pub tolerated_ppm: u32,
    /// The lower confidence bound below which the standing is Low, 0..=1000.
    pub bound_min: u16,
    /// Its sequential test.
    pub suspicion: SuspicionPolicy,
}

/// How points move and what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointsPolicy {
    /// Epochs from one review to the next.
    pub review_every: u64,
    /// With fewer outcomes than this a review waits for the next one.
    pub outcomes_min: u64,
    /// Epochs until a new provider can be through its vetting.
    pub vetting: u64,
    /// A new provider's points.
    pub start: i32,
    /// The least a review moves them.
    pub step_min: i32,
    /// The most a review moves them.
    pub step_max: i32,
    /// The most there can be. None are left at zero, which bans.
    pub most: i32,
    /// Below these the standing is Low.
    pub low_below: i32,
    /// From these on a Low provider is Standard, once its vetting time has passed.
    pub standard_from: i32,
    /// From these on a New provider is Standard, once its vetting time has passed: as far above `start` as
    /// `standard_from` is above nothing, so that a new name is no short cut.
    pub vetted_from: i32,
    /// From these on a Standard provider is High, once `high_after` has passed.
    pub high_from: i32,
    /// Epochs until a provider can be High: longer than the way up from one point to `high_from` in the
    /// smallest steps, so that a new name is no short cut.
    pub high_after: u64,
    /// Below these a High provider is Standard.
    pub high_below: i32,
}

/// How often each standing is drawn, at the same price and bounds, relative to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightPolicy {
    /// Of a new provider. Less than half of Low's, so that no bounds can make being new worth more.
    pub new: u16,
    /// Of Low.
    pub low: u16,
    /// Of Standard.
    pub standard: u16,
    /// Of High.
    pub high: u16,
}

/// What a new provider may hold: little, and spread out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewcomerPolicy {
    /// The largest single slot.
    pub slot_max: Bytes,
    /// All its slots together.
    pub total_max: Bytes,
}

/// Everything reputation is decided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReputationPolicy {
    /// The Beta estimate.
    pub tally: TallyPolicy,
    /// Dimension by dimension, in the order of [`Dimension::ALL`].
    pub dimensions: [DimensionPolicy; 4],
    /// Points and standings.
    pub points: PointsPolicy,
    /// The draw.
    pub weights: WeightPolicy,
    /// New providers.
    pub newcomers: NewcomerPolicy,
}

/// A policy that would not do what it is for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct PolicyError {
    /// Which field.
    pub field: &'static str,
    /// What would be right.
    pub rule: &'static str,
}

impl Default for TallyPolicy {
    /// Three good and one bad to begin with, 0.997 kept an epoch, 1.29 deviations (90 % one-sided): 500 for a
    /// new provider, and no bound that keeps a provider Low outlasts a vetting.
    fn default() -> Self {
        Self {
            prior_good_micro: 3_000_000,
            prior_bad_micro: 1_000_000,
            kept_per_epoch_ppm: 997_000,
            deviations_milli: 1_290,
        }
    }
}

impl DimensionPolicy {
    /// Possession: 0.1 % tolerated in a period, 0.2 % against 1 % in the long run.
    pub const POSSESSION: Self = Self { tolerated_ppm: 1_000, ..Self::AVAILABILITY };

    /// Availability: 1 % tolerated in a period, 0.2 % against 1 % in the long run.
    ///
    /// The alarm, 18, is above the 8.76 × ln 5 = 14.1 that a year's outages of 0.1 % can add together: however
    /// they are spread, they never raise it. A steady 2 % drifts up by 0.0243 an epoch and is out after some 740.
    pub const AVAILABILITY: Self = Self {
        tolerated_ppm: 10_000,
        bound_min: 960,
        suspicion: SuspicionPolicy {
            bad_adds_micro: 1_609_438,
            good_takes_micro: 8_048,
            alarm_micro: 18_000_000,
            expels: true,
        },
    };

    /// Latency: 5 % tolerated, as the terms' target is a 95th percentile; 5 % against 10 % in the long run,
    /// which makes the standing Low.
    pub const LATENCY: Self = Self {
        tolerated_ppm: 50_000,
        bound_min: 800,
        suspicion: SuspicionPolicy {
            bad_adds_micro: 693_147,
            good_takes_micro: 54_067,
            alarm_micro: 18_000_000,
            expels: false,
        },
    };

    /// Honesty: half of the losses may be found before the provider says so; 30 % against 80 % in the long run.
    pub const HONESTY: Self = Self {
        tolerated_ppm: 500_000,
        bound_min: 300,
        suspicion: SuspicionPolicy {
            bad_adds_micro: 980_829,
            good_takes_micro: 1_252_763,
            alarm_micro: 6_000_000,
            expels: true,
        },
    };
}

impl Default for PointsPolicy {
    /// For epochs of an hour: a review a week, a vetting of four weeks, High from the 42nd week on.
    fn default() -> Self {
        Self {
            review_every: 168,
            outcomes_min: 24,
            vetting: 672,
            start: 1000,
            step_min: 100,
            step_max: 500,
            most: 5000,
            low_below: 500,
            standard_from: 1000,
            vetted_from: 2000,
            high_from: 4000,
            high_after: 42 * 168,
            high_below: 3500,
        }
    }
}

impl Default for ReputationPolicy {
    fn default() -> Self {
        Self {
            tally: TallyPolicy::default(),
            dimensions: [
                DimensionPolicy::POSSESSION,
                DimensionPolicy::AVAILABILITY,
                DimensionPolicy::LATENCY,
                DimensionPolicy::HONESTY,
            ],
            points: PointsPolicy::default(),
            weights: WeightPolicy { new: 20, low: 50, standard: 500, high: 1000 },
            newcomers: NewcomerPolicy {
                slot_max: Bytes(250_000_000_000),
                total_max: Bytes(1_000_000_000_000),
            },
        }
    }
}

impl WeightPolicy {
    /// The weight of `standing`; a banned provider is never drawn.
    pub const fn of(&self, standing: Standing) -> u16 {
        match standing {
            Standing::Banned => 0,
            Standing::New => self.new,
            Standing::Low => self.low,
            Standing::Standard => self.standard,
            Standing::High => self.high,
        }
    }
}

impl ReputationPolicy {
    /// What is asked in `dimension`.
    pub const fn dimension(&self, dimension: Dimension) -> &DimensionPolicy {
        &self.dimensions[dimension as usize]
    }

    /// This policy, when it does what it is for.
    ///
    /// # Errors
    /// [`PolicyError`] names the field and the rule it breaks.
    pub fn validated(self) -> Result<Self, PolicyError> {
        let broken = self.rules().into_iter().find(|(_, holds, _)| !holds);
        match broken {
            Some((field, _, rule)) => Err(PolicyError { field, rule }),
            None => Ok(self),
        }
    }

    fn rules(&self) -> [(&'static str, bool, &'static str); 11] {
        let Self { tally, dimensions, points, weights, newcomers } = self;
        let steps = 1..=points.step_max;
        let doubled = u32::from(weights.new) * 2;
        let drawn = weights.low <= weights.standard && weights.standard <= weights.high;
        let tolerated = |d: &DimensionPolicy| (1..WHOLE_PPM).contains(&d.tolerated_ppm);
        [
            (
                "tally.kept_per_epoch_ppm",
                tally.kept_per_epoch_ppm <= WHOLE_PPM,
                "give 0 to 1000000",
            ),
            ("tally.prior_good_micro", tally.prior_good_micro > 0, "give more than zero"),
            (
                "dimensions.tolerated_ppm",
                dimensions.iter().all(tolerated),
                "give 1 to 999999 for each",
            ),
            ("points.review_every", points.review_every > 0, "give at least one epoch"),
            ("points.step_min", steps.contains(&points.step_min), "give 1 to step_max"),
            ("points.start", (1..=points.most).contains(&points.start), "give 1 to most"),
            ("points", points.are_ordered(), "order low_below to most as they are declared"),
            (
                "points.vetted_from, points.high_after",
                points.leave_no_short_cut(),
                "raise them: a new name must not be a short cut",
            ),
            (
                "weights.new",
                weights.new > 0 && doubled < u32::from(weights.low),
                "give 1 to less than half of low",
            ),
            ("weights", drawn, "order low, standard, high"),
            (
                "newcomers.slot_max",
                newcomers.slot_max <= newcomers.total_max,
                "give at most total_max",
            ),
        ]
    }
}

impl PointsPolicy {
    fn are_ordered(&self) -> bool {
        let rising = [
            self.low_below,
            self.standard_from,
            self.vetted_from,
            self.high_below,
            self.high_from,
            self.most,
        ];
        rising.is_sorted()
    }

    /// Whether a Low provider with one point left is up again, in any steps, before it would be under a new name.
    fn leave_no_short_cut(&self) -> bool {
        let gained = self.vetted_from.saturating_sub(self.start);
        let steps = self.high_from.unsigned_abs().div_ceil(self.step_min.unsigned_abs().max(1));
        let way_up = u64::from(steps).saturating_mul(self.review_every);
        gained >= self.standard_from && self.high_after > way_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_policy_keeps_its_own_rules() {
        let policy = ReputationPolicy::default();
        assert_eq!(policy.validated(), Ok(policy));
    }

    #[test]
    fn a_policy_that_rewards_a_new_name_is_refused() {
        let mut policy = ReputationPolicy::default();
        policy.weights.new = policy.weights.low;
        let error = policy.validated().unwrap_err();
        assert_eq!(error.to_string(), "weights.new: give 1 to less than half of low");
    }

    #[test]
    fn a_policy_that_makes_a_new_name_a_short_cut_is_refused() {
        for shorten in [
            |points: &mut PointsPolicy| points.vetted_from -= 1,
            |points: &mut PointsPolicy| points.high_after = 40 * points.review_every,
        ] {
            let mut policy = ReputationPolicy::default();
            shorten(&mut policy.points);
            let error = policy.validated().unwrap_err();
            assert!(error.to_string().ends_with("a new name must not be a short cut"), "{error}");
        }
    }

    #[test]
    fn unordered_thresholds_are_refused() {
        let mut policy = ReputationPolicy::default();
        policy.points.high_from = policy.points.most + 1;
        assert_eq!(policy.validated().unwrap_err().field, "points");
        policy = ReputationPolicy::default();
        policy.dimensions[2].tolerated_ppm = 0;
        assert_eq!(policy.validated().unwrap_err().field, "dimensions.tolerated_ppm");
    }
}
