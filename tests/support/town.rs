//! A whole market in this process: server, providers and a client, on real sockets and disks, epochs by hand.

use client::{ObjectName, StorageWish};
use client_node::{Client, Options, Source, Target};
use market::{Event, Genesis};
use network::identity::Password;
use provider::Offer;
use provider_node::Settings;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use types::{Bytes, ContractId, Did, Msat, Price, SecretKey, Span};

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_mins(2);

/// Everyone, and the directory that goes with them.
pub(crate) struct Town {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) market: market_server::Handle,
    pub(crate) client: Client,
    events: Arc<Mutex<Vec<Event>>>,
    providers: Vec<(Did, Option<provider_node::Handle>)>,
}

fn key(name: &str, number: usize) -> [u8; 32] {
    types::Hash::derive("bondstore 2026 test town", &[name.as_bytes(), &number.to_le_bytes()]).0
}

fn password() -> Password {
    Password::new("town").expect("not empty")
}

impl Town {
    /// A market with `providers` providers and a client, all with money.
    pub(crate) async fn founded(providers: usize) -> Self {
        Self::founded_in(tempfile::tempdir().expect("a temporary directory"), providers).await
    }

    /// As [`Town::founded`], in a directory that is there already.
    pub(crate) async fn founded_in(dir: tempfile::TempDir, providers: usize) -> Self {
        let place = dir.path().join("market");
        let secret = key("market", 0);
        let genesis = |did, anchor| Genesis::standard(did, Span::DAY, anchor);
        market_server::init(&place, &password(), Some(secret), genesis).expect("a new market");
        let mut config =
            market_server::Config::new(&place, "127.0.0.1:0", SecretKey::from_seed(&secret));
        config.absence_max = Duration::from_millis(100);
        let market = market_server::start(config).await.expect("the market starts");
        let events = watch(&market);
        let home = dir.path().join("client");
        let client = Client::init(&home, market.url(), &password(), Options::default()).await;
        let (client, _) = client.expect("a new client");
        let money = Msat(1_000_000_000_000);
        market.credit(client.did(), money, "client").await.expect("booked");
        let mut town = Self { dir, market, client, events, providers: Vec::new() };
        for number in 0..providers {
            let did = town.settle(number);
            town.market.credit(did, money, &format!("provider {number}")).await.expect("booked");
            town.providers.push((did, None));
            town.start(number).await;
        }
        town
    }

    fn settle(&self, number: usize) -> Did {
        let offer = Offer {
            minimum_use: Bytes(100_000_000),
            ..Offer::new(Bytes(10_000_000_000), Price::whole(100), format!("operator {number}"))
        };
        let settings = Settings {
            market: self.market.url().to_owned(),
            market_key: self.market.did(),
            listen: format!("127.0.{}.1:0", number + 1),
            advertise: None,
            offer,
        };
        let seed = Some(key("provider", number));
        provider_node::init(&self.home(number), &password(), seed, &settings)
            .expect("a new provider")
    }

    /// A provider's data directory.
    pub(crate) fn home(&self, number: usize) -> PathBuf {
        self.dir.path().join(format!("provider-{number}"))
    }

    /// Starts a provider, and waits until the market knows its new address.
    pub(crate) async fn start(&mut self, number: usize) {
        let secret = SecretKey::from_seed(&key("provider", number));
        let handle =
            provider_node::start(provider_node::Config::new(self.home(number), secret)).await;
        let handle = handle.expect("the provider starts");
        let (did, url) = (handle.did(), handle.url().to_owned());
        self.providers[number].1 = Some(handle);
        self.until("the provider's ask to stand", |town| {
            town.market
                .view(|view| view.market.offers().get(&did).is_some_and(|o| o.ask.endpoint == url))
        })
        .await;
    }

    /// Ends a provider as a crash would, and waits until the market sees it.
    pub(crate) async fn kill(&mut self, number: usize) {
        let online = self.market.connected();
        self.providers[number].1.take().expect("it runs").kill();
        self.until("the market to see it go", |town| town.market.connected() < online).await;
    }

    /// Which provider a DID is.
    pub(crate) fn number(&self, did: &Did) -> usize {
        self.providers.iter().position(|(known, _)| known == did).expect("one of the town's")
    }

    /// Stores bytes under a name, with the usual terms for 30 days.
    pub(crate) async fn put(&self, name: &str, bytes: Vec<u8>) -> client_node::Put {
        let wish = StorageWish::new(Bytes(1), Span(30 * Span::DAY.0));
        let name = ObjectName::new(name).expect("a name");
        self.client.put(Source::bytes(bytes), &name, &wish, Arc::new(())).await.expect("stored")
    }

    /// Fetches an object into a file of the town's.
    pub(crate) async fn get(
        &self,
        name: &str,
        file: &Path,
    ) -> Result<client_node::Got, client_node::Error> {
        let name = ObjectName::new(name).expect("a name");
        self.client.get(&name, Target::file(file), Arc::new(())).await
    }

    /// Who keeps each slot of a contract.
    pub(crate) fn holders(&self, id: ContractId) -> Vec<usize> {
        let slots = self.market.view(|view| {
            let contract = view.market.contract(&id).expect("the contract");
            contract.slots.iter().map(contracts::Slot::provider).collect::<Vec<_>>()
        });
        slots.iter().map(|did| self.number(did)).collect()
    }

    /// A day passes: audits are held, what is due is done, and every invariant is checked.
    pub(crate) async fn day(&self) {
        self.market.open_epoch().await.expect("the epoch opens");
        let quiet = tokio::time::timeout(PATIENCE, self.market.quiesce()).await;
        quiet.expect("the market comes to rest").expect("the journal is written");
        self.check();
    }

    /// Every invariant of the market holds.
    pub(crate) fn check(&self) {
        self.market.view(|view| market::check(&view.market)).expect("every invariant holds");
    }

    /// Whether something happened, by what it is.
    pub(crate) fn happened(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events.lock().expect("no test panicked").iter().any(wanted)
    }

    /// Waits until `done`.
    pub(crate) async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !done(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .unwrap_or_else(|_| panic!("waited in vain for {what}"));
    }
}

fn watch(market: &market_server::Handle) -> Arc<Mutex<Vec<Event>>> {
    let (events, mut receiver) = (Arc::new(Mutex::new(Vec::new())), market.events());
    let kept = Arc::clone(&events);
    tokio::spawn(async move {
        while let Ok(batch) = receiver.recv().await {
            kept.lock().expect("no test panicked").extend(batch.iter().cloned());
        }
    });
    events
}
