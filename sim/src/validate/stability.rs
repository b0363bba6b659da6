//! Row 7: from which step × elasticity on a price swings for ever, bracketed from both sides with the controller that ships.

use super::{Effort, Luck, Published, Row};
use crate::chance::{Draws, Seed, Stream};
use crate::statistics::whole;
use crate::theory::prices::stable_below;
use pricing::{BaseFee, BaseFeeRules};
use rust_decimal::prelude::ToPrimitive;
use std::collections::VecDeque;
use types::Price;

/// How late demand is seen, the bound that is published for it, and what one is worth in its last digit.
const PUBLISHED: [(u32, f64, f64); 4] =
    [(0, 2.0, 0.0), (1, 1.0, 0.0), (2, 0.618, 0.001), (4, 0.347, 0.001)];

/// The price at which demand meets the target, in msat: so high that rounding is far below what is looked for.
const BALANCE: u32 = 1_000_000;
/// The controller's step.
const STEP_PPM: u32 = 125_000;
/// The sold share it aims at.
const TARGET_PPM: u32 = 500_000;
/// How far off the price is at first, as a share of the balance.
const PUSH: f64 = 0.001;
/// How wide the bracket may be at the end, as a share of the bound.
const BRACKET: f64 = 0.01;

/// What is sold at `off` the balance, in parts per million of what is offered.
fn sold_ppm(off: f64, elasticity: f64) -> u32 {
    let target = f64::from(TARGET_PPM);
    let sold = (target * (1.0 - elasticity * off)).clamp(0.0, 2.0 * target);
    u32::try_from(whole(sold + 0.5)).unwrap_or(u32::MAX)
}

/// Whether a price that is pushed a little comes back, when what is sold shows `delay` steps late.
fn settles(draws: &mut Draws, product: f64, delay: u32) -> bool {
    let elasticity = product * 1e6 / f64::from(STEP_PPM);
    let rules = BaseFeeRules {
        step_ppm: STEP_PPM,
        target_ppm: TARGET_PPM,
        floor: Price::whole(1),
        ceiling: Price::whole(10 * BALANCE),
    };
    let pushed = f64::from(BALANCE) * (1.0 + draws.between(PUSH / 2.0, PUSH));
    let start = u32::try_from(whole(pushed)).unwrap_or(BALANCE);
    let mut fee = BaseFee { rules, price: Price::whole(start) };
    let mut late: VecDeque<u32> = (0..delay).map(|_| TARGET_PPM).collect();
    let steps = 4_000 * (delay + 1);
    let mut worst = 0.0f64;
    for step in 0..steps {
        let off = fee.price.0.to_f64().unwrap_or(f64::NAN) / f64::from(BALANCE) - 1.0;
        late.push_back(sold_ppm(off, elasticity));
        fee = fee.after_ppm(late.pop_front().unwrap_or(TARGET_PPM));
        if step >= steps - steps / 10 {
            worst = worst.max(off.abs());
        }
    }
    worst < PUSH / 4.0
}

/// The largest product at which the price settles and the least at which it swings, as far as a bisection finds them.
fn bracket(draws: &mut Draws, delay: u32) -> (f64, f64, u64) {
    let bound = stable_below(delay);
    let (mut low, mut high) = (bound * draws.between(0.5, 0.6), bound * draws.between(1.4, 1.6));
    let mut runs = 2;
    if !settles(draws, low, delay) || settles(draws, high, delay) {
        return (f64::NAN, f64::NAN, runs);
    }
    while high - low > BRACKET * bound {
        let middle = f64::midpoint(low, high);
        if settles(draws, middle, delay) {
            low = middle;
        } else {
            high = middle;
        }
        runs += 1;
    }
    (low, high, runs)
}

pub(super) fn rows(seed: Seed, _effort: Effort) -> Vec<Row> {
    let rows = (700..).zip(PUBLISHED).map(|(row, (delay, bound, digit))| {
        let luck = Luck { seed, stream: Stream::Demand, row };
        let (low, high, runs) = bracket(&mut luck.draws(0), delay);
        let name = format!("demand seen {delay} steps late: step × elasticity that swings");
        let published = Published::rounded(bound, digit);
        Row::of((7, name), published, (f64::midpoint(low, high), (low, high)), runs)
    });
    rows.collect()
}
