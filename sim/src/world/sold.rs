//! Who has what of the market: each group's share of what is sold and of what is offered.

use super::World;

impl World {
    /// For each group that offers anything: its share of all that is sold and of all that is offered, in permille.
    pub(super) fn shares(&self) -> Vec<(String, f64)> {
        let groups = self.members.groups();
        let all: Vec<(f64, f64)> =
            (0..groups.len()).map(|group| self.reach.of_group(group)).collect();
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
