//! How likely data is lost that was cut into pieces, of which some can be spared.

use crate::statistics::{real, sum};

/// Terms of a tail that are added at most; each is far smaller than the one before long before this.
const TERMS: u64 = 10_000;

/// P(N > `spared`) for a Poisson number N of this mean: e^−λ Σ_{i > m} λⁱ / i!.
///
/// The tail itself is added up, not what is left of one, so that a loss of 10⁻³⁰ is as exact as one of 10⁻².
///
/// ```
/// let lost = sim::theory::durability::poisson_loss(0.4, 2);
/// assert!((100.0 * (1.0 - lost) - 99.207366813).abs() < 1e-9);
/// ```
pub fn poisson_loss(mean: f64, spared: u64) -> f64 {
    if mean <= 0.0 {
        return 0.0;
    }
    let first = spared + 1;
    let log = real(first) * libm::log(mean) - mean - libm::lgamma(real(first) + 1.0);
    tail(libm::exp(log), first, |i| mean / real(i))
}

/// P(N > `spared`) for a binomial number N of `count` draws of this chance: Σ_{i > m} C(n, i) pⁱ (1 − p)ⁿ⁻ⁱ.
pub fn binomial_loss(chance: f64, count: u64, spared: u64) -> f64 {
    let first = spared + 1;
    if first > count || chance <= 0.0 {
        return 0.0;
    }
    if chance >= 1.0 {
        return 1.0;
    }
    let [n, i] = [count, first].map(real);
    let ways = libm::lgamma(n + 1.0) - libm::lgamma(i + 1.0) - libm::lgamma(n - i + 1.0);
    let log = ways + i * libm::log(chance) + (n - i) * libm::log1p(-chance);
    let odds = chance / (1.0 - chance);
    tail(
        libm::exp(log),
        first,
        |i| if i > count { 0.0 } else { odds * real(count - i + 1) / real(i) },
    )
}

/// P(N > `spared`) for the number N of the `count` pieces of an object that are among `struck` of `all` places, where each
/// piece has a place of its own, by chance: Σ_{i > m} C(s, i) C(a − s, n − i) / C(a, n). Slots that distinct operators hold
/// are drawn so; it is less than the binomial loss with chance s / a.
///
/// ```
/// let lost = sim::theory::durability::hypergeometric_loss((24, 8), 6, 2);
/// assert!((lost - 0.302267526).abs() < 1e-9);
/// ```
pub fn hypergeometric_loss((all, struck): (u64, u64), count: u64, spared: u64) -> f64 {
    if count > all || struck > all {
        return 0.0;
    }
    let ways = |of: u64, taken: u64| {
        let [of, taken, left] = [of, taken, of - taken].map(|number| real(number) + 1.0);
        libm::lgamma(of) - libm::lgamma(taken) - libm::lgamma(left)
    };
    let possible = (count + struck).saturating_sub(all)..=count.min(struck);
    let beyond = possible.filter(|lost| *lost > spared);
    let chance =
        |lost| libm::exp(ways(struck, lost) + ways(all - struck, count - lost) - ways(all, count));
    sum(beyond.map(chance))
}

/// The sum of a first term and those behind it, each `ratio` of the one before.
fn tail(first: f64, at: u64, ratio: impl Fn(u64) -> f64) -> f64 {
    let mut term = first;
    let mut terms = vec![first];
    for i in at + 1..at + TERMS {
        term *= ratio(i);
        terms.push(term);
        if term <= first * 1e-17 && ratio(i) < 0.5 {
            break;
        }
    }
    sum(terms.into_iter().rev())
}

/// The share of objects that survive a period of `pieces` pieces, each lost at a rate of `chance` in it, of which
/// `needed` must be left: P(N ≤ n − k) for a Poisson N of mean n·p (Storj, "A decentralized cloud storage network framework",
/// version 3, 2018, table of durability by expansion).
pub fn storj_durability(chance: f64, needed: u64, pieces: u64) -> f64 {
    1.0 - poisson_loss(chance * real(pieces), pieces.saturating_sub(needed))
}

