//! The writer's thread: it takes batches from the queue while it holds the writer's office ([`office`]), has
//! them committed ([`commit`]), and saves and indexes in between.

mod commit;
mod office;
mod save;

use super::batch::Rows;
use super::{BATCH_MAX, Job, Outcome, QUEUE_MAX, Refusal, Role, Work, Writer};
use crate::clock::Clock;
use crate::journal::Head;
use crate::outbox::Nudge;
use crate::published::Published;
use crate::start::StartError;
use crate::store::changes::Counters;
use crate::store::read::CurrentWriter;
use crate::store::{Place, Store, StoreError};
use crate::streams::Streams;
use market::Market;
use save::Saving;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::Handle as Runtime;
use tokio::sync::{mpsc, oneshot};
use types::tree::Frontier;
use types::{Signer, Timestamp};

/// How often a process looks at what others do with the same database.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How many rows are indexed at once.
const INDEX_EVERY: u64 = 20_000;

/// How long the answer to a keyed request is kept: seven days.
const KEYS_KEPT_MICROS: i64 = 7 * 24 * 3_600 * 1_000_000;

/// Everything the writer begins with.
pub(crate) struct Start {
    pub(crate) place: Place,
    /// Where it answers requests.
    pub(crate) url: String,
    /// Whether it may ever write, or only follows whoever does.
    pub(crate) may_write: bool,
    /// When the newest block was sealed.
    pub(crate) newest: Timestamp,
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
    /// Whether this process writes.
    pub(crate) role: tokio::sync::watch::Sender<Role>,
    /// Everything that happens, for whoever wants to watch.
    pub(crate) events: tokio::sync::broadcast::Sender<Arc<[market::Event]>>,
}

/// Starts the thread; it holds the writer's office already, unless another process does.
///
/// # Errors
/// [`StartError`] where the database refuses, or time would run backwards.
pub(crate) fn start(store: Store, start: Start) -> Result<(Writer, JoinHandle<()>), StartError> {
    let (sender, jobs) = mpsc::channel(QUEUE_MAX);
    let (place, shared) = (start.place.clone(), start.place.is_shared());
    let mut thread = Thread::new(start);
    thread.wake = sender.downgrade();
    if thread.may_write {
        thread.take_office(&store)?;
    }
    thread.store = Some(store);
    if shared {
        thread.runtime = Some(Runtime::current());
        let term = Arc::downgrade(&thread.pulse);
        let pulse = move || office::pulse(&place, &term);
        std::thread::Builder::new().name("market-pulse".into()).spawn(pulse)?;
    }
    let handle =
        std::thread::Builder::new().name("market-writer".into()).spawn(move || thread.run(jobs))?;
    Ok((Writer::new(sender), handle))
}

pub(super) struct Thread {
    /// Nothing after a failure that could not be settled; it is then opened again.
    pub(super) store: Option<Store>,
    /// The state after everything that was judged, ahead of what is published.
    pub(super) working: Market,
    pub(super) head: Head,
    /// The tree over the journal's entries.
    tree: Frontier,
    /// When the newest block was sealed.
    newest: Timestamp,
    role: Role,
    pub(super) term: u64,
    /// The term, while it is held, for the pulse that shows it.
    pulse: Arc<AtomicU64>,
    /// Who wrote when that was looked at last, and since when nothing of it has changed.
    seen: (CurrentWriter, Instant),
    looked_at: Instant,
    failed_at: Option<Instant>,
    /// Where the numbers of rows stand.
    counters: Counters,
    events_unsaved: u64,
    /// The snapshot that is being made, and how its maker wakes this thread.
    saving: Option<Saving>,
    wake: mpsc::WeakSender<Job>,
    /// Rows that are durable and that no index finds yet.
    unindexed: Rows,
    /// When the next snapshot and the next indexing are due: later than usual after one that failed.
    save_at: u64,
    index_at: u64,
    /// Where waiting has an end: only where other processes share the database.
    runtime: Option<Runtime>,
    place: Place,
    url: String,
    may_write: bool,
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
    /// A thread that follows, until it takes the office.
    fn new(start: Start) -> Self {
        let (working, head) = {
            let view = start.published.read();
            (view.market.clone(), view.head)
        };
        Self {
            store: None,
            working,
            head,
            tree: Frontier::default(),
            newest: start.newest,
            role: Role::Follower { writer: String::new() },
            term: 0,
            pulse: Arc::default(),
            seen: (CurrentWriter::default(), Instant::now()),
            looked_at: Instant::now(),
            failed_at: None,
            counters: Counters::default(),
            events_unsaved: start.unsaved,
            saving: None,
            wake: mpsc::channel(1).0.downgrade(),
            unindexed: Rows::default(),
            save_at: start.snapshot_every,
            index_at: INDEX_EVERY,
            runtime: None,
            place: start.place,
            url: start.url,
            may_write: start.may_write,
            clock: start.clock,
            pages_max: start.pages_max,
            snapshot_every: start.snapshot_every,
            published: start.published,
            streams: start.streams,
            signer: start.signer,
            notices: start.notices,
            killed: start.killed,
        }
    }

    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut taken = Vec::with_capacity(BATCH_MAX);
        while self.receive(&mut jobs, &mut taken) {
            if self.killed.load(Ordering::Acquire) {
                return;
            }
            let (mut work, mut pieces, mut stop) = (Vec::new(), 0, false);
            for job in taken.drain(..) {
                match job {
                    Job::Work(..) if stop => {}
                    Job::Work(asked, reply) => work.push((asked, reply)),
                    Job::Save => pieces += 1,
                    Job::Stop => stop = true,
                }
            }
            self.serve(work);
            (0..pieces).for_each(|_| self.save_piece());
            if stop {
                break;
            }
            self.keep_house();
            self.look_around();
        }
        if self.role.is_writer() {
            self.save_now();
        }
        if let Some(Err(error)) = self.store.as_ref().map(Store::tidy) {
            tracing::warn!(%error, "the database was not left tidy");
        }
    }

    /// Waits for jobs, where others share the database not for long; `false` when there will be none any more.
    fn receive(&self, jobs: &mut mpsc::Receiver<Job>, taken: &mut Vec<Job>) -> bool {
        let Some(runtime) = &self.runtime else {
            return jobs.blocking_recv_many(taken, BATCH_MAX) > 0;
        };
        let waiting =
            async { tokio::time::timeout(LOOK_EVERY, jobs.recv_many(taken, BATCH_MAX)).await };
        runtime.block_on(waiting).map_or(true, |count| count > 0)
    }

    /// Saves and indexes when enough has come together.
    fn keep_house(&mut self) {
        if !self.role.is_writer() {
            return;
        }
        if self.events_unsaved >= self.save_at {
            self.begin_saving();
        }
        if self.unindexed.count() >= self.index_at {
            self.index();
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
                if !matches!(refusal, Refusal::NotTheWriter(_)) {
                    tracing::error!(%refusal, "a batch was not written");
                }
                for reply in replies {
                    let _ = reply.send(Err(refusal.clone()));
                }
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
                self.distrust();
            }
        }
    }

    /// After a failure a connection to a server may be broken; the next batch opens another.
    fn distrust(&mut self) {
        if self.place.is_shared() {
            self.store = None;
        }
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
mod states;
#[cfg(test)]
mod tests;
