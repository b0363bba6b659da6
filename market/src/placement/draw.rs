//! The weighted draw: one scan over the roster, then a few looks at those that are drawn.

use super::reason::Reason;
use super::{Placed, Search};
use crate::rejection::Rejection;
use crate::roster::{Roster, Row};
use crate::state::{Market, Offer};
use pricing::SlotWork;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use reputation::gate::Refusal;
use std::collections::{BTreeSet, BinaryHeap};
use types::Did;

/// The most exclusions a quote lists.
const LISTED: usize = 64;
/// So many draws in vain and the rest is searched one by one.
const DRAWS_IN_VAIN: usize = 256;

/// A draw without replacement.
pub(super) struct Draw<'a> {
    market: &'a Market,
    search: &'a Search<'a>,
    work: SlotWork,
    /// Cumulative weights, row by row; a row that cannot fit adds nothing.
    sums: Vec<u64>,
    taken: Taken,
    chosen: Vec<Did>,
}

/// The operators, networks and providers that are taken.
#[derive(Default)]
struct Taken {
    providers: BTreeSet<Did>,
    operators: BTreeSet<u64>,
    networks: BTreeSet<u64>,
}

impl Taken {
    fn add(&mut self, row: &Row) {
        self.providers.insert(row.provider);
        self.operators.insert(row.operator);
        self.networks.insert(row.network);
    }
}

impl<'a> Draw<'a> {
    pub(super) fn over(market: &'a Market, search: &'a Search<'a>) -> Self {
        let rows = market.roster.rows();
        let work = SlotWork::of(&market.genesis.pricing, search.need.terms, search.need.span);
        let mut taken = Taken::default();
        search.beside.iter().filter_map(|did| market.roster.row(did)).for_each(|row| taken.add(row));
        let sums = Vec::with_capacity(rows.len());
        let mut draw = Self { market, search, work, sums, taken, chosen: Vec::new() };
        draw.weigh(rows);
        draw
    }

    pub(super) fn chosen(&self) -> &[Did] {
        &self.chosen
    }

    fn weigh(&mut self, rows: &[Row]) {
        let policy = &self.market.genesis.reputation;
        let cost = |row: &Row| {
            self.market.may_fit(self.search, row).then(|| row.rate.cost_micro(&self.work).max(1))
        };
        let costs: Vec<Option<u64>> = rows.iter().map(cost).collect();
        let cheapest = costs.iter().flatten().min().copied().unwrap_or(1);
        let mut sum = 0u64;
        for (row, cost) in rows.iter().zip(costs) {
            let weight = cost.map_or(0, |cost| reputation::weight(policy, &row.score, cost, cheapest));
            sum = sum.saturating_add(weight);
            self.sums.push(sum);
        }
    }

    /// Draws one more; false when nobody is left that fits.
    pub(super) fn next(&mut self, rng: &mut ChaCha20Rng) -> bool {
        let rows = self.market.roster.rows();
        let total = self.sums.last().copied().unwrap_or(0);
        for _ in 0..if total == 0 { 0 } else { DRAWS_IN_VAIN } {
            let ticket = below(rng, total);
            let row = rows.get(self.sums.partition_point(|sum| *sum <= ticket));
            if let Some(row) = row.filter(|row| self.reason(row).is_none()) {
                self.choose(row);
                return true;
            }
        }
        self.next_of_the_rest(rng)
    }

    /// As [`Draw::next`] among those alone that fit, for when most do not.
    fn next_of_the_rest(&mut self, rng: &mut ChaCha20Rng) -> bool {
        let rows = self.market.roster.rows();
        let (mut before, mut sum) = (0, 0u64);
        let mut left: Vec<(u64, &Row)> = Vec::new();
        for (row, upto) in rows.iter().zip(&self.sums) {
            let weight = upto.saturating_sub(before);
            before = *upto;
            if weight > 0 && self.reason(row).is_none() {
                sum = sum.saturating_add(weight);
                left.push((sum, row));
            }
        }
        if left.is_empty() {
            return false;
        }
        let ticket = below(rng, sum);
        let at = left.partition_point(|(sum, _)| *sum <= ticket);
        self.choose(left[at].1);
        true
    }

