//! What the demo plays on: a market, providers and a client, each started as its own command would start it.

use super::bitcoin::Bitcoin;
use super::watch::Watch;
use crate::output::Output;
use anyhow::{Context, Result};
use client_node::{Client, Options};
use market::Genesis;
use network::endpoint::PlainHttp;
use network::identity::Password;
use provider::Offer;
use provider_node::Settings;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::task::AbortHandle;
use types::terms::RailKind;
use types::{Bytes, Did, Epoch, Hash, Msat, Price, SecretKey, Span};

/// What each provider can lock as bonds.
const PROVIDER_MONEY: Msat = Msat(2_000_000_000);
/// What the client can spend.
const CLIENT_MONEY: Msat = Msat(2_000_000_000);
/// How much dearer storage is on Bitcoin than on the ledger, so that what a small file earns is worth a transaction.
const ON_BITCOIN: u32 = 100_000;
/// What each provider offers.
const CAPACITY: Bytes = Bytes(100_000_000_000);
/// A slot is charged as if at least this much were kept, so that a small file's figures mean something.
const MINIMUM_USE: Bytes = Bytes(1_000_000_000);
/// The password of every key here: the demo is no place for secrets.
pub(super) const PASSWORD: &str = "demo";
/// How long anything may take before the demo gives up.
pub(super) const PATIENCE: Duration = Duration::from_mins(3);

/// Everyone who takes part.
pub(super) struct Stage {
    pub(super) dir: PathBuf,
    pub(super) market: market_server::Handle,
    pub(super) providers: Vec<Actor>,
    pub(super) client: Client,
    pub(super) watch: Watch,
    /// The chain that contracts settle on, where that is not the ledger.
    pub(super) bitcoin: Option<Bitcoin>,
}

/// A provider with its number.
pub(super) struct Actor {
    pub(super) number: u16,
    pub(super) did: Did,
    handle: Mutex<Option<provider_node::Handle>>,
    /// What ends its treasurer, where it has one.
    treasurer: Option<AbortHandle>,
}

impl Actor {
    /// Ends it as a crash would; false when it is gone already.
    pub(super) fn kill(&self) -> bool {
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(treasurer) = &self.treasurer {
            treasurer.abort();
        }
        handle.is_some_and(|handle| {
            handle.kill();
            true
        })
    }

