//! Row 3: the mean time until data is lost that is repaired as it decays.
//!
//! At rates at which losses are frequent, lives are lived out one failure and one repair at a time. At the published rates a
//! life would take 10¹⁵ years: there the time is that of a cycle from a whole group back to it, divided by the chance that a
//! cycle ends in loss, and that chance is measured with failures made frequent (balanced failure biasing: Shahabuddin,
//! "Importance sampling for the simulation of highly reliable Markovian systems", Management Science 40, 1994).

use super::{CONFIDENCE, Effort, Luck, Published, Row};
use crate::chance::{Draws, Seed, Stream};
use crate::theory::lifetime::Group;

/// Pieces, pieces needed, the published years, what one is worth in their last digit.
const PUBLISHED: [(u64, u64, f64, f64); 4] =
    [(3, 1, 1.727e10, 1e7), (9, 6, 2.74e12, 1e10), (14, 10, 3.68e15, 1e13), (20, 17, 7.13e10, 1e8)];

/// The published rates: 1.37 % fail a year, a repair takes a day.
const RATES: (f64, f64) = (0.0137, 365.0);
/// Rates at which lives end soon: a piece fails once a year, a repair takes five weeks.
const INFLATED: (f64, f64) = (1.0, 10.0);
/// How likely a failure comes next where failures are made frequent.
const BIAS: f64 = 0.9;

/// One life, in years.
fn life(draws: &mut Draws, group: &Group) -> f64 {
    let (mut years, mut failed) = (0.0, 0);
    while failed <= group.spared() {
        let (failing, repairing) = (group.failing(failed), group.repairing(failed));
        years += draws.exponential(1.0 / (failing + repairing));
        let fails = draws.happens(failing / (failing + repairing));
        if fails { failed += 1 } else { failed -= 1 }
    }
    years
}

/// How long a cycle takes on average that goes this way, in years, from a whole group until it is whole again or lost.
fn cycle_years(draws: &mut Draws, group: &Group) -> f64 {
    let mut years = 1.0 / group.failing(0);
    let mut failed = 1;
    while failed > 0 && failed <= group.spared() {
        let (failing, repairing) = (group.failing(failed), group.repairing(failed));
        years += 1.0 / (failing + repairing);
        if draws.happens(failing / (failing + repairing)) { failed += 1 } else { failed -= 1 }
    }
    years
}

/// The weight of a cycle that ends in loss, nothing where the group is whole again.
fn cycle_loss(draws: &mut Draws, group: &Group) -> f64 {
    let (mut weight, mut failed) = (1.0, 1);
    while failed > 0 {
        if failed > group.spared() {
            return weight;
        }
        let (failing, repairing) = (group.failing(failed), group.repairing(failed));
        if draws.happens(BIAS) {
            weight *= failing / (failing + repairing) / BIAS;
            failed += 1;
        } else {
            weight *= repairing / (failing + repairing) / (1.0 - BIAS);
            failed -= 1;
        }
    }
    0.0
}

fn published(luck: Luck, effort: Effort, group: &Group, years: Published) -> Row {
    let runs = effort.runs(200_000);
    let loss = luck.measured(runs, |draws| cycle_loss(draws, group)).estimate(CONFIDENCE);
    // Of luck that no row draws from.
    let apart = Luck { row: luck.row + 50, ..luck };
    let cycle = apart.measured(runs / 10, |draws| cycle_years(draws, group)).estimate(CONFIDENCE);
    let interval = (cycle.interval.0 / loss.interval.1, cycle.interval.1 / loss.interval.0);
    let name = format!("{} of {} pieces: years until loss", group.needed, group.pieces);
    Row::of((3, name), years, (cycle.mean / loss.mean, interval), runs)
}

fn lived(luck: Luck, effort: Effort, group: &Group) -> Row {
    let found = luck.measured(effort.runs(20_000), |draws| life(draws, group));
    let name = format!("{} of {} pieces, lived out: years until loss", group.needed, group.pieces);
    Row::mean((3, name), Published::exact(group.years()), &found)
}

pub(super) fn rows(seed: Seed, effort: Effort) -> Vec<Row> {
    let groups = (300..).zip(PUBLISHED);
    let rows = groups.flat_map(|(row, (pieces, needed, years, digit))| {
        let luck = Luck { seed, stream: Stream::Failures, row };
        let group = |(failures, repairs)| Group { pieces, needed, failures, repairs };
        let years = Published::rounded(years, digit);
        let direct = Luck { row: row + 100, ..luck };
        [published(luck, effort, &group(RATES), years), lived(direct, effort, &group(INFLATED))]
    });
    rows.collect()
}