    fn choose(&mut self, row: &Row) {
        self.taken.add(row);
        self.chosen.push(row.provider);
    }

    /// Why the row's provider cannot be the next, beside those that are taken.
    fn reason(&self, row: &Row) -> Option<Reason<'a>> {
        let offer: &'a Offer = self.market.offers.get(&row.provider)?;
        let placement = &self.search.need.terms.placement;
        let refused = self.market.refusal(self.search, offer);
        if refused.is_some() || self.taken.providers.contains(&row.provider) {
            return refused.or(Some(Reason::Gate(Refusal::NotDrawn)));
        }
        if placement.distinct_operators && self.taken.operators.contains(&row.operator) {
            return Some(Reason::Gate(Refusal::SameOperator { operator: &offer.ask.operator }));
        }
        if placement.distinct_networks && self.taken.networks.contains(&row.network) {
            return Some(Reason::Gate(Refusal::SameNetwork { network: &offer.network }));
        }
        None
    }

    /// Everyone who was not chosen, the cheapest first, up to [`LISTED`].
    fn left_out(&self) -> Vec<(&'a Row, Reason<'a>)> {
        let roster: &'a Roster = &self.market.roster;
        let chosen: BTreeSet<Did> = self.chosen.iter().copied().collect();
        let most = LISTED.saturating_add(chosen.len());
        let mut cheapest: BinaryHeap<(u64, usize)> = BinaryHeap::new();
        for (at, row) in roster.rows().iter().enumerate() {
            let cost = row.rate.cost_micro(&self.work);
            if cheapest.len() < most {
                cheapest.push((cost, at));
            } else if cheapest.peek().is_some_and(|dearest| cost < dearest.0) {
                cheapest.pop();
                cheapest.push((cost, at));
            }
        }
        let rows = cheapest.into_sorted_vec().into_iter().map(|(_, at)| &roster.rows()[at]);
        let others = rows.filter(|row| !chosen.contains(&row.provider)).take(LISTED);
        others.map(|row| (row, self.reason(row).unwrap_or(Reason::Gate(Refusal::NotDrawn)))).collect()
    }

    pub(super) fn placed(self) -> Placed {
        let left_out = self.left_out();
        let excluded = left_out.iter().map(|(row, reason)| reason.exclusion(row.provider)).collect();
        let offers = u64::try_from(self.market.roster.rows().len()).unwrap_or(u64::MAX);
        let chosen = u64::try_from(self.chosen.len()).unwrap_or(u64::MAX);
        Placed { chosen: self.chosen, excluded, excluded_count: offers.saturating_sub(chosen) }
    }

    pub(super) fn too_few(self, needed: usize) -> Rejection {
        let found = self.chosen.len();
        let offers = self.market.roster.rows().len();
        let left_out = self.left_out();
        let first = left_out.iter().find(|(_, reason)| *reason != Reason::Gate(Refusal::NotDrawn));
        let why = first.map_or_else(
            || "more providers must offer, or the terms ask for fewer slots".to_owned(),
            |(row, reason)| {
                let exclusion = reason.exclusion(row.provider);
                format!("for example {}: {}; {}", row.provider, exclusion.reason, exclusion.remedy)
            },
        );
        Rejection::TooFewProviders { found, needed, reason: format!("of {offers} providers; {why}") }
    }
}

/// A number below `bound`, each equally likely but for a bias of bound / 2^64.
fn below(rng: &mut ChaCha20Rng, bound: u64) -> u64 {
    let wide = u128::from(rng.next_u64()) * u128::from(bound);
    u64::try_from(wide >> 64).expect("a product of two 64-bit numbers has 64 bits above the 64th")
}
