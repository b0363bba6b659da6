//! Fixed-point numbers for curves: whole numbers alone, so that every machine computes the same price.

use rust_decimal::{Decimal, RoundingStrategy};
use types::{Price, price};

/// One, in fixed point.
pub(super) const ONE: u128 = 1_000_000_000_000_000;
/// Decimal places of a price: millionths of an msat.
const PLACES: u32 = 6;
/// Half a turn (π), in fixed point.
const HALF_TURN: u128 = 3_141_592_653_589_793;

/// `base` (a whole number up to 1,000) to the power of `exponent_ppm` / 1,000,000, where that is 0 to 1; exact to
/// twelve places.
///
/// Each binary digit of the exponent multiplies by one more square root of the base.
pub(super) fn power(base: u32, exponent_ppm: u32) -> u128 {
    let mut root = u128::from(base) * ONE;
    let mut result = ONE;
    if exponent_ppm >= crate::policy::WHOLE_PPM {
        return root;
    }
    let mut rest = u64::from(exponent_ppm);
    for _ in 0..40 {
        root = (root * ONE).isqrt();
        rest *= 2;
        if rest >= u64::from(crate::policy::WHOLE_PPM) {
            rest -= u64::from(crate::policy::WHOLE_PPM);
            result = result * root / ONE;
        }
    }
    result
}

/// The sine of π / `part`, for a part of 2 or more, by its series.
pub(super) fn sine_of_part(part: u32) -> u128 {
    let angle = HALF_TURN / u128::from(part.max(2));
    let square = angle * angle / ONE;
    let (mut sum, mut term, mut is_added) = (angle, angle, false);
    for factor in (2u128..24).step_by(2) {
        term = term * square / ONE / (factor * (factor + 1));
        sum = if is_added { sum + term } else { sum - term };
        is_added = !is_added;
    }
    sum
}

/// `asked` × `factor`, to the nearest millionth of an msat, never above the highest price anyone may ask.
pub(super) fn times(asked: Price, factor: u128) -> Price {
    let most = Decimal::from(price::MAX);
    let factor =
        i128::try_from(factor).map_or(most, |factor| Decimal::from_i128_with_scale(factor, 15));
    let product = asked.0.checked_mul(factor).unwrap_or(most);
    let rounded = product.round_dp_with_strategy(PLACES, RoundingStrategy::MidpointAwayFromZero);
    Price(rounded.clamp(Decimal::ZERO, most).normalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_and_sines_are_right_to_eleven_places() {
        for (found, exact) in [
            (power(10, 0), ONE),
            (power(10, 1_000_000), 10 * ONE),
            (power(10, 500_000), 3_162_277_660_168_379),
            (power(5, 250_000), 1_495_348_781_221_220),
            (power(10, 1), 1_000_002_302_587_744),
            (sine_of_part(2), ONE),
            (sine_of_part(6), ONE / 2),
            (sine_of_part(10), 309_016_994_374_947),
            (sine_of_part(18), 173_648_177_666_930),
        ] {
            assert!(found.abs_diff(exact) < ONE / 100_000_000_000, "{found} {exact}");
        }
    }
}
