//! The arithmetic of rules: shares, exact scaling and chances, in integers alone.
//!
//! Floating point rounds differently from one machine to the next, and a replay must give the same state to
//! the bit. A [`Chance`] is a multiple of 2⁻⁶³; every step rounds it up.

/// A whole, in permille.
pub const PERMILLE: u32 = 1_000;
/// A whole, in parts per million.
pub const PPM: u32 = 1_000_000;

/// `a × b ÷ c`, rounded down, exact however large the product is.
///
/// Nothing where `c` is zero or the quotient does not fit.
pub fn mul_div(a: u128, b: u128, c: u128) -> Option<u128> {
    match a.checked_mul(b) {
        Some(product) => product.checked_div(c),
        None => wide_mul_div(a, b, c),
    }
}

/// `a × b ÷ c`, rounded up; else as [`mul_div`].
pub fn mul_div_up(a: u128, b: u128, c: u128) -> Option<u128> {
    let down = mul_div(a, b, c)?;
    // The rest is below c, so that the low 128 bits of both products show whether there is one.
    let rest = a.wrapping_mul(b).wrapping_sub(down.wrapping_mul(c));
    down.checked_add(u128::from(rest != 0))
}

/// Long division bit by bit: with a = q·c + r, the quotient is q·b + r·b ÷ c, and r stays below c throughout.
fn wide_mul_div(a: u128, b: u128, c: u128) -> Option<u128> {
    let whole = a.checked_div(c)?.checked_mul(b)?;
    let step = a % c;
    let (mut quotient, mut rest) = (0u128, 0u128);
    for bit in (0..u128::BITS - b.leading_zeros()).rev() {
        let mut carry = 0;
        rest = add_modulo(rest, rest, c, &mut carry);
        if b >> bit & 1 == 1 {
            rest = add_modulo(rest, step, c, &mut carry);
        }
        quotient = quotient.checked_mul(2)?.checked_add(carry)?;
    }
    whole.checked_add(quotient)
}

/// `x + y` less `c` where it reaches `c`, which `carry` then counts. Both are below `c`.
const fn add_modulo(x: u128, y: u128, c: u128, carry: &mut u128) -> u128 {
    if x >= c - y {
        *carry += 1;
        x - (c - y)
    } else {
        x + y
    }
}

/// A chance between never and always, as a multiple of 2⁻⁶³, never below the true one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance(u64);

/// Binary digits of a chance.
const DIGITS: u32 = 63;
/// Digits that rounding may have touched after any number of products; comparisons leave them out.
const ROUNDED: u32 = 20;

impl Chance {
    /// What cannot fail to happen.
    pub const ALWAYS: Self = Self(1 << DIGITS);

    /// `ppm` parts per million, at most all of them.
    pub fn from_ppm(ppm: u32) -> Self {
        let scaled = (u128::from(ppm.min(PPM)) << DIGITS).div_ceil(u128::from(PPM));
        Self(u64::try_from(scaled).unwrap_or(Self::ALWAYS.0))
    }

    /// That every one of `times` independent draws happens.
    #[must_use]
    pub fn every(self, times: u64) -> Self {
        let (mut result, mut base, mut left) = (Self::ALWAYS, self, times);
        while left > 0 {
            if left & 1 == 1 {
                result = result.and(base);
            }
            base = base.and(base);
            left >>= 1;
        }
        result
    }

    /// That both of two independent things happen.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let product = u128::from(self.0) * u128::from(other.0);
        Self(u64::try_from(product.div_ceil(1 << DIGITS)).unwrap_or(Self::ALWAYS.0))
    }

    /// The chance that it does not happen, in units of 1 / [`Chance::SCALE`]; never above the true one.
    pub const fn complement(self) -> u64 {
        Self::ALWAYS.0.saturating_sub(self.0)
    }

    /// The unit of [`Chance::complement`]: a certainty is this many.
    pub const SCALE: u64 = Self::ALWAYS.0;

    /// Whether it is at most `limit`, but for what rounding may have added.
    pub const fn is_at_most(self, limit: Self) -> bool {
        self.0 >> ROUNDED <= limit.0 >> ROUNDED
    }
}

/// The chance that `draws` uniform draws all miss a lost fraction of `fraction_ppm`: (1 − f)ⁿ.
pub fn all_missing(fraction_ppm: u32, draws: u64) -> Chance {
    Chance::from_ppm(PPM.saturating_sub(fraction_ppm)).every(draws)
}

