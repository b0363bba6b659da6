//! The writer's thread: batches, commits, and what happens when a commit fails.

use super::batch::{Batch, Rows};
use super::{BATCH_MAX, Job, Keep, Outcome, QUEUE_MAX, Refusal, Submission, Work, Writer};
use crate::clock::Clock;
use crate::error::OpenError;
use crate::journal::Head;
use crate::outbox::Nudge;
use crate::published::Published;
use crate::start::StartError;
use crate::store::changes::Counters;
use crate::store::{Place, Store, StoreError};
use crate::streams::Streams;
use market::Market;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};
use types::{Hash, Signer, Timestamp};

/// How many rows are indexed at once.
const INDEX_EVERY: u64 = 20_000;

/// How long the answer to a keyed request is kept: seven days.
const KEYS_KEPT_MICROS: i64 = 7 * 24 * 3_600 * 1_000_000;

/// Everything the writer begins with.
pub(crate) struct Start {
    pub(crate) place: Place,
    pub(crate) store: Store,
    /// Where it answers requests.
    pub(crate) url: String,
    /// How many events are in no snapshot yet.
    pub(crate) unsaved: u64,
    pub(crate) clock: Clock,
    pub(crate) pages_max: Option<u64>,
    pub(crate) snapshot_every: u64,
    pub(crate) published: Arc<Published>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) notices: Notices,
    pub(crate) killed: Arc<AtomicBool>,
}

/// Whom the writer tells of what it has published.
#[derive(Clone, Debug)]
pub(crate) struct Notices {
    /// Outbox rows that are new.
    pub(crate) outbox: mpsc::UnboundedSender<Nudge>,
    /// The number of the newest block.
    pub(crate) blocks: tokio::sync::watch::Sender<u64>,
    /// Everything that happens, for whoever wants to watch.
    pub(crate) events: tokio::sync::broadcast::Sender<Arc<[market::Event]>>,
}

/// Starts the thread.
pub(crate) fn start(start: Start) -> Result<(Writer, JoinHandle<()>), StartError> {
    let store = &start.store;
    let open = |error| StartError::Open(OpenError::Database(error));
    let unindexed = Rows::of(store).map_err(open)?;
    let counters = store.counters().map_err(open)?;
    let term = store.begin_term(&start.url).map_err(open)?;
    let (sender, jobs) = mpsc::channel(QUEUE_MAX);
    let (working, head) = {
        let view = start.published.read();
        (view.market.clone(), view.head)
    };
    let thread = Thread {
        store: Some(start.store),
        working,
        head,
        term,
        counters,
        events_unsaved: start.unsaved,
        unindexed,
        save_at: start.snapshot_every,
        index_at: INDEX_EVERY,
        place: start.place,
        url: start.url,
        clock: start.clock,
        pages_max: start.pages_max,
        snapshot_every: start.snapshot_every,
        published: start.published,
        streams: start.streams,
        signer: start.signer,
        notices: start.notices,
        killed: start.killed,
    };
    let handle =
        std::thread::Builder::new().name("market-writer".into()).spawn(move || thread.run(jobs))?;
    Ok((Writer { jobs: sender }, handle))
}

pub(super) struct Thread {
    /// Nothing after a failure that could not be settled; it is then opened again.
    pub(super) store: Option<Store>,
    /// The state after everything that was judged, ahead of what is published.
    pub(super) working: Market,
    pub(super) head: Head,
    pub(super) term: u64,
    /// Where the numbers of rows stand.
    counters: Counters,
    events_unsaved: u64,
    /// Rows that are durable and that no index finds yet.
    unindexed: Rows,
    /// When the next snapshot and the next indexing are due: later than usual after one that failed.
    save_at: u64,
    index_at: u64,
    place: Place,
    url: String,
    pub(super) clock: Clock,
    pages_max: Option<u64>,
    snapshot_every: u64,
    published: Arc<Published>,
    pub(super) streams: Arc<Streams>,
    pub(super) signer: Arc<dyn Signer>,
    notices: Notices,
    killed: Arc<AtomicBool>,
}

type Reply = oneshot::Sender<Result<Outcome, Refusal>>;

