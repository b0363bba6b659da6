//! The parameters of scores, gates and weights.

mod rules;

use crate::recent::Rule;
pub use rules::PolicyError;
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
///
/// That takes the epochs for independent. Where failures come in spells, as outages do, the epochs of one spell together
/// add no more than `spell_adds_max_micro`: time is cut into pieces of `spell_epochs`, and each adds that at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuspicionPolicy {
    /// What an epoch of only bad outcomes adds, in millionths.
    pub bad_adds_micro: u32,
    /// What an epoch of only good outcomes takes, in millionths.
    pub good_takes_micro: u32,
    /// Into pieces of how many epochs time is cut; at least one.
    pub spell_epochs: u64,
    /// What the bad outcomes of one such piece add at most, in millionths.
    pub spell_adds_max_micro: u64,
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
    /// Of a new provider. Less than Low's, so that coming back under a new name is worth less than any past but a ban.
    pub new: u16,
    /// Of Low.
    pub low: u16,
    /// Of Standard.
    pub standard: u16,
    /// Of High.
    pub high: u16,
}

/// What a provider may hold that is new or has proven little: little, and spread out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewcomerPolicy {
    /// The largest single slot.
    pub slot_max: Bytes,
    /// All its slots together.
    pub total_max: Bytes,
    /// A provider whose lower confidence bound of possession is below this has proven little, whatever its standing.
    pub proven_from: u16,
}

/// How much of the past is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryPolicy {
    /// For how many epochs an outcome can be taken back: at least as long as it can be disputed.
    pub reversible_epochs: u64,
    /// How many changes of a provider are kept at hand; the journal keeps them all.
    pub changes_max: u16,
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
    /// The past.
    pub history: HistoryPolicy,
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
    ///
    /// A steady 2 % drifts up by 0.0243 an epoch and reaches the alarm, 18, after some 740.
    pub const POSSESSION: Self = Self {
        tolerated_ppm: 1_000,
        bound_min: 960,
        suspicion: SuspicionPolicy {
            spell_epochs: 1,
            alarm_micro: 18_000_000,
            ..Self::AVAILABILITY.suspicion
        },
    };

    /// Availability: 1 % tolerated in a period, 0.2 % against 1 % in the long run.
    ///
    /// Silence comes in spells, so a day of 24 epochs adds no more than six silent ones do, 9.66, and the alarm, 40, is
    /// above what four days of silence add. It is far above the 14.1 that a year's outages of 0.1 % can add together,
    /// however they are spread. A steady 2 % reaches it after some 1650 epochs, where reviews have not taken all its
    /// points before.
    pub const AVAILABILITY: Self = Self {
        tolerated_ppm: 10_000,
        bound_min: 900,
        suspicion: SuspicionPolicy {
            bad_adds_micro: 1_609_438,
            good_takes_micro: 8_048,
            spell_epochs: 24,
            spell_adds_max_micro: 6 * 1_609_438,
            alarm_micro: 40_000_000,
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
            spell_epochs: 1,
            spell_adds_max_micro: 693_147,
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
            spell_epochs: 1,
            spell_adds_max_micro: 980_829,
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
                // A dozen epochs of right proofs.
                proven_from: 800,
            },
            // Two weeks of hours, and eight weeks of reviews.
            history: HistoryPolicy { reversible_epochs: 336, changes_max: 8 },
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
    /// How `dimension` is counted.
    pub(crate) const fn rule(&self, dimension: Dimension) -> Rule<'_> {
        Rule { policy: self, asked: self.dimension(dimension) }
    }

    /// What is asked in `dimension`.
    pub const fn dimension(&self, dimension: Dimension) -> &DimensionPolicy {
        &self.dimensions[dimension as usize]
    }
}
