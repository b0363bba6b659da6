//! Starting a market: from a data directory to a running server with its workers.

use crate::app::App;
use crate::auditor::{Auditor, Patience};
use crate::clock::Clock;
use crate::epochs::Epochs;
use crate::error::OpenError;
use crate::handle::Handle;
use crate::http;
use crate::init;
use crate::outbox::Outbox;
use crate::published::Published;
use crate::replay;
use crate::store::read::Readers;
use crate::store::{Place, Store};
use crate::streams::Streams;
use crate::writer;
use network::server::{BindError, ServeOptions};
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use types::{SecretKey, Signer, Timestamp};

/// The file whose lock says that a process runs the market.
const LOCK_FILE: &str = "lock";
/// Where the running market's address is written.
pub const ADDRESS_FILE: &str = "address";
/// How many happenings a slow watcher may fall behind.
const WATCHED_MAX: usize = 4_096;
/// The size of a database page, in bytes.
const PAGE_BYTES: u64 = 4_096;

/// How a market runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its data directory.
    pub data: PathBuf,
    /// Where it listens, for example `127.0.0.1:7700`; port 0 takes any free one.
    pub listen: String,
    /// Its key (see [`open_key`](crate::open_key)).
    pub key: SecretKey,
    /// How often an epoch opens; nothing where they are opened by hand ([`Handle::open_epoch`]).
    pub epoch_every: Option<Duration>,
    /// Whether it speaks TLS; nothing for TLS everywhere but on loopback.
    pub tls: Option<bool>,
    /// What placements are drawn from; drawn itself from the operating system where it is not given.
    pub seed: Option<[u8; 32]>,
    /// How long a provider may take to answer a challenge.
    pub answer_within: Duration,
    /// How long a provider that is away at an audit is waited for.
    pub absence_max: Duration,
    /// After how many events a snapshot is written.
    pub snapshot_every: u64,
    /// The largest size of the database in bytes; new work is refused beyond.
    pub database_bytes_max: Option<u64>,
    /// Replays everything from the genesis at start, and does without snapshots.
    pub full_check: bool,
}

impl Config {
    /// The market in `data`, listening on `listen`, with defaults for everything else.
    pub fn new(data: impl Into<PathBuf>, listen: impl Into<String>, key: SecretKey) -> Self {
        Self {
            data: data.into(),
            listen: listen.into(),
            key,
            epoch_every: None,
            tls: None,
            seed: None,
            answer_within: Duration::from_secs(30),
            absence_max: Duration::from_secs(10),
            snapshot_every: 100_000,
            database_bytes_max: None,
            full_check: false,
        }
    }
}

impl Config {
    /// Where its database is.
    fn place(&self) -> Place {
        Place::from(&self.data)
    }
}

/// Why a market does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its data directory.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its address.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// TLS.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The operating system.
    #[error("the operating system refuses: {0}")]
    System(#[from] std::io::Error),
    /// The operating system's randomness.
    #[error("the operating system gives no randomness: {0}")]
    Randomness(String),
}

