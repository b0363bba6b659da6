//! A running node, from its start to its end.

use crate::beacons::Beacons;
use crate::confess;
use crate::figures;
use crate::link::Link;
use crate::node::Node;
use crate::plane;
use crate::prices::{self, Prices, Pricing, PricingSettingsError};
use crate::settings::{self, KEY_FILE, Settings, SettingsError};
use crate::settlement::Settlement;
use crate::store::{Store, StoreError};
use network::api::AccountView;
use network::client::{ClientError, ClientOptions, HttpClient};
use network::endpoint::{Endpoint, EndpointError, PlainHttp};
use network::identity::Keystore;
use network::market_api::MarketClient;
use network::metrics::{Figures, MetricsError};
use network::server::{BindError, ServeOptions, ServerHandle};
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_util::task::TaskTracker;
use types::{Bytes, Did, SecretKey, Signer};

/// The file whose lock says that a process runs the node.
const LOCK_FILE: &str = "lock";
/// How long the lock is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// How often the whole disk is looked at.
const CHECK_EVERY: Duration = Duration::from_hours(24);

/// How a node runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its data directory.
    pub data: PathBuf,
    /// Its key (see [`open_key`](crate::open_key)).
    pub key: SecretKey,
    /// Where it listens, instead of where its settings say.
    pub listen: Option<String>,
    /// Whether plain HTTP may leave this machine.
    pub plain: PlainHttp,
    /// Whether it speaks TLS; nothing for TLS everywhere but on loopback.
    pub tls: Option<bool>,
    /// How it prices itself and bargains.
    pub pricing: Pricing,
    /// Where figures for Prometheus are served, for example `127.0.0.1:9465`; nowhere where nothing is said.
    pub metrics: Option<String>,
    /// The treasurer beside it; without one it takes no slot of a contract on Bitcoin.
    pub settlement: Option<Settlement>,
}

