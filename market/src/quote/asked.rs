//! What providers ask, for clients that wonder what to offer and providers that wonder what to ask.

use crate::state::Market;
use pricing::{Listed, MechanismKind, PriceCurve, Suggestion, Use, Utilisation};
use types::{Bytes, Price, Timestamp};

/// What is asked in a market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// How asks become a quote.
    pub mechanism: MechanismKind,
    /// What is offered, and what of it is sold.
    pub taken: Use,
    /// The founders' reference price, moved by what is sold along the utilisation curve.
    pub reference: Price,
    /// What is asked, tier by tier.
    pub suggestions: Vec<Suggestion>,
}

impl Market {
    /// What is asked at `now`.
    pub fn asked(&self, now: Timestamp) -> Asked {
        let policy = &self.genesis.pricing;
        let standing = || self.offers.values().filter(|offer| offer.ask.expires > now);
        let mut taken = Use::default();
        let listed = standing().map(|offer| {
            let ask = &offer.ask;
            let sold = self.committed(&ask.provider).min(ask.capacity);
            taken.capacity = Bytes(taken.capacity.0.saturating_add(ask.capacity.0));
            taken.sold = Bytes(taken.sold.0.saturating_add(sold.0));
            let free = Bytes(ask.capacity.0.saturating_sub(sold.0));
            Listed { price: ask.price, free, region: &ask.region, tiers: &ask.tiers }
        });
        let suggestions = pricing::suggest(listed, |price, tier| policy.on_tier(price, tier).ok());
        // Nothing offered says nothing about the price.
        let reference = if taken.capacity.0 == 0 {
            policy.reference
        } else {
            Utilisation { flat: policy.reference }.price(taken)
        };
        Asked { mechanism: policy.mechanism, taken, reference, suggestions }
    }
}
