//! Durable commands per second through the writer, with documents that are verified already.
//!
//! `cargo bench -p market-server --bench writer` (on PostgreSQL with `-- postgres`, where that is installed) prints, for 1, 16, 64 and 1,024 callers, the median of
//! five rounds (a number behind `--` chooses one of them), and beside it what one synchronous write of this disk takes: the limit for one caller.

use market::{Command, Genesis};
use market_server::{Config, Handle, deposit};
use network::client::{ClientOptions, HttpClient};
use network::endpoint::{Endpoint, PlainHttp};
use network::market_api::MarketClient;
use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use types::documents::Deposit;
use types::{Msat, SecretKey, Signer, Span, Verified};

#[path = "../tests/support/cluster.rs"]
#[expect(clippy::unwrap_used, reason = "a bench may end where a test may fail")]
mod cluster;

const ROUNDS: usize = 5;
/// Callers, and commands in each round.
const LOADS: [(usize, usize); 4] = [(1, 1_000), (16, 8_000), (64, 20_000), (1_024, 60_000)];

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(run());
}

async fn run() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let key = SecretKey::from_seed(&[1; 32]);
    let genesis = |did, anchor| Genesis::standard(did, Span::HOUR, anchor);
    let on_postgres = std::env::args().any(|argument| argument == "postgres");
    let database = if on_postgres { cluster::new_database() } else { None };
    let config = Config { database, ..Config::new(dir.path(), "127.0.0.1:0", key.clone()) };
    let place = config.place();
    println!(
        "on {}",
        if place.to_string().starts_with("postgres") { "PostgreSQL" } else { "SQLite" }
    );
    market_server::found(&place, &key, genesis).expect("a market is founded");
    let market = Arc::new(market_server::start(config).await.expect("the market starts"));
    println!("one synchronous write of 4 KiB: {:?}", median(synced_writes(dir.path())));
    println!("{:>7}  {:>12}  {:>14}", "callers", "commands/s", "rounds");
    let chosen: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    for (callers, commands) in LOADS {
        if !chosen.is_empty() && !chosen.contains(&callers) {
            continue;
        }
        let mut rates = Vec::new();
        for round in 0..ROUNDS {
            let documents = documents(&key, callers, commands, round);
            let began = Instant::now();
            submit_all(&market, callers, documents).await;
            rates.push(rate(commands, began.elapsed()));
        }
        rates.sort_unstable();
        let [low, middle, high] = [rates[0], rates[ROUNDS / 2], rates[ROUNDS - 1]];
        println!("{callers:>7}  {middle:>12}  {low:>6}–{high}");
    }
    if chosen.is_empty() {
        over_http(&market, &key).await;
    }
    let journal = market.journal();
    market.shutdown().await;
    let began = Instant::now();
    let report = market_server::verify_journal(&place).expect("the journal is sound");
    assert!(report.is_sound() && report.head == journal.head);
    println!(
        "{} events in {} blocks replayed in {:?}",
        report.events,
        report.blocks,
        began.elapsed()
    );
}

/// Signed beforehand: signatures are checked before the writer, by as many cores as there are.
fn documents(
    key: &SecretKey,
    callers: usize,
    count: usize,
    round: usize,
) -> VecDeque<Verified<Deposit>> {
    let party = |n: usize| SecretKey::from_seed(&[u8::try_from(n % 200).unwrap_or(0); 32]).did();
    let parties: Vec<_> = (0..200).map(party).collect();
    let one = |n: usize| {
        deposit(key, parties[n % parties.len()], Msat(1), &format!("{callers} {round} {n}"))
    };
    (0..count).map(one).collect()
}

async fn submit_all(market: &Arc<Handle>, callers: usize, documents: VecDeque<Verified<Deposit>>) {
    let documents = Arc::new(Mutex::new(documents));
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let (market, documents) = (market.clone(), documents.clone());
        running.spawn(async move {
            loop {
                let next = documents.lock().expect("no caller panics").pop_front();
                let Some(document) = next else { return };
                let outcome = market.submit(Command::Deposit(document)).await;
                assert_eq!(outcome.expect("deposits are taken").events.len(), 1);
            }
        });
    }
    while let Some(caller) = running.join_next().await {
        caller.expect("no caller panics");
    }
}

/// The same end to end: HTTP on loopback, signatures checked, callers on the same cores as the server.
async fn over_http(market: &Arc<Handle>, key: &SecretKey) {
    let endpoint = Endpoint::parse(market.url(), PlainHttp::LoopbackOnly).expect("its own address");
    println!("over HTTP, callers and server on the same cores:");
    for (callers, commands) in [(1, 400), (16, 4_000), (64, 8_000), (512, 16_000)] {
        let mut rates = Vec::new();
        for round in 0..ROUNDS {
            let documents = Arc::new(Mutex::new(documents(key, callers + 10_000, commands, round)));
            let http = HttpClient::new(endpoint.clone(), ClientOptions::default());
            let client = MarketClient::new(http, market.did(), Arc::new(key.clone()));
            let began = Instant::now();
            let mut running = tokio::task::JoinSet::new();
            for _ in 0..callers {
                let (client, documents) = (client.clone(), documents.clone());
                running.spawn(async move {
                    loop {
                        let next = documents.lock().expect("no caller panics").pop_front();
                        let Some(document) = next else { return };
                        client.deposit(document.signed()).await.expect("deposits are taken");
                    }
                });
            }
            while let Some(caller) = running.join_next().await {
                caller.expect("no caller panics");
            }
            rates.push(rate(commands, began.elapsed()));
        }
        rates.sort_unstable();
        println!("{callers:>7}  {:>12}  {:>6}–{}", rates[ROUNDS / 2], rates[0], rates[ROUNDS - 1]);
    }
}

fn rate(commands: usize, took: Duration) -> u64 {
    let micros = took.as_micros().max(1);
    u64::try_from(commands as u128 * 1_000_000 / micros).unwrap_or(u64::MAX)
}

fn synced_writes(dir: &Path) -> Vec<Duration> {
    let mut file = File::create(dir.join("synced")).expect("a file is created");
    (0..100)
        .map(|_| {
            let began = Instant::now();
            file.write_all(&[7; 4_096]).and_then(|()| file.sync_data()).expect("the disk takes it");
            began.elapsed()
        })
        .collect()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
