//! How a provider bargains: an ask for one counter alone, or a refusal with figures.
//!
//! The emptier it is, the lower it goes: with nothing sold down to its floor, at its target not at all. It gets there in
//! equal steps over the rounds, and never asks less than it is offered.

use pricing::{PricingPolicy, Use};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use types::documents::{Ask, Counter, Quote};
use types::{DocId, GbPrice, Price, Span, TierRates};

/// A whole, in parts per million.
const WHOLE_PPM: u32 = 1_000_000;

/// How far a provider comes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strategy {
    /// The least it takes, on the hot tier, after every discount.
    pub floor: Price,
    /// The sold share at which it comes down no more, in parts per million.
    pub target_ppm: u32,
    /// In how many rounds it comes down all the way; 1 or more.
    pub rounds: u8,
}

/// What it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The counter.
    pub counter: &'a Counter,
    /// Its name.
    pub id: DocId,
    /// The quote it counters.
    pub quote: &'a Quote,
    /// What the market multiplies a price by on each tier.
    pub rates: &'a TierRates,
}

/// Why it will not lower its ask. The client is told the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmoved {
    /// It does not sell for this quote.
    #[error("the quote does not name this provider")]
    NotOurs,
    /// Nothing can be asked on this tier.
    #[error("{0}")]
    NoPrice(String),
    /// Too little for reads.
    #[error(
        "{asked} msat per GB are asked for reads and {offered} are offered; that price is fixed"
    )]
    Reads {
        /// What it asks.
        asked: GbPrice,
        /// What is offered.
        offered: GbPrice,
    },
    /// Less than it ever takes.
    #[error("{offered} msat per GB and day are offered and {floor} is the least on this tier")]
    Floor {
        /// What is offered.
        offered: Price,
        /// What it takes at least.
        floor: Price,
    },
    /// It sells well enough.
    #[error(
        "{sold} permille of its room are sold, and from {target} on it asks {asked} msat per GB and day and no less"
    )]
    Full {
        /// What is sold.
        sold: u32,
        /// From where on it stays.
        target: u32,
        /// What it asks.
        asked: Price,
    },
}

impl Strategy {
    /// The ask for that counter alone, made from the `standing` one, when `taken` is sold.
    ///
    /// # Errors
    /// [`Unmoved`] says why it stays at its standing ask.
    pub fn answer(&self, asked: &Asked<'_>, standing: &Ask, taken: Use) -> Result<Ask, Unmoved> {
        let Asked { counter, id, quote, .. } = *asked;
        let mut named = quote.slots.iter().chain(&quote.reserves);
        if !named.any(|slot| slot.provider == standing.provider) || counter.client != quote.client {
            return Err(Unmoved::NotOurs);
        }
        if counter.egress_max < standing.egress {
            let (asked, offered) = (standing.egress, counter.egress_max);
            return Err(Unmoved::Reads { asked, offered });
        }
        let price = self.price(asked, standing, taken)?;
        Ok(Ask {
            price,
            tiers: vec![quote.terms.tier],
            volume_discounts: Vec::new(),
            duration_discounts: Vec::new(),
            counter: Some(id),
            ..standing.clone()
        })
    }

    /// What it asks, on the hot tier.
    fn price(&self, asked: &Asked<'_>, standing: &Ask, taken: Use) -> Result<Price, Unmoved> {
        let policy = PricingPolicy { tiers: *asked.rates, ..PricingPolicy::default() };
        let (terms, quote) = (&asked.quote.terms, asked.quote);
        let span = Span(quote.epoch.0.saturating_mul(quote.epochs));
        let no_price = |error: &dyn std::fmt::Display| Unmoved::NoPrice(error.to_string());
        let full = pricing::slot_price(&policy, standing, terms, span).map_err(|e| no_price(&e))?;
        let floor = policy.on_tier(self.floor, terms.tier).map_err(|e| no_price(&e))?.min(full);
        let offered = asked.counter.price_max;
        if offered < floor {
            return Err(Unmoved::Floor { offered, floor });
        }
        let now = self.asks_now(full, floor, taken, asked.counter.round);
        if now >= full && offered < full {
            let (sold, target) = (taken.sold_ppm() / 1_000, self.target_ppm / 1_000);
            return Err(Unmoved::Full { sold, target, asked: full });
        }
        // On the hot tier, so that the market's multiplication comes back to it, or a millionth below.
        let on_tier =
            offered.max(now).min(full).0.round_dp_with_strategy(6, RoundingStrategy::ToZero);
        let rate = Decimal::new(policy.tiers.of(terms.tier).max(1).into(), 6);
        let hot =
            on_tier.checked_div(rate).ok_or_else(|| no_price(&"the price is out of range"))?;
        let hot = hot.round_dp_with_strategy(6, RoundingStrategy::ToZero).normalize();
        Price(hot).validated().map_err(|e| no_price(&e))
    }

    /// How far it has come down from `full` towards `floor` in this round.
    fn asks_now(&self, full: Price, floor: Price, taken: Use, round: u8) -> Price {
        let target = self.target_ppm.clamp(1, WHOLE_PPM);
        let free = target.saturating_sub(taken.sold_ppm());
        let rounds = self.rounds.max(1);
        let share = Decimal::from(free) / Decimal::from(target) * Decimal::from(round.min(rounds))
            / Decimal::from(rounds);
        Price(full.0 - (full.0 - floor.0) * share)
    }
}

#[cfg(test)]
mod tests;
