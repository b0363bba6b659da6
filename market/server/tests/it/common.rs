//! A market in a temporary directory, and parties that speak to it over HTTP.

#[path = "../support/cluster.rs"]
pub(crate) mod cluster;
#[path = "common/court.rs"]
pub(crate) mod court;
#[path = "common/evidence.rs"]
pub(crate) mod evidence;
#[path = "common/provider.rs"]
pub(crate) mod provider;
#[path = "common/raw.rs"]
pub(crate) mod raw;

use market::Genesis;
use market_server::{Config, Handle, Place, StartError};
use network::client::{ClientOptions, HttpClient};
use network::endpoint::{Endpoint, PlainHttp};
use network::market_api::MarketClient;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use types::{Did, Hash, Msat, SecretKey, Signer, Span};

/// A market that can be started again and again.
pub(crate) struct House {
    pub(crate) dir: TempDir,
    pub(crate) key: SecretKey,
    /// The PostgreSQL database's URL; nothing where it is SQLite in the directory.
    pub(crate) database: Option<String>,
}

/// A party's key by number.
pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

impl House {
    /// A market that has been founded with epochs of one day.
    pub(crate) fn founded() -> Self {
        Self::founded_with(|did, anchor| Genesis {
            answer_within: Span(5_000_000),
            ..Genesis::standard(did, Span::DAY, anchor)
        })
    }

    /// A market that has been founded, in the binary `postgres` on PostgreSQL: where that is not installed, the whole
    /// binary ends here, and a line says that it tests nothing.
    pub(crate) fn founded_with(genesis: impl FnOnce(Did, Hash) -> Genesis) -> Self {
        let on_postgres = env!("CARGO_CRATE_NAME") == "postgres";
        let database = if on_postgres { cluster::new_database() } else { None };
        if on_postgres && database.is_none() {
            std::process::exit(0);
        }
        let house = Self { dir: tempfile::tempdir().unwrap(), key: key(200), database };
        market_server::found(house.place(), &house.key, genesis).unwrap();
        house
    }

    /// Where its database is.
    pub(crate) fn place(&self) -> Place {
        self.config().place()
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            seed: Some([7; 32]),
            database: self.database.clone(),
            answer_within: Duration::from_secs(20),
            absence_max: Duration::from_secs(1),
            ..Config::new(self.path(), "127.0.0.1:0", self.key.clone())
        }
    }

    pub(crate) async fn start(&self) -> Handle {
        self.try_start().await.unwrap()
    }

    pub(crate) async fn try_start(&self) -> Result<Handle, StartError> {
        market_server::start(self.config()).await
    }
}

/// Speaks to a running market as the party with `key`.
pub(crate) fn client(market: &Handle, key: &SecretKey) -> MarketClient {
    MarketClient::new(http(market), market.did(), Arc::new(key.clone()))
}

/// Plain HTTP to a running market.
pub(crate) fn http(market: &Handle) -> HttpClient {
    let endpoint = Endpoint::parse(market.url(), PlainHttp::LoopbackOnly).unwrap();
    HttpClient::new(endpoint, ClientOptions::default())
}

/// Asserts every invariant of the state, and that the journal gives it back.
pub(crate) fn sound(market: &Handle) {
    market.view(|view| market::check(&view.market).unwrap());
    let books = market.books();
    assert_eq!(books.debits, books.credits);
}

/// What a party can use.
pub(crate) fn available(market: &Handle, key: &SecretKey) -> Msat {
    market.view(|view| view.market.available(key.did()))
}
