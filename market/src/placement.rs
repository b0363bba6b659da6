//! Who keeps what: the gate, then a weighted draw under the terms' diversity constraints.

mod draw;
mod price;
mod reason;

use crate::rejection::Rejection;
use crate::state::{Market, Offer};
use contracts::audit_plan;
use draw::Draw;
use pricing::{Mechanism, MechanismKind};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
pub(crate) use reason::Never;
use reputation::gate::Need;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use types::documents::{AuditPlan, Exclusion};
use types::terms::RailKind;
use types::{Did, GbPrice, Msat, Price, Span, Terms, Timestamp};

/// What a search for providers looks for.
pub(crate) struct Search<'a> {
    /// The terms, the slot's size, how long it is to be kept, and the time.
    pub need: Need<'a>,
    /// Who buys.
    pub client: Did,
    /// Whether it is for a contract that is paid for once its slots are reserved, and may never be.
    pub unfunded: bool,
    /// For how many epochs.
    pub epochs: u64,
    /// Who holds the contract's other slots.
    pub beside: Vec<Did>,
    /// Who must not have it, and why.
    pub never: BTreeMap<Did, Never>,
    /// How the slots will be audited.
    pub audit: AuditPlan,
    /// What the slot may cost at most, where that is bounded.
    pub budget: Option<Msat>,
    /// Who is connected, where that is known.
    pub online: Option<&'a BTreeSet<Did>>,
    /// How asks become slots and prices.
    pub mechanism: MechanismKind,
    /// What providers answered to the client's counter, where it made one.
    pub answers: Option<&'a Answers>,
    /// What the client would pay at most.
    pub ceiling: Option<Ceiling>,
}

/// What providers answered to a counter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    /// Offers for that counter alone; they count before the standing ones.
    pub offers: BTreeMap<Did, Offer>,
    /// Who refused, in its own words.
    pub refusals: BTreeMap<Did, String>,
}

/// The prices that a client would pay at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ceiling {
    /// For keeping, on the terms' tier.
    pub price: Price,
    /// For reads.
    pub egress: GbPrice,
}

/// A provider that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Who.
    pub provider: Did,
    /// In an auction: what the slot would cost with whoever would have it otherwise.
    pub limit: Option<u64>,
}

/// What a search found.
pub(crate) struct Placed {
    /// A provider per slot, then reserves.
    pub chosen: Vec<Chosen>,
    /// Who was left out, the cheapest first.
    pub excluded: Vec<Exclusion>,
    /// How many were left out in all.
    pub excluded_count: u64,
}

impl Market {
    /// A search for slots of a contract of `client` under `terms` that run `epochs` from now.
    pub(crate) fn search<'a>(
        &self,
        now: Timestamp,
        terms: &'a Terms,
        client: Did,
        epochs: u64,
    ) -> Search<'a> {
        let span = Span(self.genesis.epoch.0.saturating_mul(epochs));
        let need = Need { terms, capacity: terms.slot_capacity(), span, now };
        Search {
            need,
            client,
            unfunded: terms.rail == RailKind::Bitcoin,
            epochs,
            beside: Vec::new(),
            never: BTreeMap::new(),
            audit: audit_plan::plan(terms),
            budget: None,
            online: None,
            mechanism: MechanismKind::PostedAsk,
            answers: None,
            ceiling: None,
        }
    }

    /// What a provider offers in `search`: its answer to the counter, or its standing ask.
    pub(crate) fn offer_in<'a>(&'a self, search: &Search<'a>, provider: &Did) -> Option<&'a Offer> {
        let answer = search.answers.and_then(|answers| answers.offers.get(provider));
        answer.or_else(|| self.offer(provider))
    }

    /// Draws providers without replacement, by weight, from those that fit beside each other; in an auction, takes the
    /// cheapest of them.
    ///
    /// # Errors
    /// [`Rejection::TooFewProviders`] when there are fewer than `needed`; up to `spare` more are a bonus.
    pub(crate) fn place(
        &self,
        search: &Search<'_>,
        needed: usize,
        spare: usize,
        seed: [u8; 32],
    ) -> Result<Placed, Rejection> {
        let mut draw = Draw::over(self, search);
        if search.mechanism.is_auction() {
            draw.auction(needed, spare, seed);
        } else {
            let mut rng = ChaCha20Rng::from_seed(seed);
            let wanted = needed.saturating_add(spare);
            while draw.chosen().len() < wanted && draw.next(&mut rng) {}
        }
        if draw.chosen().len() < needed { Err(draw.too_few(needed)) } else { Ok(draw.placed()) }
    }

    /// Why each provider after `page.after` that is not among `chosen` is not, in the order of their names.
    pub(crate) fn left_out_of(
        &self,
        search: &Search<'_>,
        chosen: &[Did],
        page: Page,
    ) -> Vec<Exclusion> {
        let draw = Draw::beside(self, search, chosen);
        let from = page.after.map_or(Bound::Unbounded, Bound::Excluded);
        let others = self.offers.range((from, Bound::Unbounded)).map(|(provider, _)| provider);
        let others = others.filter(|provider| !chosen.contains(provider));
        others.filter_map(|provider| draw.exclusion(provider)).take(page.limit).collect()
    }
}

/// A part of a list that is read piece by piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The last name of the part before; nothing for the beginning.
    pub after: Option<Did>,
    /// How many are wanted at most.
    pub limit: usize,
}

#[cfg(test)]
mod tests;
