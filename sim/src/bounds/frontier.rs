//! Where a profit changes its sign.

use super::{CONFIDENCE, Point};
use crate::statistics::{self, Estimate};

/// What is known where nothing is.
const EVERYWHERE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// The range around the theory's bound, as shares of it.
const AROUND: (f64, f64) = (0.5, 1.5);
/// How closely the change of sign is closed in on, as a share of the theory's bound.
const CLOSE: f64 = 1.0 / 32.0;

/// The frontier at `x`: where the mean of `profits`, one for each run, falls to nothing as what is at stake rises from half
/// of `analytic` to one and a half times it. Looked for first where a straight line has it, then by halving.
///
/// The interval is where the sign is uncertain: the last two stakes that were tried, between which it changes, and around
/// them as far as the profit, falling as steeply as it does over the whole range, takes to leave its own interval.
pub(super) fn falling(x: f64, analytic: f64, profits: impl Fn(f64) -> Vec<f64>) -> Point {
    let estimate = |stake: f64| statistics::mean(&profits(stake), CONFIDENCE);
    let (first, last) = (analytic * AROUND.0, analytic * AROUND.1);
    let (low_end, high_end) = (estimate(first), estimate(last));
    let steepness = (low_end.mean - high_end.mean) / (last - first);
    let mut point = Point { x, analytic, measured: f64::NAN, interval: EVERYWHERE };
    if low_end.mean <= 0.0 || high_end.mean > 0.0 {
        // A profit that does not change its sign shows nothing.
        return point;
    }
    let mut range = Range { low: first, high: last, width: width(&low_end).max(width(&high_end)) };
    let straight = first + low_end.mean / steepness;
    let close = analytic * CLOSE;
    for guess in [straight - close / 2.0, straight + close / 2.0] {
        range.narrow(guess, &estimate);
    }
    while range.high - range.low > close * 1.01 {
        range.narrow(f64::midpoint(range.low, range.high), &estimate);
    }
    let side = range.width / 2.0 / steepness;
    point.measured = f64::midpoint(range.low, range.high);
    point.interval = (range.low - side, range.high + side);
    point
}

/// Between which stakes the sign changes.
struct Range {
    low: f64,
    high: f64,
    /// How wide the interval of the profit was that was tried last.
    width: f64,
}

fn width(estimate: &Estimate) -> f64 {
    estimate.interval.1 - estimate.interval.0
}

impl Range {
    /// Tries one stake, where that says more, and moves one end to it.
    fn narrow(&mut self, stake: f64, estimate: &impl Fn(f64) -> Estimate) {
        if stake <= self.low || stake >= self.high {
            return;
        }
        let tried = estimate(stake);
        self.width = width(&tried);
        if tried.mean > 0.0 { self.low = stake } else { self.high = stake }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_that_changes_is_found_wherever_it_does() {
        for bound in [0.6, 0.9, 1.0, 1.3] {
            let point = falling(7.0, 10.0, |stake| vec![10.0 * bound - stake; 3]);
            assert!((point.measured / 10.0 - bound).abs() < 0.02, "{point:?}");
            assert!(point.interval.0 <= 10.0 * bound && 10.0 * bound <= point.interval.1);
            assert_eq!(point.allows(1.0), (bound - 1.0_f64).abs() < 0.01, "{point:?}");
        }
    }

    #[test]
    fn luck_makes_the_interval_wider_by_what_it_is_worth() {
        let profit = |stake: f64| (0..9u32).map(|n| 2.0 * (6.0 + f64::from(n) - stake)).collect();
        let point = falling(0.0, 10.0, profit);
        // Nine values of deviation 2.74, so an error of 0.913; Student's 3.355 at 99 % for eight degrees of freedom.
        let width = 2.0 * 3.355 * 0.9129 + 10.0 / 32.0;
        assert!((point.interval.1 - point.interval.0 - width).abs() < 0.02, "{point:?}");
    }

    #[test]
    fn a_profit_that_stays_at_nothing_is_closed_in_on_all_the_same() {
        let point = falling(0.0, 10.0, |stake| vec![(9.0 - stake).max(0.0); 3]);
        assert!(point.interval.0 <= 9.0 && 9.0 <= point.interval.1, "{point:?}");
        assert!(point.interval.1 - point.interval.0 < 0.4, "{point:?}");
    }

    #[test]
    fn a_profit_that_never_changes_its_sign_shows_nothing() {
        let point = falling(0.0, 10.0, |_| vec![1.0, 2.0, 3.0]);
        assert!(point.interval == EVERYWHERE && point.measured.is_nan());
    }
}
