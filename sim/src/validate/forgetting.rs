//! Row 5: what a Beta estimate that forgets makes of a provider, with the tally that ships.
//!
//! The published rule has no prior and reads the mean; a policy of the tally says so. The policy that ships is held against
//! the same formulas with its own prior and its own forgetting.

use super::{Effort, Luck, Published, Row};
use crate::chance::{Draws, Seed, Stream};
use crate::statistics::{Moments, real, whole};
use crate::theory::detection::Beta;
use reputation::policy::{DimensionPolicy, TallyPolicy};
use reputation::tally::Tally;
use types::Epoch;

/// How often a provider is good.
const GOOD: f64 = 0.9;
/// All of an epoch was bad, in parts per million.
const ALL: u32 = 1_000_000;
/// How often a tally is looked at.
const LOOKS: u64 = 20;
/// Half of the unit in which an estimate is read, which rounds down.
const HALF: f64 = 0.0005;

/// The policy of a rule that keeps so much, reads the mean and begins with nothing.
const fn keeping(kept_per_epoch_ppm: u32) -> TallyPolicy {
    TallyPolicy { prior_good_micro: 0, prior_bad_micro: 0, kept_per_epoch_ppm, deviations_milli: 0 }
}

/// What the formulas need to know of a policy.
fn rule(policy: &TallyPolicy) -> Beta {
    let micro = |micro: u64| real(micro) / 1e6;
    Beta {
        kept: f64::from(policy.kept_per_epoch_ppm) / 1e6,
        prior_good: micro(policy.prior_good_micro),
        prior_bad: micro(policy.prior_bad_micro),
    }
}

/// So many times the memory of a policy, in epochs.
fn long(policy: &TallyPolicy, times: f64) -> u64 {
    whole(times * rule(policy).memory())
}

/// The estimates of a provider that is good with this chance, looked at again and again once how it began is forgotten.
fn looks(draws: &mut Draws, policy: &TallyPolicy) -> Vec<f64> {
    let (first, between) = (long(policy, 8.0), long(policy, 2.0));
    let mut tally = Tally::default();
    let mut found = Vec::new();
    for epoch in 1..=first + LOOKS * between {
        let bad_ppm = if draws.happens(GOOD) { 0 } else { ALL };
        tally.observe(policy, Epoch(epoch), bad_ppm);
        if epoch > first && (epoch - first).is_multiple_of(between) {
            found.push(f64::from(tally.bound(policy)) / 1000.0 + HALF);
        }
    }
    found
}

/// How many failures in a row take a perfect tally below so many permille.
fn failures(policy: &TallyPolicy, below: u16) -> u64 {
    let mut tally = Tally::default();
    let perfect = long(policy, 25.0);
    for epoch in 1..=perfect {
        tally.observe(policy, Epoch(epoch), 0);
    }
    let mut failed = 0;
    while tally.bound(policy) >= below {
        failed += 1;
        tally.observe(policy, Epoch(perfect + failed), ALL);
    }
    failed
}

/// Mean and deviation of the estimate in the long run. Looks at one tally are not independent; what each run finds is.
fn settled(luck: Luck, runs: u64, name: &str, policy: &TallyPolicy) -> [Row; 2] {
    let runs: Vec<Vec<f64>> = (0..runs).map(|run| looks(&mut luck.draws(run), policy)).collect();
    let rule = rule(policy);
    let means: Moments = runs.iter().map(|looks| mean_of(looks, |look| look)).collect();
    let middle = means.mean();
    let squares = runs.iter().map(|looks| mean_of(looks, |look| (look - middle) * (look - middle)));
    let mean = format!("{name}: mean estimate of a provider that is good 90 %");
    let deviation = format!("{name}: deviation of that estimate");
    let root = |square: f64| libm::sqrt(square.max(0.0));
    [
        Row::mean((5, mean), Published::rounded(rule.mean(GOOD), HALF), &means),
        Row::shown(
            (5, deviation),
            Published::exact(rule.deviation(GOOD)),
            &squares.collect(),
            root,
        ),
    ]
}

fn mean_of(values: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    values.iter().map(|value| of(*value)).collect::<Moments>().mean()
}

pub(super) fn rows(seed: Seed, effort: Effort) -> Vec<Row> {
    let luck = |row| Luck { seed, stream: Stream::Behaviour, row };
    let shipped = TallyPolicy { deviations_milli: 0, ..TallyPolicy::default() };
    let mut rows = Vec::new();
    rows.extend(settled(luck(500), effort.runs(1_000), "λ .95", &keeping(950_000)));
    rows.extend(settled(luck(501), effort.runs(500), "as shipped", &shipped));
    let least = DimensionPolicy::POSSESSION.bound_min;
    let expected = rule(&shipped).failures(f64::from(least) / 1000.0);
    for (name, policy, below, published) in [
        ("λ .95, below .6", keeping(950_000), 600, 10.0),
        ("λ .999, below .96", keeping(999_000), 960, 41.0),
        ("as shipped, below what possession must keep", shipped, least, expected),
    ] {
        let name = format!("{name}: failures in a row");
        let found = real(failures(&policy, below));
        rows.push(Row::certain((5, name), Published::exact(published), found, 1));
    }
    rows
}
