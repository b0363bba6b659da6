//! A timing wheel: what is to happen when, at a constant cost for each.
//!
//! Time is cut into ticks. What happens within one turn of the wheel lies in its tick's slot, what is farther away waits by
//! its tick (Varghese and Lauck, "Hashed and hierarchical timing wheels", 1987). Within a tick things come by time, and at
//! one time in the order in which they were put in, so that a run is the same every time. A slot is sorted once, when its
//! tick comes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use types::{Span, Timestamp};

/// Something that waits for its time.
#[derive(Clone, Debug)]
struct Entry<T> {
    at: Timestamp,
    what: T,
}

/// Something that was put in when its tick had come, and how many such there were before.
#[derive(Clone, Debug)]
struct Late<T> {
    at: Timestamp,
    order: u64,
    what: T,
}

/// What happens within a tick, in the order in which it was put in: in chunks, which are used again for other ticks.
#[derive(Clone, Debug)]
struct Slot<T> {
    full: Vec<Vec<Entry<T>>>,
    open: Vec<Entry<T>>,
}

/// How much a chunk holds: then as much memory is in use as there is waiting, and most of it is near.
const CHUNK: usize = 32;

/// What is to happen, by time.
#[derive(Clone, Debug)]
pub struct Wheel<T> {
    tick: Span,
    /// What happens within a turn, by tick.
    slots: Vec<Slot<T>>,
    /// Empty chunks.
    spare: Vec<Vec<Entry<T>>>,
    /// What is farther away than a turn, by tick.
    far: BTreeMap<u64, Vec<Entry<T>>>,
    /// The tick that is being emptied, and its slot.
    current: u64,
    slot: usize,
    /// What is left of that tick, the last first, and what was put into it since: that comes after what was there before.
    ready: Vec<Entry<T>>,
    late: BinaryHeap<Reverse<Late<T>>>,
    order: u64,
    waiting: usize,
}

impl<T> PartialEq for Late<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Late<T> {}

impl<T> PartialOrd for Late<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Late<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl<T> Late<T> {
    const fn key(&self) -> (Timestamp, u64) {
        (self.at, self.order)
    }
}

impl<T> Slot<T> {
    const fn new() -> Self {
        Self { full: Vec::new(), open: Vec::new() }
    }

    fn push(&mut self, entry: Entry<T>, spare: &mut Vec<Vec<Entry<T>>>) {
        if self.open.len() == CHUNK || self.open.capacity() == 0 {
            let full = std::mem::replace(&mut self.open, spare.pop().unwrap_or_default());
            if !full.is_empty() {
                self.full.push(full);
            }
        }
        self.open.push(entry);
    }

    /// Moves everything to `ready`, and the chunks to `spare`.
    fn empty(&mut self, ready: &mut Vec<Entry<T>>, spare: &mut Vec<Vec<Entry<T>>>) {
        let open = Some(std::mem::take(&mut self.open)).filter(|open| !open.is_empty());
        for mut chunk in self.full.drain(..).chain(open) {
            ready.append(&mut chunk);
            spare.push(chunk);
        }
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
            slots: std::iter::repeat_with(Slot::new).take(slots).collect(),
            spare: Vec::new(),
            far: BTreeMap::new(),
            current: tick_of(now, tick),
            slot: 0,
            ready: Vec::new(),
            late: BinaryHeap::new(),
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
        self.waiting += 1;
        let tick = tick_of(at, self.tick);
        if tick <= self.current {
            self.late.push(Reverse(Late { at, order: self.order, what }));
            self.order += 1;
        } else if tick - self.current < self.slots.len() as u64 {
            let slot = self.slot_after(tick - self.current);
            self.slots[slot].push(Entry { at, what }, &mut self.spare);
        } else {
            self.far.entry(tick).or_default().push(Entry { at, what });
        }
    }

    /// What happens next, if it does so by `until`.
    pub fn next(&mut self, until: Timestamp) -> Option<(Timestamp, T)> {
        if self.ready.is_empty() && self.late.is_empty() {
            self.advance(tick_of(until, self.tick));
        }
        let ready = self.ready.last().map(|entry| entry.at);
        let late = self.late.peek().map(|Reverse(late)| late.at);
        let (at, what) = match (ready, late) {
            (Some(at), late) if at <= until && late.is_none_or(|late| at <= late) => {
                (at, self.ready.pop()?.what)
            }
            (_, Some(at)) if at <= until => (at, self.late.pop()?.0.what),
            _ => return None,
        };
        self.waiting -= 1;
        Some((at, what))
    }

    /// Goes on to the next tick in which something happens, or to `last` where there is none before.
    fn advance(&mut self, last: u64) {
        if self.waiting == 0 {
            self.go_to(self.current.max(last));
            return;
        }
        while self.ready.is_empty() && self.current < last {
            self.go_to(self.current + 1);
            self.turn();
        }
    }

    /// Makes everything of the current tick ready.
    fn turn(&mut self) {
        if let Some(far) = self.far.remove(&self.current) {
            self.ready.extend(far);
        }
        self.slots[self.slot].empty(&mut self.ready, &mut self.spare);
        self.ready.reverse();
        self.ready.sort_by_key(|entry| Reverse(entry.at));
    }

    /// Makes `tick`, which is not before the current one, the current one.
    fn go_to(&mut self, tick: u64) {
        self.slot = self.slot_after((tick - self.current) % self.slots.len() as u64);
        self.current = tick;
    }

    /// Which slot a tick has that is so many after the current one, less than a turn.
    fn slot_after(&self, ticks: u64) -> usize {
        let slot = self.slot + usize::try_from(ticks).unwrap_or(0);
        if slot < self.slots.len() { slot } else { slot - self.slots.len() }
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
        fn what_is_put_in_while_time_passes_comes_in_its_place(
            moves in prop::collection::vec((0i64..300, 0i64..60, 0usize..6), 0..120), slots in 1usize..20,
        ) {
            let mut wheel = Wheel::new(Timestamp(0), Span(7), slots);
            let mut waiting = std::collections::BTreeSet::new();
            let mut until = 0;
            for (order, (at, passes, taken)) in moves.into_iter().enumerate() {
                wheel.put(Timestamp(at), order);
                waiting.insert((at, order));
                until += passes * i64::from(taken == 0);
                for _ in 0..taken {
                    let due = waiting.first().copied().filter(|(at, _)| *at <= until);
                    let found = wheel.next(Timestamp(until)).map(|(at, order)| (at.0, order));
                    prop_assert_eq!(found, due);
                    due.map(|due| waiting.remove(&due));
                    prop_assert_eq!(wheel.len(), waiting.len());
                }
            }
        }

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
