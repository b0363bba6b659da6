//! Bonds in a currency whose price moves: how much more than what they secure they must be.

use super::{Bracketed, CONFIDENCE, Effort, Point};
use crate::chance::{Seed, Stream};
use crate::statistics::{real, wilson};
use crate::theory::bounds::{collateral_ratio, value_at_risk};
use contracts::audit_plan;
use contracts::bond::{self, BondInputs};
use types::{Bytes, Msat, SlotCost, Span, Terms};

/// How volatile the currency is, a year.
const SIGMAS: [f64; 3] = [0.3, 0.6, 0.9];
/// For how many days a bond must do.
const DAYS: u32 = 7;
/// The share of cases in which it must.
const SURE: f64 = 0.999;
/// What a slot earns, in msat: so much that no rounding shows.
const EARNED: i64 = 10_000_000;

/// The bond that the shipped rule wants of a slot, as a multiple of what it earns.
fn bonded(permille: u32) -> f64 {
    let mut terms = Terms::standard(Bytes(100_000_000_000), Span(30 * Span::DAY.0));
    terms.bond_ratio_permille = permille;
    let cost = SlotCost { base: Msat(EARNED), ..SlotCost::default() };
    let plan = audit_plan::plan(&terms);
    let (epoch, epochs, repair_cost) = (Span::HOUR, 720, Msat(0));
    let inputs = BondInputs { terms: &terms, plan: &plan, epoch, epochs, cost: &cost, repair_cost };
    let bond = bond::required(&inputs).expect("it is an amount of money");
    real(bond.0.unsigned_abs()) / real(EARNED.unsigned_abs())
}

/// What the currency is worth after a week, day by day, in so many lives: lowest first, as shares of what it was.
fn worths(seed: Seed, sigma: f64, lives: u64) -> Vec<f64> {
    let daily = sigma / libm::sqrt(365.0);
    let life = |number| {
        let mut draws = seed.draws(Stream::Demand, 800, number);
        libm::exp((0..DAYS).map(|_| daily * draws.normal()).sum())
    };
    let mut worths: Vec<f64> = (0..lives).map(life).collect();
    worths.sort_unstable_by(f64::total_cmp);
    worths
}

/// The least ratio, in permille, with which the bond covers what it secures in all but `lost` of these cases.
fn least_ratio(worths: &[f64], lost: f64) -> f64 {
    let uncovered = |permille: u32| {
        let bond = bonded(permille);
        real(worths.partition_point(|worth| bond * worth < 1.0) as u64) / real(worths.len() as u64)
    };
    let (mut low, mut high) = (1_000, 4_000);
    while high - low > 1 {
        let middle = u32::midpoint(low, high);
        if uncovered(middle) > lost { low = middle } else { high = middle }
    }
    f64::from(high) / 1_000.0
}

/// The bound on the ratio.
pub(super) fn ratio(seed: Seed, effort: Effort) -> Bracketed {
    let lives = effort.runs(100_000);
    let point = |sigma: f64| {
        let worths = worths(seed, sigma, lives);
        let lost = 1.0 - SURE;
        let expected = crate::statistics::whole(libm::round(lost * real(lives)));
        let (least, most) = wilson(expected, lives, CONFIDENCE);
        let analytic = collateral_ratio(value_at_risk(sigma, f64::from(DAYS), SURE));
        let measured = least_ratio(&worths, lost);
        let interval = (least_ratio(&worths, most), least_ratio(&worths, least));
        Point { x: sigma, analytic, measured, interval }
    };
    Bracketed {
        name: "volatile collateral: ratio ≥ 1 / (1 − VaR)",
        along: "volatility a year",
        found: "the bond as a multiple of what it secures",
        points: SIGMAS.map(point).to_vec(),
    }
}