    fn take(&self) -> Option<provider_node::Handle> {
        self.handle.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Stage {
    pub(super) async fn build(
        dir: &Path,
        (providers, rail): (u16, RailKind),
        seed: u64,
        output: &Output,
    ) -> Result<Self> {
        let password = Password::new(PASSWORD)?;
        let mut bitcoin = match rail {
            RailKind::Ledger => None,
            RailKind::Bitcoin => Some(Bitcoin::lay(dir, seed).await?),
        };
        let market = start_market(dir, seed, &password, bitcoin.as_ref()).await?;
        if let Some(bitcoin) = &mut bitcoin {
            bitcoin.follow(&market)?;
            output.say("chain      a development chain with Bitcoin's rules; an auditor attests outcomes beside it");
        }
        let watch = Watch::over(&market);
        output.say(format!("market     {} at {}", market.did(), market.url()));
        let mut actors = Vec::new();
        for number in 1..=providers {
            let place = Place { dir, seed, market: &market, password: &password };
            let actor = start_provider(&place, number, bitcoin.as_mut()).await?;
            if rail == RailKind::Ledger {
                let reference = format!("provider {number}'s money for bonds");
                market.credit(actor.did, PROVIDER_MONEY, &reference).await?;
            }
            // One after the other, so that the market knows them in this order every time.
            wait_for("a provider to connect and publish its ask", || {
                market.connected() == usize::from(number)
                    && market.view(|view| view.market.offers().contains_key(&actor.did))
            })
            .await?;
            actors.push(actor);
        }
        let money = match rail {
            RailKind::Ledger => PROVIDER_MONEY.to_string(),
            RailKind::Bitcoin => "coins of its own".to_owned(),
        };
        output.say(format!(
            "providers  {providers}, each with {CAPACITY} to offer and {money} for bonds"
        ));
        let client = start_client(dir, seed, &market, &password).await?;
        market.credit(client.did(), CLIENT_MONEY, "the client's money").await?;
        let mut holds = CLIENT_MONEY.to_string();
        if let Some(bitcoin) = &mut bitcoin {
            bitcoin.client(&client).await?;
            bitcoin.run().await?;
            holds = format!("coins of its own, and {CLIENT_MONEY} at the market for reads");
        }
        output.say(format!("client     {} with {holds}", client.did()));
        Ok(Self { dir: dir.to_owned(), market, providers: actors, client, watch, bitcoin })
    }

    /// Opens the next day, once its block is deep enough where blocks open them.
    pub(super) async fn open_day(&self) -> Result<Epoch> {
        let began = tokio::time::Instant::now();
        loop {
            match self.market.open_epoch().await {
                Ok(epoch) => return Ok(epoch),
                Err(error) => {
                    let waits = self.market.info().beacon.and_then(|beacon| beacon.waits);
                    if waits.is_none() || began.elapsed() > PATIENCE {
                        return Err(error.into());
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Where the story's contract has its money.
    pub(super) const fn rail(&self) -> RailKind {
        if self.bitcoin.is_some() { RailKind::Bitcoin } else { RailKind::Ledger }
    }

    /// The number of a provider.
    pub(super) fn number(&self, did: &Did) -> u16 {
        self.providers.iter().find(|actor| actor.did == *did).map_or(0, |actor| actor.number)
    }

    /// What a party is called in the story.
    pub(super) fn name(&self, did: &Did) -> String {
        if *did == self.client.did() {
            return "client".into();
        }
        format!("provider {}", self.number(did))
    }

    pub(super) fn say_where(&self, output: &Output) {
        output.say(format!(
            "\nEverything is in {} and goes on running; Ctrl-C ends it.",
            self.dir.display()
        ));
        output.say(format!("  market   {}", self.market.url()));
        output.say(format!(
            "  try      BONDSTORE_PASSWORD={PASSWORD} bondstore ls --data {}",
            self.dir.join("client").display()
        ));
    }

    pub(super) async fn shutdown(&self) {
        for actor in &self.providers {
            if let Some(handle) = actor.take() {
                handle.shutdown().await;
            }
        }
        self.market.shutdown().await;
    }
}

/// Waits until `done`, within [`PATIENCE`].
pub(super) async fn wait_for(what: &str, mut done: impl FnMut() -> bool) -> Result<()> {
    let looked = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looked)
        .await
        .with_context(|| format!("waited {PATIENCE:?} in vain for {what}"))
}

/// 32 bytes that follow from the demo's seed, for one purpose.
pub(super) fn derived(seed: u64, purpose: &str) -> [u8; 32] {
    Hash::derive("bondstore 2026 demo", &[&seed.to_le_bytes(), purpose.as_bytes()]).0
}

async fn start_market(
    dir: &Path,
    seed: u64,
    password: &Password,
    bitcoin: Option<&Bitcoin>,
) -> Result<market_server::Handle> {
    let (data, password, key) = (dir.join("market"), password.clone(), derived(seed, "market"));
    let founded = data.clone();
    let chain = match bitcoin {
        Some(bitcoin) => Some(bitcoin.rule().await?),
        None => None,
    };
    let found = move || {
        market_server::init(&founded, &password, Some(key), |did, anchor| Genesis {
            chain,
            ..Genesis::standard(did, Span::DAY, anchor)
        })
    };
    tokio::task::spawn_blocking(found).await??;
    let mut config = market_server::Config::new(data, "127.0.0.1:0", SecretKey::from_seed(&key));
    config.seed = Some(derived(seed, "placement"));
    config.absence_max = Duration::from_millis(100);
    config.bitcoin = bitcoin.map(|bitcoin| bitcoin.info.clone());
    config.chain = bitcoin.map(Bitcoin::headers);
    Ok(market_server::start(config).await?)
}

/// Where everyone starts.
struct Place<'a> {
    dir: &'a Path,
    seed: u64,
    market: &'a market_server::Handle,
    password: &'a Password,
}

async fn start_provider(
    place: &Place<'_>,
    number: u16,
    bitcoin: Option<&mut Bitcoin>,
) -> Result<Actor> {
    let Place { dir, seed, market, password } = *place;
    let dearer = if bitcoin.is_some() { ON_BITCOIN } else { 1 };
    let data = dir.join(format!("provider-{number}"));
    let key = derived(seed, &format!("provider {number}"));
    let spread = u32::from(derived(seed, &format!("price {number}"))[0]) % 21;
    let settings = Settings {
        market: market.url().to_owned(),
        market_key: market.did(),
        listen: format!("127.0.{number}.1:0"),
        advertise: None,
        offer: Offer {
            minimum_use: MINIMUM_USE,
            region: ["north", "south", "east", "west"][usize::from(number) % 4].into(),
            ..Offer::new(
                CAPACITY,
                Price::whole((90 + spread) * dearer),
                format!("operator {number}"),
            )
        },
    };
    let (place, password) = (data.clone(), password.clone());
    let init = move || provider_node::init(&place, &password, Some(key), &settings);
    let did = tokio::task::spawn_blocking(init).await??;
    let key = SecretKey::from_seed(&key);
    let (settlement, treasurer) = match bitcoin {
        Some(bitcoin) => {
            let (settlement, treasurer) = bitcoin.provider(number, market, &key).await?;
            (Some(settlement), Some(treasurer))
        }
        None => (None, None),
    };
    let config = provider_node::Config {
        plain: PlainHttp::LoopbackOnly,
        settlement,
        ..provider_node::Config::new(data, key)
    };
    let handle = provider_node::start(config).await?;
    Ok(Actor { number, did, handle: Mutex::new(Some(handle)), treasurer })
}

/// The client comes from words that follow from the seed, as one that is brought back does.
async fn start_client(
    dir: &Path,
    seed: u64,
    market: &market_server::Handle,
    password: &Password,
) -> Result<Client> {
    let words = client::words::spell(&client::words::Master::new(derived(seed, "client")));
    let options = Options::default();
    let (client, _) =
        Client::recover(&dir.join("client"), market.url(), &words, password, options).await?;
    Ok(client)
}
