//! What a price, asked for the hot tier, is on the others.

use crate::{Price, PriceError, Tier};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A whole, in parts per million.
const WHOLE_PPM: u32 = 1_000_000;
/// Decimal places that count in a slot's price: millionths of an msat.
const PLACES: u32 = 6;

/// What a price is multiplied by on each tier, in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TierRates {
    /// Read at any moment.
    pub hot_ppm: u32,
    /// Read now and then.
    pub warm_ppm: u32,
    /// Read rarely.
    pub cold_ppm: u32,
    /// Kept, hardly ever read.
    pub archive_ppm: u32,
}

impl Default for TierRates {
    /// Hot 1, warm 0.7, cold 0.4, archive 0.2.
    fn default() -> Self {
        Self { hot_ppm: WHOLE_PPM, warm_ppm: 700_000, cold_ppm: 400_000, archive_ppm: 200_000 }
    }
}

impl TierRates {
    /// What `tier` multiplies a price by, in parts per million.
    pub const fn of(&self, tier: Tier) -> u32 {
        match tier {
            Tier::Hot => self.hot_ppm,
            Tier::Warm => self.warm_ppm,
            Tier::Cold => self.cold_ppm,
            Tier::Archive => self.archive_ppm,
        }
    }

    /// What `price`, asked for the hot tier, is on `tier`: in whole millionths of an msat, rounded up.
    ///
    /// # Errors
    /// [`PriceError::OutOfRange`] when `price` or the result is.
    pub fn price(&self, price: Price, tier: Tier) -> Result<Price, PriceError> {
        let asked = price.validated()?.0;
        let rate = Decimal::new(i64::from(self.of(tier)), PLACES);
        let product = asked.checked_mul(rate).ok_or(PriceError::OutOfRange(asked))?;
        Price(product.round_dp_with_strategy(PLACES, RoundingStrategy::AwayFromZero)).validated()
    }
}
