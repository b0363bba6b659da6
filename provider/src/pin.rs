//! A price pinned to money of the world: so many cents per TB and month, whatever a bitcoin costs.

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use types::{Price, PriceError, Span, Timestamp};

/// Msat in a bitcoin.
const MSAT_PER_BITCOIN: u64 = 100_000_000_000;
/// GB-days in a TB-month of 30 days.
const GB_DAYS: u64 = 30_000;
/// The most cents that a bitcoin can be said to cost: 10 billion of the currency's unit.
const CENTS_MAX: u64 = 1_000_000_000_000;

/// What is asked, and what of a rate is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Cents for keeping a TB for 30 days on the hot tier.
    pub cents: Decimal,
    /// How old a rate may be.
    pub age_max: Span,
    /// How many times the last good rate a new one may be, or be a part of: 2 for twice or half.
    pub jump_max: u32,
}

/// What a bitcoin was found to cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BitcoinRate {
    /// In cents.
    pub cents: Decimal,
    /// When.
    pub at: Timestamp,
}

/// Why a rate makes no price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// The pin itself.
    #[error(
        "a pin of {0} cents per TB and month is none; give more than 0 and at most {CENTS_MAX}"
    )]
    Cents(Decimal),
    /// No rate at all.
    #[error("{0} cents is no price of a bitcoin; more than 0 and at most {CENTS_MAX} are believed")]
    Absurd(Decimal),
    /// Too far from the last one.
    #[error(
        "a bitcoin is said to cost {found} cents after {last}; at most {jump_max} times as much or as little is believed, so look at the source"
    )]
    Jump {
        /// What it is said to cost.
        found: Decimal,
        /// What it cost last.
        last: Decimal,
        /// How many times that is believed.
        jump_max: u32,
    },
    /// Too old.
    #[error("the rate is {age} old and at most {age_max} are allowed; mend its source")]
    Stale {
        /// How old.
        age: Span,
        /// How old it may be.
        age_max: Span,
    },
    /// The price is out of range.
    #[error(transparent)]
    Price(#[from] PriceError),
}

impl Pin {
    /// `cents` at `now` as a rate, after the `last` one that was believed. A last one that is too old itself does not count.
    ///
    /// # Errors
    /// [`PinError`] when it cannot be believed.
    pub fn believe(
        &self,
        last: Option<BitcoinRate>,
        cents: Decimal,
        now: Timestamp,
    ) -> Result<BitcoinRate, PinError> {
        if cents <= Decimal::ZERO || cents > Decimal::from(CENTS_MAX) {
            return Err(PinError::Absurd(cents));
        }
        let fresh = last.filter(|last| now.since(last.at) <= self.age_max);
        if let Some(last) = fresh {
            let times = Decimal::from(self.jump_max.max(1));
            let (low, high) = (last.cents.min(cents), last.cents.max(cents));
            if low.checked_mul(times).is_some_and(|most| high > most) {
                let jump_max = self.jump_max;
                return Err(PinError::Jump { found: cents, last: last.cents, jump_max });
            }
        }
        Ok(BitcoinRate { cents, at: now })
    }

    /// The price on the hot tier at `rate`, rounded up to a millionth of an msat.
    ///
    /// # Errors
    /// [`PinError::Stale`] when the rate is too old, and where there is no price in range.
    pub fn price(&self, rate: &BitcoinRate, now: Timestamp) -> Result<Price, PinError> {
        let (age, age_max) = (now.since(rate.at), self.age_max);
        if age > age_max {
            return Err(PinError::Stale { age, age_max });
        }
        if self.cents <= Decimal::ZERO || self.cents > Decimal::from(CENTS_MAX) {
            return Err(PinError::Cents(self.cents));
        }
        let overflow = || PinError::Price(PriceError::OutOfRange(self.cents));
        let per_gb_day = Decimal::from(MSAT_PER_BITCOIN / GB_DAYS);
        // 10^11 is not a multiple of 30,000: the third that is left is put back.
        let exact = per_gb_day + Decimal::from(MSAT_PER_BITCOIN % GB_DAYS) / Decimal::from(GB_DAYS);
        let product = self.cents.checked_mul(exact).ok_or_else(overflow)?;
        let price = product.checked_div(rate.cents).ok_or_else(overflow)?;
        let price = price.round_dp_with_strategy(6, RoundingStrategy::AwayFromZero).normalize();
        Ok(Price(price).validated()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(cents: i64) -> Pin {
        Pin { cents: Decimal::from(cents), age_max: Span::DAY, jump_max: 3 }
    }

    fn rate(dollars: i64, at: i64) -> BitcoinRate {
        BitcoinRate { cents: Decimal::from(dollars * 100), at: Timestamp(at) }
    }

    #[test]
    fn three_dollars_at_a_hundred_thousand_are_the_reference_price() {
        let price = |cents, dollars| pin(cents).price(&rate(dollars, 0), Timestamp(0)).unwrap();
        assert_eq!(price(300, 100_000).to_string(), "100");
        assert_eq!(price(300, 50_000).to_string(), "200");
        assert_eq!(price(150, 100_000).to_string(), "50");
        assert_eq!(price(1, 3).to_string(), "11111.111112", "rounded up");
    }

    #[test]
    fn a_stale_rate_makes_no_price() {
        let later = Timestamp(0).after(Span::DAY);
        assert!(pin(300).price(&rate(100_000, 0), later).is_ok());
        let error = pin(300).price(&rate(100_000, 0), later.after(Span::SECOND)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the rate is 86401s old and at most 1d are allowed; mend its source"
        );
    }

    #[test]
    fn what_no_bitcoin_costs_and_what_jumps_is_not_believed() {
        let (pin, now) = (pin(300), Timestamp(10));
        for cents in [0, -1, 1_000_000_000_001i64] {
            let error = pin.believe(None, Decimal::from(cents), now).unwrap_err();
            assert!(matches!(error, PinError::Absurd(_)), "{error}");
        }
        let last = Some(rate(100_000, 0));
        for (dollars, good) in [(300_000, true), (300_001, false), (33_334, true), (33_333, false)]
        {
            let found = pin.believe(last, Decimal::from(dollars * 100), now);
            assert_eq!(found.is_ok(), good, "{dollars}: {found:?}");
        }
        let much_later = Timestamp(0).after(Span(2 * Span::DAY.0));
        assert!(
            pin.believe(last, Decimal::from(100), much_later).is_ok(),
            "an old rate binds nobody"
        );
        assert!(self::pin(0).price(&rate(1, 0), Timestamp(0)).is_err());
        assert!(self::pin(1_000_000_000_000).price(&rate(1, 0), Timestamp(0)).is_err());
    }
}
