//! The weighted draw and the auction: one scan over the roster, then a few looks at those whose turn comes.

use super::reason::Reason;
use super::{Answers, Chosen, Placed, Search};
use crate::rejection::Rejection;
use crate::roster::{Place, Row};
use crate::state::{Market, Offer};
use pricing::auction::{Auction, Bid, Rules};
use pricing::{Mechanism, Rate, SlotWork};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use reputation::gate::{self, Figures, Refusal};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use types::Did;
use types::documents::Exclusion;

/// The most exclusions a quote lists.
const LISTED: usize = 64;
/// The most kinds of exclusion that an error gives an example of.
const EXAMPLES: usize = 4;
/// So many draws in vain and the rest is searched one by one.
const DRAWS_IN_VAIN: usize = 256;

/// A draw without replacement.
pub(super) struct Draw<'a> {
    market: &'a Market,
    search: &'a Search<'a>,
    /// What the slot costs with each, in their order.
    costs: Vec<u64>,
    /// Cumulative weights, row by row; a row that cannot fit adds nothing.
    sums: Vec<u64>,
    taken: Taken,
    chosen: Vec<Chosen>,
    /// Once draws were in vain: everyone who may still fit, by weight.
    rest: Option<Vec<(u64, &'a Place)>>,
}

/// The operators, networks and providers that are taken.
#[derive(Default)]
struct Taken {
    providers: BTreeSet<Did>,
    operators: BTreeSet<u64>,
    networks: BTreeSet<u64>,
}

impl Taken {
    fn add(&mut self, place: &Place) {
        self.providers.insert(place.provider);
        self.operators.insert(place.operator);
        self.networks.insert(place.network);
    }
}

impl<'a> Draw<'a> {
    pub(super) fn over(market: &'a Market, search: &'a Search<'a>) -> Self {
        let mut taken = Taken::default();
        let beside = search.beside.iter().filter_map(|did| market.roster.place(did));
        beside.for_each(|place| taken.add(place));
        let (costs, sums) = weigh(market, search);
        Self { market, search, costs, sums, taken, chosen: Vec::new(), rest: None }
    }

    /// No draw: `chosen` are there already, and the question is why others are not.
    pub(super) fn beside(market: &'a Market, search: &'a Search<'a>, chosen: &[Did]) -> Self {
        let mut taken = Taken::default();
        let places = chosen.iter().filter_map(|did| market.roster.place(did));
        places.for_each(|place| taken.add(place));
        let (costs, sums, chosen) = (Vec::new(), Vec::new(), Vec::new());
        Self { market, search, costs, sums, taken, chosen, rest: None }
    }

    /// Takes the cheapest that fit, `needed` for slots and up to `spare` as reserves.
    pub(super) fn auction(&mut self, needed: usize, spare: usize, seed: [u8; 32]) {
        let places = self.market.roster.places();
        let before = std::iter::once(0).chain(self.sums.iter().copied());
        let fitting = self.sums.iter().zip(before).zip(places.iter().zip(&self.costs));
        let fitting = fitting.filter(|((upto, before), _)| *upto > before);
        let (bids, rows): (Vec<Bid>, Vec<&Place>) = fitting
            .map(|(_, (place, cost))| {
                let Place { provider, operator, network } = *place;
                (Bid { cost: *cost, provider, operator, network }, place)
            })
            .unzip();
        let wanted = &self.search.need.terms.placement;
        let [seed, ..] = seed.as_chunks::<8>().0 else { return };
        let rules = Rules {
            slots: needed,
            spare,
            distinct_operators: wanted.distinct_operators,
            distinct_networks: wanted.distinct_networks,
            seed: u64::from_le_bytes(*seed),
        };
        let auction = Auction::new(&bids, rules, |at| self.reason(rows[at]).is_none());
        for won in auction.clear() {
            self.taken.add(rows[won.at]);
            self.chosen.push(Chosen { provider: rows[won.at].provider, limit: won.limit });
        }
    }

    pub(super) fn chosen(&self) -> &[Chosen] {
        &self.chosen
    }

