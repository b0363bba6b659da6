//! A market killed under load: nothing acknowledged is lost, nothing is done twice.

use crate::load::{self, Chance, PATIENCE, key, sign, speaker};
use crate::process::{PASSWORD, Process};
use crate::workers::{self, Account, House};
use crate::{rounds, seed};
use market::Genesis;
use market_server::verify_journal;
use network::identity::Password;
use network::market_api::MarketClient;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use types::documents::Deposit;
use types::{Did, Msat, SecretKey, Signer, Span};

/// How often one market is killed before the next is founded, so that starts stay short.
const LIFE: u64 = 50;
/// Every so many rounds the whole journal is replayed beside the running market.
const VERIFY_EVERY: u64 = 10;
/// Parties that deposit, withdraw and take quotes.
const WORKERS: u64 = 10;
/// Providers that confirm slots.
const PROVIDERS: u64 = 3;
/// What each provider can lock as bonds.
const PROVIDER_MONEY: Msat = Msat(1_000_000_000_000);
/// The longest that a market lives under load, in microseconds.
const LOAD_US_MAX: u64 = 200_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn market_killed_under_load() {
    let (seed, rounds) = (seed(), rounds());
    let (mut acknowledged, mut contracts) = (0, 0);
    for life in 0..rounds.div_ceil(LIFE) {
        let left = rounds - life * LIFE;
        let chance = Chance::new(seed, &format!("life {life}"));
        let lived = Life::found(chance, seed.wrapping_add(life)).live(left.min(LIFE)).await;
        acknowledged += lived.0;
        contracts += lived.1;
    }
    println!(
        "{rounds} rounds, {acknowledged} requests acknowledged, {contracts} of them contracts"
    );
    assert!(acknowledged as u64 > rounds && contracts > 0, "there was load of every kind");
}

/// One market, from its founding to its last kill.
struct Life {
    dir: tempfile::TempDir,
    key: SecretKey,
    chance: Chance,
    /// What the parties' draws follow from.
    seed: u64,
    whereabouts: watch::Sender<Option<SocketAddr>>,
    /// Counts what was acknowledged, by whomever.
    acknowledged: watch::Sender<u64>,
    accounts: Vec<Arc<Mutex<Account>>>,
}

impl Life {
    fn found(chance: Chance, seed: u64) -> Self {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let key = key("market", seed);
        let password = Password::new(PASSWORD).expect("it is not empty");
        // Nothing happens because time passes: what happens is what was asked for.
        let genesis = |did, anchor| Genesis {
            quote_ttl: Span::DAY,
            answer_within: Span::DAY,
            ..Genesis::standard(did, Span::DAY, anchor)
        };
        let founded = market_server::init(dir.path(), &password, Some(*key.seed()), genesis);
        assert_eq!(founded.expect("an empty directory"), key.did());
        let accounts =
            (0..WORKERS).map(|number| Arc::new(Mutex::new(Account::new(number)))).collect();
        let (whereabouts, acknowledged) = (watch::Sender::new(None), watch::Sender::new(0));
        Self { dir, key, chance, seed, whereabouts, acknowledged, accounts }
    }

    /// Lives through `rounds` kills, and says how many requests and contracts were acknowledged.
    async fn live(mut self, rounds: u64) -> (usize, usize) {
        self.endow().await;
        let tell = || self.whereabouts.subscribe();
        let provider = |number| load::provider(number, self.did(), tell(), true);
        let providers: Vec<_> = (0..PROVIDERS).map(provider).collect();
        let closing = Arc::new(AtomicBool::new(false));
        let work = |account: &Arc<Mutex<Account>>| {
            let house = House {
                key: self.key.clone(),
                whereabouts: tell(),
                acknowledged: self.acknowledged.clone(),
                closing: closing.clone(),
            };
            let number = account.lock().expect("nobody panicked").number;
            let chance = Chance::new(self.seed, &format!("worker {number}"));
            tokio::spawn(workers::work(house, account.clone(), chance))
        };
        let working: Vec<_> = self.accounts.iter().map(work).collect();
        for round in 1..=rounds {
            self.round(round).await;
            assert!(!working.iter().any(JoinHandle::is_finished), "a worker has failed");
        }
        let (process, market) = self.start("1h").await;
        self.check(&market, true).await;
        closing.store(true, Ordering::Release);
        self.whereabouts.send_replace(Some(market.1));
        for worker in working {
            timeout(PATIENCE, worker).await.expect("it ends").expect("it does not fail");
        }
        self.settle(&market).await;
        providers.iter().for_each(JoinHandle::abort);
        process.kill().await;
        self.accounts.iter().fold((0, 0), |(requests, contracts), account| {
            let account = account.lock().expect("nobody panicked");
            (requests + account.count(), contracts + account.contracts.len())
        })
    }

    /// Gives the providers what they can lock as bonds.
    async fn endow(&self) {
        let (process, (market, _)) = self.start("1h").await;
        for number in 0..PROVIDERS {
            let (party, amount) = (key("provider", number).did(), PROVIDER_MONEY);
            let reference = format!("money of provider {number}");
            let deposit = Deposit { market: self.did(), party, amount, reference };
            market.deposit(sign(deposit, &self.key).signed()).await.expect("the operator's word");
        }
        process.kill().await;
    }

