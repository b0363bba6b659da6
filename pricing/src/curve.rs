//! Price curves: how a price follows demand.
//!
//! [`Posted`] does not; [`Utilisation`] is a fixed rule from the sold share to a price; [`BaseFee`] moves from the
//! last price to the next.

mod base_fee;
mod fixed;
mod utilisation;

pub use base_fee::{BaseFee, BaseFeeRules, Demand, stable_step_ppm};
pub use utilisation::Utilisation;

use serde::{Deserialize, Serialize};
use types::{Bytes, Price};

/// How much of what is offered is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// What is offered in all.
    pub capacity: Bytes,
    /// What of it is sold.
    pub sold: Bytes,
}

impl Use {
    /// The sold share in parts per million; nothing offered counts as all sold, and more than all as all.
    pub fn sold_ppm(&self) -> u32 {
        let whole = u128::from(crate::policy::WHOLE_PPM);
        let share =
            u128::from(self.sold.0).saturating_mul(whole).checked_div(self.capacity.0.into());
        u32::try_from(share.unwrap_or(whole).min(whole)).unwrap_or(crate::policy::WHOLE_PPM)
    }
}

/// A rule from demand to a price for the hot tier. A provider that prices itself asks by one; so does the
/// market for its reference price.
pub trait PriceCurve {
    /// The price when `taken` is sold, in msat per GB per day.
    fn price(&self, taken: Use) -> Price;
}

/// One price, whatever the demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posted(pub Price);

impl PriceCurve for Posted {
    fn price(&self, _taken: Use) -> Price {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_posted_price_does_not_move() {
        let curve = Posted(Price::whole(100));
        for sold in [0, 5, 10, u64::MAX] {
            let taken = Use { capacity: Bytes(10), sold: Bytes(sold) };
            assert_eq!(curve.price(taken), Price::whole(100));
        }
    }

    #[test]
    fn the_sold_share_stays_between_nothing_and_all() {
        for (capacity, sold, ppm) in [
            (10, 0, 0),
            (10, 5, 500_000),
            (3, 1, 333_333),
            (10, 11, 1_000_000),
            (0, 0, 1_000_000),
            (u64::MAX, u64::MAX, 1_000_000),
        ] {
            let taken = Use { capacity: Bytes(capacity), sold: Bytes(sold) };
            assert_eq!(taken.sold_ppm(), ppm, "{sold} of {capacity}");
        }
    }
}
