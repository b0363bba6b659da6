//! What providers found would cost and lock, and who cannot be afforded.

use super::reason::Reason;
use super::{Ceiling, Chosen, Never, Search};
use crate::rejection::Rejection;
use crate::state::{Market, Offer};
use contracts::bond::{self, BondInputs};
use pricing::rate::micros;
use pricing::{Keeping, Mechanism, Paying, PostedAsk, Rate, SlotWork, Winner};
use reputation::gate::Refusal;
use types::documents::QuotedSlot;
use types::terms::RailKind;
use types::{Did, GbPrice, Msat, Price};

impl Market {
    /// Prices and bonds of the providers found, in their order; or whom to do without.
    ///
    /// A bond covers a repair that reads from the dearest of the others. Whoever asks so much for reads that the
    /// others cannot lock that is left out, and not they: else one dear ask could empty the market.
    pub(crate) fn affordable(
        &self,
        search: &Search<'_>,
        found: &[Chosen],
    ) -> Result<Vec<QuotedSlot>, Vec<(Did, Never)>> {
        let priced = self.price_slots(search, found);
        let mut short = Vec::new();
        if let Ok(slots) = priced {
            short = self.cannot_afford(search, &slots);
            if short.is_empty() {
                return Ok(slots);
            }
        }
        let egress = |chosen: &&Chosen| {
            self.offer_in(search, &chosen.provider).map(|offer| offer.ask.egress)
        };
        let Some(dearest) = found.iter().max_by_key(egress) else { return Err(short) };
        let dearest = dearest.provider;
        let others = found.iter().copied().filter(|chosen| chosen.provider != dearest);
        let others: Vec<Chosen> = others.collect();
        let still =
            self.price_slots(search, &others).map(|slots| self.cannot_afford(search, &slots).len());
        let without = short.iter().filter(|(did, _)| *did != dearest).count();
        let to_blame = short.is_empty() || still.is_ok_and(|still| still < without);
        Err(if to_blame { vec![(dearest, Never::DearReads)] } else { short })
    }

    /// Prices and bonds of the providers found, in their order.
    fn price_slots(
        &self,
        search: &Search<'_>,
        found: &[Chosen],
    ) -> Result<Vec<QuotedSlot>, Rejection> {
        let offers = found.iter().filter_map(|chosen| self.offer_in(search, &chosen.provider));
        let offers: Vec<&Offer> = offers.collect();
        let prices = self.paid(search, found, &offers)?;
        let beside = search.beside.iter().filter_map(|did| self.offer(did));
        let asks = offers.iter().copied().chain(beside);
        let egress: Vec<GbPrice> = asks.map(|offer| offer.ask.egress).collect();
        let slots = offers.iter().zip(prices);
        slots.map(|(offer, price)| self.price_slot(search, offer, price, &egress)).collect()
    }

    /// The price of each slot by the search's mechanism. A reserve is quoted as it asks: should it step in, it has not won.
    fn paid(
        &self,
        search: &Search<'_>,
        found: &[Chosen],
        offers: &[&Offer],
    ) -> Result<Vec<Price>, Rejection> {
        let rate = |offer: &&Offer| Rate::of(&offer.ask);
        let rates = offers.iter().map(rate).collect::<Result<Vec<_>, _>>()?;
        let mut winners = Vec::with_capacity(offers.len());
        for ((offer, rate), chosen) in offers.iter().zip(&rates).zip(found) {
            let asked = self.asks(search, offer)?;
            winners.push(Winner { asked, rate, limit: chosen.limit });
        }
        let terms = search.need.terms;
        let work = SlotWork::of(&self.genesis.pricing, terms, search.need.span);
        let ceiling = search.ceiling.map(|ceiling| ceiling.price);
        let paying = Paying { work: &work, ceiling };
        let slots = usize::from(terms.redundancy.slots()).min(winners.len());
        let reserves = winners.split_off(slots);
        let mut prices = search.mechanism.slot_prices(&paying, &winners)?;
        prices.extend(PostedAsk.slot_prices(&paying, &reserves)?);
        Ok(prices)
    }

