//! What a market with very many contracts needs: memory for each, and time to start from a snapshot.
//!
//! `cargo bench -p market --bench scale -- 1000000` (or `just scale 1000000`); 100,000 without a number.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a bench reads the clock")]

#[path = "scale/town.rs"]
mod town;

use market::parts::{Part, Restoration};
use market::{Genesis, Market};
use std::time::Instant;
use types::{Hash, SecretKey, Signer, Span};

fn main() {
    let count = std::env::args().find_map(|a| a.parse().ok()).unwrap_or(100_000u64);
    let key = SecretKey::from_seed(&[1; 32]);
    let genesis = Genesis::standard(key.did(), Span::HOUR, Hash::of(b"anchor"));
    let (founded, mut market) = (genesis.clone(), town::founded(genesis));
    let story = town::story(&market);
    let empty = resident();
    timed("applied", || {
        for n in 0..count {
            town::retold(&story, n).for_each(|event| market.apply(&event));
        }
    });
    each("memory", resident() - empty, count);
    let before = resident();
    let second = timed("a second copy", || market.clone());
    each("memory of the second copy", resident().saturating_sub(before), count);
    drop(second);
    let parts = timed("written as parts", || written(&market));
    each("snapshot before packing", parts.iter().map(|part| part.bytes.len() as u64).sum(), count);
    let root = timed("its root", || market.root());
    timed("checked", || market::check(&market)).expect("the town keeps the rules");
    drop(market);
    let mut restored = Market::new(founded);
    timed("read from parts", || {
        let restoration = Restoration::of(&mut restored);
        parts.iter().try_for_each(|part| restoration.take(part))?;
        restoration.finish()
    })
    .expect("its own parts");
    assert_eq!(restored.root(), root);
    assert_eq!(restored.contracts().len() as u64, count);
}

fn written(market: &Market) -> Vec<Part> {
    let mut parts = Vec::new();
    let keep = |part| {
        parts.push(part);
        Ok::<(), std::convert::Infallible>(())
    };
    let Ok(()) = market.write_parts(keep);
    parts
}

/// Says how long `work` took, and how much of this process's processor time: on a busy machine the latter counts.
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (began, before) = (Instant::now(), processor_ms());
    let done = work();
    let (took, used) = (began.elapsed().as_millis(), processor_ms() - before);
    println!("{what:>28}: {took:>8} ms, {used:>8} ms of the processor");
    done
}

/// Processor time of this process so far, in milliseconds.
fn processor_ms() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").expect("Linux says how much there is");
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    // A tick is a hundredth of a second on every Linux.
    ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10
}

fn each(what: &str, bytes: u64, count: u64) {
    println!("{what:>28}: {:>8} MiB = {} bytes a contract", bytes >> 20, bytes / count.max(1));
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux says how much there is");
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("the second figure is resident pages") * 4_096
}
