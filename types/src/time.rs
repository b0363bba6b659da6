//! Time: instants and spans in microseconds, and the epochs in which the market counts.

use crate::text::{self, TextError};
use serde::{Deserialize, Serialize};

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This instant moved forward by `span`, stopping at the end of time.
    #[must_use]
    pub fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.0).unwrap_or(i64::MAX)))
    }

    /// The span from `earlier` to this instant; zero when it lies in the future.
    pub fn since(self, earlier: Self) -> Span {
        Span(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// A length of time in microseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Span(pub u64);

impl Span {
    /// One second.
    pub const SECOND: Self = Self(1_000_000);
    /// One hour.
    pub const HOUR: Self = Self(3_600 * 1_000_000);
    /// Twenty-four hours.
    pub const DAY: Self = Self(24 * Self::HOUR.0);

    /// A span of whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// The standard library's form of this span.
    pub const fn as_duration(self) -> std::time::Duration {
        std::time::Duration::from_micros(self.0)
    }

    /// How many whole or begun `epoch`s cover this span. An `epoch` of zero counts as one microsecond.
    pub const fn epochs(self, epoch: Self) -> u64 {
        self.0.div_ceil(if epoch.0 == 0 { 1 } else { epoch.0 })
    }
}

const UNITS: &[(&str, u64)] = &[
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("min", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
    ("w", 604_800_000_000),
    ("y", 31_536_000_000_000),
];

impl std::str::FromStr for Span {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let parts = text::number_and_unit(text, "30d or 1h")?;
        text::scale(parts, UNITS, "ms, s, m, h, d, w, y", "292,000 years").map(Self)
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (unit, factor) in [
            ("d", Self::DAY.0),
            ("h", Self::HOUR.0),
            ("m", 60_000_000),
            ("s", 1_000_000),
            ("ms", 1_000),
        ] {
            if self.0 >= factor && self.0.is_multiple_of(factor) {
                return write!(f, "{}{unit}", self.0 / factor);
            }
        }
        if self.0 == 0 {
            return write!(f, "0s");
        }
        if self.0 >= 1_000_000 {
            return write!(f, "{}.{:03}s", self.0 / 1_000_000, self.0 % 1_000_000 / 1_000);
        }
        write!(f, "{}us", self.0)
    }
}

/// The number of an interval of audit and payment; the market's first is 0.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch `count` later.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// How many epochs have passed since `earlier`; zero when it lies ahead.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::fmt::Display for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_show_alike() {
        for text in ["30d", "1h", "90s", "250ms", "7us", "45m"] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_string().parse::<Span>(), Ok(span), "{text}");
        }
        assert_eq!("1.5h".parse(), Ok(Span(5_400_000_000)));
        assert!("30".parse::<Span>().is_err(), "a span needs a unit");
        assert!("1000000000y".parse::<Span>().is_err());
    }

    #[test]
    fn begun_epochs_count_whole() {
        assert_eq!(Span::DAY.epochs(Span::HOUR), 24);
        assert_eq!(Span(Span::DAY.0 + 1).epochs(Span::HOUR), 25);
    }

    #[test]
    fn time_before_counts_as_none() {
        assert_eq!(Timestamp(1).since(Timestamp(5)), Span(0));
        assert_eq!(Epoch(1).since(Epoch(5)), 0);
    }
}
