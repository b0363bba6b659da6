//! What an attack can gain, and what must be at stake so that it does not pay.

use super::durability::binomial_loss;
use crate::statistics::student::normal_quantile;

/// The share of objects that an attacker holds to ransom who has a `share` of all slots: too few of an object's `pieces`
/// are with others, Σ_{i > n − k} C(n, i) aⁱ (1 − a)ⁿ⁻ⁱ, where slots are given by chance.
pub fn ransomed(share: f64, pieces: u64, needed: u64) -> f64 {
    binomial_loss(share, pieces, pieces.saturating_sub(needed))
}

/// The share of its price that a currency loses at most over `days`, with this confidence, when its yearly volatility is
/// `sigma`: 1 − e^−zσ√(days / 365), as its logarithm is normal (Jorion, "Value at risk", 1997).
pub fn value_at_risk(sigma: f64, days: f64, confidence: f64) -> f64 {
    -libm::expm1(-normal_quantile(confidence) * sigma * libm::sqrt(days / 365.0))
}

/// How many times what it secures collateral must be worth so that it still does after a loss of `at_risk`:
/// 1 / (1 − `VaR`).
///
/// ```
/// use sim::theory::bounds::{collateral_ratio, value_at_risk};
///
/// assert!((collateral_ratio(value_at_risk(0.6, 7.0, 0.999)) - 1.29).abs() < 5e-3);
/// ```
pub fn collateral_ratio(at_risk: f64) -> f64 {
    1.0 / (1.0 - at_risk)
}

/// The least penalty at which cheating does not pay that gains `gain` and is found with chance `found`: S ≥ g / P (Becker,
/// "Crime and punishment: an economic approach", J. Political Economy 76, 1968). Without end where it is never found.
///
/// Here the gain is kept. Where it is `forfeited` with the penalty, S + forfeited ≥ g / P: less must be at stake.
pub fn least_slash(gain: f64, found: f64, forfeited: f64) -> f64 {
    (gain / found - forfeited).max(0.0)
}

/// What repairing one lost slot costs: its size times (k / (n − m) × egress + ingress), where one rebuild reads `needed`
/// slots' worth for the `lost` slots that it brings back, at prices per unit of size.
pub fn repair_cost(size: f64, (needed, lost): (u64, u64), (egress, ingress): (f64, f64)) -> f64 {
    use crate::statistics::real;
    size * (real(needed) / real(lost.max(1)) * egress + ingress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_all_slots_holds_all_and_who_has_few_almost_nothing() {
        assert!((ransomed(1.0, 20, 17) - 1.0).abs() < 1e-12);
        // 3 of 4 or more with a half: 5/16.
        assert!((ransomed(0.5, 4, 2) - 5.0 / 16.0).abs() < 1e-12);
        assert!(ransomed(0.1, 40, 20) < 1e-9);
    }

    #[test]
    fn volatile_collateral_needs_the_published_ratio() {
        let ratio = collateral_ratio(value_at_risk(0.6, 7.0, 0.999));
        assert!((ratio - 1.29).abs() < 5e-3, "{ratio}");
        assert!((collateral_ratio(0.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_slash_outweighs_what_is_rarely_found() {
        assert!((least_slash(10.0, 0.5, 0.0) - 20.0).abs() < 1e-12);
        assert!((least_slash(10.0, 0.5, 5.0) - 15.0).abs() < 1e-12);
        assert!(least_slash(10.0, 0.0, 0.0).is_infinite());
        assert!((repair_cost(2.0, (10, 5), (3.0, 1.0)) - 14.0).abs() < 1e-12);
    }
}
