//! Row 6: where prices come to rest that move by the market's controller and by the providers' pricer.
//!
//! Buyers and sellers have values and costs of their own, drawn by chance, so that demand is 100 − 2 p and supply 10 + p on
//! average: buyers who would pay up to 50, sellers of a tenth part who ask nothing, and others who ask up to 50.

use super::{Effort, Luck, Published, Row};
use crate::chance::{Draws, Seed, Stream};
use crate::statistics::{Moments, real, whole};
use crate::theory::prices::{Lines, full_blocks};
use pricing::{BaseFee, BaseFeeRules, Demand, Use};
use provider::pricer::{AutoPricer, PriceRule};
use rust_decimal::prelude::ToPrimitive;
use types::{Bytes, Price};

/// Demand and supply of the table.
const LINES: Lines = Lines { demand: 100.0, demand_slope: 2.0, supply: 10.0, supply_slope: 1.0 };
/// What nobody pays more than, and nobody asks more than.
const HIGHEST: f64 = 50.0;
/// How many buyers and how many sellers.
const CROWD: u64 = 4_000;
/// A whole, in parts per million.
const WHOLE_PPM: u32 = 1_000_000;
/// How many steps a price has to come to rest, and over how many it is watched then.
const STEPS: (u32, u32) = (300, 100);
/// The largest step of a price.
const STEP_PPM: u32 = 100_000;
/// What the pricer counts on: at the equilibrium one per cent dearer sells 2.25 % less of what is offered.
const COUNTED_ON: Demand = Demand { elasticity_ppm: 2_250_000, delay: 0 };
/// The sold share that a provider aims at.
const TARGET_PPM: u32 = 800_000;

/// What each buyer would pay at most and each seller must have at least, in order.
struct Crowd {
    values: Vec<f64>,
    costs: Vec<f64>,
}

impl Crowd {
    fn drawn(draws: &mut Draws) -> Self {
        let mut sorted = || {
            let mut limits: Vec<f64> = (0..CROWD).map(|_| draws.between(0.0, HIGHEST)).collect();
            limits.sort_unstable_by(f64::total_cmp);
            limits
        };
        Self { values: sorted(), costs: sorted() }
    }

    fn demand(&self, price: f64) -> f64 {
        let content = self.values.len() - self.values.partition_point(|value| *value < price);
        LINES.demand * real(content as u64) / real(CROWD)
    }

    fn supply(&self, price: f64) -> f64 {
        let willing = self.costs.partition_point(|cost| *cost <= price);
        LINES.supply + LINES.supply_slope * HIGHEST * real(willing as u64) / real(CROWD)
    }
}

fn real_of(price: Price) -> f64 {
    price.0.to_f64().unwrap_or(f64::NAN)
}

/// Where `step` takes a price, and what is asked for there: both on average once it is at rest.
fn rest(crowd: &Crowd, step: impl Fn(Price, f64, f64) -> Price) -> (f64, f64) {
    let (mut prices, mut amounts) = (Moments::default(), Moments::default());
    let mut price = Price::whole(10);
    for number in 0..STEPS.0 + STEPS.1 {
        let asked = real_of(price);
        let (demand, supply) = (crowd.demand(asked), crowd.supply(asked));
        if number >= STEPS.0 {
            prices.add(asked);
            amounts.add(demand);
        }
        price = step(price, demand, supply);
    }
    (prices.mean(), amounts.mean())
}

/// The controller, told how much of what is offered is asked for; it rests where all is.
fn by_controller(price: Price, demand: f64, supply: f64) -> Price {
    let rules = BaseFeeRules {
        step_ppm: STEP_PPM,
        target_ppm: WHOLE_PPM,
        floor: Price::whole(1),
        ceiling: Price::whole(100),
    };
    let sold_ppm = whole(demand / supply * f64::from(WHOLE_PPM));
    BaseFee { rules, price }.after_ppm(u32::try_from(sold_ppm).unwrap_or(u32::MAX)).price
}

/// A provider's pricer, which aims at selling four fifths of what it has: it has a quarter more than supply says.
fn by_pricer(price: Price, demand: f64, supply: f64) -> Price {
    let pricer = AutoPricer {
        floor: Price::whole(1),
        ceiling: Price::whole(100),
        target_ppm: TARGET_PPM,
        rule: PriceRule::BaseFee { step_ppm: STEP_PPM, demand: COUNTED_ON },
    };
    let capacity = supply * f64::from(WHOLE_PPM) / f64::from(TARGET_PPM);
    let bytes = |amount: f64| Bytes(whole(amount * 1e9));
    let taken = Use { capacity: bytes(capacity), sold: bytes(demand.min(capacity)) };
    pricer.next(price, price, taken)
}

/// How many full blocks make the price tenfold.
fn tenfold() -> u64 {
    let rules = BaseFeeRules {
        step_ppm: 125_000,
        target_ppm: WHOLE_PPM / 2,
        floor: Price::whole(1),
        ceiling: Price::whole(WHOLE_PPM),
    };
    let mut fee = BaseFee { rules, price: Price::whole(100) };
    let mut blocks = 0;
    while fee.price < Price::whole(1_000) {
        fee = fee.next(Use { capacity: Bytes(1), sold: Bytes(1) });
        blocks += 1;
    }
    blocks
}

pub(super) fn rows(seed: Seed, effort: Effort) -> Vec<Row> {
    let luck = Luck { seed, stream: Stream::Demand, row: 600 };
    let crowds = (0..effort.runs(40)).map(|run| Crowd::drawn(&mut luck.draws(run)));
    let (mut prices, mut amounts, mut pricers) =
        (Moments::default(), Moments::default(), Moments::default());
    for crowd in crowds {
        let (price, amount) = rest(&crowd, by_controller);
        prices.add(price);
        amounts.add(amount);
        pricers.add(rest(&crowd, by_pricer).0);
    }
    let (price, amount) = LINES.meet();
    let blocks = Published::exact(full_blocks(10.0, 0.125));
    vec![
        Row::mean((6, "the controller's price at rest"), Published::exact(price), &prices),
        Row::mean((6, "what is sold at that price"), Published::exact(amount), &amounts),
        Row::mean((6, "the pricer's price at rest"), Published::exact(price), &pricers),
        Row::certain((6, "full blocks until the base fee is tenfold"), blocks, real(tenfold()), 1),
    ]
}
