//! A client on this machine: its directory, its keys, its market. Made once, brought back by its words, opened.

use crate::backup;
use crate::chance;
use crate::error::Error;
use crate::file;
use crate::holding::Connector;
use crate::shelf::{Shelf, blocking};
use client::words::Master;
use client::{Catalogue, Keys, words};
use network::client::{ClientOptions, HttpClient, Retries, Timeouts};
use network::endpoint::{Endpoint, PlainHttp};
use network::identity::{Keystore, KeystoreError, Password, Secret};
use network::market_api::{MarketClient, discover};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use types::{Did, Signer};
use zeroize::Zeroizing;

/// How patient a client is, and with whom it speaks unencrypted.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether plain HTTP may leave this machine.
    pub plain: PlainHttp,
    /// How long providers may take to confirm a contract.
    pub confirm_within: Duration,
    /// How long the escrows of a contract on Bitcoin may take to be funded.
    pub fund_within: Duration,
    /// How long a download waits for the market to say where the slots are now.
    pub market_within: Duration,
    /// How providers are waited for while uploading; what fails in passing is repeated.
    pub upload: ClientOptions,
    /// How providers are waited for while downloading; the plan asks others instead of repeating.
    pub download: ClientOptions,
}

impl Default for Options {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        let upload = Timeouts {
            connect: seconds(5),
            head: seconds(30),
            idle: seconds(30),
            total: Some(seconds(120)),
        };
        let download =
            Timeouts { connect: seconds(5), head: seconds(15), idle: seconds(10), total: None };
        let pause = Duration::from_millis(200);
        let retries = Retries { times: 8, pause, pause_max: seconds(5) };
        Self {
            plain: PlainHttp::LoopbackOnly,
            confirm_within: seconds(120),
            fund_within: Duration::from_hours(2),
            market_within: seconds(5),
            upload: ClientOptions { timeouts: upload, retries, ..ClientOptions::default() },
            download: ClientOptions {
                timeouts: download,
                retries: Retries::NONE,
                ..ClientOptions::default()
            },
        }
    }
}

/// What a data directory remembers besides its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Where the market answers.
    market: String,
    /// The market's key, learnt at `init`.
    market_key: Did,
}

/// A client whose keys are open. Clones share connections.
#[derive(Clone)]
pub struct Client {
    dir: Arc<Path>,
    pub(crate) keys: Keys,
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) market: MarketClient,
    pub(crate) shelf: Shelf,
    pub(crate) options: Options,
}

/// What came back with the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The generation of the backup; nothing where the market has none.
    pub generation: Option<u64>,
    /// How many objects there are.
    pub objects: usize,
    /// How many contracts are known.
    pub contracts: usize,
}

impl Client {
    /// Makes a new client in `dir`, and gives the 24 words that are its only other copy. They are not kept.
    ///
    /// The market's key is learnt from its first answer, or is the one behind the `#` of its address.
    pub async fn init(
        dir: &Path,
        market: &str,
        password: &Password,
        options: Options,
    ) -> Result<(Self, Zeroizing<String>), Error> {
        let master = Master::new(chance::random());
        let words = words::spell(&master);
        let client = Self::settle_in(dir, market, password, (master, options)).await?;
        Ok((client, words))
    }

    /// Brings a client back from its words, on an empty machine: its key, and its catalogue from the backup.
    ///
    /// # Errors
    /// Where there is a backup that cannot be had or opened, nothing is made.
    pub async fn recover(
        dir: &Path,
        market: &str,
        words: &str,
        password: &Password,
        options: Options,
    ) -> Result<(Self, Recovered), Error> {
        let master = words::read(words)?;
        refuse_second(dir)?;
        let keys = Keys::of(master.clone());
        let (market_client, _) = reach(market, &keys, &options).await?;
        let backup = backup::fetch(&market_client, &keys).await?;
        let client = Self::settle_in(dir, market, password, (master, options)).await?;
        let generation = backup.as_ref().map(|catalogue| catalogue.generation);
        let restored = backup.unwrap_or_default();
        let catalogue = client.shelf.edit(move |catalogue| catalogue.merge(&restored)).await?;
        let (objects, contracts) = (catalogue.live().count(), catalogue.contracts.len());
        Ok((client, Recovered { generation, objects, contracts }))
    }

