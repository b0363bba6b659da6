//! What is known at the end of an epoch and of a run, by name.

use super::World;
use crate::results::Run;
use crate::statistics::{amount, real};
use contracts::Account;
use market::event::SlotId;
use std::collections::BTreeMap;
use types::Did;

impl World {
    /// Adds this epoch's values to the series.
    pub(super) fn observe(&mut self) {
        let (asked, sold, offered) = self.offers();
        let paid = self.watch.take_price();
        let books = self.books();
        let profits = self.profits();
        let counts = ["contracts.failed", "repairs.finished", "penalties", "penalties.wrong"]
            .map(|name| (name.to_owned(), real(self.watch.counted(name))));
        let open = real(self.market().open_count() as u64);
        let mut values: Vec<(String, f64)> = vec![
            ("price.asked_msat".into(), asked),
            ("price.paid_msat".into(), paid.unwrap_or(f64::NAN)),
            ("use.sold_permille".into(), 1_000.0 * sold / offered.max(1.0)),
            ("contracts.open".into(), open),
            ("providers.online".into(), real(self.online.len() as u64)),
        ];
        values.extend(
            books.into_iter().map(|(name, msat)| (format!("books.{name}_msat"), amount(msat))),
        );
        values.extend(counts);
        values.extend(self.shares());
        values.extend(self.bonds());
        for (group, profit) in self.members.groups().iter().zip(profits) {
            values.push((format!("profit.{}_msat", group.called()), profit));
        }
        for (name, value) in values {
            self.watch.series.entry(name).or_default().push(value);
        }
    }

    /// The mean price that is asked, by what is offered; what is sold and offered of all who are in reach.
    fn offers(&self) -> (f64, f64, f64) {
        use rust_decimal::prelude::ToPrimitive;
        let (mut asked, mut sold, mut offered) = (0.0, 0.0, 0.0);
        for (provider, offer) in self.market().offers() {
            if !self.online.contains(provider) {
                continue;
            }
            let capacity = real(offer.ask.capacity.0);
            asked += capacity * offer.ask.price.0.to_f64().unwrap_or(0.0);
            sold += real(self.market().committed(provider).0);
            offered += capacity;
        }
        (asked / offered.max(1.0), sold, offered)
    }

    fn books(&self) -> [(&'static str, i64); 5] {
        let [mut available, mut escrow, mut bonds, mut fees, mut pool] = [0i64; 5];
        for (account, totals) in self.market().ledger().accounts() {
            let sum = match account {
                Account::Available(_) => &mut available,
                Account::Escrow(_) => &mut escrow,
                Account::Bond(..) => &mut bonds,
                Account::Fees => &mut fees,
                Account::RepairPool => &mut pool,
                _ => continue,
            };
            *sum = sum.saturating_add(totals.balance().0);
        }
        [
            ("available", available),
            ("escrow", escrow),
            ("bond", bonds),
            ("fees", fees),
            ("pool", pool),
        ]
    }

    /// What a party's money comes to: what it can use, its bonds, what its slots have earned, what its contracts hold for it.
    pub(super) fn worth(&self, party: &Did) -> i64 {
        let market = self.market();
        let ledger = market.ledger();
        let slots = market.holdings(party).map(|id| {
            ledger.balance(Account::Bond(id.contract, id.slot)).0 + market.unposted(id).0
        });
        let bought = market.contracts_of(party).filter(|c| c.state.is_open()).map(|contract| {
            let earned = (0u16..)
                .zip(&contract.slots)
                .map(|(slot, _)| market.unposted(SlotId { contract: contract.id, slot }).0);
            ledger.balance(Account::Escrow(contract.id)).0 - earned.sum::<i64>()
        });
        market.available(*party).0 + slots.sum::<i64>() + bought.sum::<i64>()
    }

    /// The mean profit of an agent, group by group.
    fn profits(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.members.groups().len()];
        for agent in 0..self.members.count() {
            let profit = self.members.profit(agent, |party| self.worth(party));
            sums[self.members.group_of(agent)] += profit;
        }
        let counts = self.members.groups().iter().map(|group| f64::from(group.count.max(1)));
        sums.into_iter().zip(counts).map(|(sum, count)| sum / count).collect()
    }

    /// The run, once all its epochs have passed.
    pub(super) fn told(self, arm: &str) -> Run {
        let mut figures: BTreeMap<String, f64> = BTreeMap::new();
        let profits = self.profits();
        let droppers = self.watch.droppers(&self.members);
        for (at, group) in self.members.groups().iter().enumerate() {
            let seen = &self.watch.groups[at];
            let count = f64::from(group.count.max(1));
            let per = |part: u64, whole: u64| real(part) / real(whole);
            for (name, value) in [
                ("profit_msat", profits[at]),
                ("penalties", real(seen.penalties) / count),
                ("penalties_wrong", real(seen.wrong)),
                ("slashed_msat", amount(seen.slashed) / count),
                ("banned_share", real(seen.banned) / count),
                ("banned_epochs", per(seen.banned_epochs, seen.banned)),
                ("slots_max", real(seen.share.slots_max)),
                ("over_parity", real(seen.share.over_parity)),
                ("detected_share", per(seen.detected, droppers[at])),
                ("late_share", per(seen.late, seen.answered)),
                ("wanting_share", per(seen.wanting, seen.answered)),
                ("lowered", real(seen.lowered) / count),
                ("detected_epochs", per(seen.detected_epochs, seen.detected)),
            ] {
                // What never happened has no mean.
                if value.is_finite() {
                    figures.insert(format!("{}.{name}", group.called()), value);
                }
            }
        }
        for (name, count) in &self.watch.counts {
            figures.insert(name.clone(), real(*count));
        }
        for name in [
            "contracts.failed",
            "contracts.agreed",
            "contracts.settled",
            "penalties",
            "penalties.wrong",
            "repairs.ordered",
            "repairs.finished",
            "repairs.delayed",
            "disputes.upheld",
            "disputes.dismissed",
            "beacons.refused",
        ] {
            figures.entry(name.into()).or_insert(0.0);
        }
        figures.extend(self.repair_figures());
        figures.extend(self.holder_figures());
        for (name, values) in &self.watch.series {
            if let Some(mean) = last_quarter(values) {
                figures.insert(format!("late.{name}"), mean);
            }
        }
        super::swing::tell(&self.watch.series, &mut figures);
        super::bonds::tell(&self.watch.series, &mut figures);
        let (trace, seed) = (self.desk.trace(), self.seed.0);
        Run { arm: arm.into(), seed, trace, figures, series: self.watch.series }
    }
}

/// The mean of a series' last quarter, of what there is of it.
fn last_quarter(values: &[f64]) -> Option<f64> {
    let late = &values[values.len() - values.len().div_ceil(4)..];
    let known: Vec<f64> = late.iter().copied().filter(|value| !value.is_nan()).collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / real(known.len() as u64))
}
