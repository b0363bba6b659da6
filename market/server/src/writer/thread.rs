//! The writer's thread: it takes work from the queue while it holds the writer's office ([`office`]), judges it while
//! another thread ([`scribe`]) writes what was judged before ([`commit`]), and sees to it that the state is saved ([`save`]) and what
//! is new is indexed ([`lots`]).

mod commit;
mod lots;
mod office;
mod save;
mod scribe;

use super::{BATCH_MAX, Job, Outcome, QUEUE_MAX, Refusal, Role, Writer};
use crate::clock::Clock;
use crate::journal::Head;
use crate::outbox::Nudge;
use crate::published::Published;
use crate::start::StartError;
use crate::store::changes::Counters;
use crate::store::index::Lot;
use crate::store::read::CurrentWriter;
use crate::store::{Place, Store, StoreError};
use crate::streams::Streams;
use commit::{Open, Sealed};
use lots::{INDEX_EVERY, Indexing};
use market::Market;
use save::Saving;
use scribe::Scribe;
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
    /// Nothing while a batch is on its way, and after a failure that could not be settled; it is then opened again.
    pub(super) store: Option<Store>,
    /// A connection to read on while a batch is on its way.
    reader: Option<Store>,
    scribe: Option<Scribe>,
    /// The state after everything that was judged, ahead of what is published.
    pub(super) working: Market,
    open: Option<Open>,
    in_flight: Option<Sealed>,
    /// Where the journal ends: as it is published, and as the newest sealed batch leaves it.
    settled: Ends,
    ahead: Ends,
    /// When the newest published block was sealed.
    newest: Timestamp,
    role: Role,
    pub(super) term: u64,
    /// The term, while it is held, for the pulse that shows it.
    pulse: Arc<AtomicU64>,
    /// Who wrote when that was looked at last, and since when nothing of it has changed.
    seen: (CurrentWriter, Instant),
    looked_at: Instant,
    failed_at: Option<Instant>,
    events_unsaved: u64,
    /// The snapshot that is being made, and how its maker wakes this thread.
    saving: Option<Saving>,
    /// How many of its pieces wait to be written.
    pieces: u64,
    wake: mpsc::WeakSender<Job>,
    /// The lot that is being indexed, and the next one: rows that are durable and that no index finds yet.
    indexing: Option<Indexing>,
    unindexed: Lot,
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

/// Where the journal ends.
#[derive(Clone, Debug)]
struct Ends {
    head: Head,
    /// The tree over its entries.
    tree: Frontier,
    /// Where the numbers of rows stand.
    counters: Counters,
}

type Reply = oneshot::Sender<Result<Outcome, Refusal>>;

impl Thread {
    /// A thread that follows, until it takes the office.
    fn new(start: Start) -> Self {
        let (working, head) = {
            let view = start.published.read();
            (view.market.clone(), view.head)
        };
        let settled = Ends { head, tree: Frontier::default(), counters: Counters::default() };
        Self {
            store: None,
            reader: None,
            scribe: None,
            working,
            open: None,
            in_flight: None,
            ahead: settled.clone(),
            settled,
            newest: start.newest,
            role: Role::Follower { writer: String::new() },
            term: 0,
            pulse: Arc::default(),
            seen: (CurrentWriter::default(), Instant::now()),
            looked_at: Instant::now(),
            failed_at: None,
            events_unsaved: start.unsaved,
            saving: None,
            pieces: 0,
            wake: mpsc::channel(1).0.downgrade(),
            indexing: None,
            unindexed: Lot::default(),
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
        let (mut taken, mut stop) = (Vec::with_capacity(BATCH_MAX), false);
        while !stop && self.receive(&mut jobs, &mut taken) {
            if self.killed.load(Ordering::Acquire) {
                return;
            }
            let mut work = Vec::with_capacity(taken.len());
            for job in taken.drain(..) {
                match job {
                    Job::Work(..) if stop => {}
                    Job::Work(asked, reply) => work.push((asked, reply)),
                    Job::Save => self.pieces += 1,
                    Job::Written => {}
                    Job::Stop => stop = true,
                }
            }
            self.judge(work);
            self.move_on(self.room() == 0);
        }
        while self.open.is_some() || self.in_flight.is_some() {
            self.move_on(true);
        }
        self.finish_index(true);
        if self.role.is_writer() {
            self.save_now();
        }
        if let Some(Err(error)) = self.store.as_ref().map(Store::tidy) {
            tracing::warn!(%error, "the database was not left tidy");
        }
    }

    /// How many more jobs the open batch may take.
    fn room(&self) -> usize {
        let taken = self.open.as_ref().map_or(0, |open| open.answers.len());
        BATCH_MAX.saturating_sub(taken)
    }

    /// Publishes the batch that is on its way, if it is written, and has the next one written. With `wait` it is
    /// waited for.
    fn move_on(&mut self, wait: bool) {
        if !self.land(wait) || self.in_flight.is_some() {
            return;
        }
        // The database is at hand now.
        (0..std::mem::take(&mut self.pieces)).for_each(|_| self.save_piece());
        self.keep_house();
        self.look_around();
        self.send();
    }

    /// Waits for jobs, where others share the database not for long; `false` when there will be none any more.
    fn receive(&self, jobs: &mut mpsc::Receiver<Job>, taken: &mut Vec<Job>) -> bool {
        let Some(runtime) = &self.runtime else {
            return jobs.blocking_recv_many(taken, self.room()) > 0;
        };
        let waiting =
            async { tokio::time::timeout(LOOK_EVERY, jobs.recv_many(taken, self.room())).await };
        runtime.block_on(waiting).map_or(true, |count| count > 0)
    }

    /// Saves and indexes when enough has come together.
    fn keep_house(&mut self) {
        self.finish_index(false);
        if !self.role.is_writer() {
            return;
        }
        if self.save_is_due() {
            self.begin_saving();
        }
        if self.index_is_due() {
            self.index();
        }
    }

    fn house_is_due(&self) -> bool {
        self.save_is_due() || self.index_is_due() || self.index_has_ended()
    }

    fn save_is_due(&self) -> bool {
        self.saving.is_none() && self.events_unsaved >= self.save_at
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
