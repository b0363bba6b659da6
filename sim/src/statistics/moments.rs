//! Mean and variance of a stream, without keeping it.

use super::{Estimate, real, student};
use serde::{Deserialize, Serialize};

/// How many values there were, their mean, and how they spread (Welford, "Note on a method for calculating corrected sums of
/// squares and products", Technometrics 4, 1962).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moments {
    count: u64,
    mean: f64,
    /// Σ (x − mean)².
    squares: f64,
}

impl Moments {
    /// Takes one value.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / real(self.count);
        self.squares += before * (value - self.mean);
    }

    /// These values and `other`'s together (Chan, Golub and `LeVeque` 1979). Joined in one order they are the same to the bit.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let count = self.count + other.count;
        if count == 0 {
            return *self;
        }
        let [here, there, all] = [self.count, other.count, count].map(real);
        let apart = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + apart * there / all,
            squares: self.squares + other.squares + apart * apart * here * there / all,
        }
    }

    /// How many values there were.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; 0 where there were none.
    pub const fn mean(&self) -> f64 {
        self.mean
    }

    /// Their variance, as a sample's: Σ (x − mean)² ÷ (n − 1). Not a number where there are fewer than two.
    pub fn variance(&self) -> f64 {
        if self.count < 2 { f64::NAN } else { self.squares / (real(self.count) - 1.0) }
    }

    /// Their standard deviation.
    pub fn deviation(&self) -> f64 {
        libm::sqrt(self.variance())
    }

    /// The mean with its interval by Student's t.
    pub fn estimate(&self, confidence: f64) -> Estimate {
        let error = libm::sqrt(self.variance() / real(self.count));
        let interval = student::around(self.mean, error, real(self.count) - 1.0, confidence);
        Estimate { mean: self.mean, interval, count: self.count }
    }
}

impl Extend<f64> for Moments {
    fn extend<T: IntoIterator<Item = f64>>(&mut self, values: T) {
        values.into_iter().for_each(|value| self.add(value));
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        let mut moments = Self::default();
        moments.extend(values);
        moments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST's Statistical Reference Datasets, `NumAcc4`: certified mean 10000000.2, deviation .1.
    #[test]
    fn a_small_spread_far_from_zero_is_not_lost() {
        let values = (0..1_001u32).map(|n| match n {
            0 => 10_000_000.2,
            n if n % 2 == 1 => 10_000_000.1,
            _ => 10_000_000.3,
        });
        let found: Moments = values.collect();
        assert!((found.mean() - 10_000_000.2).abs() < 1e-7, "{}", found.mean());
        assert!((found.deviation() - 0.1).abs() < 1e-7, "{}", found.deviation());
    }

    #[test]
    fn parts_joined_are_the_whole() {
        let values: Vec<f64> = (0..100u32).map(|n| f64::from(n * n % 37)).collect();
        let whole: Moments = values.iter().copied().collect();
        let [first, second] =
            [&values[..31], &values[31..]].map(|part| part.iter().copied().collect::<Moments>());
        let joined = first.with(&second);
        assert_eq!(joined.count(), 100);
        assert!((joined.mean() - whole.mean()).abs() < 1e-12);
        assert!((joined.variance() - whole.variance()).abs() < 1e-9);
        assert_eq!(Moments::default().with(&Moments::default()).count(), 0);
    }
}
