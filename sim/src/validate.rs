//! Whether the simulator reproduces what is known: every published figure beside what was measured.
//!
//! What is measured runs on the pieces that experiments run on, [`crate::chance`] and [`crate::wheel`], and wherever a rule
//! ships, on the rule that ships: audits are planned and drawn as the market does, estimates of reputation are its tallies,
//! prices move by its controller and by the providers' pricer, books are the market's own. What is too rare to be waited for
//! is made frequent, and each run weighs as much as it would be rarer in truth (importance sampling).
//!
//! One file for each group of rows: [`durability`] (1, 2), [`lifetime`] (3), [`audits`] (4), [`forgetting`] (5),
//! [`equilibrium`] (6), [`stability`] (7), [`wealth`] and [`queue`] (8), [`conservation`] (9).

mod audits;
mod conservation;
mod durability;
mod equilibrium;
mod forgetting;
mod lifetime;
mod queue;
mod row;
mod stability;
mod wealth;

pub use row::{Published, Row};

use crate::chance::{Draws, Seed, Stream};
use crate::statistics::Moments;
use rayon::prelude::*;

/// The confidence of each row's interval: so high that of all 49 rows together 95 of a hundred validations of a right
/// simulator hold (Bonferroni).
pub const CONFIDENCE: f64 = 0.999;

/// How much to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Enough to see a figure that is 5 % off, most that are 1 % off; some seconds.
    Quick,
    /// Thirty times as many runs: five times as sharp.
    Full,
}

impl Effort {
    /// How many runs, when the quick ones are so many.
    pub(crate) const fn runs(self, quick: u64) -> u64 {
        match self {
            Self::Quick => quick,
            Self::Full => quick * 30,
        }
    }
}

/// Where the luck of one row comes from: nothing else draws from it.
#[derive(Clone, Copy, Debug)]
struct Luck {
    seed: Seed,
    stream: Stream,
    /// The row, as an agent that no other row is.
    row: u32,
}

impl Luck {
    /// The draws of the `run`th run.
    const fn draws(self, run: u64) -> Draws {
        self.seed.draws(self.stream, self.row, run)
    }

    /// What `measure` finds in so many runs.
    fn measured(self, runs: u64, mut measure: impl FnMut(&mut Draws) -> f64) -> Moments {
        (0..runs).map(|run| measure(&mut self.draws(run))).collect()
    }
}

/// Every row of the table, in its order. The same seed gives the same rows, however many threads there are.
pub fn validate(seed: Seed, effort: Effort) -> Vec<Row> {
    const GROUPS: [fn(Seed, Effort) -> Vec<Row>; 9] = [
        durability::rows,
        lifetime::rows,
        audits::rows,
        forgetting::rows,
        equilibrium::rows,
        stability::rows,
        wealth::rows,
        queue::rows,
        conservation::rows,
    ];
    GROUPS.par_iter().flat_map_iter(|rows| rows(seed, effort)).collect()
}

#[cfg(test)]
mod tests;
