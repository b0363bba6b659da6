//! The running market, held by whoever started it.

use crate::app::App;
use crate::cache::CacheUse;
use crate::epochs::Epochs;
use crate::error::OpenError;
use crate::outbox::Nudge;
use crate::published::View;
use crate::ready::Reason;
use crate::start::Workers;
use crate::views;
use crate::writer::{Outcome, Refusal, Role, Submission};
use market::{Command, Event, Market};
use network::api::{BooksView, JournalView, MarketInfo};
use network::server::ServerHandle;
use std::fs::File;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{broadcast, oneshot};
use types::documents::Deposit;
use types::{ContractId, Did, DocId, Epoch, Msat, Signed, Verified};

/// How often [`Handle::quiesce`] looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Everything a running market consists of.
pub(crate) struct Parts {
    pub(crate) app: Arc<App>,
    pub(crate) epochs: Arc<Epochs>,
    pub(crate) server: ServerHandle,
    pub(crate) figures: Option<ServerHandle>,
    pub(crate) workers: Workers,
    pub(crate) thread: JoinHandle<()>,
    pub(crate) killed: Arc<AtomicBool>,
    pub(crate) lock: Option<File>,
    pub(crate) url: String,
    pub(crate) events: broadcast::Sender<Arc<[Event]>>,
}

/// A running market. Dropping it kills it.
#[must_use = "dropping the handle stops the market"]
pub struct Handle {
    app: Arc<App>,
    epochs: Arc<Epochs>,
    server: ServerHandle,
    /// Figures for Prometheus.
    figures: Option<ServerHandle>,
    workers: Workers,
    /// The writer's thread and the lock on the data directory, until the market has stopped.
    running: Mutex<Option<(JoinHandle<()>, Option<File>)>>,
    killed: Arc<AtomicBool>,
    url: String,
    events: broadcast::Sender<Arc<[Event]>>,
}

