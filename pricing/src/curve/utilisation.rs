//! The price as a rule of the sold share: flat where a market is neither empty nor full, exponential outside.

use super::fixed::{ONE, power, times};
use super::{PriceCurve, Use};
use crate::policy::WHOLE_PPM;
use serde::{Deserialize, Serialize};
use types::Price;

/// Below this sold share the price falls.
const EMPTY_PPM: u32 = 300_000;
/// Above this sold share the price rises.
const FULL_PPM: u32 = 950_000;
/// How many times the flat price a sold-out offer asks.
const MOST: u32 = 10;
/// What part of the flat price an empty offer asks: one in so many.
const LEAST_PART: u32 = 5;

/// Flat between 30 % and 95 % sold; above, exponential up to 10 × the flat price when all is sold; below, exponential
/// down to a fifth of it when nothing is.
///
/// ```text
/// sold u ≥ 95 %:  flat × 10 ^ ((u − 95 %) / 5 %)
/// sold u ≤ 30 %:  flat ÷  5 ^ ((30 % − u) / 30 %)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Utilisation {
    /// The price while 30 % to 95 % are sold.
    pub flat: Price,
}

impl PriceCurve for Utilisation {
    fn price(&self, taken: Use) -> Price {
        let sold = taken.sold_ppm();
        if sold > FULL_PPM {
            times(self.flat, power(MOST, share(sold - FULL_PPM, WHOLE_PPM - FULL_PPM)))
        } else if sold < EMPTY_PPM {
            let divisor = power(LEAST_PART, share(EMPTY_PPM - sold, EMPTY_PPM));
            times(self.flat, ONE * ONE / divisor)
        } else {
            self.flat
        }
    }
}

/// `part` of `whole` in parts per million.
fn share(part: u32, whole: u32) -> u32 {
    let share = u64::from(part) * u64::from(WHOLE_PPM) / u64::from(whole);
    u32::try_from(share).unwrap_or(WHOLE_PPM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use types::Bytes;

    fn price(flat: u32, sold_ppm: u64) -> Price {
        let taken = Use { capacity: Bytes(1_000_000), sold: Bytes(sold_ppm) };
        Utilisation { flat: Price::whole(flat) }.price(taken)
    }

    #[test]
    fn the_curve_passes_through_the_published_points() {
        for (sold_ppm, expected) in [
            (0, "20"),
            (150_000, "44.72136"),
            (300_000, "100"),
            (600_000, "100"),
            (950_000, "100"),
            (975_000, "316.227766"),
            (1_000_000, "1000"),
            (2_000_000, "1000"),
        ] {
            assert_eq!(price(100, sold_ppm).to_string(), expected, "{sold_ppm}");
        }
    }

    #[test]
    fn the_highest_price_is_not_multiplied() {
        let flat = Price(types::price::MAX.into());
        let full = Use { capacity: Bytes(0), sold: Bytes(0) };
        assert_eq!(Utilisation { flat }.price(full), flat);
    }

    proptest! {
        #[test]
        fn more_sold_never_costs_less_and_the_bounds_hold(
            flat in 1u32..1_000_000, sold in 0u64..1_000_001, more in 0u64..1_000_001,
        ) {
            let (less, most) = (price(flat, sold.min(more)), price(flat, sold.max(more)));
            prop_assert!(less <= most);
            prop_assert!(most.0 <= rust_decimal::Decimal::from(u64::from(flat) * 10));
            prop_assert!(less.0 * rust_decimal::Decimal::from(5) >= rust_decimal::Decimal::from(flat));
        }
    }
}
