//! Who writes: the office of the one writer is taken, held and lost here, and followed meanwhile.

use super::super::{Refusal, Role};
use super::lots::INDEX_EVERY;
use super::{LOOK_EVERY, Thread};
use crate::error::OpenError;
use crate::journal::Block;
use crate::outbox::Nudge;
use crate::store::{Place, Store, StoreError};
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often a writer shows that it lives.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// How long a writer may show nothing before another takes its place.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(5);
/// How often a writer without work looks whether it still is the writer, and how long a failure is left alone.
const DOUBT_EVERY: Duration = Duration::from_secs(1);

impl Thread {
    /// Takes the office if nobody holds it: a new term, behind everything that any earlier one wrote.
    pub(super) fn take_office(&mut self, store: &Store) -> Result<bool, OpenError> {
        if !store.elect()? {
            return Ok(false);
        }
        self.catch_up(store)?;
        self.check_clock()?;
        let term = store.begin_term(&self.url)?;
        // No transaction of an earlier term can be written any more, so the journal's end is settled.
        self.catch_up(store)?;
        // A lot of an earlier term is indexed by now, or never.
        (self.indexing, self.unindexed) = (None, store.unindexed()?);
        self.index_at = INDEX_EVERY;
        (self.settled.counters, self.settled.tree) = (store.counters()?, store.frontier()?);
        self.ahead = self.settled.clone();
        let outbox = store.outbox()?;
        self.term = term;
        self.looked_at = Instant::now();
        self.pulse.store(term, Ordering::Release);
        self.set_role(Role::Writer { term });
        // Without workers nobody waits for it; they read it when they start.
        let _ = self.notices.outbox.send(Nudge::New(outbox));
        Ok(true)
    }

    /// Another writes now: what was judged and not written has not happened.
    pub(super) fn step_down(&mut self, writer: String) {
        self.pulse.store(0, Ordering::Release);
        self.working = self.published.read().market.clone();
        self.ahead = self.settled.clone();
        self.saving = None;
        self.seen = (crate::store::read::CurrentWriter::default(), Instant::now());
        self.set_role(Role::Follower { writer });
    }

    fn set_role(&mut self, role: Role) {
        if self.role != role {
            tracing::info!(?role, head = self.settled.head.blocks, "the market's role changes");
            self.role = role.clone();
            self.notices.role.send_replace(role);
        }
    }

    /// Time may not run backwards in the journal.
    fn check_clock(&self) -> Result<(), OpenError> {
        let now = self.clock.now();
        if now >= self.newest {
            return Ok(());
        }
        Err(OpenError::ClockBehind { by: self.newest.since(now) })
    }

    pub(super) fn look_is_due(&self) -> bool {
        let every = if self.role.is_writer() { DOUBT_EVERY } else { LOOK_EVERY };
        self.place.is_shared() && self.looked_at.elapsed() >= every
    }

    /// Looks at what the other processes do: follows the writer, or sees that it still is the writer.
    pub(super) fn look_around(&mut self) {
        if !self.look_is_due() {
            return;
        }
        if self.failed_at.is_some_and(|failed| failed.elapsed() < DOUBT_EVERY) {
            return;
        }
        (self.looked_at, self.failed_at) = (Instant::now(), None);
        if self.role.is_writer() && self.store.is_none() {
            // Its lock went with the connection.
            if let Err(refusal) = self.reopen() {
                self.failed_at = Some(Instant::now());
                tracing::warn!(%refusal, "the database cannot be written now");
            }
            return;
        }
        let store = self.store.take().map_or_else(|| Store::open(&self.place, None), Ok);
        let looked = store.and_then(|store| {
            if self.role.is_writer() {
                self.doubt(&store)?;
            } else {
                self.follow(&store)?;
            }
            Ok(store)
        });
        match looked {
            Ok(store) => self.store = Some(store),
            Err(error) => {
                self.failed_at = Some(Instant::now());
                tracing::warn!(%error, "the database cannot be followed now");
            }
        }
    }

    /// A writer whose term is over steps down, also when it has nothing to write.
    fn doubt(&mut self, store: &Store) -> Result<(), OpenError> {
        let current = store.writer()?;
        if current.term != self.term {
            self.catch_up(store)?;
            self.step_down(current.url);
        }
        Ok(())
    }

    /// Takes up what the writer has written, and its office if it is gone.
    fn follow(&mut self, store: &Store) -> Result<(), OpenError> {
        self.catch_up(store)?;
        let current = store.writer()?;
        if current != self.seen.0 {
            self.set_role(Role::Follower { writer: current.url.clone() });
            self.seen = (current, Instant::now());
        }
        if !self.may_write || self.take_office(store)? {
            return Ok(());
        }
        if self.seen.1.elapsed() > SILENCE_MAX {
            tracing::warn!(writer = %self.seen.0.url, "the writer shows no life; its connection is ended");
            store.depose()?;
            self.seen.1 = Instant::now();
        }
        Ok(())
    }

    /// Opens the database anew and takes the office again, with everything that the journal holds meanwhile.
    pub(super) fn reopen(&mut self) -> Result<(), Refusal> {
        let reopened = Store::open(&self.place, self.pages_max).and_then(|store| {
            if self.place.is_shared() {
                self.doubt(&store)?;
            }
            if self.role.is_writer() && !self.take_office(&store)? {
                let held = "its lock is held by another connection".to_owned();
                return Err(OpenError::Database(StoreError::Unavailable(held)));
            }
            Ok(store)
        });
        self.store = Some(reopened.map_err(|error| Refusal::Unavailable(error.to_string()))?);
        Ok(())
    }

    /// Publishes every block that follows what is published.
    pub(super) fn catch_up(&mut self, store: &Store) -> Result<(), OpenError> {
        self.working = self.published.read().market.clone();
        let head = store.walk(self.settled.head, |block| self.take_up(block))?;
        if head != self.settled.head {
            self.settled.head = head;
            self.notices.blocks.send_replace(head.blocks);
        }
        Ok(())
    }

    /// Publishes a block that another process wrote.
    fn take_up(&mut self, block: &Block) -> Result<(), OpenError> {
        let entries = block.decode().map_err(|error| {
            let reason = error.to_string();
            OpenError::CorruptBlock { block: block.seq, reason }
        })?;
        self.newest = block.time;
        let events = || entries.iter().flat_map(|entry| &entry.events);
        events().for_each(|event| self.working.apply(event));
        self.published.advance(&self.working, events(), block.head());
        self.events_unsaved += events().count() as u64;
        for entry in entries {
            // Nobody watching is no failure.
            let _ = self.notices.events.send(entry.events.into());
        }
        Ok(())
    }
}

/// Shows on a connection of its own that the process lives, for as long as it holds a term.
pub(super) fn pulse(place: &Place, term: &Weak<AtomicU64>) {
    let mut store = None;
    while let Some(term) = term.upgrade().map(|term| term.load(Ordering::Acquire)) {
        if term > 0 {
            let open = match store.take() {
                Some(open) => Ok(open),
                None => Store::open(place, None),
            };
            store = open.ok().filter(|open: &Store| open.beat(term).is_ok());
        }
        std::thread::sleep(BEAT_EVERY);
    }
}
