//! Starting a market: from a data directory to a running server with its workers.

use crate::app::App;
use crate::auditor::{Auditor, Patience};
use crate::chain::{Chain, HeaderSource};
use crate::clock::Clock;
use crate::duties::Duties;
use crate::epochs::Epochs;
use crate::error::OpenError;
use crate::figures;
use crate::gate;
use crate::handle::Handle;
use crate::http;
use crate::http::front::Front;
use crate::http::limit::Limits;
use crate::init;
use crate::outbox::Nudge;
use crate::prober::Prober;
use crate::probes::Targets;
use crate::progress::Progress;
use crate::published::Published;
use crate::replay;
use crate::store::readers::Readers;
use crate::store::{Place, Store};
use crate::streams::Streams;
use crate::survey::Survey;
use crate::writer::{self, Role};
use network::api::BitcoinInfo;
use network::metrics::{Figures, MetricsError};
use network::server::{BindError, ServeOptions, ServerHandle};
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use types::{SecretKey, Signer, Span, Timestamp};

/// The file whose lock says that a process runs the market.
const LOCK_FILE: &str = "lock";
/// Where the running market's address is written.
pub const ADDRESS_FILE: &str = "address";
/// How many happenings a slow watcher may fall behind.
const WATCHED_MAX: usize = 4_096;
/// How long a process that may write waits to become the writer before it is said to run.
const OFFICE_MAX: Duration = Duration::from_secs(1);
/// How far the clock may be behind the journal for the start to wait.
const CLOCK_BEHIND_MAX: Span = Span(1_000_000);
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
    /// Whether the market measures providers over their data planes, beside auditing them.
    pub measures: bool,
    /// How long the auditors that the genesis names are waited for in each epoch, before verdicts are given.
    pub measure_within: Duration,
    /// After how many events a snapshot is written.
    pub snapshot_every: u64,
    /// The largest size of the database in bytes; new work is refused beyond.
    pub database_bytes_max: Option<u64>,
    /// How often a party may ask.
    pub limits: Limits,
    /// How many connections are served at a time.
    pub connections_max: usize,
    /// Replays everything from the genesis at start, and does without snapshots.
    pub full_check: bool,
    /// The PostgreSQL database's URL; nothing for SQLite in the data directory.
    pub database: Option<String>,
    /// Never writes, but follows whoever does: for databases that several processes share.
    pub read_only: bool,
    /// Where others reach this process; nothing where that is the address it listens on.
    pub public_url: Option<String>,
    /// Where figures for Prometheus are served, for example `127.0.0.1:9464`; nowhere where nothing is said.
    pub metrics: Option<String>,
    /// How contracts settle on Bitcoin; nothing where they cannot.
    pub bitcoin: Option<BitcoinInfo>,
    /// Where the blocks are read that a market with a chain opens its epochs by; without it they wait.
    pub chain: Option<Arc<dyn HeaderSource>>,
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
            measures: false,
            measure_within: Duration::from_secs(20),
            snapshot_every: 100_000,
            database_bytes_max: None,
            limits: Limits::default(),
            connections_max: 16_384,
            full_check: false,
            database: None,
            read_only: false,
            public_url: None,
            metrics: None,
            bitcoin: None,
            chain: None,
        }
    }
}

