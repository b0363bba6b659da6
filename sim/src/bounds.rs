//! The bounds below which an attack pays and above which it does not: as the theory has them, and as the shipped rules
//! turn out to have them.
//!
//! Each frontier is found by letting the attack happen beside honesty, with the same luck, and moving what is at stake until
//! the attack's profit changes its sign. What moves is a figure of the contract's terms, or of the attack; the rules are the
//! shipped ones, in whole worlds wherever a world can show it.
//!
//! One file for each attack: [`slash`] (dropping data), [`exit`] (vanishing, and what must be repaired then), [`ransom`]
//! (holding shards), [`collateral`] (bonds in a currency whose price moves).

mod collateral;
mod exit;
mod frontier;
mod ransom;
mod setting;
mod slash;

use crate::chance::Seed;
pub use crate::validate::Effort;
use rayon::prelude::*;

/// The confidence of each interval.
pub const CONFIDENCE: f64 = 0.99;

/// One bound: its frontier at several places.
#[derive(Clone, Debug, PartialEq)]
pub struct Bracketed {
    /// What is attacked, and by which bound it is defended.
    pub name: &'static str,
    /// What the frontier goes along, with its unit.
    pub along: &'static str,
    /// What is found there, with its unit.
    pub found: &'static str,
    /// By rising x.
    pub points: Vec<Point>,
}

/// One place of a frontier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where.
    pub x: f64,
    /// What the theory says.
    pub analytic: f64,
    /// What was measured.
    pub measured: f64,
    /// Between what it lies: where the sign changes for certain, with [`CONFIDENCE`].
    pub interval: (f64, f64),
}

impl Point {
    /// Whether a bound that is `times` the theory's lies within what was measured.
    pub fn allows(&self, times: f64) -> bool {
        (self.interval.0..=self.interval.1).contains(&(self.analytic * times))
    }
}

impl Bracketed {
    /// Whether theory and measurement agree everywhere.
    pub fn holds(&self) -> bool {
        let found = |point: &Point| point.measured.is_finite() && point.allows(1.0);
        !self.points.is_empty() && self.points.iter().all(found)
    }
}

/// Every bound. The same seed gives the same frontiers, however many threads there are.
pub fn bracket(seed: Seed, effort: Effort) -> Vec<Bracketed> {
    const BOUNDS: [fn(Seed, Effort) -> Bracketed; 7] = [
        slash::kept,
        slash::forfeited,
        exit::offer,
        exit::repair,
        ransom::share,
        ransom::price,
        collateral::ratio,
    ];
    BOUNDS.par_iter().map(|bound| bound(seed, effort)).collect()
}

#[cfg(test)]
mod tests;
