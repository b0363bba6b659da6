//! The smallest market in which each attack can happen: a few honest providers, attackers of as many operators as each
//! contract is to have slots with them, and a client that buys once.

use crate::chance::Seed;
use crate::world::{World, WorldSettings};
use rayon::prelude::*;
use serde_json::{Value, json};
use types::{Bytes, Span, Terms};

/// What a slot of these contracts is asked for, msat per GB and day.
pub(super) const PRICE: f64 = 100.0;
/// The capacity of a contract.
const CAPACITY: Bytes = Bytes(100_000_000_000);
/// The day on which everything is bought, once everybody is there; contracts begin to earn on the next.
pub(super) const BOUGHT: u64 = 2;
/// More than anybody needs, in msat.
const MONEY: i64 = 1_000_000_000_000;
/// What nobody fills.
const ROOM: &str = "100TB";

/// A market, its attackers and its contracts.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// For how many days it runs, and each contract.
    pub(super) days: (u64, u64),
    /// How many contracts.
    pub(super) contracts: u32,
    /// How many honest providers.
    pub(super) honest: u32,
    /// The attackers, beside what every provider is like.
    pub(super) attackers: Value,
    /// Terms other than the standard ones.
    pub(super) terms: Value,
}

/// How many GB a slot has.
pub(super) fn slot_gigabytes() -> f64 {
    let bytes = Terms::standard(CAPACITY, Span::DAY).slot_capacity();
    crate::statistics::real(bytes.0) / 1e9
}

/// What a slot earns in a day, in msat: there are no premiums here.
pub(super) fn daily() -> f64 {
    slot_gigabytes() * PRICE
}

/// Both, where one says more.
fn joined(mut one: Value, more: &Value) -> Value {
    if let (Some(one), Some(more)) = (one.as_object_mut(), more.as_object()) {
        one.extend(more.clone());
    }
    one
}

impl Setting {
    fn world(&self) -> WorldSettings {
        let provider = json!({ "capacity": ROOM, "price": PRICE, "money": MONEY });
        let honest = joined(provider.clone(), &json!({ "kind": "honest", "count": self.honest }));
        let attackers = joined(provider, &self.attackers);
        let attackers = joined(attackers, &json!({ "name": "attacker" }));
        // Reads are as dear with everybody.
        let egress =
            self.attackers.get("egress").map_or(json!({}), |egress| json!({ "egress": egress }));
        let honest = joined(honest, &egress);
        let client = json!({
            "kind": "client", "count": 1, "money": MONEY, "capacity": CAPACITY.0.to_string() + " B",
            "duration": format!("{}d", self.days.1), "contracts": self.contracts,
            "worth": [1e6, 1e6], "from_epoch": BOUGHT, "once": true, "terms": self.terms,
        });
        let world = json!({
            "epoch": "1d", "epochs": self.days.0, "agents": [honest, attackers, client],
            "market": { "pricing": { "premium_ppm": 0, "bonus_ppm": 0 } },
        });
        serde_json::from_value(world).expect("its parts are what they should be")
    }

    /// A figure of so many runs, seed by seed.
    pub(super) fn runs(&self, seed: Seed, runs: u64, figure: &str) -> Vec<f64> {
        let settings = self.world();
        let run = |index| {
            let world = World::new(&settings, seed.nth(index)).expect("its figures are sensible");
            let run = world.run("bracketed", |_| {}).expect("the market keeps its rules");
            run.figures.get(figure).copied().expect("every run has the figure")
        };
        (0..runs).into_par_iter().map(run).collect()
    }

    /// What all attackers gain, for each contract, run by run.
    pub(super) fn gains(&self, seed: Seed, runs: u64) -> Vec<f64> {
        let count = self.attackers["count"].as_f64().unwrap_or(0.0);
        let each = count / f64::from(self.contracts);
        let profits = self.runs(seed, runs, "attacker.profit_msat");
        profits.into_iter().map(|profit| profit * each).collect()
    }

    /// The same, and what they would have gained by `honesty` with the same luck taken off. A bond that nobody loses earns and
    /// costs nothing, so that honesty's gains do not depend on it.
    pub(super) fn gains_above(&self, honesty: &[f64], seed: Seed) -> Vec<f64> {
        let runs = honesty.len() as u64;
        self.gains(seed, runs).into_iter().zip(honesty).map(|(a, b)| a - b).collect()
    }
}

/// Terms under which every loss costs so many thousandths of a bond that is so many thousandths of a slot's price.
pub(super) fn staked(bond_permille: f64, slash_permille: u64) -> Value {
    json!({
        "bond_ratio_permille": crate::statistics::whole(libm::round(bond_permille)),
        "penalties": {
            "steps": [{ "fraction_ppm": 1_000_000, "slash_permille": slash_permille }],
            "per_epoch_permille": 0,
        },
    })
}