    /// One start, some load, one kill; every so often a kill while the market still starts.
    async fn round(&mut self, round: u64) {
        if self.chance.once_in(8) {
            let early = Process::spawn(&self.command("1h"));
            sleep(Duration::from_micros(self.chance.below(2 * LOAD_US_MAX))).await;
            early.kill().await;
        }
        let deep = round.is_multiple_of(VERIFY_EVERY);
        let every =
            if deep { "1h".to_owned() } else { format!("{}ms", 40 + self.chance.below(400)) };
        let (process, market) = self.start(&every).await;
        self.check(&market, deep).await;
        self.whereabouts.send_replace(Some(market.1));
        self.wait_for_the_moment().await;
        process.kill().await;
        self.whereabouts.send_replace(None);
    }

    /// Some time, or until so many more requests are acknowledged: the next instant is then the worst one
    /// for a market that answers before it has committed.
    async fn wait_for_the_moment(&mut self) {
        let load = Duration::from_micros(self.chance.below(LOAD_US_MAX));
        if self.chance.once_in(2) {
            return sleep(load).await;
        }
        let mut acknowledged = self.acknowledged.subscribe();
        let enough = *acknowledged.borrow() + 1 + self.chance.below(60);
        // Where that takes long, it is killed without.
        let _late = timeout(10 * load, acknowledged.wait_for(|count| *count >= enough)).await;
    }

    /// Starts the market in the same directory; nobody but the caller knows yet where it is.
    async fn start(&self, epoch_every: &str) -> (Process, (MarketClient, SocketAddr)) {
        let mut process = Process::spawn(&self.command(epoch_every));
        let said = process.ready().await;
        let url = said["url"].as_str().and_then(|url| url.strip_prefix("http://"));
        let address = url.and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("the market did not start: {said}"));
        (process, (speaker(address, self.did(), &self.key), address))
    }

    fn command<'a>(&'a self, epoch_every: &'a str) -> [&'a str; 8] {
        let data = self.dir.path().to_str().expect("temporary paths are text");
        ["market", "run", "--data", data, "--listen", "127.0.0.1:0", "--epoch-every", epoch_every]
    }

    /// Everything that must hold of a market that has just come back, while nobody asks anything of it.
    async fn check(&self, (market, _): &(MarketClient, SocketAddr), deep: bool) {
        let books = market.books().await.expect("the books");
        assert_eq!(books.debits, books.credits);
        for account in &self.accounts {
            let known = account.lock().expect("nobody panicked").clone();
            let booked = known.check(market).await;
            account.lock().expect("nobody panicked").booked = booked;
        }
        if deep {
            self.replay(market).await;
        }
    }

    /// The journal, replayed from its first block, gives the state that the market has.
    async fn replay(&self, market: &MarketClient) {
        for _ in 0..100 {
            let before = market.journal().await.expect("the journal");
            let dir = self.dir.path().to_owned();
            let report = tokio::task::spawn_blocking(move || verify_journal(&dir)).await;
            let report = report.expect("it does not panic").expect("a journal without a fault");
            // What was due at the start may still be on its way.
            if before != market.journal().await.expect("the journal") {
                continue;
            }
            assert!(report.is_sound(), "{report:?}");
            assert_eq!((report.blocks, report.replayed_head), (before.blocks, before.head));
            assert_eq!(
                report.replayed_root, before.state_root,
                "the replayed state is the market's"
            );
            return;
        }
        panic!("the market changes though nobody asks anything of it");
    }

    /// Everybody has been answered: what is booked is what was acknowledged, and every slot is confirmed once.
    async fn settle(&self, market: &(MarketClient, SocketAddr)) {
        let mut contracts = BTreeSet::new();
        for account in &self.accounts {
            contracts.extend(account.lock().expect("nobody panicked").contracts.iter().copied());
        }
        let give_up = Instant::now() + PATIENCE;
        for id in &contracts {
            while !market
                .0
                .contract(*id)
                .await
                .expect("an acknowledged contract")
                .slots
                .iter()
                .all(|s| s.confirmed)
            {
                assert!(Instant::now() < give_up, "contract {id} is not confirmed");
                sleep(Duration::from_millis(10)).await;
            }
        }
        self.check(market, true).await;
        for account in &self.accounts {
            let account = account.lock().expect("nobody panicked");
            assert_eq!(account.booked, account.count(), "all of it, and nothing else");
        }
        let mut bonds = BTreeSet::new();
        for number in 0..PROVIDERS {
            let party = key("provider", number).did();
            let history = workers::history(&market.0, party, 0).await;
            for entry in history.iter().filter(|entry| entry.reason == "slot_confirmed") {
                assert!(bonds.insert(entry.credit.clone()), "{} was locked twice", entry.credit);
            }
        }
        assert_eq!(bonds.len(), 2 * contracts.len(), "a bond for each of two slots");
    }

    fn did(&self) -> Did {
        self.key.did()
    }
}
