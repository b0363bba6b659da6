//! A circuit breaker: a peer that keeps failing is left alone for a while, then tried with one call.
//!
//! A pure state machine; time is an argument. Closed → open after so many failures in a row → half open once the
//! pause is over: one call probes. What it finds closes the breaker, or opens it for twice as long.

use std::time::Duration;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row that open it; 0 never does.
    pub failures_max: u32,
    /// How long it stays open the first time; twice as long each further time.
    pub pause: Duration,
    /// The longest pause.
    pub pause_max: Duration,
    /// How long a probe may take before another call may probe.
    pub probe_within: Duration,
}

impl BreakerPolicy {
    /// A breaker that never opens.
    pub const NEVER: Self = Self {
        failures_max: 0,
        pause: Duration::ZERO,
        pause_max: Duration::ZERO,
        probe_within: Duration::ZERO,
    };
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            failures_max: 8,
            pause: Duration::from_millis(500),
            pause_max: Duration::from_secs(5),
            probe_within: Duration::from_secs(10),
        }
    }
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Calls are made.
    #[default]
    Closed,
    /// No calls until then.
    Open { until: Duration, pause: Duration },
    /// One call is on its way; another may be made then.
    Probing { until: Duration, pause: Duration },
}

/// One peer's breaker. Times are spans since any fixed moment.
#[derive(Clone, Debug, Default)]
pub struct Breaker {
    state: State,
    failures: u32,
}

impl Breaker {
    /// Whether a call may be made at `now`.
    ///
    /// # Errors
    /// How long to wait before the next one may.
    pub fn admit(&mut self, policy: &BreakerPolicy, now: Duration) -> Result<(), Duration> {
        match self.state {
            State::Closed => Ok(()),
            State::Open { until, .. } | State::Probing { until, .. } if now < until => {
                Err(until.saturating_sub(now))
            }
            State::Open { pause, .. } | State::Probing { pause, .. } => {
                let until = now.saturating_add(policy.probe_within);
                self.state = State::Probing { until, pause };
                Ok(())
            }
        }
    }

    /// The peer has answered.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// A call found nobody, or was cut off.
    pub fn failed(&mut self, policy: &BreakerPolicy, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        let pause = match self.state {
            State::Probing { pause, .. } => pause.saturating_mul(2).min(policy.pause_max),
            State::Closed if policy.failures_max > 0 && self.failures >= policy.failures_max => {
                policy.pause
            }
            // A call that was made before the breaker opened.
            State::Closed | State::Open { .. } => return,
        };
        self.state = State::Open { until: now.saturating_add(pause), pause };
    }

    /// Whether calls are refused or probing now.
    pub fn is_open(&self) -> bool {
        self.state != State::Closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: BreakerPolicy = BreakerPolicy {
        failures_max: 3,
        pause: Duration::from_secs(1),
        pause_max: Duration::from_secs(3),
        probe_within: Duration::from_secs(10),
    };

    /// What happens, in the tables below.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Asks(Result<(), u64>),
        Fails,
        Answers,
    }
    use Step::{Answers, Asks, Fails};

    fn run(table: &[(u64, Step)]) {
        let mut breaker = Breaker::default();
        for (line, (seconds, step)) in table.iter().enumerate() {
            let now = Duration::from_secs(*seconds);
            match step {
                Fails => breaker.failed(&POLICY, now),
                Answers => breaker.answered(),
                Asks(expected) => {
                    let got = breaker.admit(&POLICY, now);
                    assert_eq!(got, expected.map_err(Duration::from_secs), "line {line}: {step:?}");
                }
            }
        }
    }

    #[test]
    fn it_opens_after_failures_in_a_row_alone() {
        run(&[(0, Fails), (0, Fails), (0, Answers), (0, Fails), (0, Fails), (0, Asks(Ok(())))]);
        run(&[(0, Fails), (0, Fails), (0, Asks(Ok(()))), (0, Fails), (0, Asks(Err(1)))]);
    }

    #[test]
    fn one_call_probes_and_what_it_finds_counts() {
        run(&[
            (0, Fails),
            (0, Fails),
            (0, Fails),
            (1, Asks(Ok(()))),
            (1, Asks(Err(10))),
            (1, Answers),
            (1, Asks(Ok(()))),
            (1, Asks(Ok(()))),
        ]);
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        run(&[
            (0, Fails),
            (0, Fails),
            (0, Fails),
            (0, Asks(Err(1))),
            (1, Asks(Ok(()))),
            (1, Fails),
            (1, Asks(Err(2))),
            (3, Asks(Ok(()))),
            (3, Fails),
            (3, Asks(Err(3))),
            (6, Asks(Ok(()))),
            (6, Fails),
            (6, Asks(Err(3))),
        ]);
    }

    #[test]
    fn a_probe_that_never_ends_is_followed_by_another() {
        run(&[
            (0, Fails),
            (0, Fails),
            (0, Fails),
            (1, Asks(Ok(()))),
            (10, Asks(Err(1))),
            (11, Asks(Ok(()))),
        ]);
    }

    #[test]
    fn late_failures_do_not_prolong_an_open_breaker() {
        run(&[(0, Fails), (0, Fails), (0, Fails), (0, Fails), (1, Asks(Ok(())))]);
    }

    #[test]
    fn a_breaker_that_never_opens_never_does() {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            breaker.failed(&BreakerPolicy::NEVER, Duration::ZERO);
        }
        assert_eq!(breaker.admit(&BreakerPolicy::NEVER, Duration::ZERO), Ok(()));
        assert!(!breaker.is_open());
    }
}