impl Config {
    /// The node in `data` with defaults for everything else.
    pub fn new(data: impl Into<PathBuf>, key: SecretKey) -> Self {
        Self {
            data: data.into(),
            key,
            listen: None,
            plain: PlainHttp::LoopbackOnly,
            tls: None,
            pricing: Pricing::default(),
            metrics: None,
            settlement: None,
        }
    }
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Its shards.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key is another node's.
    #[error("{path} is the key of {wanted}, and the key given is {found}'s; give the node its own", path = path.display())]
    WrongKey {
        /// The key's file.
        path: PathBuf,
        /// Whose it is.
        wanted: Did,
        /// Whose key was given.
        found: Did,
    },
    /// Its ask has no room for the tag of those that settle on Bitcoin.
    #[error("the ask cannot say that this provider settles on Bitcoin: {0}")]
    Ask(String),
    /// Another process runs it.
    #[error("{} is in use by another process; stop that first", .0.display())]
    InUse(PathBuf),
    /// Its address.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The market's address.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// TLS.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// How it prices itself.
    #[error(transparent)]
    Pricing(#[from] PricingSettingsError),
    /// Its figures.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The operating system.
    #[error("the operating system refuses: {0}")]
    System(#[from] std::io::Error),
}

/// A running node. Dropping it kills it.
#[must_use = "dropping the handle stops the node"]
pub struct Handle {
    node: Arc<Node>,
    link: Arc<Link>,
    server: ServerHandle,
    /// Figures for Prometheus.
    figures: Option<ServerHandle>,
    tasks: TaskTracker,
    url: String,
}

/// Opens the node in the data directory and serves it.
///
/// # Errors
/// [`StartError`]; nothing that a receipt was signed for has been changed then.
pub async fn start(config: Config) -> Result<Handle, StartError> {
    let settings = settings::read(&config.data)?;
    config.pricing.validate()?;
    check_key(&config)?;
    let settings = tagged(settings, config.settlement.is_some())?;
    let lock = lock(&config.data).await?;
    let (data, offered) = (config.data.clone(), settings.offer.capacity);
    let store = tokio::task::spawn_blocking(move || Store::open(&data, offered));
    let store = store.await.map_err(std::io::Error::other)??;
    let listen = config.listen.clone().unwrap_or_else(|| settings.listen.clone());
    let listener = network::server::bind(&listen).await?;
    let address = listener.local_addr()?;
    let tls = config.tls.unwrap_or_else(|| !address.ip().is_loopback());
    let tls = tls.then(|| network::tls::server_config(Arc::new(config.key.clone()))).transpose();
    let tls = tls.map_err(|error| StartError::Tls(error.to_string()))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = settings.advertise.clone().unwrap_or_else(|| format!("{scheme}://{address}"));
    let market = Endpoint::parse(&settings.market, config.plain)?.pinned(settings.market_key)?;
    let http = HttpClient::new(market, ClientOptions::default());
    let market = MarketClient::new(http, settings.market_key, Arc::new(config.key.clone()));
    let prices = Prices::new(config.pricing, &settings.offer);
    let metrics = config.metrics;
    let outside = (config.plain, market, prices);
    let beacons = Beacons::open(&config.data)?;
    let inside = (config.data, store, beacons, lock);
    let node = Arc::new(Node::new(config.key, settings, outside, inside, config.settlement));
    let options = ServeOptions { tls, ..ServeOptions::default() };
    let server = network::server::serve(listener, plane::router(node.clone()), options)?;
    let tasks = TaskTracker::new();
    let link = Arc::new(Link::new(node.clone(), url.clone(), tasks.clone()));
    let figures = serve_figures(metrics, &node, &link).await?;
    link.spawn(check_again_and_again(node.clone()));
    link.spawn(link.clone().run());
    link.spawn(prices::follow(node.clone()));
    tracing::info!(%url, provider = %node.did, "the provider runs");
    Ok(Handle { node, link, server, figures, tasks, url })
}

/// Serves figures for Prometheus where that is asked for.
async fn serve_figures(
    address: Option<String>,
    node: &Arc<Node>,
    link: &Arc<Link>,
) -> Result<Option<ServerHandle>, MetricsError> {
    let Some(address) = address else { return Ok(None) };
    let (node, link) = (node.clone(), link.clone());
    let look = move || figures::look(&node, link.is_published());
    Ok(Some(Figures::of_process()?.serve(&address, look).await?))
}

fn check_key(config: &Config) -> Result<(), StartError> {
    let path = config.data.join(KEY_FILE);
    let wanted = Keystore::did(&path).map_err(SettingsError::from)?;
    let found = config.key.did();
    if wanted == found { Ok(()) } else { Err(StartError::WrongKey { path, wanted, found }) }
}

/// The settings, whose offer says that the node settles on Bitcoin if it does.
fn tagged(settings: Settings, settles: bool) -> Result<Settings, StartError> {
    let mut offer = settings.offer.settling_on_bitcoin(settles);
    if settles {
        offer = offer.validated().map_err(|error| StartError::Ask(error.to_string()))?;
    }
    Ok(Settings { offer, ..settings })
}

/// Locks the directory. A node that was stopped just now may still finish what it writes, so that is waited for.
async fn lock(dir: &Path) -> Result<File, StartError> {
    let file =
        File::options().create(true).truncate(false).write(true).open(dir.join(LOCK_FILE))?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(std::fs::TryLockError::WouldBlock) if began.elapsed() < LOCK_WAIT => {
                sleep(LOCK_WAIT / 100).await;
            }
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(StartError::InUse(dir.to_owned()));
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(error.into()),
        }
    }
}

/// Looks for damage at start, and every day.
async fn check_again_and_again(node: Arc<Node>) {
    loop {
        let checked = node.blocking(|node| {
            confess::check_disk(node);
            Ok(())
        });
        if let Err(error) = checked.await {
            tracing::warn!(%error, "the disk was not looked at");
        }
        sleep(CHECK_EVERY).await;
    }
}

impl Handle {
    /// Where its data plane listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Its data plane's address as clients are given it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where figures for Prometheus are served, if they are.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.figures.as_ref().map(ServerHandle::address)
    }

    /// Its name.
    pub fn did(&self) -> Did {
        self.node.did
    }

    /// Shard bytes on its disk.
    pub fn used(&self) -> Bytes {
        self.node.store.used()
    }

    /// Whether the market has taken its ask, so that it may be given slots.
    pub fn is_published(&self) -> bool {
        self.link.is_published()
    }

    /// Its money at the market: what it has earned, what is held and locked.
    ///
    /// # Errors
    /// [`ClientError`] where the market does not answer.
    pub async fn account(&self) -> Result<AccountView, ClientError> {
        self.node.market.account(self.node.did).await
    }

    /// Stops in order: what was begun is finished.
    pub async fn shutdown(&self) {
        self.node.stop.cancel();
        self.server.shutdown().await;
        if let Some(figures) = &self.figures {
            figures.shutdown().await;
        }
        self.tasks.close();
        self.tasks.wait().await;
        self.node.let_go();
    }

    /// Stops at once, as a crash would: sockets and tasks are dropped. What writes to the disk at this moment keeps
    /// the data directory locked until it has ended.
    pub fn kill(&self) {
        self.node.let_go();
        self.server.kill();
        self.figures.iter().for_each(ServerHandle::kill);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.kill();
    }
}
