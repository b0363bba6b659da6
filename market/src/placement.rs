//! Who keeps what: the gate, then a weighted draw under the terms' diversity constraints.

mod draw;
mod price;
mod reason;

use crate::rejection::Rejection;
use crate::state::Market;
use contracts::audit_plan;
use draw::Draw;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
pub(crate) use reason::Never;
use reputation::gate::Need;
use std::collections::{BTreeMap, BTreeSet};
use types::documents::{AuditPlan, Exclusion};
use types::{Did, Msat, Span, Terms, Timestamp};

/// What a search for providers looks for.
pub(crate) struct Search<'a> {
    /// The terms, the slot's size, how long it is to be kept, and the time.
    pub need: Need<'a>,
    /// Who buys.
    pub client: Did,
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
}

/// What a search found.
pub(crate) struct Placed {
    /// A provider per slot, then reserves.
    pub chosen: Vec<Did>,
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
            epochs,
            beside: Vec::new(),
            never: BTreeMap::new(),
            audit: audit_plan::plan(terms),
            budget: None,
            online: None,
        }
    }

    /// Draws providers without replacement, by weight, from those that fit beside each other.
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
        let mut rng = ChaCha20Rng::from_seed(seed);
        let wanted = needed.saturating_add(spare);
        while draw.chosen().len() < wanted && draw.next(&mut rng) {}
        if draw.chosen().len() < needed { Err(draw.too_few(needed)) } else { Ok(draw.placed()) }
    }
}

#[cfg(test)]
mod tests;