impl Handle {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { app, epochs, server, figures, workers, thread, killed, lock, url, events } =
            parts;
        let running = Mutex::new(Some((thread, lock)));
        Self { app, epochs, server, figures, workers, running, killed, url, events }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Its address as providers and clients are given it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where figures for Prometheus are served, if they are.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.figures.as_ref().map(ServerHandle::address)
    }

    /// The market's key.
    pub fn did(&self) -> Did {
        self.app.did
    }

    /// Who it is and how it counts time.
    pub fn info(&self) -> MarketInfo {
        self.app.info()
    }

    /// Looks at the newest durable state. The writer waits meanwhile, so keep it short.
    pub fn view<T>(&self, look: impl FnOnce(&View) -> T) -> T {
        look(&self.app.view())
    }

    /// A copy of the newest durable state.
    pub fn snapshot(&self) -> Arc<Market> {
        Arc::new(self.app.view().market.clone())
    }

    /// The whole ledger.
    pub fn books(&self) -> BooksView {
        views::books_view(&self.app.view().market)
    }

    /// How often each cache of answers had the answer.
    pub fn cache_uses(&self) -> Vec<CacheUse> {
        self.app.published.caches().uses()
    }

    /// How far the journal has come.
    pub fn journal(&self) -> JournalView {
        self.app.journal()
    }

    /// Whether it writes, or follows a writer.
    pub fn role(&self) -> Role {
        self.app.role.borrow().clone()
    }

    /// Waits until the whole database was looked through after the start.
    ///
    /// # Errors
    /// What was found wrong: the market takes no work any more.
    pub async fn surveyed(&self) -> Result<(), String> {
        let mut survey = self.app.writer.ready().survey();
        let found = survey.wait_for(Option::is_some).await.map(|found| found.clone());
        found.ok().flatten().unwrap_or(Ok(()))
    }

    /// How many providers are connected.
    pub fn connected(&self) -> usize {
        self.app.streams.online().len()
    }

    /// What happens from now on, command by command.
    pub fn events(&self) -> broadcast::Receiver<Arc<[Event]>> {
        self.events.subscribe()
    }

    /// The signed documents about a contract, in the order in which they were taken.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn documents(&self, contract: ContractId) -> Result<Vec<(DocId, Signed)>, OpenError> {
        self.app.readers.ask(move |store| store.documents_of(&contract)).await
    }

    /// One signed document by its name.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn document(&self, id: DocId) -> Result<Option<Signed>, OpenError> {
        self.app.readers.ask(move |store| store.document(&id)).await
    }

    /// Has a command judged; what happened is durable when this returns.
    ///
    /// # Errors
    /// [`Refusal`] says why nothing happened.
    pub async fn submit(&self, submission: impl Into<Submission>) -> Result<Outcome, Refusal> {
        self.app.writer.submit(submission).await
    }

    /// Books `amount`, which the operator received for `party` under `reference`; the same reference counts once.
    ///
    /// # Errors
    /// [`Refusal`], for example where the reference was used for something else.
    pub async fn credit(
        &self,
        party: Did,
        amount: Msat,
        reference: &str,
    ) -> Result<Outcome, Refusal> {
        let deposit = deposit(&self.app.key, party, amount, reference);
        self.submit(Command::Deposit(deposit)).await
    }

    /// Opens the next epoch, does what is due, and audits; returns when every slot has its verdict.
    ///
    /// # Errors
    /// [`Refusal`] where the journal cannot be written.
    pub async fn open_epoch(&self) -> Result<Epoch, Refusal> {
        self.epochs.open_next().await
    }

    /// Waits until nothing is left to do but what waits for providers that are not connected, or for time to pass.
    ///
    /// # Errors
    /// [`Refusal`] where the journal cannot be written, or the market has stopped.
    pub async fn quiesce(&self) -> Result<(), Refusal> {
        let stopped = || Refusal::Unavailable("the market has stopped".into());
        loop {
            let due = self.epochs.run_due().await?;
            let (reply, report) = oneshot::channel();
            self.app.outbox.send(Nudge::Report(reply)).map_err(|_| stopped())?;
            if report.await.map_err(|_| stopped())? == 0 && due == 0 {
                return Ok(());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Stops in order: what was taken is finished and answered, the state is saved.
    pub async fn shutdown(&self) {
        self.app.writer.ready().set(Reason::Stopping, true);
        self.workers.stop.cancel();
        self.server.shutdown().await;
        if let Some(figures) = &self.figures {
            figures.shutdown().await;
        }
        self.workers.tasks.wait().await;
        self.app.writer.stop().await;
        let running = self.take();
        // The thread's last snapshot may take a while, so it is not waited for on an executor's thread.
        let joined = tokio::task::spawn_blocking(move || join(running));
        if joined.await.is_err() {
            tracing::error!("the writer's thread failed while it stopped");
        }
    }

    /// Stops at once, as a crash would: sockets and tasks are dropped, nothing is saved. The data directory is free
    /// when this returns, the port once [`Handle::closed`] does.
    pub fn kill(&self) {
        self.killed.store(true, Ordering::Release);
        self.workers.stop.cancel();
        self.server.kill();
        self.figures.iter().for_each(ServerHandle::kill);
        self.app.writer.wake();
        join(self.take());
    }

    /// Waits until every socket is closed after [`Handle::kill`].
    pub async fn closed(&self) {
        self.server.closed().await;
    }

    fn take(&self) -> Option<(JoinHandle<()>, Option<File>)> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for the writer's thread, then lets go of the lock.
fn join(running: Option<(JoinHandle<()>, Option<File>)>) {
    if let Some((thread, lock)) = running {
        if thread.join().is_err() {
            tracing::error!("the writer's thread has panicked");
        }
        drop(lock);
    }
}

/// The operator's statement that it received `amount` for `party` under `reference`.
///
/// # Panics
/// Never: a deposit names the key that signs it.
pub fn deposit(
    key: &types::SecretKey,
    party: Did,
    amount: Msat,
    reference: &str,
) -> Verified<Deposit> {
    let market = types::Signer::did(key);
    let deposit = Deposit { market, party, amount, reference: reference.to_owned() };
    Verified::sign(deposit, key).expect("a deposit names the key that signs it")
}
