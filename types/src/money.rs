//! Money: whole millisatoshi, every operation checked.
#![warn(clippy::arithmetic_side_effects)]

use serde::{Deserialize, Serialize};

/// An amount in millisatoshi (1/1000 of a satoshi, 1/100,000,000,000 of a bitcoin).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Msat(pub i64);

/// What can go wrong when amounts are combined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The result does not fit in 64 bits.
    #[error("an amount of money overflows: at most {} msat can be expressed", i64::MAX)]
    Overflow,
    /// An amount that must not be negative is.
    #[error("{0} msat is negative; give an amount of zero or more")]
    Negative(i64),
}

impl Msat {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The sum, or [`MoneyError::Overflow`].
    #[expect(clippy::should_implement_trait, reason = "the operator could not fail")]
    pub fn add(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_add(other.0).map(Self).ok_or(MoneyError::Overflow)
    }

    /// The difference, or [`MoneyError::Overflow`].
    #[expect(clippy::should_implement_trait, reason = "the operator could not fail")]
    pub fn sub(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_sub(other.0).map(Self).ok_or(MoneyError::Overflow)
    }

    /// The sum of many amounts.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::ZERO, Self::add)
    }

    /// `self × numerator ÷ denominator`, rounded towards minus infinity: what a payout does.
    pub fn scale_down(self, numerator: u128, denominator: u128) -> Result<Self, MoneyError> {
        let product = self.product(numerator)?;
        let denominator = i128::try_from(denominator).map_err(|_| MoneyError::Overflow)?;
        let quotient = product.checked_div_euclid(denominator).ok_or(MoneyError::Overflow)?;
        i64::try_from(quotient).map(Self).map_err(|_| MoneyError::Overflow)
    }

    /// `self × numerator ÷ denominator`, rounded towards plus infinity: what a charge does.
    pub fn scale_up(self, numerator: u128, denominator: u128) -> Result<Self, MoneyError> {
        let negated = Self(self.0.checked_neg().ok_or(MoneyError::Overflow)?);
        let down = negated.scale_down(numerator, denominator)?;
        down.0.checked_neg().map(Self).ok_or(MoneyError::Overflow)
    }

    /// `self` when it is zero or more, else [`MoneyError::Negative`].
    pub fn non_negative(self) -> Result<Self, MoneyError> {
        if self.0 < 0 { Err(MoneyError::Negative(self.0)) } else { Ok(self) }
    }

    /// Splits into shares proportional to `weights` by largest remainder; ties go to the lower index.
    ///
    /// The shares sum to `self` exactly. With no positive weight the result is all zeros and the caller
    /// keeps the amount.
    pub fn split(self, weights: &[u64]) -> Result<Vec<Self>, MoneyError> {
        let total: u128 = weights.iter().map(|w| u128::from(*w)).sum();
        if total == 0 {
            return Ok(vec![Self::ZERO; weights.len()]);
        }
        let mut shares = Vec::with_capacity(weights.len());
        let mut remainders = Vec::with_capacity(weights.len());
        let total_signed = i128::try_from(total).map_err(|_| MoneyError::Overflow)?;
        for (index, weight) in weights.iter().enumerate() {
            let product = self.product(u128::from(*weight))?;
            shares.push(self.scale_down(u128::from(*weight), total)?);
            remainders.push((product.rem_euclid(total_signed), index));
        }
        remainders.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut left = self.sub(Self::sum(shares.iter().copied())?)?;
        for (_, index) in remainders {
            if left == Self::ZERO {
                break;
            }
            shares[index] = shares[index].add(Self(1))?;
            left = left.sub(Self(1))?;
        }
        Ok(shares)
    }

    fn product(self, numerator: u128) -> Result<i128, MoneyError> {
        let numerator = i128::try_from(numerator).map_err(|_| MoneyError::Overflow)?;
        i128::from(self.0).checked_mul(numerator).ok_or(MoneyError::Overflow)
    }
}

impl std::fmt::Display for Msat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} msat", crate::text::grouped(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_charge_rounds_up_and_a_payout_rounds_down() {
        assert_eq!(Msat(10).scale_down(1, 3), Ok(Msat(3)));
        assert_eq!(Msat(10).scale_up(1, 3), Ok(Msat(4)));
        assert_eq!(Msat(9).scale_up(1, 3), Ok(Msat(3)));
    }

    #[test]
    fn overflow_and_division_by_zero_are_errors() {
        assert_eq!(Msat(i64::MAX).add(Msat(1)), Err(MoneyError::Overflow));
        assert_eq!(Msat(i64::MAX).scale_down(2, 1), Err(MoneyError::Overflow));
        assert_eq!(Msat(1).scale_down(1, 0), Err(MoneyError::Overflow));
        assert_eq!(Msat(-1).non_negative(), Err(MoneyError::Negative(-1)));
    }

    proptest! {
        #[test]
        fn a_split_loses_nothing(amount in 0i64..1_000_000_000_000, weights in prop::collection::vec(0u64..1_000_000, 1..12)) {
            let shares = Msat(amount).split(&weights).unwrap();
            let expected = if weights.iter().all(|w| *w == 0) { Msat::ZERO } else { Msat(amount) };
            prop_assert_eq!(Msat::sum(shares.iter().copied()).unwrap(), expected);
            for (share, weight) in shares.iter().zip(&weights) {
                prop_assert!(share.0 >= 0);
                prop_assert!(*weight > 0 || share.0 <= 1);
            }
        }
    }
}
