//! How long data lasts that is repaired as it decays: the birth–death chain of k of n.

use crate::statistics::{real, sum};

/// A group of pieces that fail and are repaired, each by itself, until too few are left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group {
    /// How many pieces.
    pub pieces: u64,
    /// How many must be left.
    pub needed: u64,
    /// How many failures a piece has a year.
    pub failures: f64,
    /// How many repairs a failed piece would have a year: 365 where one takes a day.
    pub repairs: f64,
}

impl Group {
    /// How often a year one more fails when `failed` have.
    pub const fn failing(&self, failed: u64) -> f64 {
        real(self.pieces.saturating_sub(failed)) * self.failures
    }

    /// How often a year one is repaired when `failed` have failed: all are repaired at once.
    pub const fn repairing(&self, failed: u64) -> f64 {
        real(failed) * self.repairs
    }

    /// How many can be spared.
    pub const fn spared(&self) -> u64 {
        self.pieces.saturating_sub(self.needed)
    }

    /// The mean time until data is lost, in years, from a whole group.
    ///
    /// With bᵢ = (n − i) λ and dᵢ = i μ, the mean time from i to i + 1 failed pieces is hᵢ = (1 + dᵢ hᵢ₋₁) / bᵢ, and the
    /// whole is Σ h₀ … hₙ₋ₖ (Angus, "On computing MTBF for a k-out-of-n:G repairable system", IEEE Trans. Reliability 37,
    /// 1988). All terms are positive, so nothing cancels.
    ///
    /// ```
    /// use sim::theory::lifetime::Group;
    ///
    /// let mirrored = Group { pieces: 3, needed: 1, failures: 0.0137, repairs: 365.0 };
    /// assert!((mirrored.years() / 1.727e10 - 1.0).abs() < 1e-3);
    /// ```
    pub fn years(&self) -> f64 {
        let mut step = 0.0;
        let steps = (0..=self.spared()).map(|failed| {
            step = (1.0 + self.repairing(failed) * step) / self.failing(failed);
            step
        });
        sum(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_lifetimes_come_out() {
        for (pieces, needed, years, digit) in [
            (3, 1, 1.727e10, 1e7),
            (9, 6, 2.74e12, 1e10),
            (14, 10, 3.68e15, 1e13),
            (20, 17, 7.13e10, 1e8),
        ] {
            let group = Group { pieces, needed, failures: 0.0137, repairs: 365.0 };
            assert!((group.years() - years).abs() <= digit / 2.0, "{group:?}: {}", group.years());
        }
    }

    /// Without repair it is Σ 1 / ((n − i) λ); of two with repair (3 λ + μ) / (2 λ²) (Patterson, Gibson and Katz 1988).
    #[test]
    fn known_cases_come_out() {
        let lasting = Group { pieces: 4, needed: 2, failures: 0.5, repairs: 0.0 };
        assert!((lasting.years() - (0.5 + 2.0 / 3.0 + 1.0)).abs() < 1e-12);
        let pair = Group { pieces: 2, needed: 1, failures: 0.1, repairs: 50.0 };
        assert!((pair.years() - 50.3 / 0.02).abs() < 1e-9);
    }
}
