//! Coins that change hands by chance: how unequally they end up, by the order in which people act.
//!
//! Everyone has one coin at first and gives one, if they have any, to someone drawn by chance, again and again (Drăgulescu and
//! Yakovenko, "Statistical mechanics of money", European Physical Journal B 17, 2000). The order in which they act decides
//! where that leads, even with the same rule and the same chance. The figures here are for crowds without end.

use crate::statistics::real;

/// More coins than this nobody has, to sixteen places.
const COINS: usize = 120;
/// Into how many parts the time since someone's own turn is cut.
const PARTS: u32 = 200;

/// The Gini coefficient where one person drawn by chance acts at a time: 2/3.
///
/// This is a zero-range process: every way to spread the coins is as likely, so that one person's are geometric with ratio
/// ½ (Evans and Hanney, "Nonequilibrium statistical mechanics of the zero-range process", J. Phys. A 38, 2005), and a
/// geometric distribution of ratio r has the Gini coefficient 1 / (1 + r).
pub fn random_gini() -> f64 {
    1.0 / (1.0 + 0.5)
}

/// The Gini coefficient where all act at once: .57993.
///
/// A share a of people has coins, so that each receives a Poisson number of mean a: w' = max(w − 1, 0) + Poisson(a), the queue
/// M/D/1 seen at the ends of services. Its mean a + a² / (2 (1 − a)) (Pollaczek 1930, Khinchine 1932) must be 1: a = 2 − √2.
pub fn synchronous_gini() -> f64 {
    gini_of(&resting(2.0 - std::f64::consts::SQRT_2))
}

/// The Gini coefficient where all act in turn, in a fixed order, seen at the end of a round: .64163.
///
/// At their own turns people are the same queue; a share u of a round later they have received a Poisson number of mean a·u.
/// Over all u their mean a / 2 + a² / (2 (1 − a)) must be 1: a = 2/3.
pub fn in_turn_gini() -> f64 {
    let active = 2.0 / 3.0;
    let at_turn = resting(active);
    let mut seen = vec![0.0; COINS];
    for part in 0..PARTS {
        let since = (f64::from(part) + 0.5) / f64::from(PARTS);
        let later = received(&at_turn, active * since);
        seen.iter_mut().zip(&later).for_each(|(all, here)| *all += here / f64::from(PARTS));
    }
    gini_of(&seen)
}

/// Where people are who give one coin of what they have and receive a Poisson number of mean `active` ever again.
fn resting(active: f64) -> Vec<f64> {
    let mut now = vec![0.0; COINS];
    now[1] = 1.0;
    for _ in 0..500 {
        now = received(&now, active);
    }
    now
}

/// After giving one coin and receiving a Poisson number of them.
fn received(before: &[f64], mean: f64) -> Vec<f64> {
    let gifts = poisson(mean);
    let mut after = vec![0.0; COINS];
    for (coins, share) in before.iter().enumerate() {
        let left = coins.saturating_sub(1);
        for (place, gift) in after[left..].iter_mut().zip(&gifts) {
            *place += share * gift;
        }
    }
    after
}

/// P(N = i) for a Poisson number of this mean, up to where nothing is left.
fn poisson(mean: f64) -> Vec<f64> {
    let mut term = libm::exp(-mean);
    (1..30u32)
        .map(|next| {
            let this = term;
            term *= mean / f64::from(next);
            this
        })
        .collect()
}

/// The Gini coefficient of a distribution over 0, 1, 2 …: Σ F (1 − F) ÷ mean.
fn gini_of(shares: &[f64]) -> f64 {
    let mean: f64 = shares.iter().zip(0..).map(|(share, coins)| share * real(coins)).sum();
    let (mut below, mut spread) = (0.0, 0.0);
    for share in shares {
        below += share;
        spread += below * (1.0 - below);
    }
    spread / mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_acting_decides() {
        let found = [synchronous_gini(), in_turn_gini(), random_gini()];
        for (found, expected) in found.into_iter().zip([0.579_93, 0.641_63, 0.666_67]) {
            assert!((found - expected).abs() < 5e-5, "{found}, not {expected}");
        }
    }

    #[test]
    fn a_geometric_distribution_has_its_gini() {
        let halves: Vec<f64> = (1..60).map(|n| libm::pow(0.5, f64::from(n))).collect();
        assert!((gini_of(&halves) - random_gini()).abs() < 1e-12);
    }
}
