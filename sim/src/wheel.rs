//! A timing wheel: what is to happen when, at a constant cost for each.
//!
//! Time is cut into ticks. What happens within one turn of the wheel lies in its tick's slot, what is farther away waits by
//! its tick (Varghese and Lauck, "Hashed and hierarchical timing wheels", 1987). Within a tick things come by time, and at
//! one time in the order in which they were put in, so that a run is the same every time. A slot is sorted once, when its
//! tick comes; one that was filled in the order of time is read where it lies, chunk by chunk, and each chunk that has been
//! read is the next one that is written.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use types::{Span, Timestamp};

/// Something that waits for its time.
#[derive(Clone, Copy, Debug)]
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

type Chunk<T> = Vec<Entry<T>>;

/// What happens within a tick, in the order in which it was put in: in chunks, which are used again for other ticks.
#[derive(Clone, Debug)]
struct Slot<T> {
    full: Vec<Chunk<T>>,
    open: Chunk<T>,
    /// When what was put in last happens, and whether nothing was put in after something later.
    last: Timestamp,
    in_order: bool,
}

/// How much a chunk holds: then as much memory is in use as there is waiting, and most of it is near.
const CHUNK: usize = 32;

/// What is to happen, by time.
#[derive(Clone, Debug)]
pub struct Wheel<T> {
    ticks: Ticks,
    /// What happens within a turn, by tick.
    slots: Vec<Slot<T>>,
    /// Empty chunks.
    spare: Vec<Chunk<T>>,
    /// What is farther away than a turn, by tick.
    far: BTreeMap<u64, Chunk<T>>,
    /// The tick that is being emptied, and its slot.
    current: u64,
    slot: usize,
    /// What comes next of that tick, how much of it has come, and the chunks after it, the last first.
    ready: Chunk<T>,
    taken: usize,
    after: Vec<Chunk<T>>,
    /// Where ticks are sorted.
    sorted: Chunk<T>,
    /// What was put into that tick since it came: that comes after what was there before.
    late: BinaryHeap<Reverse<Late<T>>>,
    order: u64,
    waiting: usize,
}

/// How time is cut.
#[derive(Clone, Copy, Debug)]
struct Ticks {
    length: u64,
    /// 2^64 by that: a product is ten times as fast as a division.
    inverse: u64,
}

impl Ticks {
    const fn of(tick: Span) -> Self {
        Self { length: tick.0, inverse: u64::MAX / tick.0 }
    }

    /// In which one something happens. The product is the quotient or one less, as `time` ÷ 2^64 is less than one.
    fn tick_of(self, at: Timestamp) -> u64 {
        let time = at.since(Timestamp(0)).0;
        let tick = ((u128::from(time) * u128::from(self.inverse)) >> 64) as u64;
        tick + u64::from(time - tick * self.length >= self.length)
    }
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

impl<T: Copy> Slot<T> {
    const fn new() -> Self {
        Self { full: Vec::new(), open: Vec::new(), last: Timestamp(i64::MIN), in_order: true }
    }

    #[inline]
    fn push(&mut self, entry: Entry<T>, spare: &mut Vec<Chunk<T>>) {
        if self.open.len() == CHUNK || self.open.capacity() == 0 {
            self.open_chunk(spare);
        }
        self.in_order &= self.last <= entry.at;
        self.last = entry.at;
        self.open.push(entry);
    }

    #[cold]
    fn open_chunk(&mut self, spare: &mut Vec<Chunk<T>>) {
        let full = std::mem::replace(&mut self.open, spare.pop().unwrap_or_default());
        if !full.is_empty() {
            self.full.push(full);
        }
    }

