//! The market's time: it starts no earlier than the journal ends and never goes backwards.

use std::time::{Duration, Instant};
use types::{Span, Timestamp};

/// Counts on from a start with the monotonic clock, so that a jump of the wall clock moves nothing.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    base: Timestamp,
    started: Instant,
}

impl Clock {
    /// A clock that shows the wall clock's time now, or `floor` where that is later.
    pub fn starting_at_least(floor: Timestamp) -> Self {
        Self { base: network::clock::now().max(floor), started: Instant::now() }
    }

    /// A clock that always shows `time`.
    #[cfg(test)]
    pub(crate) fn standing_at(time: Timestamp) -> Self {
        const CENTURY: Duration = Duration::from_hours(876_000);
        Self { base: time, started: Instant::now() + CENTURY }
    }

    /// The market's time.
    pub fn now(&self) -> Timestamp {
        self.base.after(span(self.started.elapsed()))
    }
}

/// A duration in the market's unit.
pub(crate) fn span(duration: Duration) -> Span {
    Span(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_continues_from_the_journal_when_the_wall_clock_is_behind_it() {
        let floor = network::clock::now().after(Span(365 * Span::DAY.0));
        let clock = Clock::starting_at_least(floor);
        let first = clock.now();
        assert!(first >= floor);
        assert!(clock.now() >= first);
    }
}
