//! Who has what of the market: each group's share of what is sold and of what is offered.

use super::World;
use crate::statistics::real;

impl World {
    /// For each group that offers anything: its share of all that is sold and of all that is offered, in permille.
    pub(super) fn shares(&self) -> Vec<(String, f64)> {
        let groups = self.members.groups();
        let mut all: Vec<(f64, f64)> =
            (0..groups.len()).map(|group| (0.0, self.reach.offered_by(group))).collect();
        for provider in self.market().holders() {
            let offers = self.market().offers().contains_key(provider);
            if let Some(group) = self.members.group_of_party(provider).filter(|_| offers) {
                all[group].0 += real(self.market().committed(provider).0);
            }
        }
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
