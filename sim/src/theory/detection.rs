//! How soon what is lost is found, and how soon a good name is.

/// The chance that `challenges` draws find a lost `fraction`: 1 − (1 − f)ᶜ (Ateniese et al., "Provable data possession at
/// untrusted stores", CCS 2007, § 5.1).
pub fn found(fraction: f64, challenges: f64) -> f64 {
    -libm::expm1(challenges * libm::log1p(-fraction))
}

/// How many draws find a lost `fraction` with this confidence: ⌈ln(1 − confidence) / ln(1 − f)⌉.
pub fn challenges(fraction: f64, confidence: f64) -> f64 {
    libm::ceil(libm::log1p(-confidence) / libm::log1p(-fraction))
}

/// By what share of itself the best of `tries` chains, picked with hindsight, lowers how often something is found, where each
/// of `audits` finds it with probability `found`: at most √(2 ln n) deviations (the expected maximum of n normal values).
///
/// Whoever founds a market has no hindsight: which slots there will be, and what will be missing from them, is not known.
pub fn founding_bias(tries: f64, found: f64, audits: f64) -> f64 {
    libm::sqrt(2.0 * libm::log(tries)) * libm::sqrt((1.0 - found) / (found * audits))
}

/// A Beta estimate of the share of good outcomes that forgets: of each observation's weight λ is left at the next (Jøsang
/// and Ismail, "The Beta reputation system", Bled 2002; Storj, `satellite/reputation/calculations.go`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beta {
    /// λ: what is left of an observation at the next.
    pub kept: f64,
    /// Good observations that it begins with, for ever.
    pub prior_good: f64,
    /// Bad observations that it begins with, for ever.
    pub prior_bad: f64,
}

impl Beta {
    /// Of so much it forgets, with nothing to begin with.
    pub const fn keeping(kept: f64) -> Self {
        Self { kept, prior_good: 0.0, prior_bad: 0.0 }
    }

    /// The weight of everything remembered, in the long run: 1 / (1 − λ).
    pub fn memory(&self) -> f64 {
        1.0 / (1.0 - self.kept)
    }

    /// The long-run mean of the estimate, of a party that is good with chance `q` each time: q without a prior, else
    /// (q M + a) / (M + a + b), where M is its [memory](Self::memory).
    pub fn mean(&self, good: f64) -> f64 {
        let memory = self.memory();
        (good * memory + self.prior_good) / (memory + self.prior_good + self.prior_bad)
    }

    /// The long-run deviation of the estimate: √(q (1 − q) (1 − λ) / (1 + λ)), times M / (M + a + b) with a prior. It is that
    /// of a first-order autoregression, (1 − λ) Σ λⁱ xᵢ.
    pub fn deviation(&self, good: f64) -> f64 {
        let memory = self.memory();
        let free = libm::sqrt(good * (1.0 - good) * (1.0 - self.kept) / (1.0 + self.kept));
        free * memory / (memory + self.prior_good + self.prior_bad)
    }

    /// How many failures in a row take a perfect estimate below `threshold`: ⌈ln t / ln λ⌉ without a prior. With one, the
    /// estimate after n is (λⁿ M + a) / (M + a + b), so that t is replaced by t + (t (a + b) − a) / M.
    pub fn failures(&self, threshold: f64) -> f64 {
        let prior = self.prior_good + self.prior_bad;
        let left = threshold + (threshold * prior - self.prior_good) / self.memory();
        libm::ceil(libm::log(left) / libm::log(self.kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::{Seed, Stream};
    use crate::statistics::real;

    #[test]
    fn the_published_numbers_of_challenges_come_out() {
        for (fraction, expected) in [(0.01, 459.0), (0.05, 90.0), (0.10, 44.0), (0.50, 7.0)] {
            assert!((challenges(fraction, 0.99) - expected).abs() < 1e-9, "{fraction}");
            assert!(found(fraction, expected) >= 0.99 && found(fraction, expected - 1.0) < 0.99);
        }
    }

    #[test]
    fn the_published_failures_in_a_row_come_out() {
        for (kept, threshold, expected) in [(0.95, 0.6, 10.0), (0.999, 0.96, 41.0)] {
            assert!((Beta::keeping(kept).failures(threshold) - expected).abs() < 1e-9, "{kept}");
        }
    }

    #[test]
    fn a_prior_pulls_the_mean_and_narrows_the_spread() {
        let (free, tied) =
            (Beta::keeping(0.9), Beta { kept: 0.9, prior_good: 10.0, prior_bad: 0.0 });
        assert!((free.mean(0.5) - 0.5).abs() < 1e-12 && (tied.mean(0.5) - 0.75).abs() < 1e-12);
        assert!((free.deviation(0.5) - 0.5 * libm::sqrt(0.1 / 1.9)).abs() < 1e-12);
        assert!((tied.deviation(0.5) * 2.0 - free.deviation(0.5)).abs() < 1e-12);
        assert!((tied.failures(0.75) - Beta::keeping(0.9).failures(0.5)).abs() < 1e-12);
    }

    #[test]
    fn eight_foundings_bias_less_than_a_hundredth_of_ten_years_even_with_hindsight() {
        // 24 slots that lost 1 %, asked 3 chunks in each hour of ten years: 1 − .99^3 is .0297.
        for (tries, expected) in [(8.0, 0.00804), (1_000.0, 0.01465)] {
            let bias = founding_bias(tries, found(0.01, 3.0), 24.0 * 87_600.0);
            assert!((bias - expected).abs() < 1e-5, "{bias} after {tries}");
        }
    }

    #[test]
    fn the_best_of_many_chains_is_no_better_than_is_said() {
        let (tries, audits, chance) = (64u32, 500u32, 0.3);
        let mut all = Vec::new();
        for run in 0..200 {
            let best = (0..tries).map(|chain| {
                let mut draws = Seed(run).draws(Stream::Market, chain, 0);
                (0..audits).filter(|_| draws.happens(chance)).count()
            });
            let best = real(best.min().unwrap_or_default() as u64);
            all.push(1.0 - best / (f64::from(audits) * chance));
        }
        let mean = all.iter().sum::<f64>() / real(all.len() as u64);
        let bound = founding_bias(f64::from(tries), chance, f64::from(audits));
        assert!((0.7 * bound..bound).contains(&mean), "{mean} of {bound}");
    }
}
