//! Prices: exact decimals in msat per gigabyte (10^9 bytes), and the charges they make.

use crate::{Bytes, Msat, Span};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Why a price cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// Below zero, or too large to charge with.
    #[error("a price of {0} msat is out of range; give one from 0 to {MAX}")]
    OutOfRange(Decimal),
    /// The charge does not fit an amount of money.
    #[error("the charge overflows; ask for less storage, less time or a lower price")]
    Overflow,
    /// Not a decimal number.
    #[error("{0:?} is not a decimal number such as 100 or 0.5")]
    NotANumber(String),
}

/// The highest price anyone may ask, in msat: 1 bitcoin per GB.
pub const MAX: u64 = 100_000_000_000;

macro_rules! decimal_price {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Decimal);

        impl $name {
            /// A whole number of msat.
            pub fn whole(msat: u32) -> Self {
                Self(Decimal::from(msat))
            }

            /// This price, when it lies between zero and [`MAX`].
            pub fn validated(self) -> Result<Self, PriceError> {
                if self.0.is_sign_negative() && !self.0.is_zero() || self.0 > Decimal::from(MAX) {
                    return Err(PriceError::OutOfRange(self.0));
                }
                Ok(self)
            }

            /// This price times `permille` / 1000.
            pub fn scaled(self, permille: u32) -> Result<Self, PriceError> {
                let product = self.0.checked_mul(Decimal::from(permille)).ok_or(PriceError::Overflow)?;
                Ok(Self(product / Decimal::ONE_THOUSAND))
            }
        }

        impl std::str::FromStr for $name {
            type Err = PriceError;

            fn from_str(text: &str) -> Result<Self, PriceError> {
                let value = text.trim().parse().map_err(|_| PriceError::NotANumber(text.to_owned()))?;
                Self(value).validated()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}", self.0.normalize())
            }
        }
    };
}

decimal_price!(
    /// The price of keeping: msat per GB per day.
    Price
);
decimal_price!(
    /// The price of moving: msat per GB.
    GbPrice
);

impl Price {
    /// What keeping `bytes` for `span` costs, rounded up to a whole msat.
    pub fn charge(self, bytes: Bytes, span: Span) -> Result<Msat, PriceError> {
        let byte_micros = u128::from(bytes.0) * u128::from(span.0);
        charge(self.0, byte_micros, 1_000_000_000 * u128::from(Span::DAY.0))
    }
}

impl GbPrice {
    /// What moving `bytes` costs, rounded up to a whole msat.
    pub fn charge(self, bytes: Bytes) -> Result<Msat, PriceError> {
        charge(self.0, u128::from(bytes.0), 1_000_000_000)
    }
}

/// `price × amount ÷ unit`, rounded up, exact in integers.
fn charge(price: Decimal, amount: u128, unit: u128) -> Result<Msat, PriceError> {
    let price = price.normalize();
    let mantissa = u128::try_from(price.mantissa()).map_err(|_| PriceError::OutOfRange(price))?;
    let denominator = 10u128
        .checked_pow(price.scale())
        .and_then(|s| s.checked_mul(unit))
        .ok_or(PriceError::Overflow)?;
    let product = mantissa.checked_mul(amount).ok_or(PriceError::Overflow)?;
    i64::try_from(product.div_ceil(denominator)).map(Msat).map_err(|_| PriceError::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terabyte_month_at_the_reference_price_is_three_million_msat() {
        let charge = Price::whole(100).charge(Bytes(1_000_000_000_000), Span(30 * Span::DAY.0));
        assert_eq!(charge, Ok(Msat(3_000_000)));
    }

    #[test]
    fn the_smallest_use_costs_at_least_one_msat() {
        assert_eq!(Price::whole(1).charge(Bytes(1), Span(1)), Ok(Msat(1)));
        assert_eq!(GbPrice("0.5".parse().unwrap()).charge(Bytes(1)), Ok(Msat(1)));
        assert_eq!(GbPrice::whole(0).charge(Bytes(u64::MAX)), Ok(Msat(0)));
    }

    #[test]
    fn absurd_prices_and_charges_are_refused() {
        assert!("-1".parse::<Price>().is_err());
        assert!("100000000001".parse::<Price>().is_err());
        assert!("ten".parse::<Price>().is_err());
        assert_eq!(
            Price::whole(u32::MAX).charge(Bytes(u64::MAX), Span(u64::MAX)),
            Err(PriceError::Overflow)
        );
    }

    #[test]
    fn a_price_is_scaled_exactly() {
        assert_eq!(Price::whole(100).scaled(250).unwrap().to_string(), "25");
    }
}
