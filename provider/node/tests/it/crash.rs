//! A process that is killed holds what it has signed for.

use crate::support::{entry, lease, shard, slot};
use provider_node::store::{Health, Store};
use shards::Root;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;
use types::Bytes;

const PLACE: &str = "BONDSTORE_TEST_STORE";
const ROUNDS: u32 = 12;
const OFFERED: Bytes = Bytes(1 << 30);

/// What a killed process does: puts shards, signs for lists, says so, without end.
fn work(dir: &Path) {
    let store = Store::open(dir, OFFERED).unwrap();
    let room = store.reserve(slot(0), &lease(1 << 28)).unwrap();
    let lists = room.lists();
    let newest = lists.iter().max_by_key(|list| list.shards());
    let mut entries = newest.map(|list| list.entries().to_vec()).unwrap_or_default();
    let mut out = std::io::stdout();
    loop {
        for _ in 0..=(entries.len() % 20) {
            let number = u32::try_from(entries.len()).unwrap();
            let bytes = shard(number, 3_000);
            room.put(Root::of(&bytes), &bytes).unwrap();
            entries.push(entry(&bytes));
        }
        let list = room.commit(entries.len() as u64, entries.clone()).unwrap();
        // The parent may be gone.
        if writeln!(out, "signed {} {}", list.root(), list.shards()).is_err() {
            return;
        }
        room.prune(&list.root());
    }
}

/// Runs in a process of its own; see the test below.
#[test]
fn a_process_that_stores_until_it_is_killed() {
    if let Some(dir) = std::env::var_os(PLACE) {
        work(Path::new(&dir));
    }
}

#[test]
fn a_process_killed_at_any_moment_holds_what_it_signed_for() {
    let dir = TempDir::new().unwrap();
    let mut signed: BTreeMap<u64, String> = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::a_process_that_stores_until_it_is_killed", "--nocapture"])
            .env(PLACE, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut heard = 0;
        for line in lines {
            let Some(told) = line.split("signed ").nth(1) else { continue };
            let (root, shards) = told.split_once(' ').unwrap();
            signed.insert(shards.parse().unwrap(), root.to_owned());
            heard += 1;
            // Sometimes at once, sometimes well into the work; what it says until it is dead counts too.
            if heard == 1 + round % 5 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(heard > 0, "it has signed for something");
        let store = Store::open(dir.path(), OFFERED).unwrap();
        let room = store.room(&slot(0)).unwrap();
        let (_, newest) = signed.last_key_value().unwrap();
        let list = room.list(&newest.parse().unwrap()).expect("what was signed for is listed");
        for entry in list.entries() {
            assert_eq!(room.examine(*entry).unwrap(), Health::Whole);
        }
        assert_eq!(store.used(), Bytes(room.bytes()));
    }
}
