//! What is known at the end of an epoch and of a run, by name.

use super::{Group, World};
use crate::results::Run;
use crate::statistics::{amount, real};
use std::collections::BTreeMap;
use types::Did;

impl World {
    /// Adds this epoch's values to the series.
    pub(super) fn observe(&mut self) {
        self.look_at_holdings();
        let (asked, offered) = self.reach.offered();
        let paid = self.watch.take_price();
        let profits = self.profits();
        let counts = ["contracts.failed", "repairs.finished", "penalties", "penalties.wrong"]
            .map(|name| (name.to_owned(), real(self.watch.counted(name))));
        let open = real(self.market().open_count() as u64);
        let mut values: Vec<(String, f64)> = vec![
            ("price.asked_msat".into(), asked),
            ("price.paid_msat".into(), paid.unwrap_or(f64::NAN)),
            ("use.sold_permille".into(), 1_000.0 * self.reach.sold() / offered.max(1.0)),
            ("contracts.open".into(), open),
            ("providers.online".into(), real(self.reach.all().len() as u64)),
        ];
        values.extend(
            self.books.told().into_iter().map(|(name, msat)| (name.to_owned(), amount(msat))),
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

    /// What a party's money comes to: what it can use, its bonds, what its slots have earned, what its contracts hold for it.
    pub(super) fn worth(&self, party: &Did) -> i64 {
        let market = self.market();
        let slots = market.holdings(party).map(|id| self.worth_of_slot(id));
        let bought = market.contracts_of(party).filter(|c| c.state.is_open());
        let bought = bought.map(|contract| self.worth_of_bought(contract));
        market.available(*party).0 + slots.sum::<i64>() + bought.sum::<i64>()
    }

    /// The mean profit of an agent, group by group.
    fn profits(&self) -> Vec<f64> {
        let told =
            self.members.groups().iter().zip(self.worths().into_iter().zip(self.members.paid()));
        let mean = |(group, (worth, (put_in, spent))): (&Group, (i64, (i64, f64)))| {
            (amount(worth - put_in) - spent) / f64::from(group.count.max(1))
        };
        told.map(mean).collect()
    }

    /// What the parties of each group are worth together, as [`World::worth`] has it for one.
    fn worths(&self) -> Vec<i64> {
        let held = self.holdings.worths(self.market());
        self.books.available().iter().zip(held).map(|(available, held)| available + held).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Seed;

    #[test]
    fn what_groups_gain_is_what_their_agents_do() {
        let settings = serde_json::json!({
            "epoch": "1h", "epochs": 40, "costs": { "keeping": 50.0 },
            "agents": [
                { "kind": "honest", "count": 12, "capacity": "100GB", "price": 100.0, "money": 1_000_000_000 },
                {
                    "kind": "client", "count": 2, "capacity": "10GB", "duration": "2d", "contracts": 2,
                    "worth": [1000.0, 1000.0], "money": 1_000_000_000,
                },
            ],
        });
        let settings = serde_json::from_value(settings).unwrap();
        let mut world = World::new(&settings, Seed(1)).unwrap();
        world.live_through(30).unwrap();
        assert!(world.market().open_count() > 0, "somebody holds something");
        let together = world.profits();
        for (group, together) in world.members.groups().iter().zip(together) {
            let agents = world.members.of_group(group.called());
            let one = |agent: &u32| world.members.profit(*agent, |party| world.worth(party));
            let mean = agents.iter().map(one).sum::<f64>() / f64::from(group.count);
            assert!((mean - together).abs() < 1e-3, "{}: {mean}, {together}", group.called());
            assert!(mean.abs() > 1.0, "{}", group.called());
        }
    }
}