/// Opens the market in the data directory and serves it.
///
/// # Errors
/// [`StartError`]; nothing in the directory has been changed then.
pub async fn start(config: Config) -> Result<Handle, StartError> {
    let lock = lock(&config.data)?;
    let (opened, config) = tokio::task::spawn_blocking(move || (open(&config), config))
        .await
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    let opened = opened?;
    let listener = network::server::bind(&config.listen).await?;
    let tls = tls(&config, listener.local_addr()?)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", listener.local_addr()?);
    let seed = seed(config.seed)?;
    let killed = Arc::new(AtomicBool::new(false));
    let (nudges, inbox) = mpsc::unbounded_channel();
    let blocks = watch::Sender::new(opened.published.read().head.blocks);
    let events = broadcast::Sender::new(WATCHED_MAX);
    let streams = Arc::new(Streams::new());
    let watched = blocks.subscribe();
    let (writer, thread) = writer::start(writer::Start {
        place: config.place(),
        store: opened.store,
        url: url.clone(),
        unsaved: opened.unsaved,
        clock: opened.clock,
        pages_max: config.database_bytes_max.map(|bytes| bytes / PAGE_BYTES),
        snapshot_every: config.snapshot_every.max(1),
        published: opened.published.clone(),
        streams: streams.clone(),
        signer: Arc::new(config.key.clone()),
        notices: writer::Notices { outbox: nudges.clone(), blocks, events: events.clone() },
        killed: killed.clone(),
    })?;
    let app = Arc::new(App {
        did: config.key.did(),
        key: config.key.clone(),
        clock: opened.clock,
        epoch_every: config.epoch_every,
        published: opened.published,
        writer,
        readers: Arc::new(Readers::new(config.place())),
        streams,
        outbox: nudges,
        blocks: watched,
        seed,
        root: Mutex::new(None),
    });
    let patience = Patience { answer: config.answer_within, absence: config.absence_max };
    let auditor = Auditor { app: app.clone(), patience };
    let epochs = Arc::new(Epochs::new(app.clone(), auditor.clone(), init::beacon(&config.key)));
    let workers = Workers { stop: CancellationToken::new(), tasks: TaskTracker::new() };
    workers.run(Outbox::new(app.clone(), auditor, opened.outbox).run(inbox));
    workers.keep_time(&epochs, config.epoch_every, opened.last_epoch);
    let options = ServeOptions { tls, ..ServeOptions::default() };
    let server = network::server::serve(listener, http::router(app.clone()), options)?;
    std::fs::write(config.data.join(ADDRESS_FILE), format!("{url}#{}\n", app.did))?;
    tracing::info!(%url, market = %app.did, "the market runs");
    Ok(Handle::new(crate::handle::Parts {
        app,
        epochs,
        server,
        workers,
        thread,
        killed,
        lock,
        url,
        events,
    }))
}

/// The tasks beside the server.
#[derive(Debug)]
pub(crate) struct Workers {
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Workers {
    fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            stop.run_until_cancelled(work).await;
        });
    }

    fn keep_time(&self, epochs: &Arc<Epochs>, every: Option<Duration>, last: Timestamp) {
        let ticking = epochs.clone();
        self.run(async move { ticking.tick().await });
        let opening = epochs.clone();
        self.run(async move {
            if let Err(error) = opening.resume().await {
                tracing::warn!(%error, "the open epoch was not audited to its end");
            }
            if let Some(every) = every {
                opening.open_regularly(every, last).await;
            }
        });
        self.tasks.close();
    }
}

/// What a data directory holds, checked.
struct Opened {
    store: Store,
    published: Arc<Published>,
    unsaved: u64,
    clock: Clock,
    last_epoch: Timestamp,
    outbox: Vec<(i64, market::Effect)>,
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let failed = |source| OpenError::Directory { path: dir.to_owned(), source };
    if !Place::from(dir).file().is_some_and(|file| file.is_file()) {
        return Err(OpenError::NotFounded(dir.into()));
    }
    let file = File::options().create(true).truncate(false).write(true).open(dir.join(LOCK_FILE));
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::InUse(dir.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn open(config: &Config) -> Result<Opened, OpenError> {
    let pages_max = config.database_bytes_max.map(|bytes| bytes / PAGE_BYTES);
    let store = Store::open(&config.place(), pages_max)?;
    store.check_structure()?;
    let replayed = replay::replay(&store, config.full_check)?;
    let (expected, found) = (replayed.market.genesis().market, config.key.did());
    if found != expected {
        return Err(OpenError::OtherKey { found, expected });
    }
    Ok(Opened {
        unsaved: replayed.unsaved,
        clock: Clock::starting_at_least(replayed.time),
        last_epoch: store.epoch_opened()?,
        outbox: store.outbox()?,
        published: Arc::new(Published::new(replayed.market, replayed.head)),
        store,
    })
}

fn tls(
    config: &Config,
    address: SocketAddr,
) -> Result<Option<Arc<rustls::ServerConfig>>, StartError> {
    if !config.tls.unwrap_or_else(|| !address.ip().is_loopback()) {
        return Ok(None);
    }
    let tls = network::tls::server_config(Arc::new(config.key.clone()));
    tls.map(Some).map_err(|error| StartError::Tls(error.to_string()))
}

fn seed(given: Option<[u8; 32]>) -> Result<[u8; 32], StartError> {
    if let Some(seed) = given {
        return Ok(seed);
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| StartError::Randomness(error.to_string()))?;
    Ok(seed)
}
