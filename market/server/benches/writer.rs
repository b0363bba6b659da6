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
mod limit;

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
/// Callers, and commands in each round.
const LOADS: [(usize, usize); 4] = [(1, 1_000), (16, 8_000), (64, 20_000), (1_024, 60_000)];

fn main() {
    network::server::forgo_huge_pages();
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
    println!(
        "{:>7}  {:>12}  {:>14}  {:>16}  {:>16}",
        "callers", "commands/s", "rounds", "writer's us each", "process's us each"
    );
    let chosen: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    for (callers, commands) in LOADS {
        if !chosen.is_empty() && !chosen.contains(&callers) {
            continue;
        }
        let (mut rates, mut used) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let documents = documents(&key, callers, commands, round);
            let (began, before) = (Instant::now(), processor_ms());
            submit_all(&market, callers, documents).await;
            rates.push(rate(commands, began.elapsed()));
            let after = processor_ms();
            used.push([after[0] - before[0], after[1] - before[1]]);
        }
        rates.sort_unstable();
        let [low, middle, high] = [rates[0], rates[ROUNDS / 2], rates[ROUNDS - 1]];
        let each = |which: usize| {
            let mut each: Vec<u64> =
                used.iter().map(|u| u[which] * 1_000 / commands as u64).collect();
            each.sort_unstable();
            each[ROUNDS / 2]
        };
        println!(
            "{callers:>7}  {middle:>12}  {low:>6}–{high:<7}  {:>16}  {:>16}",
            each(0),
            each(1)
        );
    }
    let empty = tempfile::tempdir().expect("a temporary directory");
    let limit = limit::limit(&place, empty.path()).await;
    println!("the same rows in the same transactions, and nothing else: {limit} commands/s");
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

/// Processor time in milliseconds: of the thread that writes, and of the process.
fn processor_ms() -> [u64; 2] {
    let used = |path: &Path| {
        let text = std::fs::read_to_string(path.join("stat")).unwrap_or_default();
        let after_name = text.rsplit(')').next().unwrap_or_default().to_owned();
        let ticks = after_name.split_whitespace().skip(11).take(2);
        // A tick is a hundredth of a second on every Linux.
        ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10
    };
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux lists the threads");
    let mut tasks = tasks.filter_map(|task| Some(task.ok()?.path()));
    let writes = |task: &std::path::PathBuf| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "market-writer")
    };
    [tasks.find(writes).map_or(0, |task| used(&task)), used(Path::new("/proc/self"))]
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