    /// Opens the client in `dir`. Neither market nor providers are asked.
    pub async fn open(dir: &Path, password: &Password, options: Options) -> Result<Self, Error> {
        let path = key_path(dir);
        let secret = {
            let (path, password) = (path.clone(), password.clone());
            blocking(move || Ok(Keystore::open(&path, &password)?)).await
        };
        let secret = secret.map_err(|error| match error {
            Error::Identity(KeystoreError::Missing(_)) => Error::NotInitialised(dir.to_owned()),
            other => other,
        })?;
        let damaged = |reason: &str| Error::Config { path: path.clone(), reason: reason.into() };
        let entropy = <[u8; 32]>::try_from(secret.bytes())
            .map_err(|_| damaged("it holds no client's key"))?;
        let keys = Keys::of(Master::new(entropy));
        if keys.identity().did() != secret.did() {
            return Err(damaged("it holds the key of a market or a provider, not a client's"));
        }
        let config = read_config(dir)?;
        let endpoint = Endpoint::parse(&config.market, options.plain)?.pinned(config.market_key)?;
        let signer: Arc<dyn Signer> = Arc::new(keys.identity());
        let http = HttpClient::new(endpoint, ClientOptions::default());
        let market = MarketClient::new(http, config.market_key, Arc::clone(&signer));
        let shelf = Shelf::new(dir, keys.clone());
        shelf.read().await?;
        Ok(Self { dir: dir.into(), keys, signer, market, shelf, options })
    }

    /// The client's name in the market.
    pub fn did(&self) -> Did {
        self.signer.did()
    }

    /// What signs in its name.
    pub fn signer(&self) -> Arc<dyn Signer> {
        Arc::clone(&self.signer)
    }

    /// The market it deals in.
    pub fn market(&self) -> &MarketClient {
        &self.market
    }

    /// Its data directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its catalogue as it is now.
    pub async fn catalogue(&self) -> Result<Catalogue, Error> {
        self.shelf.read().await
    }

    pub(crate) fn uploads(&self) -> PathBuf {
        self.dir.join("uploads")
    }

    pub(crate) fn tabs(&self) -> PathBuf {
        self.dir.join("reads")
    }

    pub(crate) fn connector(&self, options: ClientOptions) -> Connector {
        Connector::new(Arc::clone(&self.signer), options, self.options.plain)
    }

    /// Learns who the market is and writes key and configuration.
    async fn settle_in(
        dir: &Path,
        market: &str,
        password: &Password,
        (master, options): (Master, Options),
    ) -> Result<Self, Error> {
        refuse_second(dir)?;
        let keys = Keys::of(master.clone());
        let (market_client, config) = reach(market, &keys, &options).await?;
        std::fs::create_dir_all(dir).map_err(file::failed("create", dir))?;
        let text = serde_json::to_vec_pretty(&config).expect("a configuration has string keys");
        file::write_whole(&config_path(dir), &text)?;
        let signer: Arc<dyn Signer> = Arc::new(keys.identity());
        let secret = Secret::entropy(master.as_bytes(), signer.did());
        let (path, password) = (key_path(dir), password.clone());
        blocking(move || Ok(Keystore::create(&path, &secret, &password)?)).await?;
        let shelf = Shelf::new(dir, keys.clone());
        Ok(Self { dir: dir.into(), keys, signer, market: market_client, shelf, options })
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({} in {})", self.did(), self.dir.display())
    }
}

/// Learns the key of the market at `address`, unless the address names it, in which case it must be that one.
async fn reach(
    address: &str,
    keys: &Keys,
    options: &Options,
) -> Result<(MarketClient, Config), Error> {
    let endpoint = Endpoint::parse(address, options.plain)?;
    let url = endpoint.to_string();
    let info = discover(&HttpClient::new(endpoint.clone(), ClientOptions::default())).await?;
    let http = HttpClient::new(endpoint.pinned(info.market)?, ClientOptions::default());
    let client = MarketClient::new(http, info.market, Arc::new(keys.identity()));
    Ok((client, Config { market: url, market_key: info.market }))
}

fn refuse_second(dir: &Path) -> Result<(), Error> {
    let taken = key_path(dir).exists();
    if taken { Err(Error::AlreadyInitialised(dir.to_owned())) } else { Ok(()) }
}

fn read_config(dir: &Path) -> Result<Config, Error> {
    let path = config_path(dir);
    let text = file::read_if_there(&path)?;
    let bad = |reason: String| Error::Config { path: path.clone(), reason };
    let text = text.ok_or_else(|| bad("it is missing".into()))?;
    serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))
}

fn key_path(dir: &Path) -> PathBuf {
    dir.join("key.json")
}

fn config_path(dir: &Path) -> PathBuf {
    dir.join("config.json")
}
