//! An auditor's oracle as its operator runs it: announced, attested, fetched by anybody, killed at any moment, and never of two minds.

#[path = "support/processes.rs"]
#[expect(dead_code, reason = "an oracle needs no town")]
mod support;

use bitcoin::Network;
use contracts_bitcoin::keys::MasterKey;
use contracts_bitcoin::oracle::equivocation::Equivocation;
use contracts_bitcoin::oracle::messages::{Announcement, Attestation};
use contracts_bitcoin::oracle::points::{Outcome, verify_announcement, verify_attestation};
use contracts_bitcoin::oracle::seed_of;
use network::identity::{Keystore, Password};
use serde_json::Value;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use support::{Finished, PASSWORD, Process, Running, bondstore, json, text, wait_for};

/// A contract's name; nobody needs to know it.
const CONTRACT: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// How often the oracle is killed while it attests.
const KILLS: u16 = 12;

/// An auditor with a directory of its own.
struct Auditor {
    dir: tempfile::TempDir,
}

impl Auditor {
    fn new() -> Self {
        let auditor = Self { dir: tempfile::tempdir().expect("a directory can be made") };
        json(["auditor", "init", "--data", &auditor.data()]);
        auditor
    }

    fn data(&self) -> String {
        self.dir.path().join("auditor").display().to_string()
    }

    fn log(&self) -> std::path::PathBuf {
        self.dir.path().join("log")
    }

    /// Runs its oracle, with everything in the log that there is.
    fn run(&self, more: &[&str]) -> Process {
        let data = self.data();
        let usual = ["auditor", "oracle", "run", "--listen", "127.0.0.1:0", "--data", &data];
        let mut command = bondstore(usual.iter().chain(more).copied());
        let log = File::options().create(true).append(true).open(self.log());
        command.env("BONDSTORE_LOG", "trace").stderr(log.expect("a log can be written"));
        Process::of(command)
    }

    fn announce(&self, slot: u16, more: &[&str]) -> Value {
        let (event, data) = (format!("{CONTRACT}.{slot}"), self.data());
        let usual = ["auditor", "oracle", "announce", &event, "--matures", "1000", "--data", &data];
        json(usual.iter().chain(more).copied())
    }

    fn attest(&self, event: &str, score: u16) -> Finished {
        let (score, data) = (score.to_string(), self.data());
        let args = ["auditor", "oracle", "attest", event, &score, "--data", &data, "--json"];
        Finished::of(bondstore(args))
    }
}

fn fetch(event: &str, oracle: &str, urls: &[&str]) -> Value {
    let from = urls.iter().flat_map(|url| ["--from", url]);
    json(["auditor", "oracle", "fetch", event, "--oracle", oracle].into_iter().chain(from))
}

fn announcement(value: &Value) -> Announcement {
    let bytes = hex::decode(text(&value["announcement"])).expect("hexadecimal");
    let announcement = Announcement::decode(&bytes).expect("an announcement");
    verify_announcement(&announcement).expect("it is signed");
    announcement
}

fn attestation(value: &Value) -> Attestation {
    let bytes = hex::decode(text(&value["attestation"])).expect("hexadecimal");
    Attestation::decode(&bytes).expect("an attestation")
}

#[test]
fn what_an_auditor_announces_and_attests_is_fetched_and_stands_through_a_kill() {
    let auditor = Auditor::new();
    let oracle = auditor.run(&[]);
    let (key, url) = (oracle.said("oracle"), oracle.said("url"));
    let announced = auditor.announce(0, &[]);
    let event = text(&announced["event"]);
    let fetched = fetch(&event, &key, &[&url]);
    assert_eq!(fetched["announcement"], announced["announcement"]);
    assert_eq!(fetched["attestation"], Value::Null);
    let short = format!("{CONTRACT}.0");
    let attested = auditor.attest(&short, 912);
    assert!(attested.is_success(), "{attested:?}");
    let fetched = fetch(&event, &key, &[&url]);
    assert_eq!(fetched["outcome"], 912);
    let (announcement, attestation) = (announcement(&fetched), attestation(&fetched));
    let outcome = verify_attestation(&attestation, &announcement).expect("it holds");
    assert_eq!(outcome, Outcome::Number(912));
    for (score, code) in [(911, 1), (912, 0)] {
        let again = auditor.attest(&event, score);
        assert_eq!(again.code, Some(code), "{again:?}");
    }
    // SIGKILL: the process cannot tidy up.
    drop(oracle);
    // By hand, on the folder itself.
    let other = auditor.attest(&event, 911);
    assert_eq!(other.code, Some(1), "{other:?}");
    assert!(other.stdout.contains("is attested as 912"), "{other:?}");
    let oracle = auditor.run(&[]);
    assert_eq!(oracle.said("oracle"), key);
    let again = fetch(&event, &key, &[&oracle.said("url")]);
    assert_eq!(again, fetched, "the same bytes");
}

