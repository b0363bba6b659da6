//! How unequally something is spread.

use super::{real, sum};

/// The Gini coefficient of `values`: half the mean absolute difference of two of them, as a share of their mean.
///
/// 0 where all have the same, 1 − 1/n where one has everything; 0 where nobody has anything. By ranks i = 1..n of the
/// sorted values: Σ (2i − n − 1) xᵢ ÷ (n Σ xᵢ) (Gini 1912; Sen, "On economic inequality", 1973, p. 31).
pub fn gini(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let count = real(sorted.len() as u64);
    let total = sum(sorted.iter().copied());
    if total <= 0.0 {
        return 0.0;
    }
    let ranked =
        sorted.iter().zip(1..).map(|(value, rank)| (2.0 * real(rank) - count - 1.0) * value);
    sum(ranked) / (count * total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_have_none_and_a_hoarder_almost_all() {
        for (values, expected) in [
            (&[3.0, 3.0, 3.0][..], 0.0),
            (&[0.0, 0.0, 0.0, 8.0], 0.75),
            (&[0.0, 0.0], 0.0),
            (&[1.0, 2.0, 3.0, 4.0], 0.25),
        ] {
            assert!((gini(values) - expected).abs() < 1e-12, "{values:?}");
        }
    }

    /// Of an even spread over 0 to 1 it is 1/3, as the Lorenz curve x² says.
    #[test]
    fn an_even_spread_has_a_third() {
        let values: Vec<f64> = (0..10_000u32).map(f64::from).collect();
        assert!((gini(&values) - 1.0 / 3.0).abs() < 1e-3);
    }
}
