//! Who has what of the market: each group's share of what is sold and of what is offered.

use super::World;
use crate::statistics::real;

/// What is sold, in bytes.
pub(super) struct Held {
    /// Of all who are in reach.
    pub(super) in_reach: f64,
    /// Of each group.
    by_group: Vec<f64>,
}

impl World {
    /// What is sold now.
    pub(super) fn held(&self) -> Held {
        let market = self.market();
        let mut held = Held { in_reach: 0.0, by_group: vec![0.0; self.members.groups().len()] };
        // Whoever holds anything offered it once, and an offer may be withdrawn but is never forgotten.
        for provider in market.holders() {
            let bytes = real(market.committed(provider).0);
            if self.reach.contains(provider) {
                held.in_reach += bytes;
            }
            if let Some(group) = self.members.group_of_party(provider) {
                held.by_group[group] += bytes;
            }
        }
        held
    }

    /// For each group that offers anything: its share of all that is sold and of all that is offered, in permille.
    pub(super) fn shares(&self, held: &Held) -> Vec<(String, f64)> {
        let groups = self.members.groups();
        let of = |(group, sold): (usize, &f64)| (*sold, self.reach.offered_by(group));
        let all: Vec<(f64, f64)> = held.by_group.iter().enumerate().map(of).collect();
        let (sold, offered) =
            all.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let offering = groups.iter().zip(&all).filter(|(_, one)| one.0 + one.1 > 0.0);
        let told = offering.flat_map(|(group, one)| {
            let name = group.called();
            [
                (format!("sold.{name}_permille"), 1_000.0 * one.0 / f64::max(sold, 1.0)),
                (format!("offered.{name}_permille"), 1_000.0 * one.1 / f64::max(offered, 1.0)),
            ]
        });
        told.collect()
    }
}
