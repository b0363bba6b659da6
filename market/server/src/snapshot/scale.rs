//! A restart with very many contracts: `scripts/restart.sh 1000000` runs these two, one process each.

use super::*;
use crate::journal::{Block, Head};
use crate::store::Place;
use crate::store::changes::Changes;
use std::path::PathBuf;
use std::time::Instant;
use types::tree::Tip;
use types::{SecretKey, Span, Timestamp};

#[path = "../../../benches/scale/town.rs"]
mod town;

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn key() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

/// Where the database is kept between the two, and how many contracts it is to have.
fn asked() -> (PathBuf, u64) {
    network::server::forgo_huge_pages();
    let variable = |name| std::env::var(name).expect("scripts/restart.sh sets it");
    (variable("RESTART_DIR").into(), variable("RESTART_CONTRACTS").parse().expect("a number"))
}

fn place(dir: &std::path::Path) -> Place {
    std::env::var("RESTART_DATABASE").map_or_else(|_| Place::from(dir), Place::Postgres)
}

#[test]
#[ignore = "takes minutes and gigabytes: scripts/restart.sh runs it"]
fn a_state_of_many_contracts_is_saved() {
    let (dir, count) = asked();
    let place = place(&dir);
    crate::found(&place, &key(), |did, anchor| Genesis::standard(did, Span::HOUR, anchor)).unwrap();
    let genesis = crate::genesis(&place).unwrap();
    let mut market = town::founded(genesis);
    let story = town::story(&market);
    timed("made", || {
        for n in 0..count {
            town::retold(&story, n).for_each(|event| market.apply(&event));
        }
    });
    println!("{:>24}: {} bytes a contract", "memory", figure("VmRSS") * 1_024 / count);
    timed("a copy", || drop(std::hint::black_box(market.clone())));
    let store = Store::open(&place, None).unwrap();
    let (term, origin) =
        (store.begin_term("").unwrap(), Head::of_genesis(&store.genesis().unwrap()));
    let block = Block::seal(origin, (Timestamp(1), term), Tip::empty(), "[]".into());
    let changes = Changes { block: Some(block), ..Changes::default() };
    store.write(&changes, term).unwrap();
    let (mut plain, mut packed) = (0, 0);
    let mut add = |part: Part| {
        plain += part.bytes.len() as u64;
        Ok::<(), std::convert::Infallible>(())
    };
    timed("written as bytes", || market.write_parts(&mut add)).unwrap();
    timed("saved", || {
        store.begin_snapshot(term, 1).unwrap();
        let add = |part: PackedPart| {
            packed += part.bytes.len() as u64;
            store.add_snapshot_part(term, 1, &part)
        };
        let snapshot = pack(&market, 1, add).unwrap();
        store.end_snapshot(term, &snapshot).unwrap();
        println!("{:>24}: {}", "parts", snapshot.parts);
    });
    println!("{:>24}: {} bytes a contract, {} packed", "snapshot", plain / count, packed / count);
    store.tidy().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes and gigabytes: scripts/restart.sh runs it"]
async fn a_market_of_many_contracts_starts_again() {
    let (dir, count) = asked();
    let (place, mut config) = (place(&dir), crate::Config::new(&dir, "127.0.0.1:0", key()));
    if let Place::Postgres(url) = &place {
        config.database = Some(url.clone());
    }
    let began = (Instant::now(), processor_ms());
    let market = crate::start(config).await.unwrap();
    say("ready after the start", began);
    println!("{:>24}: {} bytes a contract", "memory", figure("VmRSS") * 1_024 / count);
    println!("{:>24}: {} bytes a contract", "peak", figure("VmHWM") * 1_024 / count);
    assert_eq!(market.view(|view| view.market.contracts().len() as u64), count);
    assert_eq!(market.surveyed().await, Ok(()));
    say("all looked through", began);
    println!("{:>24}: {} bytes a contract", "memory", figure("VmRSS") * 1_024 / count);
    market.kill();
    let store = Store::open_for_reading(&place).unwrap();
    let snapshot = store.snapshot().unwrap().unwrap();
    let (mut packed, mut buffer, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    let fields = timed("of it listing the parts", || store.snapshot_fields(1).unwrap());
    timed("reading", || {
        for (number, _) in &fields {
            store.snapshot_part(1, *number, &mut packed).unwrap();
        }
    });
    timed("that, unpacking, hashing", || {
        for (number, field) in fields {
            store.snapshot_part(1, number, &mut packed).unwrap();
            unpack(&packed, &mut buffer).unwrap();
            let part = Part { field, first: false, bytes: std::mem::take(&mut buffer) };
            hashes.push(part.hash());
            buffer = part.bytes;
        }
    });
    assert_eq!(parts::root(&hashes), snapshot.root);
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let began = (Instant::now(), processor_ms());
    let done = work();
    say(what, began);
    done
}

/// How long something took, and how much of this process's processor time: on a busy machine the latter counts.
fn say(what: &str, (began, before): (Instant, u64)) {
    let (took, used) = (began.elapsed().as_millis(), processor_ms() - before);
    println!("{what:>24}: {took:>8} ms, {used:>8} ms of the processor");
}

/// Processor time of this process so far.
fn processor_ms() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    // A tick is a hundredth of a second on every Linux.
    ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10
}

/// A figure of this process's memory, in KiB.
fn figure(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().find_map(|word| word.parse().ok()).unwrap()
}
