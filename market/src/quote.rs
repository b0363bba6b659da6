//! From a request to a firm price with a provider per slot. Quoting changes nothing: what it found is in the quote.

use crate::placement::{Never, Search};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::bond::{self, BondInputs};
use contracts::{audit_plan, terms};
use pricing::{Keeping, Mechanism, PostedAsk, PricingError};
use std::collections::BTreeSet;
use types::documents::{Ask, Quote, QuotedSlot, Request};
use types::{Did, GbPrice, Msat, Timestamp, Verified};

/// How often a search is repeated without the providers that cannot afford their bond.
const SEARCHES: usize = 16;

impl Market {
    /// A quote for `request` at `now`, drawn from `seed` among the providers that are `online`.
    ///
    /// # Errors
    /// [`Rejection`] when the terms are not sensible, no price can be made, or too few providers fit.
    pub fn quote(
        &self,
        now: Timestamp,
        request: &Verified<Request>,
        seed: [u8; 32],
        online: &BTreeSet<Did>,
    ) -> Result<Quote, Rejection> {
        let terms = &request.terms;
        terms::validate(terms)?;
        let epochs = terms.duration.epochs(self.genesis.epoch).max(1);
        let needed = usize::from(terms.redundancy.slots());
        let spare = usize::from(terms.redundancy.parity).max(1);
        let mut search = self.search(now, terms, request.client, epochs);
        search.online = Some(online);
        for _ in 0..SEARCHES {
            let placed = self.place(&search, needed, spare, seed)?;
            let mut slots = self.price_slots(&search, &placed.chosen)?;
            let short = self.cannot_afford(&slots);
            if !short.is_empty() {
                search.never.extend(short);
                continue;
            }
            let reserves = slots.split_off(needed);
            let cost = pricing::quoted_cost(&self.genesis.pricing, terms, &slots)?;
            return Ok(Quote {
                market: self.genesis.market,
                client: request.client,
                request: request.id(),
                terms: terms.clone(),
                epoch: self.genesis.epoch,
                epochs,
                slots,
                reserves,
                cost,
                audit: audit_plan::plan(terms),
                excluded: placed.excluded,
                excluded_count: placed.excluded_count,
                issued: now,
                expires: now.after(self.genesis.quote_ttl),
            });
        }
        let reason = "the providers that fit cannot afford their bonds; they must deposit more, or the terms ask less";
        Err(Rejection::TooFewProviders { found: 0, needed, reason: reason.into() })
    }

    /// Prices and bonds of the providers found, in their order.
    pub(crate) fn price_slots(&self, search: &Search<'_>, found: &[Did]) -> Result<Vec<QuotedSlot>, Rejection> {
        let offers: Vec<_> = found.iter().filter_map(|did| self.offers.get(did)).collect();
        let asks: Vec<&Ask> = offers.iter().map(|offer| &offer.ask).collect();
        let policy = &self.genesis.pricing;
        let prices = PostedAsk.slot_prices(policy, search.need.terms.tier, &asks, &[])?;
        let beside = search.beside.iter().filter_map(|did| self.offers.get(did)).map(|offer| offer.ask.egress);
        let egress: Vec<GbPrice> = asks.iter().map(|ask| ask.egress).chain(beside).collect();
        let span = search.need.span;
        let audit = audit_plan::plan(search.need.terms);
        let mut slots = Vec::with_capacity(offers.len());
        for (offer, price) in offers.iter().zip(prices) {
            let ask = &offer.ask;
            let cost = pricing::slot_cost(policy, ask, search.need.terms, Keeping { price, span })?;
            let (capacity, data) = (search.need.terms.slot_capacity(), search.need.terms.redundancy.data);
            let repair_cost = bond::repair_cost(capacity, data, &egress, ask.ingress)
                .map_err(|error| Rejection::Pricing(error.to_string()))?;
            let inputs = BondInputs {
                terms: search.need.terms,
                plan: &audit,
                epoch: self.genesis.epoch,
                epochs: search.epochs,
                cost: &cost,
                repair_cost,
            };
            slots.push(QuotedSlot {
                provider: ask.provider,
                ask: offer.id,
                price,
                egress: ask.egress,
                ingress: ask.ingress,
                minimum_use: ask.minimum_use,
                cost,
                bond: bond::required(&inputs)?,
            });
        }
        Ok(slots)
    }

    /// Those of `slots` whose providers have too little free money for the bond, with the reason.
    pub(crate) fn cannot_afford(&self, slots: &[QuotedSlot]) -> Vec<(Did, Never)> {
        let short = |slot: &QuotedSlot| {
            let available: Msat = self.available(slot.provider);
            (available < slot.bond)
                .then_some((slot.provider, Never::Bond { available, needed: slot.bond }))
        };
        slots.iter().filter_map(short).collect()
    }
}

impl From<PricingError> for Rejection {
    fn from(error: PricingError) -> Self {
        Self::Pricing(error.to_string())
    }
}
