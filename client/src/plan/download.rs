//! The plan of one object's download.

use super::segment::{SegmentState, ShardState};
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use types::{Span, Timestamp};

/// How many of the latest shards the median is taken over.
const TIMES_KEPT: usize = 64;
/// What a slot's strikes are raised by when it sends other bytes than it should.
const STRIKES_FOR_WRONG_BYTES: u32 = 8;

/// How patient a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// A shard is slow when it takes longer than so many times the median.
    pub slow_factor: u32,
    /// No shard is slow before this.
    pub slow_after_min: Span,
    /// How long the first shards may take, while there is no median yet.
    pub slow_after_first: Span,
    /// How often one shard is asked of one slot.
    pub attempts: u8,
    /// How many segments are fetched at a time.
    pub window: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            slow_factor: 4,
            slow_after_min: Span::from_millis(250),
            slow_after_first: Span::from_millis(1_500),
            attempts: 3,
            window: 6,
        }
    }
}

/// Ask this slot for its shard of this segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fetch {
    /// Which segment of the object.
    pub segment: u64,
    /// Which slot; its shard has the same number.
    pub slot: u16,
    /// How often this shard failed to come from this slot already.
    pub attempt: u8,
}

/// Why a fetch gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It may be better next time: refused connections, timeouts, cut streams, busy providers.
    Passing(String),
    /// This slot has not got this shard, or refuses it.
    Lasting(String),
    /// It sent other bytes than the shard's root names.
    WrongBytes(String),
}

impl Failure {
    fn reason(&self) -> &str {
        match self {
            Self::Passing(reason) | Self::Lasting(reason) | Self::WrongBytes(reason) => reason,
        }
    }
}

/// What the arrival of a shard means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It counts, and the segment needs more.
    Counts,
    /// It completes its segment. Fetches of other shards of it may be dropped.
    Completes {
        /// The slots that are still being asked.
        drop: Vec<u16>,
    },
    /// Its segment was complete already.
    Surplus,
}

/// A segment cannot be had: too many of its slots are missing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "segment {segment} needs {need} of its {slots} shards and only {have} can be had; missing {missing}"
)]
pub struct Missing {
    /// Which segment.
    pub segment: u64,
    /// How many shards it takes.
    pub need: usize,
    /// How many can be had.
    pub have: usize,
    /// How many there should be.
    pub slots: usize,
    /// Which slots cannot give theirs, and why.
    pub missing: MissingSlots,
}

/// Slots that cannot give their shard, each with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissingSlots(pub Vec<(u16, String)>);

impl fmt::Display for MissingSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (slot, reason)) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(f, "{separator}slot {slot} ({reason})")?;
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default)]
struct SlotHealth {
    /// Rises when the slot is slow or fails, sinks when it delivers.
    strikes: u32,
    /// Why it failed last.
    reason: String,
}

/// What to ask for next, and what to make of what comes.
#[derive(Clone, Debug)]
pub struct DownloadPlan {
    need: usize,
    pace: Pace,
    health: Vec<SlotHealth>,
    /// Segments being fetched, the first of which is number `base`.
    open: VecDeque<SegmentState>,
    base: u64,
    end: u64,
    times: VecDeque<Span>,
}

impl DownloadPlan {
    /// A plan for these segments of an object of which any `need` of `slots` shards per segment suffice.
    pub fn new(need: u16, slots: u16, segments: Range<u64>, pace: Pace) -> Self {
        Self {
            need: need.into(),
            pace,
            health: vec![SlotHealth::default(); slots.into()],
            open: VecDeque::new(),
            base: segments.start,
            end: segments.end,
            times: VecDeque::new(),
        }
    }

    /// Tells the plan that a slot did badly before (an earlier download, the market's word), so that it is
    /// asked after the others.
    pub fn distrust(&mut self, slot: u16, reason: &str) {
        if let Some(health) = self.health.get_mut(usize::from(slot)) {
            health.strikes += 1;
            reason.clone_into(&mut health.reason);
        }
    }

    /// The next fetch to begin; nothing when the window is full or everything needed is on its way.
    pub fn next(&mut self, now: Timestamp) -> Option<Fetch> {
        while self.next_to_open() < self.end && (self.open.len() as u64) < self.pace.window.max(1) {
            self.open.push_back(SegmentState::new(self.health.len(), self.need));
        }
        for (segment, state) in (self.base..).zip(&mut self.open) {
            if state.wanted() == 0 {
                continue;
            }
            let Some((slot, attempt)) = best(state, &self.health, self.pace.attempts) else {
                continue;
            };
            state.shards[usize::from(slot)] =
                ShardState::Running { since: now, attempts: attempt, slow: false };
            return Some(Fetch { segment, slot, attempt });
        }
        None
    }

    /// A shard came, and its bytes are what they should be.
    pub fn arrived(&mut self, fetch: Fetch, now: Timestamp) -> Arrival {
        let Some(state) = state(&mut self.open, self.base, fetch.segment) else {
            return Arrival::Surplus;
        };
        let was_complete = state.is_complete();
        let shard = &mut state.shards[usize::from(fetch.slot)];
        let ShardState::Running { since, slow, .. } = *shard else {
            return Arrival::Surplus;
        };
        *shard = ShardState::Arrived;
        let is_complete = state.is_complete();
        let drop = if is_complete { state.running().collect() } else { Vec::new() };
        if !slow {
            let health = &mut self.health[usize::from(fetch.slot)];
            health.strikes = health.strikes.saturating_sub(1);
        }
        if self.times.len() == TIMES_KEPT {
            self.times.pop_front();
        }
        self.times.push_back(now.since(since));
        match (was_complete, is_complete) {
            (true, _) => Arrival::Surplus,
            (false, true) => Arrival::Completes { drop },
            (false, false) => Arrival::Counts,
        }
    }

