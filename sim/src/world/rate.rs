//! What a bitcoin costs outside of the market: a series that nobody in it moves.

use super::{World, WorldError};
use crate::statistics::real;
use serde::Deserialize;
use types::Epoch;

/// What a bitcoin costs, and when that changes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateSettings {
    /// Dollars for a bitcoin at the beginning.
    pub dollars: f64,
    /// How it moves, one after the other or together.
    pub moves: Vec<RateMove>,
}

/// A move of the rate: by equal factors from epoch to epoch.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateMove {
    /// The first epoch with another rate.
    pub epoch: u64,
    /// Over how many epochs; 1 or 0 for all at once.
    pub epochs: u64,
    /// How many times as much a bitcoin costs afterwards.
    pub times: f64,
}

impl Default for RateSettings {
    /// 100,000 dollars, always: at that the market's reference price is 3 $ a TB and month.
    fn default() -> Self {
        Self { dollars: 100_000.0, moves: Vec::new() }
    }
}

impl RateSettings {
    /// Dollars for a bitcoin in this epoch.
    pub fn at(&self, epoch: Epoch) -> f64 {
        let moved = self.moves.iter().map(|one| {
            let steps = one.epochs.max(1);
            let passed = (epoch.0 + 1).saturating_sub(one.epoch).min(steps);
            libm::pow(one.times, real(passed) / real(steps))
        });
        self.dollars * moved.product::<f64>()
    }

    /// Whether every figure is above 0.
    pub(super) fn validated(&self) -> Result<(), WorldError> {
        let all = self.moves.iter().map(|one| ("rate.moves.times", one.times));
        for (field, figure) in all.chain([("rate.dollars", self.dollars)]) {
            if !figure.is_finite() || figure <= 0.0 {
                let reason = format!("{figure}; give more than 0");
                return Err(WorldError::Setting { field: field.into(), reason });
            }
        }
        Ok(())
    }
}

impl World {
    /// Everybody learns what a bitcoin costs in this epoch; what is paid in dollars costs accordingly.
    pub(super) fn learn_rate(&mut self, epoch: Epoch) {
        let (now, first) = (self.settings.rate.at(epoch), self.settings.rate.dollars);
        self.members.rate_is(now, first / now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_moves_by_equal_factors_and_then_stays() {
        let moves = vec![RateMove { epoch: 3, epochs: 2, times: 0.25 }];
        let rate = RateSettings { dollars: 100.0, moves };
        let seen: Vec<f64> = (1..=6).map(|epoch| rate.at(Epoch(epoch))).collect();
        assert_eq!(seen, [100.0, 100.0, 50.0, 25.0, 25.0, 25.0]);
        assert!(rate.validated().is_ok());
    }

    #[test]
    fn a_bitcoin_never_costs_nothing() {
        let moves = vec![RateMove { epoch: 1, epochs: 1, times: 0.0 }];
        let error = RateSettings { dollars: 1.0, moves }.validated().unwrap_err();
        assert!(error.to_string().contains("rate.moves.times: 0; give more"), "{error}");
        assert!(RateSettings { dollars: -1.0, moves: Vec::new() }.validated().is_err());
    }
}
