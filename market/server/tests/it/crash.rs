//! A market in a process of its own, killed with SIGKILL at random moments under load.

use crate::common::{House, key, sound};
use market::{Command, Genesis};
use market_server::{Config, deposit, verify_journal};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::time::Duration;
use types::{Msat, Signer, Span};

/// Where the process finds its data directory; set for the child alone.
const DIR: &str = "BONDSTORE_CRASH_TEST_DIR";
/// Where it finds its database, if that is not in the directory.
const DATABASE: &str = "BONDSTORE_CRASH_TEST_DATABASE";
/// How often the market is killed.
const ROUNDS: u64 = 20;

/// Not a test of its own: what the child process runs. It deposits and prints what is acknowledged.
#[test]
fn child_that_is_killed() {
    let Ok(dir) = std::env::var(DIR) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(acknowledge(Path::new(&dir)));
}

async fn acknowledge(dir: &Path) {
    let house_key = key(200);
    let config =
        Config { snapshot_every: 50, ..Config::new(dir, "127.0.0.1:0", house_key.clone()) };
    let config = Config { database: std::env::var(DATABASE).ok(), ..config };
    let market = market_server::start(config).await.unwrap();
    let start = market.view(|view| view.head.blocks);
    let mut running = tokio::task::JoinSet::new();
    let market = std::sync::Arc::new(market);
    for caller in 0..16u8 {
        let (market, house_key) = (market.clone(), house_key.clone());
        running.spawn(async move {
            for number in 0.. {
                let reference = format!("{start} {caller} {number}");
                let deposit = deposit(&house_key, key(caller).did(), Msat(1), &reference);
                market.submit(Command::Deposit(deposit)).await.unwrap();
                // One write, so that a line is whole or not there.
                let line = format!("{caller} {reference}\n");
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
        });
    }
    running.join_next().await;
}

fn spawn(house: &House) -> Child {
    let mut process = Process::new(std::env::current_exe().unwrap());
    if let Some(database) = &house.database {
        process.env(DATABASE, database);
    }
    process
        .args(["--exact", "crash::child_that_is_killed", "--nocapture", "--test-threads=1"])
        .env(DIR, house.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_however_often_the_market_is_killed() {
    let house = House::founded_with(|did, anchor| Genesis::standard(did, Span::HOUR, anchor));
    let mut acknowledged: BTreeMap<u8, i64> = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut child = spawn(&house);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // After the first acknowledgement, a moment that differs from round to round.
        let mut count = |line: &str| {
            let caller = line.split(' ').next().and_then(|caller| caller.parse::<u8>().ok());
            let is_one = line.split(' ').count() == 4;
            caller.filter(|_| is_one).is_some_and(|caller| {
                *acknowledged.entry(caller).or_default() += 1;
                true
            })
        };
        let first = lines.by_ref().map_while(Result::ok).any(|line| count(&line));
        assert!(first, "round {round}: nothing was acknowledged");
        std::thread::sleep(Duration::from_micros(1_000 + round * 7_919 % 60_000));
        child.kill().unwrap();
        child.wait().unwrap();
        lines.map_while(Result::ok).for_each(|line| {
            count(&line);
        });
    }
    let market = house.start().await;
    sound(&market);
    for (caller, count) in &acknowledged {
        let booked = market.view(|view| view.market.available(key(*caller).did()));
        assert!(booked >= Msat(*count), "{caller}: {count} acknowledged, {booked} booked");
    }
    let total: i64 = (0..16u8)
        .map(|caller| market.view(|view| view.market.available(key(caller).did()).0))
        .sum();
    market.shutdown().await;
    let report = verify_journal(house.place()).unwrap();
    assert!(report.is_sound());
    assert_eq!(report.events, u64::try_from(total).unwrap(), "every deposit happened once");
}
