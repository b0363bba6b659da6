//! A running node, from its start to its end.

use crate::link::Link;
use crate::node::Node;
use crate::plane;
use crate::settings::{self, SettingsError};
use crate::store::{Store, StoreError};
use network::client::{ClientOptions, HttpClient};
use network::endpoint::{Endpoint, EndpointError, PlainHttp};
use network::market_api::MarketClient;
use network::server::{BindError, ServeOptions, ServerHandle};
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use types::{Bytes, Did, SecretKey};

/// The file whose lock says that a process runs the node.
const LOCK_FILE: &str = "lock";

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
}

impl Config {
    /// The node in `data` with defaults for everything else.
    pub fn new(data: impl Into<PathBuf>, key: SecretKey) -> Self {
        Self { data: data.into(), key, listen: None, plain: PlainHttp::LoopbackOnly, tls: None }
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
    /// The operating system.
    #[error("the operating system refuses: {0}")]
    System(#[from] std::io::Error),
}

/// A running node. Dropping it kills it.
#[must_use = "dropping the handle stops the node"]
pub struct Handle {
    node: Arc<Node>,
    server: ServerHandle,
    stop: CancellationToken,
    tasks: TaskTracker,
    lock: Mutex<Option<File>>,
    url: String,
}

/// Opens the node in the data directory and serves it.
///
/// # Errors
/// [`StartError`]; nothing that a receipt was signed for has been changed then.
pub async fn start(config: Config) -> Result<Handle, StartError> {
    let settings = settings::read(&config.data)?;
    let lock = lock(&config.data)?;
    let data = config.data.clone();
    let store = tokio::task::spawn_blocking(move || Store::open(&data));
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
    let node = Arc::new(Node::new(config.key, settings, config.plain, store));
    let options = ServeOptions { tls, ..ServeOptions::default() };
    let server = network::server::serve(listener, plane::router(node.clone()), options)?;
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let link = Arc::new(Link::new(node.clone(), market, url.clone(), tasks.clone()));
    let checking = link.clone();
    tasks.spawn_blocking(move || checking.check_disk());
    let stopped = stop.clone();
    tasks.spawn(async move {
        stopped.run_until_cancelled(link.run()).await;
    });
    tracing::info!(%url, provider = %node.did, "the provider runs");
    Ok(Handle { node, server, stop, tasks, lock: Mutex::new(Some(lock)), url })
}

fn lock(dir: &Path) -> Result<File, StartError> {
    let file = File::options().create(true).truncate(false).write(true).open(dir.join(LOCK_FILE))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StartError::InUse(dir.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
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

    /// Its name.
    pub fn did(&self) -> Did {
        self.node.did
    }

    /// Shard bytes on its disk.
    pub fn used(&self) -> Bytes {
        self.node.store.used()
    }

    /// Stops in order: what was begun is finished.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.server.shutdown().await;
        self.tasks.close();
        self.tasks.wait().await;
        self.unlock();
    }

    /// Stops at once, as a crash would: sockets and tasks are dropped.
    pub fn kill(&self) {
        self.stop.cancel();
        self.server.kill();
        self.unlock();
    }

    fn unlock(&self) {
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.kill();
    }
}
