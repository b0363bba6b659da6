//! Whether bonds still cover what they are for, at today's prices.

use super::World;
use crate::statistics::amount;
use contracts::bond::{self, BondInputs};
use contracts::{Account, Contract, ContractState, Slot};
use market::Market;
use pricing::Keeping;
use std::collections::BTreeMap;
use types::{GbPrice, Msat, Span};

/// What bonds look like at one moment.
#[derive(Clone, Copy, Debug)]
struct Cover {
    slots: f64,
    /// How many have less than what repairs them and deters their providers.
    short: f64,
    /// How many have less than a contract for the rest of the term would need that is made today.
    below_rule: f64,
    /// The least bond, as a part of what repairs and deters.
    least: f64,
}

impl World {
    /// How many bonds of active contracts are too small at what is asked today. Looked at only where the rate moves.
    pub(super) fn bonds(&self) -> Vec<(String, f64)> {
        if self.settings.rate.moves.is_empty() {
            return Vec::new();
        }
        let market = self.market();
        let mut cover = Cover { slots: 0.0, short: 0.0, below_rule: 0.0, least: f64::INFINITY };
        for contract in market.open_contracts().filter(|c| c.state == ContractState::Active) {
            for (number, slot) in (0u16..).zip(&contract.slots).filter(|(_, slot)| slot.confirmed) {
                let account = Account::Bond(contract.id, number);
                let bond = market.ledger().balance(account);
                if let Some(needs) = needs(market, contract, slot) {
                    cover.see(bond, needs);
                }
            }
        }
        cover.told()
    }
}

/// Adds the worst of a run's epochs to its figures: when most bonds were too small, and when one covered least.
pub(super) fn tell(series: &BTreeMap<String, Vec<f64>>, figures: &mut BTreeMap<String, f64>) {
    let known = |name: &str| {
        let values = series.get(name).into_iter().flatten().copied();
        values.filter(|value| !value.is_nan())
    };
    if let Some(most) = known("bonds.short_permille").reduce(f64::max) {
        figures.insert("bonds.most_short_permille".into(), most);
    }
    if let Some(most) = known("bonds.below_rule_permille").reduce(f64::max) {
        figures.insert("bonds.most_below_rule_permille".into(), most);
    }
    if let Some(least) = known("bonds.least_times").reduce(f64::min) {
        figures.insert("bonds.worst_times".into(), least);
    }
}

impl Cover {
    fn see(&mut self, bond: Msat, (least, by_rule): (Msat, Msat)) {
        self.slots += 1.0;
        self.short += f64::from(u8::from(bond < least));
        self.below_rule += f64::from(u8::from(bond < by_rule));
        self.least = self.least.min(amount(bond.0) / amount(least.0).max(1.0));
    }

    fn told(&self) -> Vec<(String, f64)> {
        let share = |part: f64| 1_000.0 * part / f64::max(self.slots, 1.0);
        // Where there is no bond there is no least one.
        let least = if self.least.is_finite() { self.least } else { f64::NAN };
        vec![
            ("bonds.short_permille".into(), share(self.short)),
            ("bonds.below_rule_permille".into(), share(self.below_rule)),
            ("bonds.least_times".into(), least),
        ]
    }
}

/// What a slot's bond must come to at what its provider and the others ask today, by the shipped rules: to repair it and to
/// deter, and with the terms' ratio for the rest of the term.
fn needs(market: &Market, contract: &Contract, slot: &Slot) -> Option<(Msat, Msat)> {
    let ask = &market.offers().get(&slot.provider())?.ask;
    let end = contract.end()?;
    let epochs = end.since(market.epoch()).clamp(1, contract.epochs.max(1));
    let span = Span(market.genesis().epoch.0.saturating_mul(epochs));
    let pricing = &market.genesis().pricing;
    let price = pricing::slot_price(pricing, ask, &contract.terms, span).ok()?;
    let cost = pricing::slot_cost(pricing, ask, &contract.terms, Keeping { price, span }).ok()?;
    let holders = contract.slots.iter().filter(|other| other.provider() != slot.provider());
    let egress: Vec<GbPrice> = holders
        .filter_map(|other| Some(market.offers().get(&other.provider())?.ask.egress))
        .collect();
    let data = contract.terms.redundancy.data;
    let repair_cost = bond::repair_cost(slot.capacity, data, &egress, ask.ingress).ok()?;
    let inputs = BondInputs {
        terms: &contract.terms,
        plan: &contract.audit,
        epoch: contract.epoch,
        epochs,
        cost: &cost,
        repair_cost,
    };
    let least = bond::deterrence(&inputs).ok()?.max(repair_cost);
    Some((least, bond::required(&inputs).ok()?))
}