impl Config {
    /// Where its database is.
    pub fn place(&self) -> Place {
        match &self.database {
            Some(url) => Place::Postgres(url.clone()),
            None => Place::from(&self.data),
        }
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
    /// Its figures.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
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
    let lock = lock(&config)?;
    let (server, url, opened) = open_behind_a_server(&config).await?;
    let seed = seed(config.seed)?;
    let (stop, killed) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
    let streams = Arc::new(Streams::new());
    let (nudges, inbox) = mpsc::unbounded_channel();
    let blocks = watch::Sender::new(opened.published.read().head.blocks);
    let events = broadcast::Sender::new(WATCHED_MAX);
    let role = watch::Sender::new(Role::Follower { writer: String::new() });
    let (watched, roles) = (blocks.subscribe(), role.subscribe());
    let start = writer::Start {
        place: config.place(),
        url: config.public_url.clone().unwrap_or_else(|| url.clone()),
        may_write: !config.read_only,
        newest: opened.newest,
        unsaved: opened.unsaved,
        clock: opened.clock,
        pages_max: config.database_bytes_max.map(|bytes| bytes / PAGE_BYTES),
        snapshot_every: config.snapshot_every.max(1),
        published: opened.published.clone(),
        streams: streams.clone(),
        signer: Arc::new(config.key.clone()),
        notices: writer::Notices { outbox: nudges.clone(), blocks, events: events.clone(), role },
        killed: killed.clone(),
    };
    let (writer, thread) = writer::start(opened.store, start)?;
    opened.survey.begin(writer.ready())?;
    let app = Arc::new(App {
        did: config.key.did(),
        key: config.key.clone(),
        clock: opened.clock,
        epoch_every: config.epoch_every,
        published: opened.published,
        writer,
        readers: Arc::new(Readers::new(config.place())),
        streams,
        targets: Targets::default(),
        outbox: nudges,
        blocks: watched,
        role: roles,
        front: Front::new(config.limits, stop.clone()),
        seed,
        hashed: Mutex::new(None),
        bitcoin: config.bitcoin.clone(),
        waits: Mutex::default(),
    });
    let workers = Workers { stop, tasks: TaskTracker::new() };
    let epochs = employ(&workers, &app, &config, inbox);
    take_office(&app, &config).await;
    server.lead_to(http::router(app.clone()));
    let figures = serve_figures(&app, &config).await?;
    std::fs::write(config.data.join(ADDRESS_FILE), format!("{url}#{}\n", app.did))?;
    tracing::info!(%url, market = %app.did, "the market runs");
    Ok(Handle::new(crate::handle::Parts {
        app,
        epochs,
        server,
        figures,
        workers,
        thread,
        killed,
        lock,
        url,
        events,
    }))
}

/// Serves figures for Prometheus where that is asked for.
async fn serve_figures(
    app: &Arc<App>,
    config: &Config,
) -> Result<Option<ServerHandle>, MetricsError> {
    let Some(address) = &config.metrics else { return Ok(None) };
    let app = app.clone();
    let server = Figures::of_process()?.serve(address, move || figures::look(&app)).await?;
    tracing::info!(address = %server.address(), "figures for Prometheus are at /metrics");
    Ok(Some(server))
}

/// Listens, says how far the start has come to whoever asks, and opens the database meanwhile.
///
/// A start that fails drops the server, which ends that.
async fn open_behind_a_server(
    config: &Config,
) -> Result<(ServerHandle, String, Opened), StartError> {
    let listener = network::server::bind(&config.listen).await?;
    let (progress, address) = (Arc::new(Progress::default()), listener.local_addr()?);
    let tls = tls(config, address)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let (router, serving) = (gate::router(progress.clone()), config.serving(tls));
    let server = network::server::serve(listener, router, serving)?;
    let opening = config.clone();
    let opened = tokio::task::spawn_blocking(move || open(&opening, &progress))
        .await
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    Ok((server, format!("{scheme}://{address}"), opened))
}

impl Config {
    /// How many connections are served, and how.
    fn serving(&self, tls: Option<Arc<rustls::ServerConfig>>) -> ServeOptions {
        let connections_max = self.connections_max;
        ServeOptions { tls, connections_max, ..ServeOptions::default() }
    }
}

/// A process that runs alone is the writer when it is said to run; another is not waited for long.
async fn take_office(app: &App, config: &Config) {
    if !config.read_only {
        let _ = timeout(OFFICE_MAX, app.role.clone().wait_for(Role::is_writer)).await;
    }
}

/// Sets the workers to their duties, which begin once this process is the writer.
fn employ(
    workers: &Workers,
    app: &Arc<App>,
    config: &Config,
    inbox: mpsc::UnboundedReceiver<Nudge>,
) -> Arc<Epochs> {
    let patience = Patience { answer: config.answer_within, absence: config.absence_max };
    let auditor = Auditor { app: app.clone(), patience };
    let prober =
        Prober { app: app.clone(), measures: config.measures, patience: config.measure_within };
    let beacon = (init::beacon(&config.key), Chain::new(config.chain.clone()));
    let epochs = Arc::new(Epochs::new(app.clone(), (auditor.clone(), prober), beacon));
    let duties = Duties { app: app.clone(), epochs: epochs.clone(), auditor };
    workers.run(duties.stand_by(config.epoch_every, inbox));
    workers.tasks.close();
    epochs
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
}

/// What a data directory holds, checked.
struct Opened {
    store: Store,
    published: Arc<Published>,
    newest: Timestamp,
    unsaved: u64,
    clock: Clock,
    survey: Survey,
}

/// Keeps other processes off a data directory that holds the database; a shared database sees to itself.
fn lock(config: &Config) -> Result<Option<File>, OpenError> {
    let dir = config.data.as_path();
    let failed = |source| OpenError::Directory { path: dir.to_owned(), source };
    let place = config.place();
    let Some(database) = place.file() else {
        return std::fs::create_dir_all(dir).map(|()| None).map_err(failed);
    };
    if !database.is_file() {
        return Err(OpenError::NotFounded(place));
    }
    let file = File::options().create(true).truncate(false).write(true).open(dir.join(LOCK_FILE));
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::InUse(dir.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn open(config: &Config, progress: &Progress) -> Result<Opened, OpenError> {
    let pages_max = config.database_bytes_max.map(|bytes| bytes / PAGE_BYTES);
    let store = Store::open(&config.place(), pages_max)?;
    store.check_own_schema()?;
    // Another process may be writing meanwhile.
    store.freeze()?;
    let replayed = replay::replay(&store, config.full_check, progress)?;
    store.thaw()?;
    let (expected, found) = (replayed.market.genesis().market, config.key.did());
    if found != expected {
        return Err(OpenError::OtherKey { found, expected });
    }
    await_clock(replayed.time)?;
    let (place, base, market) = (config.place(), replayed.base, replayed.market.clone());
    Ok(Opened {
        survey: Survey { place, base, market },
        newest: replayed.time,
        unsaved: replayed.unsaved,
        clock: Clock::starting_at_least(replayed.time),
        published: Arc::new(Published::new(replayed.market, replayed.head)),
        store,
    })
}

/// Waits for a clock that is a little behind the journal's newest block, and refuses one that is further behind.
fn await_clock(newest: Timestamp) -> Result<(), OpenError> {
    let by = newest.since(network::clock::now());
    if by > CLOCK_BEHIND_MAX {
        return Err(OpenError::ClockBehind { by });
    }
    std::thread::sleep(by.as_duration());
    Ok(())
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