impl Thread {
    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut taken = Vec::with_capacity(BATCH_MAX);
        while jobs.blocking_recv_many(&mut taken, BATCH_MAX) > 0 {
            if self.killed.load(Ordering::Acquire) {
                return;
            }
            let stop = taken.iter().any(|job| matches!(job, Job::Stop));
            let work = taken.drain(..).map_while(|job| match job {
                Job::Work(work, reply) => Some((work, reply)),
                Job::Stop => None,
            });
            let work: Vec<(Work, Reply)> = work.collect();
            self.serve(work);
            if stop {
                break;
            }
            if self.events_unsaved >= self.save_at {
                self.save();
            }
            if self.unindexed.count() >= self.index_at {
                self.index();
            }
        }
        self.save();
        if let Some(Err(error)) = self.store.as_ref().map(Store::tidy) {
            tracing::warn!(%error, "the database was not left tidy");
        }
    }

    fn serve(&mut self, work: Vec<(Work, Reply)>) {
        if work.is_empty() {
            return;
        }
        let (work, replies): (Vec<Work>, Vec<Reply>) = work.into_iter().unzip();
        match self.attempt(work) {
            Ok(outcomes) => {
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    // Whoever asked may be gone; what happened stands.
                    let _ = reply.send(outcome);
                }
            }
            Err(refusal) => {
                tracing::error!(%refusal, "a batch was not written");
                for reply in replies {
                    let _ = reply.send(Err(refusal.clone()));
                }
            }
        }
    }

    /// Judges and commits one batch; on an error the state is as it was before.
    fn attempt(&mut self, work: Vec<Work>) -> Result<Vec<Result<Outcome, Refusal>>, Refusal> {
        if self.store.is_none() {
            self.reopen()?;
        }
        let mut batch = Batch::new(self.counters);
        let outcomes = match self.judge_all(&mut batch, work) {
            Ok(outcomes) => outcomes,
            Err(error) => return Err(self.undo(&batch, &error)),
        };
        let head = batch.seal(self.head, self.clock.now(), self.term);
        if batch.changes().is_empty() {
            return Ok(outcomes);
        }
        match self.open_store().and_then(|store| store.write(batch.changes(), self.term)) {
            Ok(()) => self.publish(batch, head),
            Err(error) => self.settle(&batch, head, &error)?,
        }
        Ok(outcomes)
    }

    fn judge_all(
        &mut self,
        batch: &mut Batch,
        work: Vec<Work>,
    ) -> Result<Vec<Result<Outcome, Refusal>>, StoreError> {
        let judge = |work| match work {
            Work::Decide(submission) => self.decide(batch, &submission),
            Work::Keep(keep) => self.keep(batch, keep),
        };
        work.into_iter().map(judge).collect()
    }

    fn decide(
        &mut self,
        batch: &mut Batch,
        submission: &Submission,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        let Some(store) = self.store.as_ref() else { return Err(closed()) };
        batch.decide(super::batch::Judge {
            store,
            market: &mut self.working,
            unindexed: &self.unindexed,
            streams: &self.streams,
            signer: &*self.signer,
            now: self.clock.now(),
            submission,
        })
    }

    fn keep(&self, batch: &mut Batch, keep: Keep) -> Result<Result<Outcome, Refusal>, StoreError> {
        let current = match &keep {
            Keep::Layout { contract, .. } => self.working.contract(contract).and_then(|c| c.layout),
            _ => None,
        };
        batch.keep(self.open_store()?, keep, (current, self.clock.now()))
    }

    /// A transaction that failed may have been written all the same: the journal's end tells.
    fn settle(&mut self, batch: &Batch, head: Head, error: &StoreError) -> Result<(), Refusal> {
        let (before, refusal) = (self.head, self.undo(batch, error));
        self.store = None;
        self.reopen()?;
        if self.head == head && head != before {
            tracing::warn!(%error, "a transaction reported an error and was found written");
            return Ok(());
        }
        Err(refusal)
    }

    /// Undoes in memory what was judged; the database undoes its part by itself.
    fn undo(&mut self, batch: &Batch, error: &StoreError) -> Refusal {
        if batch.has_events() {
            self.working = self.published.read().market.clone();
        }
        match error {
            StoreError::Full(_) => Refusal::DiskFull,
            error => Refusal::Unavailable(error.to_string()),
        }
    }

    fn publish(&mut self, mut batch: Batch, head: Head) {
        self.unindexed.merge(batch.take_rows());
        self.counters = batch.counters();
        if head == self.head {
            return;
        }
        {
            let mut view = self.published.write();
            batch.applied().for_each(|event| view.market.apply(event));
            view.head = head;
        }
        // In tests every step of every market is checked from scratch.
        debug_assert_eq!(
            market::check(&self.working),
            Ok(()),
            "block {} breaks the rules",
            head.blocks
        );
        self.head = head;
        self.events_unsaved += batch.applied().count() as u64;
        // Nobody listening is no failure: the outbox is in the database.
        let _ = self.notices.outbox.send(Nudge::New(batch.take_effects()));
        self.notices.blocks.send_replace(head.blocks);
        for events in batch.into_happened() {
            let _ = self.notices.events.send(events);
        }
    }

    /// Writes a snapshot. A market that cannot goes on without it.
    fn save(&mut self) {
        if self.events_unsaved == 0 {
            return;
        }
        let Ok(store) = self.open_store() else { return };
        let state = self.working.to_bytes();
        // The root is the hash of these very bytes, so the state is not walked once more for it.
        let root = Hash::of(&state);
        debug_assert_eq!(root, self.working.root());
        match store.add_snapshot(self.term, self.head.blocks, (&root, &state)) {
            Ok(()) => (self.events_unsaved, self.save_at) = (0, self.snapshot_every),
            Err(error) => {
                self.save_at = self.events_unsaved + self.snapshot_every;
                tracing::warn!(%error, "no snapshot was written");
            }
        }
    }

    /// Indexes what is not indexed yet, and forgets old keys. A market that cannot goes on with what it has in memory.
    fn index(&mut self) {
        let old = Timestamp(self.clock.now().0.saturating_sub(KEYS_KEPT_MICROS));
        if let Err(error) = self.open_store().and_then(|store| store.forget_keys(old)) {
            tracing::warn!(%error, "old idempotency keys were not forgotten");
        }
        match self.open_store().and_then(|store| store.index(self.term)) {
            Ok(()) => (self.unindexed, self.index_at) = (Rows::default(), INDEX_EVERY),
            Err(error) => {
                self.index_at = self.unindexed.count() + INDEX_EVERY;
                tracing::warn!(%error, "new rows were not indexed");
            }
        }
    }

    /// Opens the database anew, begins a term, and takes up what the journal holds beyond what is published.
    fn reopen(&mut self) -> Result<(), Refusal> {
        let reopened = Store::open(&self.place, self.pages_max).and_then(|store| {
            // No transaction of an earlier term can be written any more, so the journal's end is settled.
            self.term = store.begin_term(&self.url)?;
            self.catch_up(&store)?;
            self.unindexed = Rows::of(&store)?;
            self.counters = store.counters()?;
            let outbox = store.outbox()?;
            Ok((store, outbox))
        });
        let (store, outbox) = reopened.map_err(|error| Refusal::Unavailable(error.to_string()))?;
        self.store = Some(store);
        let _ = self.notices.outbox.send(Nudge::New(outbox));
        Ok(())
    }

    /// Publishes every block that follows what is published.
    fn catch_up(&mut self, store: &Store) -> Result<(), OpenError> {
        let head = store.walk(self.head, |block| {
            let corrupt = |e: serde_json::Error| OpenError::CorruptBlock {
                block: block.seq,
                reason: e.to_string(),
            };
            let entries = block.decode().map_err(corrupt)?;
            let mut view = self.published.write();
            for event in entries.iter().flat_map(|entry| &entry.events) {
                view.market.apply(event);
                self.events_unsaved += 1;
            }
            view.head = block.head();
            drop(view);
            for entry in entries {
                // Nobody watching is no failure.
                let _ = self.notices.events.send(entry.events.into());
            }
            Ok(())
        })?;
        if head != self.head {
            self.head = head;
            self.working = self.published.read().market.clone();
            self.notices.blocks.send_replace(head.blocks);
        }
        Ok(())
    }

    fn open_store(&self) -> Result<&Store, StoreError> {
        self.store.as_ref().ok_or_else(closed)
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the database is closed".into())
}

/// When a command is judged.
pub(super) type Now = Timestamp;

#[cfg(test)]
mod tests;