    /// Moves all chunks to `to`, the last first, which has none; whether they are in the order of time.
    fn empty(&mut self, to: &mut Vec<Chunk<T>>) -> bool {
        if !self.open.is_empty() {
            self.full.push(std::mem::take(&mut self.open));
        }
        std::mem::swap(&mut self.full, to);
        to.reverse();
        self.last = Timestamp(i64::MIN);
        std::mem::replace(&mut self.in_order, true)
    }
}

impl<T: Copy> Wheel<T> {
    /// A wheel of `slots` ticks a turn that starts at `now`.
    ///
    /// # Panics
    /// Without a slot, or with a tick of nothing.
    pub fn new(now: Timestamp, tick: Span, slots: usize) -> Self {
        assert!(slots > 0 && tick.0 > 0, "a wheel has slots, and a tick takes time");
        let ticks = Ticks::of(tick);
        Self {
            ticks,
            slots: std::iter::repeat_with(Slot::new).take(slots).collect(),
            spare: Vec::new(),
            far: BTreeMap::new(),
            current: ticks.tick_of(now),
            slot: 0,
            ready: Vec::new(),
            taken: 0,
            after: Vec::new(),
            sorted: Vec::new(),
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
    #[inline]
    pub fn put(&mut self, at: Timestamp, what: T) {
        self.waiting += 1;
        let tick = self.ticks.tick_of(at);
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
    #[inline]
    pub fn next(&mut self, until: Timestamp) -> Option<(Timestamp, T)> {
        if self.taken == self.ready.len() {
            self.go_on(until);
        }
        let ready = self.ready.get(self.taken).copied().filter(|entry| entry.at <= until);
        let late = self.late.peek().map(|Reverse(late)| late.at);
        let (at, what) = match (ready, late) {
            (Some(entry), late) if late.is_none_or(|late| entry.at <= late) => {
                self.taken += 1;
                (entry.at, entry.what)
            }
            (_, Some(at)) if at <= until => (at, self.late.pop()?.0.what),
            _ => return None,
        };
        self.waiting -= 1;
        Some((at, what))
    }

    /// Makes the next chunk of the current tick ready; once nothing is left of it, goes on to the next tick in which something
    /// happens, if it has begun by `until`.
    #[inline(never)]
    fn go_on(&mut self, until: Timestamp) {
        self.put_aside();
        let last = self.ticks.tick_of(until);
        if self.waiting == 0 {
            return self.go_to(self.current.max(last));
        }
        loop {
            if let Some(chunk) = self.after.pop() {
                self.ready = chunk;
                return;
            }
            if !self.late.is_empty() || self.current >= last {
                return;
            }
            self.go_to(self.current + 1);
            self.turn();
        }
    }

    /// What has been read can be written again.
    fn put_aside(&mut self) {
        let mut read = std::mem::take(&mut self.ready);
        read.clear();
        self.taken = 0;
        match read.capacity() {
            0 => {}
            1..=CHUNK => self.spare.push(read),
            _ => self.sorted = read,
        }
    }

    /// Makes everything of the current tick come next.
    fn turn(&mut self) {
        let far = self.far.remove(&self.current);
        let in_order = self.slots[self.slot].empty(&mut self.after);
        if in_order && far.is_none() {
            return;
        }
        let mut sorted = std::mem::take(&mut self.sorted);
        sorted.extend(far.into_iter().flatten());
        while let Some(mut chunk) = self.after.pop() {
            sorted.append(&mut chunk);
            self.spare.push(chunk);
        }
        sorted.sort_by_key(|entry| entry.at);
        self.after.push(sorted);
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

    #[test]
    fn a_tick_in_the_order_of_time_and_one_that_is_not_come_alike_and_leave_their_chunks() {
        let mut wheel = Wheel::new(Timestamp(0), Span(10), 4);
        for turn in 0..3i64 {
            let begins = Timestamp(turn * 20 + 10);
            for what in 0..100 {
                wheel.put(begins, what);
                wheel.put(begins.after(Span(19 - what / 10)), what);
            }
            let came: Vec<_> = std::iter::from_fn(|| wheel.next(begins.after(Span(19)))).collect();
            let first = (0..100).map(|what| (begins, what));
            let second = (0..10).rev().flat_map(|ten| {
                (ten * 10..ten * 10 + 10).map(move |what| (begins.after(Span(19 - ten)), what))
            });
            assert_eq!(came, first.chain(second).collect::<Vec<_>>());
        }
        let chunks = wheel.spare.len() + usize::from(wheel.ready.capacity() > 0);
        assert!(
            chunks <= 8 && wheel.spare.iter().all(|chunk| chunk.capacity() <= CHUNK),
            "{chunks}"
        );
    }

    proptest! {
        #[test]
        fn a_product_finds_the_tick_that_a_division_finds(length in 1u64.., time in 0..i64::MAX, short in 1u64..10_000) {
            for length in [length, short, time.unsigned_abs().max(1)] {
                for time in [time, time / 7, i64::try_from(length).unwrap_or(i64::MAX), i64::MAX] {
                    let tick = Ticks::of(Span(length)).tick_of(Timestamp(time));
                    prop_assert_eq!(tick, time.unsigned_abs() / length);
                }
            }
        }

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