/// A vault of drives, each of which fails and is rebuilt (Beach, "Backblaze durability is 99.999999999 %", 2018).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vault {
    /// How many drives.
    pub drives: u64,
    /// How many can be spared.
    pub spared: u64,
    /// The share of drives that fails in a year.
    pub annual_failure: f64,
    /// How long a rebuild takes, in hours.
    pub rebuild_hours: f64,
}

impl Vault {
    /// Backblaze's: 17 data and 3 parity shards, .405 % a year, 156 hours.
    pub const BACKBLAZE: Self =
        Self { drives: 20, spared: 3, annual_failure: 0.00405, rebuild_hours: 156.0 };

    /// The chance that one drive fails while another is rebuilt.
    pub const fn failure(&self) -> f64 {
        self.annual_failure * self.rebuild_hours / 8_760.0
    }

    /// How many whole rebuilds a year holds: 56 of 156 hours.
    pub fn periods(&self) -> f64 {
        libm::floor(8_760.0 / self.rebuild_hours)
    }

    /// The chance of losing data within a year, with a Poisson number of failures in each of its periods.
    pub fn annual_loss_poisson(&self) -> f64 {
        self.annual(poisson_loss(self.failure() * real(self.drives), self.spared))
    }

    /// The chance of losing data within a year, with a binomial number of failures in each of its periods.
    pub fn annual_loss_binomial(&self) -> f64 {
        self.annual(binomial_loss(self.failure(), self.drives, self.spared))
    }

    /// The chance of something in a year that has this chance in each period: 1 − (1 − p)ᵐ.
    pub fn annual(&self, loss: f64) -> f64 {
        -libm::expm1(self.periods() * libm::log1p(-loss))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storjs_table_comes_out_to_its_last_digit() {
        for (needed, pieces, percent) in [
            (2, 4, 99.207_366_813),
            (4, 8, 99.858_868_985),
            (8, 16, 99.995_462_407),
            (16, 32, 99.999_994_621),
            (20, 40, 99.999_999_808),
        ] {
            let found = 100.0 * storj_durability(0.1, needed, pieces);
            assert!((found - percent).abs() < 5.1e-10, "({needed}, {pieces}): {found}");
        }
    }

    #[test]
    fn backblazes_loss_comes_out() {
        let (poisson, binomial) =
            (Vault::BACKBLAZE.annual_loss_poisson(), Vault::BACKBLAZE.annual_loss_binomial());
        assert!((poisson / 1.010e-11 - 1.0).abs() < 2e-3, "{poisson}");
        assert!((binomial / 7.34e-12 - 1.0).abs() < 1e-3, "{binomial}");
    }

    #[test]
    fn places_of_their_own_lose_less_than_draws_from_all() {
        // 3 of 3 red balls among 4 of 6: C(4, 3) / C(6, 3) = 1/5; 3 of 6 or more when a half of 36 is struck: 1/2 + P(3)/2.
        assert!((hypergeometric_loss((6, 4), 3, 2) - 0.2).abs() < 1e-12);
        assert!((hypergeometric_loss((36, 18), 6, 2) - 0.670_925_8).abs() < 1e-7);
        assert!((hypergeometric_loss((36, 12), 6, 2) - 0.308_981_7).abs() < 1e-7);
        let of_many = hypergeometric_loss((24_000, 8_000), 6, 2);
        let drawn = binomial_loss(1.0 / 3.0, 6, 2);
        assert!(hypergeometric_loss((24, 8), 6, 2) < of_many && of_many < drawn);
        assert!((of_many / drawn - 1.0).abs() < 1e-3);
        assert!(hypergeometric_loss((4, 1), 6, 2).abs() < f64::EPSILON);
    }

    #[test]
    fn tails_are_what_is_left_of_one() {
        // e^−2 (1 + 2 + 2) = .676676; 1 of 3 coins or none: 1/2.
        assert!((poisson_loss(2.0, 2) - (1.0 - 0.676_676_416)).abs() < 1e-9);
        assert!((binomial_loss(0.5, 3, 1) - 0.5).abs() < 1e-12);
        assert!((binomial_loss(1.0, 3, 1) - 1.0).abs() < 1e-12);
        for none in [binomial_loss(0.5, 3, 3), binomial_loss(0.0, 3, 1), poisson_loss(0.0, 1)] {
            assert!(none.abs() < f64::EPSILON);
        }
    }
}
