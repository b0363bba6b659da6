//! A small world for the engines' tests: real servers on loopback, a market that agrees to everything, and
//! providers whose faults are chosen. Whole-system tests with the real market are in the workspace's `tests`.

pub(crate) mod market;
pub(crate) mod provider;

use client::{ObjectName, StorageWish};
use client_node::{Client, Error, Event, Options, Put, Source, Target};
use market::FakeMarket;
use network::client::{ClientOptions, Retries, Timeouts};
use network::identity::Password;
use provider::FakeProvider;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use types::{Bytes, Span};

/// A market, providers and a client, all of this process.
pub(crate) struct World {
    pub(crate) market: FakeMarket,
    pub(crate) providers: Vec<FakeProvider>,
    pub(crate) client: Client,
    pub(crate) words: String,
    pub(crate) dir: TempDir,
    said: Arc<Mutex<Vec<String>>>,
}

/// Patience as tests need it: a hanging provider costs a second, not a minute.
pub(crate) fn options() -> Options {
    let second = Duration::from_secs(1);
    let timeouts = Timeouts { connect: second, head: second, idle: second, total: None };
    let pause = Duration::from_millis(10);
    Options {
        market_within: second,
        upload: ClientOptions {
            timeouts,
            retries: Retries { times: 5, pause, pause_max: 5 * pause },
            ..ClientOptions::default()
        },
        download: ClientOptions { timeouts, retries: Retries::NONE, ..ClientOptions::default() },
        ..Options::default()
    }
}

pub(crate) fn password() -> Password {
    Password::new("test").expect("it is not empty")
}

pub(crate) fn name(text: &str) -> ObjectName {
    ObjectName::new(text).expect("it is a name")
}

pub(crate) fn wish() -> StorageWish {
    StorageWish::new(Bytes(1), Span::DAY)
}

/// Bytes that do not compress.
pub(crate) fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut out = vec![0; bytes];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

impl World {
    /// Six providers, which is what 4+2 needs, and a client.
    pub(crate) async fn new() -> Self {
        let mut providers = Vec::new();
        for number in 0..6 {
            providers.push(FakeProvider::start(number).await);
        }
        let market = FakeMarket::start(&providers).await;
        let dir = tempfile::tempdir().expect("there is room for files");
        let home = dir.path().join("client");
        let (client, words) = Client::init(&home, &market.url(), &password(), options())
            .await
            .expect("the market is there");
        let said = Arc::default();
        Self { market, providers, client, words: words.to_string(), dir, said }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file of these bytes.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("there is room");
        path
    }

    /// Takes down what the client tells.
    pub(crate) fn listener(&self) -> Arc<dyn client_node::Progress> {
        let said = Arc::clone(&self.said);
        Arc::new(move |event: &Event<'_>| {
            said.lock().expect("no test panics with the lock").push(format!("{event:?}"));
        })
    }

    /// Whether the client has told something that begins so.
    pub(crate) fn was_told(&self, beginning: &str) -> bool {
        self.said
            .lock()
            .expect("no test panics with the lock")
            .iter()
            .any(|line| line.starts_with(beginning))
    }

    pub(crate) async fn put(&self, object: &str, bytes: &[u8]) -> Result<Put, Error> {
        self.put_from(Source::file(self.file(&format!("{object}.in"), bytes)), object).await
    }

    pub(crate) async fn put_from(&self, source: Source, object: &str) -> Result<Put, Error> {
        self.client.put(source, &name(object), &wish(), self.listener()).await
    }

    /// Fetches into a file and reads it.
    pub(crate) async fn get(&self, object: &str) -> Result<Vec<u8>, Error> {
        let path = self.path(&format!("{object}.out"));
        self.client.get(&name(object), Target::file(&path), self.listener()).await?;
        Ok(std::fs::read(path).expect("it was written"))
    }
}