    /// Draws one more; false when nobody is left that fits.
    pub(super) fn next(&mut self, rng: &mut ChaCha20Rng) -> bool {
        if self.rest.is_none() {
            let places = self.market.roster.places();
            let total = self.sums.last().copied().unwrap_or(0);
            for _ in 0..if total == 0 { 0 } else { DRAWS_IN_VAIN } {
                let ticket = below(rng, total);
                let place = places.get(self.sums.partition_point(|sum| *sum <= ticket));
                if let Some(place) = place.filter(|place| self.reason(place).is_none()) {
                    self.choose(place);
                    return true;
                }
            }
            self.rest = Some(self.weighted());
        }
        self.next_of_the_rest(rng)
    }

    /// Everyone with a weight, and that weight.
    fn weighted(&self) -> Vec<(u64, &'a Place)> {
        let places = self.market.roster.places();
        let before = std::iter::once(0).chain(self.sums.iter().copied());
        let weights =
            self.sums.iter().zip(before).map(|(upto, before)| upto.saturating_sub(before));
        weights.zip(places).filter(|(weight, _)| *weight > 0).collect()
    }

    /// As [`Draw::next`] among those alone that fit, for when most do not. Who does not fit now never will.
    fn next_of_the_rest(&mut self, rng: &mut ChaCha20Rng) -> bool {
        let mut rest = self.rest.take().unwrap_or_default();
        rest.retain(|(_, place)| self.reason(place).is_none());
        let mut sum = 0u64;
        let sums: Vec<u64> = rest
            .iter()
            .map(|(weight, _)| {
                sum = sum.saturating_add(*weight);
                sum
            })
            .collect();
        let ticket = below(rng, sum);
        let drawn = rest.get(sums.partition_point(|sum| *sum <= ticket)).map(|(_, place)| *place);
        if let Some(place) = drawn {
            self.choose(place);
        }
        self.rest = Some(rest);
        drawn.is_some()
    }

    fn choose(&mut self, place: &Place) {
        self.taken.add(place);
        self.chosen.push(Chosen { provider: place.provider, limit: None });
    }

    /// Why a provider cannot be the next, beside those that are taken.
    fn reason(&self, place: &Place) -> Option<Reason<'a>> {
        let offer: &'a Offer = self.market.offer_in(self.search, &place.provider)?;
        let wanted = &self.search.need.terms.placement;
        let refused = self.market.refusal(self.search, offer);
        if refused.is_some() || self.taken.providers.contains(&place.provider) {
            return refused.or(Some(Reason::Gate(Refusal::NotDrawn)));
        }
        if wanted.distinct_operators && self.taken.operators.contains(&place.operator) {
            return Some(Reason::Gate(Refusal::SameOperator { operator: &offer.ask.operator }));
        }
        if wanted.distinct_networks && self.taken.networks.contains(&place.network) {
            return Some(Reason::Gate(Refusal::SameNetwork { network: &offer.network }));
        }
        None
    }

    /// Everyone who was not chosen, the cheapest first, up to [`LISTED`].
    fn left_out(&self) -> Vec<(&'a Place, Reason<'a>)> {
        let places = self.market.roster.places();
        let chosen: BTreeSet<Did> = self.chosen.iter().map(|chosen| chosen.provider).collect();
        let most = LISTED.saturating_add(chosen.len());
        let mut cheapest: BinaryHeap<(u64, usize)> = BinaryHeap::new();
        let mut dearest = u64::MAX;
        for (at, cost) in self.costs.iter().enumerate() {
            if cheapest.len() < most {
                cheapest.push((*cost, at));
            } else if *cost < dearest {
                cheapest.pop();
                cheapest.push((*cost, at));
            } else {
                continue;
            }
            if cheapest.len() == most {
                dearest = cheapest.peek().map_or(u64::MAX, |top| top.0);
            }
        }
        let by_cost = cheapest.into_sorted_vec().into_iter().map(|(_, at)| &places[at]);
        let others = by_cost.filter(|place| !chosen.contains(&place.provider)).take(LISTED);
        others.map(|place| (place, self.reason(place).unwrap_or(self.would_do(place)))).collect()
    }

    /// Why a provider that fits is not among the chosen.
    fn would_do(&self, place: &Place) -> Reason<'a> {
        let refusals = self.search.answers.map(|answers| &answers.refusals);
        if let Some(because) = refusals.and_then(|refusals| refusals.get(&place.provider)) {
            Reason::RefusedCounter { because }
        } else if self.search.mechanism.is_auction() {
            Reason::Outbid
        } else {
            Reason::Gate(Refusal::NotDrawn)
        }
    }

    /// Why `provider` is left out.
    pub(super) fn exclusion(&self, provider: &Did) -> Option<Exclusion> {
        let place = self.market.roster.place(provider)?;
        let reason = self.reason(place).unwrap_or(self.would_do(place));
        Some(reason.exclusion(*provider))
    }

    pub(super) fn placed(self) -> Placed {
        let left_out = self.left_out();
        let excluded =
            left_out.iter().map(|(place, reason)| reason.exclusion(place.provider)).collect();
        let offers = u64::try_from(self.market.roster.places().len()).unwrap_or(u64::MAX);
        let chosen = u64::try_from(self.chosen.len()).unwrap_or(u64::MAX);
        Placed { chosen: self.chosen, excluded, excluded_count: offers.saturating_sub(chosen) }
    }

    pub(super) fn too_few(self, needed: usize) -> Rejection {
        let found = self.chosen.len();
        let offers = self.market.roster.places().len();
        let left_out = self.left_out();
        let mut kinds = BTreeSet::new();
        let telling = left_out.iter().filter(|(_, reason)| {
            *reason != Reason::Gate(Refusal::NotDrawn) && kinds.insert(reason.code())
        });
        let examples: Vec<String> = telling
            .take(EXAMPLES)
            .map(|(place, reason)| {
                let exclusion = reason.exclusion(place.provider);
                format!("{}: {}; {}", place.provider, exclusion.reason, exclusion.remedy)
            })
            .collect();
        let why = if examples.is_empty() {
            "more providers must offer, or the terms ask for fewer slots".to_owned()
        } else {
            format!("for example {}", examples.join(", "))
        };
        Rejection::TooFewProviders {
            found,
            needed,
            reason: format!("of {offers} providers; {why}"),
        }
    }
}

