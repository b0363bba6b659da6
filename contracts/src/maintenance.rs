//! Announced maintenance: how many epochs of it a contract lets pass at no cost.
//!
//! The terms allow so much per 30 days. Time is counted in the contract's own epochs, in periods of 30 days
//! from its first epoch on; what a period leaves unused does not carry over. An allowance that is shorter than
//! one epoch covers none.

use crate::fixed;
use serde::{Deserialize, Serialize};
use types::{Span, Terms};

/// What the allowance is counted in.
pub const PERIOD: Span = Span(30 * Span::DAY.0);
/// The longest that one notice may announce.
pub const NOTICE_MAX: Span = Span(7 * Span::DAY.0);
/// How far ahead a notice may reach.
pub const AHEAD_MAX: Span = Span(90 * Span::DAY.0);
/// How many notices of one provider may stand at a time.
pub const NOTICES_MAX: usize = 16;
/// How long a notice's reason may be, in bytes.
pub const REASON_BYTES_MAX: usize = 256;

/// What one slot has used of its allowance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// In which period, counted from 0.
    pub period: u64,
    /// How many epochs of it.
    pub epochs: u64,
}

impl Used {
    /// What is used with one epoch more, in `period`.
    #[must_use]
    pub fn one_more(self, period: u64) -> Self {
        let before = if self.period == period { self.epochs } else { 0 };
        Self { period, epochs: before.saturating_add(1) }
    }

    /// How much of `period` is used.
    pub const fn in_period(self, period: u64) -> u64 {
        if self.period == period { self.epochs } else { 0 }
    }
}

/// The period that a contract's `number`th epoch, counted from 0, falls in.
pub fn period(epoch: Span, number: u64) -> u64 {
    number.checked_div(per_period(epoch)).unwrap_or(0)
}

/// How many announced epochs cost nothing in `period` of a contract of `epochs` epochs, each `epoch` long. Rounded down.
pub fn allowed(terms: &Terms, epoch: Span, epochs: u64, period: u64) -> u64 {
    let whole = per_period(epoch);
    let length = epochs.saturating_sub(period.saturating_mul(whole)).min(whole);
    let time = u128::from(terms.maintenance.0);
    let per_epoch = u128::from(epoch.0.max(1)).saturating_mul(u128::from(whole));
    let allowed = fixed::mul_div(time, u128::from(length), per_epoch).unwrap_or(0);
    u64::try_from(allowed).unwrap_or(u64::MAX)
}

fn per_period(epoch: Span) -> u64 {
    PERIOD.0.checked_div(epoch.0.max(1)).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::Bytes;

    #[test]
    fn the_allowance_is_in_proportion_to_the_term_and_never_rounded_up() {
        let month = 720;
        for (maintenance, epoch, epochs, period, expected) in [
            (8 * Span::HOUR.0, Span::HOUR, month, 0, 8),
            (8 * Span::HOUR.0, Span::HOUR, month, 1, 0),
            (8 * Span::HOUR.0, Span::HOUR, 2 * month, 1, 8),
            (8 * Span::HOUR.0, Span::HOUR, month + 360, 1, 4),
            (8 * Span::HOUR.0, Span::HOUR, 240, 0, 2),
            (8 * Span::HOUR.0, Span::HOUR, 89, 0, 0),
            (8 * Span::HOUR.0, Span::DAY, 300, 3, 0),
            (3 * Span::DAY.0, Span::DAY, 10, 0, 1),
            (0, Span::HOUR, month, 0, 0),
            (PERIOD.0, Span::HOUR, month, 0, month),
        ] {
            let mut terms = Terms::standard(Bytes(1), PERIOD);
            terms.maintenance = Span(maintenance);
            assert_eq!(
                allowed(&terms, epoch, epochs, period),
                expected,
                "{epoch} {epochs} {period}"
            );
        }
    }

    #[test]
    fn a_new_period_begins_with_nothing_used() {
        assert_eq!([0, 719, 720, 1440].map(|number| period(Span::HOUR, number)), [0, 0, 1, 2]);
        let used = Used::default().one_more(0).one_more(0);
        assert_eq!((used.in_period(0), used.in_period(1)), (2, 0));
        assert_eq!(used.one_more(1), Used { period: 1, epochs: 1 });
    }
}