    /// What the provider of `offer` asks for the slot, on the tier and after discounts.
    fn asks(&self, search: &Search<'_>, offer: &Offer) -> Result<Price, Rejection> {
        let (terms, span) = (search.need.terms, search.need.span);
        Ok(pricing::slot_price(&self.genesis.pricing, &offer.ask, terms, span)?)
    }

    /// Why the provider of `offer` cannot answer the client's counter: it refused, or asks more.
    pub(super) fn above_counter<'a>(
        &'a self,
        search: &Search<'a>,
        offer: &'a Offer,
    ) -> Option<Reason<'a>> {
        let Ceiling { price: most, egress } = search.ceiling?;
        let refusals = search.answers.map(|answers| &answers.refusals);
        if let Some(because) = refusals.and_then(|refusals| refusals.get(&offer.ask.provider)) {
            return Some(Reason::RefusedCounter { because });
        }
        if offer.ask.egress > egress {
            let asked = offer.ask.egress;
            return Some(Reason::ReadsAboveCounter { asked, most: egress });
        }
        let asked = self.asks(search, offer).ok()?;
        (asked > most).then_some(Reason::AboveCounter { asked, most })
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
        let bond = bond::required(&inputs)?;
        Ok(QuotedSlot {
            provider: ask.provider,
            ask: offer.id,
            price,
            egress: ask.egress,
            ingress: ask.ingress,
            minimum_use: ask.minimum_use,
            cost,
            bond,
            held_bond_max: match terms.rail {
                RailKind::Ledger => bond::held_max(&inputs, bond, ask.held_bond_permille)?,
                // An escrow on Bitcoin is funded whole, or not at all.
                RailKind::Bitcoin => Msat::ZERO,
            },
        })
    }

    /// Why the provider of `offer` is too dear or too poor, whoever the others are.
    pub(super) fn unaffordable(
        &self,
        search: &Search<'_>,
        offer: &Offer,
    ) -> Option<Reason<'static>> {
        let asked = self.asks(search, offer);
        let Ok(slot) = asked.and_then(|price| self.price_slot(search, offer, price, &[])) else {
            return Some(Reason::NoPrice);
        };
        let cost = slot.cost.total().unwrap_or(Msat(i64::MAX));
        if let Some(budget) = search.budget.filter(|budget| cost > *budget) {
            return Some(Reason::TooDear { cost, budget });
        }
        let available = self.can_lock(search.need.terms.rail, slot.provider);
        let needed = posted_bond(&slot);
        (available < needed).then_some(Reason::Gate(Refusal::Bond { available, needed }))
    }

    /// Those of `slots` whose providers have too little free money for the bond, with the reason.
    fn cannot_afford(&self, search: &Search<'_>, slots: &[QuotedSlot]) -> Vec<(Did, Never)> {
        let short = |slot: &QuotedSlot| {
            let available = self.can_lock(search.need.terms.rail, slot.provider);
            let needed = posted_bond(slot);
            (available < needed).then_some((slot.provider, Never::Bond { available, needed }))
        };
        slots.iter().filter_map(short).collect()
    }
}

/// What of a slot's bond must be there when it is confirmed; the rest may be held back from what it earns.
fn posted_bond(slot: &QuotedSlot) -> Msat {
    slot.bond.sub(slot.held_bond_max).unwrap_or(slot.bond)
}

impl Ceiling {
    /// Whether asks of `rate` may be at or below it; [`Market::above_counter`] has the last word.
    pub(super) fn lets_in(self, rate: &Rate, work: &SlotWork) -> bool {
        rate.egress_micro <= micros(self.egress.0) && rate.price_micro(work) <= micros(self.price.0)
    }
}
