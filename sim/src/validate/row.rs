//! One line of the table: what is published, what was found, and whether the one lies within the other's interval.

use super::CONFIDENCE;
use crate::statistics::{Estimate, Moments, wilson};
use serde::Serialize;

/// A figure as it was published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// The figure.
    pub value: f64,
    /// What one is worth in its last digit; zero where it is exact.
    pub digit: f64,
}

impl Published {
    /// A figure without rounding.
    pub const fn exact(value: f64) -> Self {
        Self { value, digit: 0.0 }
    }

    /// A figure of which one in the last digit is worth `digit`.
    pub const fn rounded(value: f64, digit: f64) -> Self {
        Self { value, digit }
    }
}

/// One row of the validation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Which row of the table it belongs to, 1 to 9.
    pub number: u8,
    /// What is measured, with its unit.
    pub name: String,
    /// The published figure.
    pub published: f64,
    /// What was found.
    pub found: f64,
    /// Between what the true figure lies, with 99.9 % confidence each, so that all rows together have 95 %; wider by half a
    /// unit of the published figure's last digit on either side.
    pub interval: (f64, f64),
    /// How many runs it rests on.
    pub runs: u64,
    /// Whether the published figure lies within the interval.
    pub holds: bool,
}

impl Row {
    /// A row whose interval is known.
    pub(super) fn of(
        (number, name): (u8, impl Into<String>),
        published: Published,
        (found, (low, high)): (f64, (f64, f64)),
        runs: u64,
    ) -> Self {
        let half = published.digit / 2.0;
        let mut row = Self {
            number,
            name: name.into(),
            published: published.value,
            found,
            interval: (low - half, high + half),
            runs,
            holds: false,
        };
        row.holds = row.allows(published.value);
        row
    }

    /// A row that was measured as the mean of runs, of which `shown` makes the figure; that must rise or fall all the way.
    pub(super) fn shown(
        named: (u8, impl Into<String>),
        published: Published,
        moments: &Moments,
        shown: impl Fn(f64) -> f64,
    ) -> Self {
        let Estimate { mean, interval: (low, high), count } = moments.estimate(CONFIDENCE);
        let (one, other) = (shown(low), shown(high));
        Self::of(named, published, (shown(mean), (one.min(other), one.max(other))), count)
    }

    /// A row that was measured as the mean of runs.
    pub(super) fn mean(
        named: (u8, impl Into<String>),
        published: Published,
        moments: &Moments,
    ) -> Self {
        Self::shown(named, published, moments, |mean| mean)
    }

    /// A row that was measured as a proportion, `count` of `of`.
    pub(super) fn proportion(
        named: (u8, impl Into<String>),
        published: Published,
        (count, of): (u64, u64),
    ) -> Self {
        let share = crate::statistics::real(count) / crate::statistics::real(of);
        Self::of(named, published, (share, wilson(count, of, CONFIDENCE)), of)
    }

    /// A row without chance: the figure is exact, and so is what was found.
    pub(super) fn certain(
        named: (u8, impl Into<String>),
        published: Published,
        found: f64,
        runs: u64,
    ) -> Self {
        Self::of(named, published, (found, (found, found)), runs)
    }

    /// Whether `figure` lies within the interval.
    pub fn allows(&self, figure: f64) -> bool {
        (self.interval.0..=self.interval.1).contains(&figure)
    }
}
