//! What must always hold, over random sequences of all commands; and broken markets, each of which this catches.
//!
//! As many sequences as `PROPTEST_CASES` says, 10,000 by default, drawn from `SEQUENCES_SEED`, 0 by default: the same
//! sequences for the same seed, on however many threads.
#![cfg(test)]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "random sequences need no stage")]
mod common;

mod attempts;
mod broken;

use attempts::{Step, lived, step};
use broken::BROKEN;
use common::book::{EVENTS, Tally};
use common::{Fault, honest};
use proptest::collection::vec;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

/// Every command there is.
const COMMANDS: [&str; 30] = [
    "publish_ask",
    "deposit",
    "withdraw",
    "accept",
    "confirm",
    "revise",
    "extend",
    "grow",
    "cancel",
    "depart",
    "top_up",
    "open_epoch",
    "record_verdict",
    "confess",
    "dispute",
    "announce",
    "measure",
    "release",
    "hold_back",
    "finish_rebuild",
    "redeem_voucher",
    "grant",
    "revoke",
    "reassign",
    "expire",
    "replace",
    "renew",
    "complete",
    "settle",
    "conclude",
];

/// How many sequences share one source of chance.
const LOT: u32 = 250;
/// How many sequences a broken market is held against.
const SHOWN: u32 = 200;
/// How often each command must be taken and be refused, in ten thousand sequences.
const OFTEN: u64 = 40;

/// A number from the environment.
#[expect(clippy::disallowed_methods, reason = "how long a test runs is whoever runs it to say")]
fn number(name: &str, usual: u32) -> u32 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

/// A runner whose chance follows from the seed and a number.
fn runner(cases: u32, lot: u32) -> TestRunner {
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&number("SEQUENCES_SEED", 0).to_le_bytes());
    seed[4..8].copy_from_slice(&lot.to_le_bytes());
    let config =
        Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

/// Lives through one lot of sequences.
fn lot_lived(cases: u32, lot: u32) -> Result<Tally, String> {
    let tally = RefCell::new(Tally::default());
    let run = runner(cases, lot).run(&vec(step(), 1..120), |steps| {
        let world = lived(honest, &steps).map_err(TestCaseError::fail)?;
        tally.borrow_mut().add(&world.book.tally);
        Ok(())
    });
    run.map_err(|error| format!("lot {lot}: {error}"))?;
    Ok(tally.into_inner())
}

/// Lives through so many sequences, on every core there is.
fn all_lived(cases: u32) -> Tally {
    let lots = cases.div_ceil(LOT);
    let next = AtomicU32::new(0);
    let work = || {
        let mut sum = Tally::default();
        loop {
            let lot = next.fetch_add(1, Ordering::Relaxed);
            if lot >= lots {
                return sum;
            }
            let size = LOT.min(cases - lot * LOT);
            sum.add(&lot_lived(size, lot).unwrap_or_else(|breach| panic!("{breach}")));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut sum = Tally::default();
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for thread in started {
            sum.add(&thread.join().expect("no sequence breaks anything"));
        }
    });
    sum
}

/// Every command was taken and was refused often enough, and everything that can happen did.
fn covered(tally: &Tally, cases: u32) -> Vec<String> {
    let often = OFTEN * u64::from(cases) / 10_000;
    let mut missing = Vec::new();
    for name in COMMANDS {
        let taken = tally.taken.get(name).copied().unwrap_or(0);
        let refused = tally.refusals(name);
        if taken < often || refused < often {
            missing.push(format!("{name} was taken {taken} and refused {refused} times"));
        }
    }
    let commands: BTreeSet<&str> = COMMANDS.into_iter().collect();
    let unknown = tally.taken.keys().filter(|name| !commands.contains(**name));
    missing.extend(unknown.map(|name| format!("{name} is not in the list of commands")));
    let happened: BTreeSet<&str> = tally.events.keys().copied().collect();
    let all: BTreeSet<&str> = EVENTS.into_iter().collect();
    missing.extend(all.symmetric_difference(&happened).map(|name| format!("event {name}")));
    missing
}

#[test]
fn every_invariant_holds_after_every_step_of_every_command() {
    let cases = number("PROPTEST_CASES", 10_000);
    let tally = all_lived(cases);
    println!("{cases} sequences\n{}", tally.histogram(&COMMANDS));
    if cases >= 2_000 {
        assert_eq!(covered(&tally, cases), Vec::<String>::new());
    }
}

/// The place of the first sequence in which a market with this bug is caught.
fn caught(fault: Fault, sequences: &[Vec<Step>]) -> Option<usize> {
    sequences.iter().position(|steps| {
        let life = catch_unwind(AssertUnwindSafe(|| lived(fault, steps).map(drop)));
        !matches!(life, Ok(Ok(())))
    })
}

#[test]
fn every_broken_market_is_caught() {
    let sequence = vec(step(), 100..120);
    let mut runner = runner(1, u32::MAX);
    let drawn = |runner: &mut TestRunner| {
        sequence.new_tree(runner).expect("a strategy without filters").current()
    };
    let sequences: Vec<Vec<Step>> = (0..SHOWN).map(|_| drawn(&mut runner)).collect();
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let sound = caught(honest, &sequences);
    let found = BROKEN.iter().map(|(name, fault)| {
        let sequence = caught(*fault, &sequences);
        println!("{name}: {}", sequence.map_or("missed".into(), |n| format!("sequence {n}")));
        (*name, sequence)
    });
    let found: Vec<(&str, Option<usize>)> = found.collect();
    std::panic::set_hook(quiet);
    assert_eq!(sound, None, "the same sequences break nothing in the market as it is");
    let missed: Vec<&str> =
        found.iter().filter(|(_, at)| at.is_none()).map(|(name, _)| *name).collect();
    assert_eq!(missed, Vec::<&str>::new(), "these bugs were not caught");
    let names: BTreeSet<&str> = BROKEN.iter().map(|(name, _)| *name).collect();
    assert!(names.len() == BROKEN.len() && names.len() >= 40, "{} of them", names.len());
}
