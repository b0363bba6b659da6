//! A market on PostgreSQL by command: one process writes, one stands by and takes over, one reads along; and its books
//! go on in a file.

#[path = "../market/server/tests/support/cluster.rs"]
#[expect(clippy::unwrap_used, reason = "a server that cannot be made ends the test")]
mod cluster;
#[path = "support/processes.rs"]
#[expect(dead_code, reason = "there is no town")]
mod support;

use serde_json::{Value, json as value};
use std::path::Path;
use support::{Finished, Process, bondstore, json, text, wait_for};

/// Processes of one market, each with a directory of its own, and their database.
struct House {
    dir: tempfile::TempDir,
    database: String,
}

impl House {
    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Runs a process in a directory, with what the first one founded.
    fn run(&self, name: &str, more: &[&str]) -> Process {
        let data = self.path(name);
        let usual = ["market", "run", "--data", &data, "--database", &self.database];
        let often = ["--listen", "127.0.0.1:0", "--epoch", "1d", "--epoch-every", "1d"];
        Process::start(usual.iter().chain(&often).chain(more).copied())
    }

    /// Another directory, with a copy of the first one's key.
    fn copy_key(&self, name: &str) {
        std::fs::create_dir(self.path(name)).expect("a directory can be made");
        let key = |name: &str| Path::new(&self.path(name)).join("key.json");
        std::fs::copy(key("one"), key(name)).expect("the key can be copied");
    }

    /// Books `amount` for `party` through the process of a directory; each amount once.
    fn credit(&self, name: &str, party: &str, amount: &str) -> Finished {
        let data = self.path(name);
        let credit = ["market", "credit", party, amount, "--reference", amount, "--data", &data];
        Finished::of(bondstore(credit))
    }

    /// The journal of what `place` names, as a file.
    fn exported(&self, place: [&str; 2], out: &str) -> Vec<u8> {
        let out = self.path(out);
        json(["journal", "export", place[0], place[1], "--out", &out]);
        let verified = json(["journal", "verify", &out]);
        assert_eq!(verified["ok"], true, "{verified}");
        std::fs::read(out).expect("it was written")
    }
}

fn available(house: &House) -> Value {
    json(["account", "show", "--data", &house.path("client")])["available"].clone()
}

#[test]
fn a_standby_takes_over_from_a_killed_writer_and_the_books_go_on_in_a_file() {
    let Some(database) = cluster::new_database() else { return };
    let house = House { dir: tempfile::tempdir().expect("a directory can be made"), database };
    let mut first = house.run("one", &[]);
    house.copy_key("two");
    house.copy_key("three");
    let (second, third) = (house.run("two", &[]), house.run("three", &["--read-only"]));
    for (process, writes) in [(&first, true), (&second, false), (&third, false)] {
        assert_eq!(process.said["writes"], writes, "{}", process.said);
        assert_eq!(process.said["market"], first.said["market"]);
    }

    let reader = third.said("url");
    let client = json(["client", "init", "--data", &house.path("client"), "--market", &reader]);
    let party = text(&client["did"]);
    assert!(house.credit("one", &party, "5").is_success());
    wait_for("the reader to follow", || available(&house) == value!(5));
    let sent_on = house.credit("two", &party, "7");
    assert!(!sent_on.is_success() && sent_on.stderr.contains(&first.said("url")), "{sent_on:?}");

    first.child.0.kill().expect("it runs");
    first.child.0.wait().expect("it ends");
    wait_for("the standby to write", || house.credit("two", &party, "7").is_success());
    let not_here = house.credit("three", &party, "9");
    assert!(
        !not_here.is_success() && not_here.stderr.contains(&second.said("url")),
        "{not_here:?}"
    );
    wait_for("the reader to follow the standby", || available(&house) == value!(12));

    let (backup, file) = (house.path("backup"), house.path("file"));
    let database = ["--database", &house.database];
    let in_two = ["--data", &house.path("two"), database[0], database[1]];
    json(["market", "backup", "--out", &backup].into_iter().chain(in_two));
    let restored = json(["market", "restore", &backup, "--data", &file]);
    assert_eq!(restored["head"], restored["replayed_head"], "{restored}");
    let there = house.exported(database, "of-the-server.jsonl");
    assert_eq!(house.exported(["--data", &file], "of-the-file.jsonl"), there);
    let migrated = json(["market", "migrate"].into_iter().chain(in_two));
    assert_eq!(migrated["from"], migrated["to"], "it is of this program's schema");
}
