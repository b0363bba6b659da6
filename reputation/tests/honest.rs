//! Honest providers with the outages that machines have lose nothing in a year.
//!
//! The model of outages, an hour an epoch (docs/reputation.md has the sources): incidents come by chance (Poisson), four a
//! year; each lasts as a log-normal of median 1 h and σ = 1 in the logarithm says (mean 1.65 h, one in a hundred
//! beyond 10 h), and its operator is back within a day; two hours a month are announced maintenance within the
//! allowance, whose epochs are not held against anyone. One answer in a hundred comes late.

#[expect(dead_code, reason = "each test uses a part of it")]
mod common;

use common::{Chance, Life, YEAR, runs};
use types::{Dimension, Standing};

/// An incident begins in an hour with so many in a million: four a year.
const INCIDENT_PPM: u32 = 457;
const HOURS_MEDIAN: f64 = 1.0;
const SIGMA: f64 = 1.0;
const HOURS_MAX: f64 = 24.0;
/// A month, and how many of its hours are announced maintenance.
const MONTH: u64 = 720;
const ANNOUNCED: u64 = 2;
const LATE_PPM: u32 = 10_000;
/// Seeds from here on: the policy's figures were chosen on lower ones.
const FIRST_SEED: u64 = 1 << 32;

/// What an honest provider's machines do, hour by hour.
struct Machines {
    chance: Chance,
    /// Hours of the outage that are left.
    down: f64,
    outages: u32,
    hours_down: u32,
}

impl Machines {
    fn of(seed: u64) -> Self {
        Self { chance: Chance::of(seed), down: 0.0, outages: 0, hours_down: 0 }
    }

    /// Whether the provider is silent in its next hour.
    fn is_down(&mut self) -> bool {
        if self.down <= 0.0 && self.chance.strikes(INCIDENT_PPM) {
            self.outages += 1;
            let hours = HOURS_MEDIAN * (SIGMA * self.chance.normal()).exp();
            self.down = hours.min(HOURS_MAX);
        }
        let down = self.down > 0.0;
        self.down -= 1.0;
        self.hours_down += u32::from(down);
        down
    }
}

/// The first year of a provider with so many slots.
fn year(seed: u64, slots: u32) -> (Life, Machines) {
    let (mut life, mut machines) = (Life::new(0), Machines::of(FIRST_SEED + seed));
    while life.epoch < YEAR {
        let announced = life.epoch % MONTH < ANNOUNCED;
        let silent = machines.is_down();
        if announced {
            life.live(&[]);
        } else if silent {
            life.live(&[(Dimension::Availability, 0, slots)]);
        } else if life.epoch.is_multiple_of(4) {
            let late = u32::from(machines.chance.strikes(LATE_PPM)) * slots;
            life.live(&[
                (Dimension::Availability, slots, 0),
                (Dimension::Possession, 3 * slots, 0),
                (Dimension::Latency, slots - late, late),
            ]);
        } else {
            life.live(&[(Dimension::Availability, slots, 0)]);
        }
    }
    (life, machines)
}

#[test]
fn a_thousand_honest_years_cost_nobody_its_place() {
    let count = runs(1_000);
    let (mut hours, mut outages, mut worst) = (0u64, 0u64, 0u32);
    let mut standings = [0u64; 5];
    for seed in 0..count {
        // Everything a provider has goes down together: the worst there is for the large.
        let slots = if seed.is_multiple_of(10) { 100 } else { 1 };
        let (life, machines) = year(seed, slots);
        let score = life.record.score();
        assert!(score.standing >= Standing::Standard, "{seed}: {score:?}");
        assert!(!life.fell, "{seed}: it fell below Standard");
        standings[score.standing as usize] += 1;
        hours += u64::from(machines.hours_down);
        outages += u64::from(machines.outages);
        worst = worst.max(machines.hours_down);
    }
    println!(
        "{count} provider-years: {outages} outages, {hours} hours, at worst {worst} in a year; none lost its place; \
         standings (banned, low, new, standard, high) {standings:?}"
    );
    assert!(outages > count * 3 && outages < count * 5, "the model's own rate");
}
