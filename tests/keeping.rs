//! Copies of a market by command: written while it runs, put back elsewhere, and the town goes on with the same books.

#[path = "support/processes.rs"]
mod support;

use serde_json::Value;
use std::path::Path;
use support::{Beyond, Finished, Process, Town, bondstore, json, text, wait_for};

/// One slot for the data, and one for parity.
const PROVIDERS: usize = 2;
const FEW: [&str; 4] = ["--data-shards", "1", "--parity-shards", "1"];
/// What is kept.
const LETTER: &[u8] = b"what the town must not lose";

#[test]
fn a_market_put_back_elsewhere_has_the_same_books_and_goes_on() {
    // No epoch opens while the test runs.
    let mut town = Town::found((PROVIDERS, "1GB", "1d"), Beyond::default());
    let (market, backup) = (town.path("market"), town.path("backup"));
    let elsewhere = town.path("elsewhere");
    let letter = town.path("letter");
    std::fs::write(&letter, LETTER).expect("a file can be written");
    let put = [&["put", &letter, "letter"][..], &FEW].concat();
    let contract = text(&town.client(&put)["contract"]);
    let before = books(&town, &contract);

    let written = json(["market", "backup", "--data", &market, "--out", &backup]);
    assert!(written["rows"].as_u64().is_some_and(|rows| rows > 0), "{written}");
    refused(&["market", "backup", "--data", &market, "--out", &backup], &["backup"]);
    // What comes after the backup is not in it.
    json(["market", "credit", &text(&town.client["did"]), "7", "--data", &market]);
    assert_ne!(books(&town, &contract), before);
    let migrated = json(["market", "migrate", "--data", &market]);
    assert_eq!(migrated["from"], migrated["to"], "it is of this program's schema");
    let (address, did) = (town.market.said("url"), town.market.said("market"));
    town.market.child.0.kill().expect("it runs");
    town.market.child.0.wait().expect("it ends");

    refused(&["market", "restore", &backup, "--data", &market], &["market"]);
    half_a_backup_restores_nothing(&town, &backup);
    let restored = json(["market", "restore", &backup, "--data", &elsewhere]);
    assert_eq!(restored["head"], restored["replayed_head"], "{restored}");
    let listen = address.trim_start_matches("http://");
    let run = ["market", "run", "--data", &elsewhere, "--listen", listen, "--epoch-every", "1d"];
    std::fs::copy(Path::new(&market).join("key.json"), Path::new(&elsewhere).join("key.json"))
        .expect("the key can be copied");
    town.market = Process::start(run);
    assert_eq!(town.market.said("market"), did, "it is the same party");
    wait_for("the providers to come back", || {
        let view = town.client(&["contract", "show", &contract]);
        view["slots"].as_array().expect("a list").iter().all(|slot| slot["online"] == true)
    });
    assert_eq!(books(&town, &contract), before, "to the msat");
    goes_on(&town);
}

/// What everybody has, and what the contract holds.
fn books(town: &Town, contract: &str) -> Vec<Value> {
    let mut books = vec![
        town.client(&["account", "show"]),
        town.client(&["account", "history"]),
        town.client(&["contract", "show", contract]),
    ];
    for number in 1..=PROVIDERS {
        let shown = json(["provider", "show", "--data", &town.path(&format!("provider-{number}"))]);
        books.push(shown["account"].clone());
    }
    books
}

fn half_a_backup_restores_nothing(town: &Town, backup: &str) {
    let (half, nowhere) = (town.path("half"), town.path("nowhere"));
    let bytes = std::fs::read(backup).expect("it is there");
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 1;
    for damaged in [&bytes[..bytes.len() / 2], &changed] {
        std::fs::write(&half, damaged).expect("a file can be written");
        refused(&["market", "restore", &half, "--data", &nowhere], &["half"]);
        assert!(!Path::new(&nowhere).join("market.db").exists(), "nothing of it stays");
    }
}

/// A command that must fail, and what it must say.
fn refused(args: &[&str], parts: &[&str]) {
    let done = Finished::of(bondstore(args.iter().copied()));
    assert!(!matches!(done.code, Some(0) | None), "{args:?}: {done:?}");
    assert!(parts.iter().all(|part| done.stderr.contains(part)), "{args:?}: {done:?}");
}

/// What was kept comes back, more is taken, and the journal is whole.
fn goes_on(town: &Town) {
    let copy = town.path("copy");
    town.client(&["get", "letter", &copy]);
    assert_eq!(std::fs::read(&copy).expect("it was written"), LETTER);
    town.client(&[&["put", &town.path("letter"), "again"][..], &FEW].concat());
    let names = town.client(&["ls"]);
    assert_eq!(names.as_array().map(Vec::len), Some(2), "{names}");
    let exported = town.path("journal.jsonl");
    json(["journal", "export", "--data", &town.path("elsewhere"), "--out", &exported]);
    let verified = json(["journal", "verify", &exported]);
    assert_eq!(verified["ok"], true, "{verified}");
}
