//! Mechanisms: how the asks a quote rests on become its slots and their prices.
//!
//! [`PostedAsk`] pays everyone what they ask, whoever is drawn. In the reverse auctions the cheapest that fit beside each
//! other win ([`auction`](crate::auction)): [`PayAsBid`] pays them what they ask, [`ClearingPrice`] what the first losing
//! ask that could stand in their place would have cost.

use crate::{PricingError, Rate, SlotWork};
use serde::{Deserialize, Serialize};
use types::Price;

/// The mechanisms, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MechanismKind {
    /// Providers are drawn, weighted by price and score, and paid what they ask.
    #[default]
    PostedAsk,
    /// The cheapest win and are paid what they ask.
    PayAsBid,
    /// The cheapest win and are paid the clearing price.
    ClearingPrice,
}

impl MechanismKind {
    /// Its name, as genesis and API spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PostedAsk => "posted_ask",
            Self::PayAsBid => "pay_as_bid",
            Self::ClearingPrice => "clearing_price",
        }
    }
}

/// A provider that is to have a slot.
#[derive(Clone, Copy, Debug)]
pub struct Winner<'a> {
    /// What it asks for the slot: on the tier, after discounts.
    pub asked: Price,
    /// All it asks, in whole numbers.
    pub rate: &'a Rate,
    /// What the slot costs with whoever would have it otherwise, as [`Rate::cost_micro`] counts; nothing where nobody would.
    pub limit: Option<u64>,
}

/// What the winners are to do, and what the client pays at most.
#[derive(Clone, Copy, Debug)]
pub struct Paying<'a> {
    /// The work of each slot.
    pub work: &'a SlotWork,
    /// The client's ceiling for keeping, on the tier. Who asks more than that takes no part.
    pub ceiling: Option<Price>,
}

/// Makes slot prices from asks.
pub trait Mechanism {
    /// Whether the cheapest win; else they are drawn.
    fn is_auction(&self) -> bool;

    /// The price of each of the `winners`' slots, in their order, in msat per GB per day: what it asks, unless the mechanism
    /// pays otherwise.
    ///
    /// # Errors
    /// [`PricingError`] when a price is out of range.
    fn slot_prices(
        &self,
        _paying: &Paying<'_>,
        winners: &[Winner<'_>],
    ) -> Result<Vec<Price>, PricingError> {
        winners.iter().map(|winner| Ok(winner.asked.validated()?)).collect()
    }
}

/// Everyone is paid what they ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PostedAsk;

/// The cheapest win, and are paid what they ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PayAsBid;

/// The cheapest win, and each is paid as much as it could have asked and still won, at most the client's ceiling.
///
/// That is what the first losing ask costs, less what the winner charges for moving bytes: where nobody shares an operator
/// or a network and all charge alike for moving, one price for all. It does not depend on what the winner asks, so a
/// provider with one slot to sell does best by asking what the slot is worth to it (Vickrey 1961; Myerson 1981). Where no ask loses,
/// all are paid the ceiling, and without one as much as the dearest of them asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClearingPrice;

impl Mechanism for PostedAsk {
    fn is_auction(&self) -> bool {
        false
    }
}

impl Mechanism for PayAsBid {
    fn is_auction(&self) -> bool {
        true
    }
}

impl Mechanism for ClearingPrice {
    fn is_auction(&self) -> bool {
        true
    }

    fn slot_prices(
        &self,
        paying: &Paying<'_>,
        winners: &[Winner<'_>],
    ) -> Result<Vec<Price>, PricingError> {
        let dearest = winners.iter().map(|winner| winner.asked).max();
        let unopposed = paying.ceiling.or(dearest);
        let price = |winner: &Winner<'_>| {
            let cleared = match winner.limit {
                Some(cost) => winner.rate.price_at(paying.work, cost),
                None => unopposed,
            };
            let cleared = cleared.unwrap_or(winner.asked);
            let capped = paying.ceiling.map_or(cleared, |ceiling| cleared.min(ceiling));
            Ok(capped.max(winner.asked).validated()?)
        };
        winners.iter().map(price).collect()
    }
}

impl Mechanism for MechanismKind {
    fn is_auction(&self) -> bool {
        *self != Self::PostedAsk
    }

    fn slot_prices(
        &self,
        paying: &Paying<'_>,
        winners: &[Winner<'_>],
    ) -> Result<Vec<Price>, PricingError> {
        match self {
            Self::PostedAsk => PostedAsk.slot_prices(paying, winners),
            Self::PayAsBid => PayAsBid.slot_prices(paying, winners),
            Self::ClearingPrice => ClearingPrice.slot_prices(paying, winners),
        }
    }
}

#[cfg(test)]
mod tests;
