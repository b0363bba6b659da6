//! Which figures a run can have, by name: so that a misspelt one is found before anything runs.
//!
//! Not every run has every one: what never happened has no mean, and is not counted. A test of all scenarios holds that no run
//! has a figure that is not listed here.

use super::WorldSettings;
use crate::scenario::nearest::nearest;

/// Figures of every world.
const EVERYWHERE: [&str; 31] = [
    "beacons.refused",
    "contracts.agreed",
    "contracts.expired",
    "contracts.failed",
    "contracts.failed_needlessly",
    "contracts.failed_share",
    "contracts.filled",
    "contracts.settled",
    "disks.failed",
    "disputes.dismissed",
    "disputes.upheld",
    "disputes.without_case",
    "outages",
    "penalties",
    "penalties.wrong",
    "pool.from_penalties_msat",
    "price.late_swing_permille",
    "price.late_turns",
    "price.peak_msat",
    "quotes.declined",
    "rebuilds.without_sources",
    "repairs.dearer_msat",
    "repairs.delayed",
    "repairs.empty_epochs_max",
    "repairs.finished",
    "repairs.open",
    "repairs.ordered",
    "repairs.reads_owed_msat",
    "repairs.reads_paid_permille",
    "repairs.reads_unpaid_msat",
    "verdicts.bribed",
];

/// Figures of worlds in which a bitcoin's price moves.
const WHERE_RATES_MOVE: [&str; 3] =
    ["bonds.below_rule_permille", "bonds.least_times", "bonds.short_permille"];
const OF_MOVED_RATES: [&str; 3] =
    ["bonds.most_below_rule_permille", "bonds.most_short_permille", "bonds.worst_times"];

/// What follows a group's name.
const OF_A_GROUP: [&str; 16] = [
    "banned_epochs",
    "banned_share",
    "detected_epochs",
    "detected_share",
    "held",
    "held_share",
    "late_share",
    "lowered",
    "over_parity",
    "penalties",
    "penalties_wrong",
    "profit_msat",
    "slashed_msat",
    "slots_left",
    "slots_max",
    "wanting_share",
];

/// Series of every world, whose last quarter's mean is a figure.
const SERIES: [&str; 14] = [
    "books.available_msat",
    "books.bond_msat",
    "books.escrow_msat",
    "books.fees_msat",
    "books.pool_msat",
    "contracts.failed",
    "contracts.open",
    "penalties",
    "penalties.wrong",
    "price.asked_msat",
    "price.paid_msat",
    "providers.online",
    "repairs.finished",
    "use.sold_permille",
];

/// Before each of the codes with which the market refuses a quote.
const REFUSED: &str = "quotes.refused.";

impl WorldSettings {
    /// Whether a run in this world can have a figure called `name`.
    ///
    /// # Errors
    /// What it may be meant to be.
    pub fn has_figure(&self, name: &str) -> Result<(), String> {
        let known = self.figures();
        if known.iter().any(|figure| figure == name) || name.starts_with(REFUSED) {
            return Ok(());
        }
        let known = known.iter().map(String::as_str);
        let meant =
            nearest(name, known).map_or_else(String::new, |meant| format!("; is {meant} meant?"));
        let groups: Vec<&str> = self.agents.iter().map(super::Group::called).collect();
        let groups = groups.join(", ");
        Err(format!(
            "no run has a figure {name:?}{meant}. Figures are listed in docs/economists.md; the groups here are {groups}"
        ))
    }

    /// The names of all figures that a run can have, but for the codes of refusals.
    fn figures(&self) -> Vec<String> {
        let moves = !self.rate.moves.is_empty();
        let rates = |names: [&'static str; 3]| names.into_iter().filter(move |_| moves);
        let late = |series: &str| format!("late.{series}");
        let mut known: Vec<String> =
            EVERYWHERE.into_iter().chain(rates(OF_MOVED_RATES)).map(str::to_owned).collect();
        known.extend(SERIES.into_iter().chain(rates(WHERE_RATES_MOVE)).map(late));
        for group in self.agents.iter().map(super::Group::called) {
            known.extend(OF_A_GROUP.map(|name| format!("{group}.{name}")));
            known.extend(
                [("profit", "msat"), ("sold", "permille"), ("offered", "permille")]
                    .map(|(what, unit)| format!("late.{what}.{group}_{unit}")),
            );
        }
        known
    }
}
