//! Sums whose rounding does not grow with the number of terms.

/// The sum of `values` in their order, with what rounding takes kept beside it (Neumaier, "Rundungsfehleranalyse einiger
/// Verfahren zur Summation endlicher Summen", ZAMM 54, 1974).
///
/// The order is the caller's, so that one list has one sum whoever added it up.
pub fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0f64, 0.0f64);
    for value in values {
        let next = total + value;
        lost += if total.abs() >= value.abs() {
            (total - next) + value
        } else {
            (value - next) + total
        };
        total = next;
    }
    total + lost
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Neumaier's own example, on which Kahan's sum gives 0.
    #[test]
    fn large_terms_that_cancel_leave_the_small_ones() {
        assert!((sum([1.0, 1e100, 1.0, -1e100]) - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_tenth_ten_million_times_is_a_million() {
        let found = sum(std::iter::repeat_n(0.1, 10_000_000));
        assert!((found - 1e6).abs() < 1e-9, "{found}");
    }
}
