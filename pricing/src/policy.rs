//! The market's rates: what a quote adds to the asks it rests on.

use crate::{MechanismKind, PricingError};
use serde::{Deserialize, Serialize};
pub use types::TierRates;
use types::{Price, PriceError, Terms, Tier};

/// A whole, in parts per million.
pub const WHOLE_PPM: u32 = 1_000_000;
/// The highest rate a policy may charge on top: the whole of what it is charged on.
const RATE_MAX_PPM: u32 = WHOLE_PPM;
/// The most a tier may multiply a price by: a hundredfold.
const TIER_MAX_PPM: u32 = 100 * WHOLE_PPM;

/// The rates of a market's quotes, in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PricingPolicy {
    /// For guarantees, of the base.
    pub premium_ppm: u32,
    /// To the market for running the network, of base and premium.
    pub network_fee_ppm: u32,
    /// To the market for holding the escrow, of base and premium.
    pub escrow_fee_ppm: u32,
    /// Held for compliance above target, of the base.
    pub bonus_ppm: u32,
    /// What each tier multiplies a price by.
    pub tiers: TierRates,
    /// What keeping usually costs: where a provider that prices itself begins.
    pub reference: Price,
    /// How asks become a quote.
    pub mechanism: MechanismKind,
}

impl Default for PricingPolicy {
    /// 10 % premium, 5 % network fee, 2 % escrow fee, 15 % bonus reserve, 100 msat per GB and day.
    fn default() -> Self {
        Self {
            premium_ppm: 100_000,
            network_fee_ppm: 50_000,
            escrow_fee_ppm: 20_000,
            bonus_ppm: 150_000,
            tiers: TierRates::default(),
            reference: Price::whole(100),
            mechanism: MechanismKind::PostedAsk,
        }
    }
}

impl PricingPolicy {
    /// This policy, when every rate is sensible.
    ///
    /// # Errors
    /// [`PricingError`] names the rate that is not and its limit.
    pub fn validated(self) -> Result<Self, PricingError> {
        let charged = [
            ("premium_ppm", self.premium_ppm),
            ("network_fee_ppm", self.network_fee_ppm),
            ("escrow_fee_ppm", self.escrow_fee_ppm),
            ("bonus_ppm", self.bonus_ppm),
        ];
        let tiers = Tier::ALL.map(|tier| (tier.name(), self.tiers.of(tier), TIER_MAX_PPM));
        let charged = charged.map(|(name, found_ppm)| (name, found_ppm, RATE_MAX_PPM));
        for (name, found_ppm, max_ppm) in charged.into_iter().chain(tiers) {
            if found_ppm > max_ppm {
                return Err(PricingError::RateOutOfRange { name, found_ppm, max_ppm });
            }
        }
        self.reference.validated()?;
        Ok(self)
    }

    /// What `price`, asked for the hot tier, is on `tier`: in whole millionths of an msat, rounded up.
    ///
    /// # Errors
    /// [`PriceError::OutOfRange`] when `price` or the result is.
    pub fn on_tier(&self, price: Price, tier: Tier) -> Result<Price, PriceError> {
        self.tiers.price(price, tier)
    }

    /// The premium's rate under `terms`: nothing where they guarantee nothing.
    pub const fn premium_for(&self, terms: &Terms) -> u32 {
        let guaranteed = terms.availability_permille > 0 || terms.bond_ratio_permille > 0;
        if guaranteed { self.premium_ppm } else { 0 }
    }

    /// The bonus reserve's rate under `terms`: nothing where no compliance lies above the target.
    pub const fn bonus_for(&self, terms: &Terms) -> u32 {
        if terms.payout.target < 1000 { self.bonus_ppm } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;

    #[test]
    fn the_default_rates_are_the_published_ones() {
        let policy = PricingPolicy::default().validated().unwrap();
        let rates =
            [policy.premium_ppm, policy.network_fee_ppm, policy.escrow_fee_ppm, policy.bonus_ppm];
        assert_eq!(rates, [100_000, 50_000, 20_000, 150_000]);
        assert_eq!(policy.reference, Price::whole(100));
    }

    #[test]
    fn a_tier_multiplies_the_price_and_rounds_up_to_a_millionth() {
        let policy = PricingPolicy::default();
        for (tier, price) in
            [(Tier::Hot, "100"), (Tier::Warm, "70"), (Tier::Cold, "40"), (Tier::Archive, "20")]
        {
            assert_eq!(policy.on_tier(Price::whole(100), tier).unwrap().to_string(), price);
        }
        let fine: Price = "0.00000001".parse().unwrap();
        assert_eq!(policy.on_tier(fine, Tier::Hot).unwrap().to_string(), "0.000001");
        assert_eq!(policy.on_tier(Price::whole(0), Tier::Hot), Ok(Price::whole(0)));
    }

    #[test]
    fn absurd_rates_and_prices_are_refused_by_name() {
        let policy = PricingPolicy { bonus_ppm: 1_000_001, ..PricingPolicy::default() };
        let error = policy.validated().unwrap_err();
        assert_eq!(error.code(), "rate_out_of_range");
        assert!(error.to_string().contains("bonus_ppm is 1000001 ppm; give 0 to 1000000"));
        let negative = Price(Decimal::NEGATIVE_ONE);
        assert!(PricingPolicy::default().on_tier(negative, Tier::Hot).is_err());
        let highest = Price(Decimal::from(types::price::MAX));
        let doubled = TierRates { hot_ppm: 2 * WHOLE_PPM, ..TierRates::default() };
        let policy = PricingPolicy { tiers: doubled, ..PricingPolicy::default() };
        assert!(policy.on_tier(highest, Tier::Hot).is_err());
    }
}
