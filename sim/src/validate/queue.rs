//! Row 8, second half: waiting in line on the timing wheel, and waiting for the last of a set.

use super::{Effort, Luck, Published, Row};
use crate::chance::{Draws, Seed, Stream};
use crate::statistics::{real, whole};
use crate::wheel::Wheel;
use types::{Span, Timestamp};

const SERVERS: u32 = 10;
const LOAD: f64 = 8.0;
/// How many arrive until how it began is forgotten, and how many are watched then.
const ARRIVALS: (u64, u64) = (2_000, 50_000);
/// How many kinds there are to collect.
const KINDS: u64 = 100;

#[derive(Clone, Copy)]
enum Happening {
    Arrives,
    Leaves,
}

/// A line before so many servers, each of whom takes a second on average.
struct Line {
    wheel: Wheel<Happening>,
    busy: u32,
    waiting: u64,
}

impl Line {
    fn put(&mut self, draws: &mut Draws, now: Timestamp, what: Happening) {
        let seconds = match what {
            Happening::Arrives => draws.exponential(1.0 / LOAD),
            Happening::Leaves => draws.exponential(1.0),
        };
        let after = Span(whole(seconds * real(Span::SECOND.0)));
        self.wheel.put(now.after(after), what);
    }

    /// Whether who arrives must wait.
    fn arrive(&mut self, draws: &mut Draws, now: Timestamp) -> bool {
        self.put(draws, now, Happening::Arrives);
        if self.busy == SERVERS {
            self.waiting += 1;
            return true;
        }
        self.busy += 1;
        self.put(draws, now, Happening::Leaves);
        false
    }

    fn leave(&mut self, draws: &mut Draws, now: Timestamp) {
        if self.waiting > 0 {
            self.waiting -= 1;
            self.put(draws, now, Happening::Leaves);
        } else {
            self.busy -= 1;
        }
    }
}

/// The share of arrivals that must wait.
fn waiting(draws: &mut Draws) -> f64 {
    let wheel = Wheel::new(Timestamp(0), Span::from_millis(10), 1_024);
    let mut line = Line { wheel, busy: 0, waiting: 0 };
    line.put(draws, Timestamp(0), Happening::Arrives);
    let (first, watched) = ARRIVALS;
    let (mut arrived, mut waited) = (0, 0);
    while arrived < first + watched {
        let Some((now, what)) = line.wheel.next(Timestamp(i64::MAX)) else { break };
        match what {
            Happening::Leaves => line.leave(draws, now),
            Happening::Arrives => {
                arrived += 1;
                let waits = line.arrive(draws, now);
                waited += u64::from(waits && arrived > first);
            }
        }
    }
    real(waited) / real(watched)
}

/// How many draws it takes until each of all kinds was drawn.
fn collect(draws: &mut Draws) -> f64 {
    let (mut seen, mut drawn) = (0u128, 0);
    while u64::from(seen.count_ones()) < KINDS {
        seen |= 1 << draws.below(KINDS);
        drawn += 1;
    }
    real(drawn)
}

pub(super) fn rows(seed: Seed, effort: Effort) -> Vec<Row> {
    let luck = |row| Luck { seed, stream: Stream::Demand, row };
    let line = luck(820).measured(effort.runs(40), waiting);
    let set = luck(821).measured(effort.runs(20_000), collect);
    let names =
        ["10 servers, load 8: share that must wait", "100 kinds: draws until each was drawn"];
    vec![
        Row::mean((8, names[0]), Published::rounded(0.409_18, 1e-5), &line),
        Row::mean((8, names[1]), Published::rounded(518.74, 1e-2), &set),
    ]
}
