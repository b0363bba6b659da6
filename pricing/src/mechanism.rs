//! Mechanisms: how the asks a quote rests on become the prices of its slots.

use crate::{PricingError, PricingPolicy};
use types::documents::Ask;
use types::{Price, Tier};

/// Makes slot prices from asks.
pub trait Mechanism {
    /// The price of a slot on `tier` for each of the `chosen` asks, in their order, in msat per GB per day.
    ///
    /// `passed_over` are the asks that would have done and were not chosen, cheapest first; a mechanism
    /// that pays a clearing price finds it there.
    ///
    /// # Errors
    /// [`PricingError`] when an ask does not serve the tier or its price is out of range.
    fn slot_prices(
        &self,
        policy: &PricingPolicy,
        tier: Tier,
        chosen: &[&Ask],
        passed_over: &[&Ask],
    ) -> Result<Vec<Price>, PricingError>;
}

/// Everyone is paid what they ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PostedAsk;

impl PostedAsk {
    /// What `ask` charges on `tier`.
    ///
    /// # Errors
    /// [`PricingError`] when it does not serve the tier or its price is out of range.
    pub fn slot_price(
        policy: &PricingPolicy,
        tier: Tier,
        ask: &Ask,
    ) -> Result<Price, PricingError> {
        if !ask.tiers.contains(&tier) {
            let names: Vec<_> = ask.tiers.iter().map(|tier| tier.name()).collect();
            return Err(PricingError::TierNotServed { wanted: tier, served: names.join(", ") });
        }
        Ok(policy.on_tier(ask.price, tier)?)
    }
}

impl Mechanism for PostedAsk {
    fn slot_prices(
        &self,
        policy: &PricingPolicy,
        tier: Tier,
        chosen: &[&Ask],
        _passed_over: &[&Ask],
    ) -> Result<Vec<Price>, PricingError> {
        chosen.iter().map(|ask| Self::slot_price(policy, tier, ask)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::tests::ask;

    #[test]
    fn a_posted_ask_is_paid_as_asked_whatever_the_others_ask() {
        let policy = PricingPolicy::default();
        let (cheap, dear, lost) = (ask(80), ask(120), ask(500));
        let prices = PostedAsk.slot_prices(&policy, Tier::Hot, &[&dear, &cheap], &[&lost]).unwrap();
        assert_eq!(prices, [Price::whole(120), Price::whole(80)]);
        let cold = PostedAsk.slot_prices(&policy, Tier::Cold, &[&dear], &[]).unwrap();
        assert_eq!(cold, [Price::whole(48)]);
    }

    #[test]
    fn an_ask_that_does_not_serve_the_tier_says_which_it_serves() {
        let mut ask = ask(80);
        ask.tiers = vec![Tier::Warm, Tier::Cold];
        let error = PostedAsk::slot_price(&PricingPolicy::default(), Tier::Hot, &ask).unwrap_err();
        assert_eq!(error.to_string(), "the ask does not serve the hot tier; it serves warm, cold");
    }
}