/// What the slot costs with each provider, and their cumulative weights: one that cannot fit adds nothing.
fn weigh(market: &Market, search: &Search<'_>) -> (Vec<u64>, Vec<u64>) {
    let rows = market.roster.rows();
    let policy = &market.genesis.reputation;
    let work = SlotWork::of(&market.genesis.pricing, search.need.terms, search.need.span);
    let mut cheapest = u64::MAX;
    let mut costs = Vec::with_capacity(rows.len());
    let mut sums = Vec::with_capacity(rows.len());
    let answers = search.answers.map(|answers| special(market, answers)).unwrap_or_default();
    // Leaf by leaf: a vector's own iterator takes several times as long for each row.
    for (at, row) in rows.leaves().flatten().enumerate() {
        let row = answers.get(&at).unwrap_or(row);
        let cost = row.rate.cost_micro(&work).max(1);
        let fits = gate::admit_figures(policy, &search.need, &row.figures).is_ok()
            && search.ceiling.is_none_or(|ceiling| ceiling.lets_in(&row.rate, &work));
        if fits {
            cheapest = cheapest.min(cost);
        }
        costs.push(cost);
        sums.push(if fits { reputation::merit(policy, &row.figures.score) } else { 0 });
    }
    // The rows are not read once more: what counts of them lies side by side by now.
    let mut sum = 0u64;
    for (cost, merit) in costs.iter().zip(&mut sums) {
        if *merit > 0 {
            sum = sum.saturating_add(*merit * reputation::favour(*cost, cheapest));
        }
        *merit = sum;
    }
    (costs, sums)
}

/// The rows of those that answered a counter with another ask, by where their standing rows are.
fn special(market: &Market, answers: &Answers) -> BTreeMap<usize, Row> {
    let row = |(provider, offer): (&Did, &Offer)| {
        let at = market.roster.row_of(provider)?;
        let (score, committed) = (market.score(provider), market.committed(provider));
        let rate = Rate::of(&offer.ask).unwrap_or_default();
        Some((at, Row { rate, figures: Figures::of(&offer.ask, score, committed) }))
    };
    answers.offers.iter().filter_map(row).collect()
}

/// A number below `bound`, each equally likely but for a bias of bound / 2^64.
fn below(rng: &mut ChaCha20Rng, bound: u64) -> u64 {
    let wide = u128::from(rng.next_u64()) * u128::from(bound);
    u64::try_from(wide >> 64).expect("a product of two 64-bit numbers has 64 bits above the 64th")
}
