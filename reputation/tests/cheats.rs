//! A steady small cheat is expelled, and how soon; a plain Beta rule never would.

#[expect(dead_code, reason = "each test uses a part of it")]
mod common;

use common::{Chance, Life, YEAR, runs, spread};
use types::Dimension;

/// When a provider that fails `ppm` of everything, each slot by itself, is expelled.
fn expelled(seed: u64, dimension: Dimension, slots: u32, ppm: u32) -> Option<u64> {
    let (mut chance, mut life) = (Chance::of(seed), Life::new(0));
    while !life.is_banned() && life.epoch < YEAR {
        let bad = (0..slots).map(|_| u32::from(chance.strikes(ppm))).sum();
        life.live(&[(dimension, slots - bad, bad)]);
    }
    life.is_banned().then_some(life.epoch)
}

/// Mean and 99th percentile of the epochs until it is expelled, in every run of `count`.
fn until_expelled(count: u64, dimension: Dimension, slots: u32, ppm: u32) -> (u64, u64) {
    let one = |seed| expelled(seed, dimension, slots, ppm).expect("expelled within a year");
    let (mean, p99) = spread((0..count).map(one).collect());
    println!(
        "{dimension:?}, {slots} slots, {ppm} ppm bad: expelled after {:.1} days, 99 % within {:.1} ({count} runs)",
        days(mean),
        days(p99)
    );
    (mean, p99)
}

fn days(epochs: u64) -> f64 {
    f64::from(u32::try_from(epochs).expect("a few years")) / 24.0
}

/// A plain Beta rule: r ← λr + good, s ← λs + bad, expelled once r / (r + s) < threshold.
fn plain_beta_expels(seed: u64, ppm: u32, observations: u64) -> bool {
    const LAMBDA: f64 = 0.999;
    const THRESHOLD: f64 = 0.96;
    let mut chance = Chance::of(seed);
    // As long ago as counts: a provider that has always been like this.
    let share = f64::from(ppm) / 1e6;
    let (mut good, mut bad) = ((1.0 - share) / (1.0 - LAMBDA), share / (1.0 - LAMBDA));
    (0..observations).any(|_| {
        let failed = f64::from(u8::from(chance.strikes(ppm)));
        (good, bad) = (LAMBDA * good + 1.0 - failed, LAMBDA * bad + failed);
        good / (good + bad) < THRESHOLD
    })
}

#[test]
fn a_steady_two_percent_is_expelled_whatever_its_size_and_in_whatever() {
    for (count, slots, mean_max, p99_max) in [(400, 1, 1_700, 3_400), (50, 100, 1_700, 1_800)] {
        let (mean, p99) = until_expelled(runs(count), Dimension::Availability, slots, 20_000);
        // The sequential test alone: 40 / (0.02 × 1.609438 − 0.98 × 0.008048) = 1646 epochs.
        assert!(mean <= mean_max && p99 <= p99_max, "{mean} {p99}");
    }
    let (mean, p99) = until_expelled(runs(200), Dimension::Possession, 6, 20_000);
    assert!(mean <= 504 && p99 <= 840, "{mean} {p99}");
}

#[test]
fn a_plain_beta_rule_never_expels_it() {
    for seed in 0..runs(10) {
        assert!(!plain_beta_expels(seed, 20_000, 10 * YEAR), "{seed}: within ten years");
    }
    assert!(plain_beta_expels(1, 80_000, YEAR), "it does see eight percent");
}

#[test]
fn a_cheat_below_what_any_review_minds_is_expelled_too() {
    let (mean, p99) = until_expelled(runs(30), Dimension::Availability, 100, 9_000);
    assert!(mean <= 7_000 && p99 <= 8_000, "{mean} {p99}");
}
