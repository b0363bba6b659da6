//! The writer's thread: batches, commits, and what happens when a commit fails.

use super::batch::{Batch, Rows};
use super::{
    BATCH_MAX, Job, Keep, Outcome, QUEUE_MAX, Refusal, RequestKey, Submission, Work, Writer,
};
use crate::clock::Clock;
use crate::error::OpenError;
use crate::journal::{Block, Head};
use crate::outbox::Nudge;
use crate::published::Published;
use crate::start::StartError;
use crate::store::Store;
use crate::streams::Streams;
use market::Market;
use rusqlite::ErrorCode;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};
use types::{Hash, Signer, Timestamp};

/// How many rows are indexed at once.
const INDEX_EVERY: u64 = 20_000;

/// Everything the writer begins with.
pub(crate) struct Start {
    pub(crate) dir: PathBuf,
    pub(crate) store: Store,
    pub(crate) term: u64,
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
    let unindexed = Rows::of(&start.store).map_err(OpenError::Database)?;
    let (sender, jobs) = mpsc::channel(QUEUE_MAX);
    let (working, head) = {
        let view = start.published.read();
        (view.market.clone(), view.head)
    };
    let thread = Thread {
        store: Some(start.store),
        working,
        head,
        term: start.term,
        events_unsaved: start.unsaved,
        unindexed,
        save_at: start.snapshot_every,
        index_at: INDEX_EVERY,
        dir: start.dir,
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
    events_unsaved: u64,
    /// Rows that are durable and that no index finds yet.
    unindexed: Rows,
    /// When the next snapshot and the next indexing are due: later than usual after one that failed.
    save_at: u64,
    index_at: u64,
    dir: PathBuf,
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
        if let Some(Err(error)) = self.store.as_ref().map(Store::checkpoint) {
            tracing::warn!(%error, "the write-ahead log was not moved into the database");
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
        let mut batch = Batch::new(self.head.blocks + 1);
        let judged = self.judge_all(&mut batch, work);
        let sealed = judged.and_then(|outcomes| Ok((outcomes, self.seal(&mut batch)?)));
        let (outcomes, head) = match sealed {
            Ok(sealed) => sealed,
            Err(error) => return Err(self.undo(&batch, &error)),
        };
        if let Err(error) = self.open_store().and_then(Store::commit) {
            self.settle(&batch, head, &error)?;
        }
        self.unindexed.merge(batch.take_rows());
        self.publish(batch, head);
        Ok(outcomes)
    }

    fn judge_all(
        &mut self,
        batch: &mut Batch,
        work: Vec<Work>,
    ) -> rusqlite::Result<Vec<Result<Outcome, Refusal>>> {
        self.open_store()?.begin()?;
        let judge = |work| match work {
            Work::Decide(submission) => self.decide(batch, &submission),
            Work::Keep(keep) => self.keep(&keep),
        };
        work.into_iter().map(judge).collect()
    }

    fn decide(
        &mut self,
        batch: &mut Batch,
        submission: &Submission,
    ) -> rusqlite::Result<Result<Outcome, Refusal>> {
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

    fn keep(&self, keep: &Keep) -> rusqlite::Result<Result<Outcome, Refusal>> {
        let store = self.open_store()?;
        match keep {
            Keep::Layout { contract, hash, bytes } => {
                let current = self.working.contract(contract).and_then(|c| c.layout);
                store.put_layout(contract, (hash, bytes), current)?;
            }
            Keep::Done(rows) => rows.iter().try_for_each(|row| store.drop_effect(*row))?,
            Keep::Backup { party, generation, sealed } => {
                if let Err(kept) = store.put_backup(party, *generation, sealed)? {
                    return Ok(Err(Refusal::OldBackup { found: *generation, kept }));
                }
            }
            Keep::Answer { key, answer } => return self.keep_answer(store, key, answer),
        }
        Ok(Ok(Outcome::default()))
    }

    fn keep_answer(
        &self,
        store: &Store,
        key: &RequestKey,
        answer: &[u8],
    ) -> rusqlite::Result<Result<Outcome, Refusal>> {
        let given = |answer| Ok(Ok(Outcome { answer: Some(answer), ..Outcome::default() }));
        match store.first_use(key)? {
            Some((body, first)) if body == key.body => given(first),
            Some(_) => Ok(Err(Refusal::KeyReused(key.key.clone()))),
            None => {
                store.add_key(key, answer, self.clock.now())?;
                given(answer.to_vec())
            }
        }
    }

    /// Adds the batch's block, if anything happened.
    fn seal(&mut self, batch: &mut Batch) -> rusqlite::Result<Head> {
        let Some(entries) = batch.take_entries() else { return Ok(self.head) };
        let block = Block::seal(self.head, self.clock.now(), self.term, entries);
        self.open_store()?.add_block(&block)?;
        Ok(block.head())
    }

    /// A commit that failed may have happened all the same: the journal's end tells.
    fn settle(
        &mut self,
        batch: &Batch,
        head: Head,
        error: &rusqlite::Error,
    ) -> Result<(), Refusal> {
        let refusal = self.undo(batch, error);
        self.store = None;
        self.reopen()?;
        let origin = Head { blocks: 0, hash: head.hash };
        let written = self.open_store().and_then(|store| store.head(origin));
        if written.is_ok_and(|written| written == head) && head != self.head {
            tracing::warn!(%error, "a commit reported an error and was found done");
            batch.applied().for_each(|event| self.working.apply(event));
            return Ok(());
        }
        Err(refusal)
    }

    /// Rolls back, in the database and in memory.
    fn undo(&mut self, batch: &Batch, error: &rusqlite::Error) -> Refusal {
        if batch.has_events() {
            self.working = self.published.read().market.clone();
        }
        if self.open_store().and_then(Store::roll_back).is_err() {
            self.store = None;
        }
        if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
            return Refusal::DiskFull;
        }
        Refusal::Unavailable(error.to_string())
    }

    fn publish(&mut self, mut batch: Batch, head: Head) {
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
        match store.add_snapshot(self.head.blocks, &root, &state) {
            Ok(()) => (self.events_unsaved, self.save_at) = (0, self.snapshot_every),
            Err(error) => {
                self.save_at = self.events_unsaved + self.snapshot_every;
                tracing::warn!(%error, "no snapshot was written");
            }
        }
    }

    /// Indexes what is not indexed yet. A market that cannot goes on with what it has in memory.
    fn index(&mut self) {
        match self.open_store().and_then(Store::index) {
            Ok(()) => (self.unindexed, self.index_at) = (Rows::default(), INDEX_EVERY),
            Err(error) => {
                self.index_at = self.unindexed.count() + INDEX_EVERY;
                tracing::warn!(%error, "new rows were not indexed");
            }
        }
    }

    fn reopen(&mut self) -> Result<(), Refusal> {
        let store = Store::open(&self.dir, self.pages_max);
        self.store = Some(store.map_err(|error| Refusal::Unavailable(error.to_string()))?);
        Ok(())
    }

    fn open_store(&self) -> rusqlite::Result<&Store> {
        self.store.as_ref().ok_or_else(closed)
    }
}

fn closed() -> rusqlite::Error {
    rusqlite::Error::InvalidPath("the database is closed".into())
}

/// When a command is judged.
pub(super) type Now = Timestamp;

#[cfg(test)]
mod tests;
