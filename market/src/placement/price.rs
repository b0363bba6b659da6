//! What providers found would cost and lock, and who cannot be afforded.

use super::reason::Reason;
use super::{Never, Search};
use crate::rejection::Rejection;
use crate::state::{Market, Offer};
use contracts::bond::{self, BondInputs};
use pricing::{Keeping, Mechanism, PostedAsk};
use reputation::gate::Refusal;
use types::documents::{Ask, QuotedSlot};
use types::{Did, GbPrice, Msat, Price};

impl Market {
    /// Prices and bonds of the providers found, in their order; or whom to do without.
    ///
    /// A bond covers a repair that reads from the dearest of the others. Whoever asks so much for reads that the
    /// others cannot lock that is left out, and not they: else one dear ask could empty the market.
    pub(crate) fn affordable(
        &self,
        search: &Search<'_>,
        found: &[Did],
    ) -> Result<Vec<QuotedSlot>, Vec<(Did, Never)>> {
        let priced = self.price_slots(search, found);
        let mut short = Vec::new();
        if let Ok(slots) = priced {
            short = self.cannot_afford(&slots);
            if short.is_empty() {
                return Ok(slots);
            }
        }
        let egress = |did: &Did| self.offers.get(did).map(|offer| offer.ask.egress);
        let Some(dearest) = found.iter().copied().max_by_key(egress) else { return Err(short) };
        let others: Vec<Did> = found.iter().copied().filter(|did| *did != dearest).collect();
        let still = self.price_slots(search, &others).map(|slots| self.cannot_afford(&slots).len());
        let without = short.iter().filter(|(did, _)| *did != dearest).count();
        let to_blame = short.is_empty() || still.is_ok_and(|still| still < without);
        Err(if to_blame { vec![(dearest, Never::DearReads)] } else { short })
    }

    /// Prices and bonds of the providers found, in their order.
    fn price_slots(
        &self,
        search: &Search<'_>,
        found: &[Did],
    ) -> Result<Vec<QuotedSlot>, Rejection> {
        let offers: Vec<_> = found.iter().filter_map(|did| self.offers.get(did)).collect();
        let asks: Vec<&Ask> = offers.iter().map(|offer| &offer.ask).collect();
        let tier = search.need.terms.tier;
        let prices = PostedAsk.slot_prices(&self.genesis.pricing, tier, &asks, &[])?;
        let beside = search.beside.iter().filter_map(|did| self.offers.get(did));
        let beside = beside.map(|offer| offer.ask.egress);
        let egress: Vec<GbPrice> = asks.iter().map(|ask| ask.egress).chain(beside).collect();
        let slots = offers.iter().zip(prices);
        slots.map(|(offer, price)| self.price_slot(search, offer, price, &egress)).collect()
    }

    /// What a slot costs at `price` and what is locked for it, where a repair may read at the prices of `egress`.
    fn price_slot(
        &self,
        search: &Search<'_>,
        offer: &Offer,
        price: Price,
        egress: &[GbPrice],
    ) -> Result<QuotedSlot, Rejection> {
        let (ask, terms) = (&offer.ask, search.need.terms);
        let keeping = Keeping { price, span: search.need.span };
        let cost = pricing::slot_cost(&self.genesis.pricing, ask, terms, keeping)?;
        let data = terms.redundancy.data;
        let repair_cost = bond::repair_cost(search.need.capacity, data, egress, ask.ingress)
            .map_err(|error| Rejection::Pricing(error.to_string()))?;
        let inputs = BondInputs {
            terms,
            plan: &search.audit,
            epoch: self.genesis.epoch,
            epochs: search.epochs,
            cost: &cost,
            repair_cost,
        };
        Ok(QuotedSlot {
            provider: ask.provider,
            ask: offer.id,
            price,
            egress: ask.egress,
            ingress: ask.ingress,
            minimum_use: ask.minimum_use,
            cost,
            bond: bond::required(&inputs)?,
            held_bond_max: types::Msat::ZERO,
        })
    }

    /// Why the provider of `offer` is too dear or too poor, whoever the others are.
    pub(super) fn unaffordable(
        &self,
        search: &Search<'_>,
        offer: &Offer,
    ) -> Option<Reason<'static>> {
        let price =
            PostedAsk::slot_price(&self.genesis.pricing, search.need.terms.tier, &offer.ask);
        let priced = price.map_err(Rejection::from);
        let Ok(slot) = priced.and_then(|price| self.price_slot(search, offer, price, &[])) else {
            return Some(Reason::NoPrice);
        };
        let cost = slot.cost.total().unwrap_or(Msat(i64::MAX));
        if let Some(budget) = search.budget.filter(|budget| cost > *budget) {
            return Some(Reason::TooDear { cost, budget });
        }
        let available = self.available(slot.provider);
        (available < slot.bond)
            .then_some(Reason::Gate(Refusal::Bond { available, needed: slot.bond }))
    }

    /// Those of `slots` whose providers have too little free money for the bond, with the reason.
    fn cannot_afford(&self, slots: &[QuotedSlot]) -> Vec<(Did, Never)> {
        let short = |slot: &QuotedSlot| {
            let available = self.available(slot.provider);
            let never = Never::Bond { available, needed: slot.bond };
            (available < slot.bond).then_some((slot.provider, never))
        };
        slots.iter().filter_map(short).collect()
    }
}
