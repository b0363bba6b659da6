//! Lives of providers under the default policy, by seeded chance.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use reputation::{Evidence, Outcome, Record, ReputationPolicy};
use types::{Dimension, Epoch, Hash, Standing};

/// Epochs of an hour.
pub(crate) const YEAR: u64 = 8_760;
pub(crate) const WEEK: u64 = 168;

/// Chance that is the same in every run.
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    pub(crate) fn of(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// 0 to 1, without 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        let upper = u32::try_from(self.0.next_u64() >> 32).expect("32 bits");
        f64::from(upper) / f64::from(u32::MAX).next_up()
    }

    /// True with a probability of `ppm` in a million.
    pub(crate) fn strikes(&mut self, ppm: u32) -> bool {
        self.uniform() * 1e6 < f64::from(ppm)
    }

    /// Of mean 0 and deviation 1 (Box and Muller 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// How many runs: `least` in CI, so many times as many as `REPUTATION_RUNS` says.
#[expect(clippy::disallowed_methods, reason = "how long a test runs is whoever runs it to say")]
pub(crate) fn runs(least: u64) -> u64 {
    let times = std::env::var("REPUTATION_RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    least * std::cmp::max(1, times)
}

/// What one epoch showed: good and bad outcomes in one dimension.
pub(crate) type Shown = (Dimension, u32, u32);

/// A provider with its record.
pub(crate) struct Life {
    policy: ReputationPolicy,
    pub(crate) record: Record,
    pub(crate) epoch: u64,
    /// Whether it was Standard or High once and then less.
    pub(crate) fell: bool,
}

impl Life {
    /// Of a provider that comes in epoch `joined`.
    pub(crate) fn new(joined: u64) -> Self {
        let policy = ReputationPolicy::default();
        Self { policy, record: Record::new(Epoch(joined)), epoch: joined, fell: false }
    }

    pub(crate) fn standing(&self) -> Standing {
        self.record.score().standing
    }

    pub(crate) fn is_banned(&self) -> bool {
        self.standing() == Standing::Banned
    }

    /// Opens the next epoch, in which it shows `shown`.
    pub(crate) fn live(&mut self, shown: &[Shown]) {
        self.epoch += 1;
        let epoch = Epoch(self.epoch);
        if let Some(change) = self.record.review(&self.policy, epoch) {
            self.fell |= change.from >= Standing::Standard && change.to < Standing::Standard;
            self.record.adopt(&self.policy, &change, epoch);
        }
        let evidence = Evidence { epoch, document: Hash::default() };
        for (dimension, good, bad) in shown.iter().copied() {
            self.record.note(&self.policy, Outcome { dimension, good, bad }, evidence);
        }
    }
}

/// Mean and 99th percentile, in epochs.
pub(crate) fn spread(mut epochs: Vec<u64>) -> (u64, u64) {
    epochs.sort_unstable();
    let count = u64::try_from(epochs.len()).expect("a count fits 64 bits");
    (epochs.iter().sum::<u64>() / count, epochs[epochs.len() * 99 / 100])
}
