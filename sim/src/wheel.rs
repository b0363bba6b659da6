//! A timing wheel: what is to happen when, at a constant cost for each.
//!
//! Time is cut into ticks. What happens within one turn of the wheel lies in its tick's slot, what is farther away waits by
//! its tick (Varghese and Lauck, "Hashed and hierarchical timing wheels", 1987). Within a tick things come by time, and at
//! one time in the order in which they were put in, so that a run is the same every time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use types::{Span, Timestamp};

/// Something that waits for its time.
#[derive(Clone, Debug)]
struct Entry<T> {
    at: Timestamp,
    order: u64,
    what: T,
}

/// What is to happen, by time.
#[derive(Clone, Debug)]
pub struct Wheel<T> {
    tick: Span,
    slots: Vec<Vec<Entry<T>>>,
    /// What is farther away than a turn, by tick.
    far: BTreeMap<u64, Vec<Entry<T>>>,
    /// The tick that is being emptied, and what is left of it.
    current: u64,
    ready: BinaryHeap<Reverse<Entry<T>>>,
    order: u64,
    waiting: usize,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl<T> Entry<T> {
    const fn key(&self) -> (Timestamp, u64) {
        (self.at, self.order)
    }
}

impl<T> Wheel<T> {
    /// A wheel of `slots` ticks a turn that starts at `now`.
    ///
    /// # Panics
    /// Without a slot, or with a tick of nothing.
    pub fn new(now: Timestamp, tick: Span, slots: usize) -> Self {
        assert!(slots > 0 && tick.0 > 0, "a wheel has slots, and a tick takes time");
        Self {
            tick,
            slots: std::iter::repeat_with(Vec::new).take(slots).collect(),
            far: BTreeMap::new(),
            current: tick_of(now, tick),
            ready: BinaryHeap::new(),
            order: 0,
            waiting: 0,
        }
    }

    /// How much is waiting.
    pub const fn len(&self) -> usize {
        self.waiting
    }

    /// Whether nothing is waiting.
    pub const fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// `what` happens at `at`; where that has passed, next.
    pub fn put(&mut self, at: Timestamp, what: T) {
        let entry = Entry { at, order: self.order, what };
        self.order += 1;
        self.waiting += 1;
        let tick = tick_of(at, self.tick);
        if tick <= self.current {
            self.ready.push(Reverse(entry));
        } else if tick - self.current < self.slots.len() as u64 {
            let slot = self.slot(tick);
            self.slots[slot].push(entry);
        } else {
            self.far.entry(tick).or_default().push(entry);
        }
    }

    /// What happens next, if it does so by `until`.
    pub fn next(&mut self, until: Timestamp) -> Option<(Timestamp, T)> {
        let last = tick_of(until, self.tick);
        while self.ready.is_empty() && self.current < last && self.waiting > 0 {
            self.current += 1;
            self.turn();
        }
        if self.ready.is_empty() {
            self.current = self.current.max(last);
            self.turn();
        }
        let due = self.ready.peek().is_some_and(|Reverse(entry)| entry.at <= until);
        let Reverse(entry) = if due { self.ready.pop()? } else { return None };
        self.waiting -= 1;
        Some((entry.at, entry.what))
    }

    /// Makes everything of the current tick ready.
    fn turn(&mut self) {
        let slot = self.slot(self.current);
        self.ready.extend(self.slots[slot].drain(..).map(Reverse));
        if let Some(far) = self.far.remove(&self.current) {
            self.ready.extend(far.into_iter().map(Reverse));
        }
    }

    fn slot(&self, tick: u64) -> usize {
        usize::try_from(tick % self.slots.len() as u64).unwrap_or(0)
    }
}

fn tick_of(at: Timestamp, tick: Span) -> u64 {
    at.since(Timestamp(0)).0 / tick.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn things_come_by_time_and_then_in_the_order_in_which_they_were_put_in() {
        let mut wheel = Wheel::new(Timestamp(100), Span(10), 4);
        for (at, what) in [(500, 'e'), (105, 'a'), (131, 'c'), (105, 'b'), (131, 'd')] {
            wheel.put(Timestamp(at), what);
        }
        let mut until = |time| wheel.next(Timestamp(time)).map(|(_, what)| what);
        assert_eq!(
            [until(104), until(105), until(105), until(120)],
            [None, Some('a'), Some('b'), None]
        );
        assert_eq!([until(499), until(499), until(499)], [Some('c'), Some('d'), None]);
        assert_eq!([until(1_000), until(1_000)], [Some('e'), None]);
        assert!(wheel.is_empty());
    }

    #[test]
    fn what_should_have_happened_happens_next() {
        let mut wheel = Wheel::new(Timestamp(0), Span(10), 4);
        assert_eq!(wheel.next(Timestamp(1_000)), None);
        wheel.put(Timestamp(5), 'a');
        assert_eq!(wheel.next(Timestamp(1_000)), Some((Timestamp(5), 'a')));
    }

    proptest! {
        #[test]
        fn a_wheel_and_a_sorted_list_agree(
            times in prop::collection::vec(0i64..5_000, 0..200), slots in 1usize..20, steps in prop::collection::vec(0i64..900, 0..20),
        ) {
            let mut wheel = Wheel::new(Timestamp(0), Span(7), slots);
            let mut list: Vec<(i64, usize)> = times.iter().copied().zip(0..).collect();
            for (at, order) in &list {
                wheel.put(Timestamp(*at), *order);
            }
            list.sort_unstable();
            let mut rest = list.into_iter().peekable();
            let mut until = 0;
            for step in steps.into_iter().chain([6_000]) {
                until += step;
                while let Some((at, order)) = wheel.next(Timestamp(until)) {
                    prop_assert_eq!(rest.next(), Some((at.0, order)));
                }
                prop_assert!(rest.peek().is_none_or(|(at, _)| *at > until));
            }
            prop_assert!(wheel.is_empty());
        }
    }
}
