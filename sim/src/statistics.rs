//! What can be said from few runs: means with their intervals, proportions, sums in one order.
//!
//! Reading order: [`moments`] gathers mean and variance one value at a time; [`student`] has the quantiles that make an
//! interval of them; [`proportion`] is for what happens or does not; [`sum()`] and [`gini()`] are for lists.
//!
//! Pure: everything follows from the arguments, and logarithms are `libm`'s, so that every build says the same.

mod gini;
pub mod moments;
pub mod proportion;
pub mod student;
mod sum;

pub use gini::gini;
pub use moments::Moments;
pub use proportion::{clopper_pearson, none_of, wilson};
pub use sum::sum;

use serde::{Deserialize, Serialize};

/// The usual confidence: 95 of a hundred intervals hold the truth.
pub const USUAL: f64 = 0.95;

/// A mean, and between what the true one lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The mean that was found.
    pub mean: f64,
    /// Below and above it, with the confidence that was asked for.
    pub interval: (f64, f64),
    /// How many values it rests on.
    pub count: u64,
}

/// The mean of `values` with its interval by Student's t ("The probable error of a mean", Biometrika 6, 1908).
///
/// Fewer than two values say nothing about their spread: the interval is without bounds.
///
/// ```
/// use sim::statistics::{USUAL, mean};
///
/// let found = mean(&[4.0, 5.0, 6.0], USUAL);
/// assert_eq!(found.mean, 5.0);
/// assert!((found.interval.1 - 7.484).abs() < 1e-3);
/// ```
pub fn mean(values: &[f64], confidence: f64) -> Estimate {
    let count = real(values.len() as u64);
    let mean = sum(values.iter().copied()) / count;
    let squares = sum(values.iter().map(|value| (value - mean) * (value - mean)));
    let error = libm::sqrt(squares / (count - 1.0) / count);
    Estimate {
        mean,
        interval: student::around(mean, error, count - 1.0, confidence),
        count: values.len() as u64,
    }
}

/// The mean of `first` less `second`, pair by pair: two arms of an experiment that share their luck.
///
/// What has no partner is left out.
pub fn paired(first: &[f64], second: &[f64], confidence: f64) -> Estimate {
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    mean(&differences, confidence)
}

/// A count as a real number; exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "what is counted here stays below 2^53")]
pub const fn real(count: u64) -> f64 {
    count as f64
}

/// An amount as a real number; exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "all the msat there are stay below 2^53")]
pub const fn amount(msat: i64) -> f64 {
    msat as f64
}

/// A real number as a count: rounded down, and none where it is below zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates, which is what is said of it"
)]
pub const fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The differences of Student's table of hours of sleep (1908, p. 20), as in Fisher's "Statistical methods for research
    /// workers", § 24: mean 1.58, standard error .38904.
    #[test]
    fn students_own_example_comes_out() {
        let first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        let found = paired(&second, &first, USUAL);
        assert!((found.mean - 1.58).abs() < 1e-12, "{found:?}");
        assert!((found.interval.0 - (1.58 - 2.26216 * 0.38904)).abs() < 1e-3, "{found:?}");
        assert_eq!(found.count, 10);
    }

    #[test]
    fn one_value_has_no_interval() {
        let found = mean(&[3.0], USUAL);
        assert_eq!((found.mean, found.interval), (3.0, (f64::NEG_INFINITY, f64::INFINITY)));
    }
}