#[test]
fn an_oracle_killed_while_it_attests_never_signs_two_outcomes() {
    let auditor = Auditor::new();
    let (mut seen, mut decided_before_the_kill): (Vec<Attestation>, u16) = (Vec::new(), 0);
    for round in 0..KILLS {
        let oracle = auditor.run(&[]);
        let event = text(&auditor.announce(round, &[])["event"]);
        let (data, key) = (auditor.data(), oracle.said("oracle"));
        let args = ["auditor", "oracle", "attest", &event, "700", "--data", &data, "--json"];
        let mut asking = bondstore(args);
        let asking = asking.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut asking = Running(asking.expect("the binary runs"));
        // The command opens its keystore first; what is hit is the time around its order.
        std::thread::sleep(Duration::from_millis(40) * u32::from(round));
        drop(oracle);
        wait_for("the order to end", || asking.0.try_wait().expect("a child").is_some());
        let oracle = auditor.run(&[]);
        let first = auditor.attest(&event, 300);
        if first.is_success() {
            let value: Value = serde_json::from_str(&first.stdout).expect("JSON");
            seen.push(attestation(&value));
        } else {
            assert!(first.stdout.contains("is attested as 700"), "{first:?}");
            decided_before_the_kill += 1;
        }
        let fetched = fetch(&event, &key, &[&oracle.said("url")]);
        verify_attestation(&attestation(&fetched), &announcement(&fetched)).expect("it holds");
        seen.push(attestation(&fetched));
    }
    println!("{decided_before_the_kill} of {KILLS} orders were followed before the kill");
    for (at, one) in seen.iter().enumerate() {
        for other in &seen[..at] {
            assert_eq!(Equivocation::between(one, other), None);
        }
    }
    no_secret_is_shown(&auditor);
}

/// Nothing that the oracle holds secret stands in its log or its folder.
fn no_secret_is_shown(auditor: &Auditor) {
    let folder = Path::new(&auditor.data()).to_owned();
    let password = Password::new(PASSWORD).expect("it is not empty");
    let secret = Keystore::open(&folder.join("key.json"), &password).expect("it opens");
    let seed = seed_of(&secret.key().expect("a key").seed());
    let master = MasterKey::new(&*seed, Network::Regtest).expect("a seed");
    let mut secrets = vec![
        hex::encode(secret.bytes()),
        hex::encode(*seed),
        hex::encode(master.oracle().expect("a key").secret_bytes()),
    ];
    for index in 0..u32::from(KILLS) {
        secrets.push(hex::encode(*master.oracle_nonces(index).expect("a seed")));
    }
    let files = ["book", "head", "url"].map(|name| folder.join("oracle").join(name));
    let mut looked_at = 0;
    for file in files.into_iter().chain([auditor.log()]) {
        let shown = std::fs::read_to_string(&file).expect("it is text");
        looked_at += shown.len();
        for secret in &secrets {
            assert!(!shown.contains(secret), "{} shows a secret", file.display());
        }
    }
    assert!(looked_at > 10_000, "only {looked_at} bytes were looked at");
}

#[test]
fn two_of_three_auditors_agree_and_attest_while_the_third_is_gone() {
    let auditors: Vec<Auditor> = (0..3).map(|_| Auditor::new()).collect();
    let first = auditors[0].run(&[]);
    let second = auditors[1].run(&["--peer", &first.said("url")]);
    let third = auditors[2].run(&["--peer", &first.said("url")]);
    let keys = [&first, &second, &third].map(|oracle| oracle.said("oracle"));
    drop(third);
    let with = |own: usize| {
        let others = keys.iter().enumerate().filter(move |(at, _)| *at != own);
        let others = others.flat_map(|(_, key)| ["--with".to_owned(), key.clone()]);
        others.chain(["--threshold".to_owned(), "2".to_owned()]).collect::<Vec<_>>()
    };
    let mut events = Vec::new();
    for (own, score) in [(0, 950), (1, 901)] {
        let more = with(own);
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        events.push(text(&auditors[own].announce(0, &more)["event"]));
        let reported = auditors[own].attest(&events[0], score);
        assert!(reported.is_success(), "{reported:?}");
    }
    assert_eq!(events[0], events[1], "one event, announced by each");
    for (oracle, key) in [(&first, &keys[0]), (&second, &keys[1])] {
        let url = oracle.said("url");
        wait_for("the auditors to agree", || fetch(&events[0], key, &[&url])["outcome"] == 925);
    }
}