/// The chance that `draws` uniform draws find a lost fraction, 1 − (1 − f)ⁿ, in whole parts per million.
pub fn finding_ppm(fraction_ppm: u32, draws: u64) -> u32 {
    let found = u128::from(all_missing(fraction_ppm, draws).complement()) * u128::from(PPM);
    u32::try_from(found >> DIGITS).unwrap_or(PPM)
}

/// The least number of draws that find a lost fraction with this confidence: ln(1 − confidence) ÷ ln(1 − f), rounded up.
///
/// Found by bisection on (1 − f)ⁿ ≤ 1 − confidence, which needs no logarithm. `u32::MAX` where more would be needed.
pub fn draws_to_find(fraction_ppm: u32, confidence_ppm: u32) -> u32 {
    let limit = Chance::from_ppm(PPM.saturating_sub(confidence_ppm));
    let (mut low, mut high) = (0, u32::MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        if all_missing(fraction_ppm, u64::from(middle)).is_at_most(limit) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The product of two numbers as two halves, by schoolbook multiplication.
    fn product(a: u128, b: u128) -> (u128, u128) {
        const HALF: u128 = u64::MAX as u128;
        let (a1, a0, b1, b0) = (a >> 64, a & HALF, b >> 64, b & HALF);
        let middle = ((a0 * b0) >> 64) + ((a0 * b1) & HALF) + ((a1 * b0) & HALF);
        let high = a1 * b1 + ((a0 * b1) >> 64) + ((a1 * b0) >> 64) + (middle >> 64);
        (high, a.wrapping_mul(b))
    }

    proptest! {
        #[test]
        fn scaling_is_exact_for_products_of_any_size(a: u128, b: u128, c in 1u128..) {
            let (down, up) = (mul_div(a, b, c), mul_div_up(a, b, c));
            if let Some(quotient) = down {
                let covered = product(quotient, c);
                prop_assert!(covered <= product(a, b));
                let (high, low) = product(a, b);
                let rest = low.wrapping_sub(covered.1);
                prop_assert!(rest < c && high - covered.0 == u128::from(low < covered.1));
                prop_assert_eq!(up, quotient.checked_add(u128::from(rest > 0)));
            } else {
                prop_assert!(product(a, b).0 >= c);
            }
        }

        #[test]
        fn scaling_by_a_share_always_fits(a: u128, b: u128, c in 1u128..) {
            prop_assert!(mul_div(a, b.min(c), c).is_some_and(|scaled| scaled <= a));
        }

        #[test]
        fn one_draw_fewer_would_not_do(fraction in 1_000u32..1_000_000, confidence in 1u32..1_000_000) {
            let draws = draws_to_find(fraction, confidence);
            let limit = Chance::from_ppm(PPM - confidence);
            prop_assert!(all_missing(fraction, u64::from(draws)).is_at_most(limit));
            prop_assert!(!all_missing(fraction, u64::from(draws) - 1).is_at_most(limit));
        }

        #[test]
        fn more_draws_and_larger_losses_are_found_more_surely(f in 1u32..500_000, n in 1u64..100_000) {
            prop_assert!(all_missing(f, n + 1) <= all_missing(f, n));
            prop_assert!(all_missing(2 * f, n) <= all_missing(f, n));
        }
    }

    #[test]
    fn scaling_by_nothing_gives_nothing() {
        assert_eq!(mul_div(1, 1, 0), None);
        assert_eq!(mul_div(u128::MAX, u128::MAX, 0), None);
        assert_eq!(mul_div_up(0, u128::MAX, 7), Some(0));
    }

    /// ln(1 − confidence) ÷ ln(1 − fraction), rounded up, from tables.
    #[test]
    fn draws_match_the_logarithms() {
        for (fraction, confidence, draws) in [
            (10_000, 990_000, 459),
            (50_000, 950_000, 59),
            (100_000, 990_000, 44),
            (500_000, 750_000, 2),
            (900_000, 990_000, 2),
            (1_000_000, 999_999, 1),
            (1_000, 999_999, 13_809),
            (0, 500_000, u32::MAX),
        ] {
            assert_eq!(draws_to_find(fraction, confidence), draws, "{fraction} {confidence}");
        }
    }

    #[test]
    fn detection_is_never_overstated() {
        assert_eq!(finding_ppm(10_000, 459), 990_079);
        assert_eq!(finding_ppm(500_000, 1), 500_000);
        assert_eq!(finding_ppm(10_000, 0), 0);
        assert_eq!(finding_ppm(PPM, 1), PPM);
    }
}