    /// A fetch gave nothing, or not what it should.
    ///
    /// # Errors
    /// [`Missing`], when too few of the segment's shards can still be had; it names the slots.
    pub fn failed(&mut self, fetch: Fetch, failure: &Failure) -> Result<(), Missing> {
        let attempts_max = self.pace.attempts;
        let health = &mut self.health[usize::from(fetch.slot)];
        let strikes =
            if matches!(failure, Failure::WrongBytes(_)) { STRIKES_FOR_WRONG_BYTES } else { 1 };
        health.strikes = health.strikes.saturating_add(strikes);
        failure.reason().clone_into(&mut health.reason);
        let Some(state) = state(&mut self.open, self.base, fetch.segment) else {
            return Ok(());
        };
        let shard = &mut state.shards[usize::from(fetch.slot)];
        let ShardState::Running { attempts, .. } = *shard else {
            return Ok(());
        };
        let attempts = match failure {
            Failure::Passing(_) => attempts.saturating_add(1),
            Failure::Lasting(_) | Failure::WrongBytes(_) => attempts_max,
        };
        *shard = ShardState::Idle { attempts };
        let have = state.possible(attempts_max);
        if have >= self.need {
            return Ok(());
        }
        let state = state.clone();
        Err(self.missing(fetch.segment, &state, have))
    }

    /// Notes which shards have become slow, so that [`DownloadPlan::next`] asks other slots as well.
    pub fn overdue(&mut self, now: Timestamp) -> Vec<Fetch> {
        let patience = self.patience();
        let mut overdue = Vec::new();
        for (segment, state) in (self.base..).zip(&mut self.open) {
            if state.is_complete() {
                continue;
            }
            for (slot, shard) in (0..).zip(&mut state.shards) {
                if let ShardState::Running { since, attempts, slow: slow @ false } = shard
                    && now.since(*since) >= patience
                {
                    *slow = true;
                    overdue.push(Fetch { segment, slot, attempt: *attempts });
                }
            }
        }
        for fetch in &overdue {
            self.health[usize::from(fetch.slot)].strikes += 1;
        }
        overdue
    }

    /// When [`DownloadPlan::overdue`] should be asked next.
    pub fn wake_at(&self) -> Option<Timestamp> {
        let patience = self.patience();
        let waiting = self.open.iter().filter(|state| !state.is_complete());
        waiting
            .flat_map(|state| &state.shards)
            .filter_map(|shard| match shard {
                ShardState::Running { since, slow: false, .. } => Some(since.after(patience)),
                _ => None,
            })
            .min()
    }

    /// The first segment, when it is complete: it is to be decoded now, and then [`DownloadPlan::consumed`].
    pub fn ready(&self) -> Option<u64> {
        self.open.front().filter(|state| state.is_complete()).map(|_| self.base)
    }

    /// The first segment was decoded: the window moves on.
    pub fn consumed(&mut self) {
        if self.open.pop_front().is_some() {
            self.base += 1;
        }
    }

    /// Whether every segment was consumed.
    pub fn is_done(&self) -> bool {
        self.base >= self.end
    }

    fn next_to_open(&self) -> u64 {
        self.base + self.open.len() as u64
    }

    /// How long a shard may take before it counts as slow.
    fn patience(&self) -> Span {
        let mut times: Vec<Span> = self.times.iter().copied().collect();
        if times.len() < self.need {
            return self.pace.slow_after_first;
        }
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        Span(median.0.saturating_mul(self.pace.slow_factor.into())).max(self.pace.slow_after_min)
    }

    fn missing(&self, segment: u64, state: &SegmentState, have: usize) -> Missing {
        let lost = |shard: &ShardState| matches!(shard, ShardState::Idle { attempts } if *attempts >= self.pace.attempts);
        let missing = (0..).zip(state.shards.iter().zip(&self.health));
        let missing = missing.filter(|(_, (shard, _))| lost(shard));
        let missing = missing.map(|(slot, (_, health))| (slot, health.reason.clone())).collect();
        let (need, slots) = (self.need, self.health.len());
        Missing { segment, need, have, slots, missing: MissingSlots(missing) }
    }
}

fn state(open: &mut VecDeque<SegmentState>, base: u64, segment: u64) -> Option<&mut SegmentState> {
    let place = usize::try_from(segment.checked_sub(base)?).ok()?;
    open.get_mut(place)
}

/// The idle shard to ask for: the one tried least, of the slot that did best, data before parity.
fn best(state: &SegmentState, health: &[SlotHealth], attempts_max: u8) -> Option<(u16, u8)> {
    (0..)
        .zip(state.shards.iter().zip(health))
        .filter_map(|(slot, (shard, health))| match shard {
            ShardState::Idle { attempts } if *attempts < attempts_max => {
                Some((*attempts, health.strikes, slot))
            }
            _ => None,
        })
        .min()
        .map(|(attempts, _, slot)| (slot, attempts))
}

#[cfg(test)]
mod tests;
