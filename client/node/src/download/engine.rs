//! Runs a download's plan: asks slots, hedges against slow ones, passes complete segments on in order.

use super::fetch::Seller;
use super::open::open_all;
use super::target::Sink;
use crate::error::Error;
use crate::progress::{Event, Progress};
use client::plan::{Arrival, DownloadPlan, Failure, Fetch, Missing};
use shards::{Decoder, ObjectLayout, Shard};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use types::{Did, Timestamp};

/// How many complete segments wait for the decoding thread.
const WAITING_MAX: usize = 2;

/// How long a failed shard waits before it is asked for again; four times as long each further time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// How long to sleep where nothing can become slow.
const IDLE: Duration = Duration::from_hours(1);

/// Why a download ended early.
pub(crate) enum Broken {
    /// Too few slots.
    Missing(Missing),
    /// Anything else.
    Failed(Error),
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A download at work.
pub(crate) struct Download {
    plan: DownloadPlan,
    object: Arc<ObjectLayout>,
    sellers: Vec<Result<Arc<Seller>, (Did, String)>>,
    fetches: JoinSet<(Fetch, Result<Shard, Failure>)>,
    running: BTreeMap<Fetch, AbortHandle>,
    arrived: BTreeMap<u64, Vec<Shard>>,
    progress: Arc<dyn Progress>,
    started: Instant,
    /// Verified shard bytes that came, by slot.
    pub(crate) bytes_by_slot: BTreeMap<u16, u64>,
}

impl Download {
    /// A download of `object` as `plan` has it, from `sellers`: slot by slot, or why it cannot be reached.
    pub(crate) fn new(
        plan: DownloadPlan,
        object: Arc<ObjectLayout>,
        sellers: Vec<Result<Arc<Seller>, (Did, String)>>,
        progress: Arc<dyn Progress>,
    ) -> Self {
        Self {
            plan,
            object,
            sellers,
            fetches: JoinSet::new(),
            running: BTreeMap::new(),
            arrived: BTreeMap::new(),
            progress,
            started: Instant::now(),
            bytes_by_slot: BTreeMap::new(),
        }
    }

    /// Fetches, decodes and writes everything that `decoder` still wants; gives the sink back.
    pub(crate) async fn run(&mut self, decoder: Decoder, sink: Sink) -> Result<Sink, Broken> {
        let (to_open, line) = mpsc::channel(WAITING_MAX);
        let progress = Arc::clone(&self.progress);
        let opening =
            tokio::task::spawn_blocking(move || open_all(decoder, sink, line, &*progress));
        let fetched = self.fetch_all(to_open).await;
        self.fetches.abort_all();
        let opened = opening.await.map_err(stopped)?;
        match (fetched, opened) {
            (Err(missing), _) => Err(Broken::Missing(missing)),
            (Ok(()), opened) => Ok(opened?),
        }
    }

    /// Returns early, without an error, when the decoding thread has stopped: it knows why.
    async fn fetch_all(&mut self, to_open: mpsc::Sender<Vec<Shard>>) -> Result<(), Missing> {
        while !self.plan.is_done() {
            while let Some(fetch) = self.plan.next(self.now()) {
                self.begin(fetch)?;
            }
            let ready = self.plan.ready();
            let wake = self.plan.wake_at().map_or(IDLE, |at| at.since(self.now()).as_duration());
            tokio::select! {
                permit = to_open.reserve(), if ready.is_some() => match (permit, ready) {
                    (Ok(permit), Some(segment)) => {
                        permit.send(self.arrived.remove(&segment).unwrap_or_default());
                        self.plan.consumed();
                    }
                    _ => return Ok(()),
                },
                Some(done) = self.fetches.join_next() => self.done(done)?,
                () = tokio::time::sleep(wake) => self.hedge(),
            }
        }
        Ok(())
    }

    fn begin(&mut self, fetch: Fetch) -> Result<(), Missing> {
        match self.sellers.get(usize::from(fetch.slot)) {
            Some(Ok(seller)) => {
                let (seller, object) = (Arc::clone(seller), Arc::clone(&self.object));
                let task = async move {
                    if fetch.attempt > 0 {
                        tokio::time::sleep(pause_before(fetch.attempt)).await;
                    }
                    (fetch, seller.fetch(&object, fetch.segment).await)
                };
                self.running.insert(fetch, self.fetches.spawn(task));
                Ok(())
            }
            Some(Err((_, reason))) => {
                let failure = Failure::Lasting(reason.clone());
                self.plan.failed(fetch, &failure)
            }
            None => self.plan.failed(fetch, &Failure::Lasting("nobody keeps it".into())),
        }
    }

    fn done(
        &mut self,
        done: Result<(Fetch, Result<Shard, Failure>), JoinError>,
    ) -> Result<(), Missing> {
        let (fetch, outcome) = match done {
            Ok(done) => done,
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
                return Ok(());
            }
        };
        self.running.remove(&fetch);
        match outcome {
            Ok(shard) => self.took(fetch, shard),
            Err(failure) => {
                self.trouble(fetch.slot, failure_text(&failure));
                self.plan.failed(fetch, &failure)?;
            }
        }
        Ok(())
    }

    fn took(&mut self, fetch: Fetch, shard: Shard) {
        let bytes = shard.bytes().len() as u64;
        *self.bytes_by_slot.entry(fetch.slot).or_default() += bytes;
        match self.plan.arrived(fetch, self.now()) {
            Arrival::Surplus => {}
            Arrival::Counts => self.arrived.entry(fetch.segment).or_default().push(shard),
            Arrival::Completes { drop } => {
                self.arrived.entry(fetch.segment).or_default().push(shard);
                let segment = fetch.segment;
                self.running.retain(|other, task| {
                    let late = other.segment == segment && drop.contains(&other.slot);
                    if late {
                        task.abort();
                    }
                    !late
                });
            }
        }
    }

    fn hedge(&mut self) {
        for slow in self.plan.overdue(self.now()) {
            self.trouble(slow.slot, "slow; another slot is asked as well");
        }
    }

    fn trouble(&self, slot: u16, reason: &str) {
        let provider = match self.sellers.get(usize::from(slot)) {
            Some(Ok(seller)) => seller.holding.provider,
            Some(Err((provider, _))) => *provider,
            None => return,
        };
        self.progress.notice(&Event::Troubled { slot, provider, reason });
    }

    /// Time since the start: no jump of the machine's clock disturbs it.
    fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX))
    }
}

/// A slot that failed in passing gets a moment to come back.
fn pause_before(attempt: u8) -> Duration {
    FIRST_PAUSE * 4_u32.pow(u32::from(attempt.clamp(1, 4)) - 1)
}

fn failure_text(failure: &Failure) -> &str {
    match failure {
        Failure::Passing(reason) | Failure::Lasting(reason) | Failure::WrongBytes(reason) => reason,
    }
}

fn stopped(error: JoinError) -> Broken {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Broken::Failed(Error::Stopped),
    }
}
