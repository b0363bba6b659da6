//! The way through the house with every party a process of its own, started as the README says.

#[path = "support/processes.rs"]
mod support;

use serde_json::Value;
use support::{Beyond, Finished, Process, Town, bondstore, json, offers, text, wait_for};

/// Six slots, and two providers to take over.
const PROVIDERS: usize = 8;
/// Audits cost little here, so days are short.
const DAY: &str = "500ms";
/// Longer than the test runs, in these days.
const LONG: &str = "360d";
/// Over before the test is.
const SHORT: &str = "5d";
/// What is kept for long and never removed.
const KEPT: [&str; 2] = ["nothing", "thesis"];

#[test]
fn a_file_is_stored_repaired_fetched_recovered_and_settled_by_separate_processes() {
    let mut town = Town::found((PROVIDERS, "10GB", DAY), Beyond::default());
    let files = [("thesis", 5_000_000), ("photo", 700_001), ("note", 1), ("nothing", 0)];
    for (name, bytes) in files {
        std::fs::write(town.path(name), noise(name, bytes)).expect("a file can be written");
    }
    money_comes_and_goes(&town);
    let quoted = quote(&town);
    let contracts = files.map(|(name, bytes)| {
        let term = if name == "note" { SHORT } else { LONG };
        store(&town, name, bytes, term)
    });
    let thesis = &contracts[0];
    shown(&town, thesis, &quoted);
    let (slot, lost) = kill_a_holder(&mut town, thesis);
    wait_until_repaired(&town, thesis, slot, &lost);
    for name in KEPT {
        fetch(&town, "client", name);
    }
    removed(&town, "photo");
    recovered(&town);
    settled(&town, &contracts[2]);
    end(town);
}

/// Bytes that follow from a name and do not compress.
fn noise(name: &str, bytes: usize) -> Vec<u8> {
    use rand_chacha::rand_core::{Rng, SeedableRng};
    let mut seed = [0; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    let mut noise = vec![0; bytes];
    rand_chacha::ChaCha8Rng::from_seed(seed).fill_bytes(&mut noise);
    noise
}

/// Runs a command of a client as people do, and gives its text.
fn said(town: &Town, args: &[&str]) -> String {
    let mut command = bondstore(args.iter().copied());
    command.args(["--data", &town.path("client")]);
    let done = Finished::of(command);
    assert!(done.is_success(), "{args:?}: {done:?}");
    assert!(!done.stdout.trim_end().is_empty(), "{args:?} says nothing");
    assert_eq!(done.stderr, "", "{args:?} complains");
    done.stdout
}

/// What the client has free, in msat.
fn available(town: &Town) -> i64 {
    town.client(&["account", "show"])["available"].as_i64().expect("an amount")
}

/// A deposit that the party presents itself, a withdrawal, and what the history says of both.
fn money_comes_and_goes(town: &Town) {
    let (before, did) = (available(town), text(&town.client["did"]));
    let (file, market) = (town.path("deposit"), town.path("market"));
    let made = ["market", "credit", &did, "500", "--reference", "by hand", "--out", &file];
    let document = json(made.into_iter().chain(["--data", &market]))["document"].clone();
    assert_eq!(available(town), before, "nothing is booked before it is presented");
    for time in ["the first time", "a second time"] {
        let accepted = town.client(&["account", "deposit", &file]);
        assert_eq!(accepted["document"], document, "{time}");
        assert_eq!(available(town), before + 500, "{time}");
    }
    let withdrawn = town.client(&["account", "withdraw", "200", "--to", "my bank"]);
    assert_eq!(available(town), before + 300);
    assert_eq!(text(&withdrawn["document"]).len(), 64);
    let history = town.client(&["account", "history"]);
    let lines = history.as_array().expect("a list of postings");
    let amounts: Vec<_> = lines.iter().filter_map(|line| line["amount"].as_i64()).collect();
    assert_eq!(amounts, [before, 500, 200]);
    let after = lines[1]["posting"].to_string();
    let later = town.client(&["account", "history", "--after", &after]);
    assert_eq!(later.as_array().map(Vec::len), Some(1), "{later}");
    let table = said(town, &["account", "history"]);
    assert!(table.contains("500 msat") && table.contains("200 msat"), "{table}");
    assert!(said(town, &["account", "show"]).contains("available"));
}

/// A price before anything is committed.
fn quote(town: &Town) -> Value {
    let before = available(town);
    let quote = town.client(&["quote", "5MB", "--for", LONG]);
    assert_eq!(quote["slots"].as_array().map(Vec::len), Some(6));
    assert_eq!(offers(&quote), PROVIDERS);
    let told = said(town, &["quote", "5MB", "--for", LONG]);
    for part in ["storage", "total, locked in escrow", "msat/GB·day", "challenges per slot"] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
    assert_eq!(available(town), before, "a quote locks nothing");
    quote
}

/// Puts a file and gives its contract.
fn store(town: &Town, name: &str, bytes: usize, term: &str) -> String {
    // What is over soon must not share a contract that lasts.
    let file = town.path(name);
    let mut args = vec!["put", &file, "--for", term];
    args.extend((term == SHORT).then_some("--own"));
    let put = town.client(&args);
    assert_eq!((text(&put["name"]).as_str(), put["bytes"].as_u64()), (name, Some(bytes as u64)));
    assert_eq!(put["slots"].as_array().map(Vec::len), Some(6));
    assert_eq!(text(&put["blake3"]), types::Hash::of(&noise(name, bytes)).to_string());
    text(&put["contract"])
}

/// What `ls`, `stat` and `contract` say of what was stored.
fn shown(town: &Town, contract: &str, quoted: &Value) {
    let names = names(&town.client(&["ls"]));
    assert_eq!(names, ["note", "nothing", "photo", "thesis"]);
    let list = town.client(&["contract", "list"]);
    let line = list.as_array().expect("a list").iter().find(|line| line["id"] == contract);
    assert_eq!(line.expect("the contract is listed")["state"], "active");
    let stat = town.client(&["stat", "thesis"]);
    assert_eq!((&stat["contract"], &stat["bytes"]), (&contract.into(), &5_000_000.into()));
    let view = town.client(&["contract", "show", contract]);
    assert_eq!(view["terms"]["duration"], quoted["terms"]["duration"]);
    assert_eq!(view["slots"].as_array().map(Vec::len), Some(6));
    assert!(view["escrow"].as_i64().expect("an amount") > 0);
    assert!(said(town, &["ls"]).contains("thesis"));
    assert!(said(town, &["stat", "thesis"]).contains("5.00 MB"));
    assert!(said(town, &["contract", "list"]).contains(contract));
    let revision = view["revision"].as_u64().expect("a number");
    assert!(revision >= 1, "objects share the contract, each with a revision of its own");
    let shown = said(town, &["contract", "show", contract]);
    assert!(shown.contains(&format!("4+2, revision {revision}")), "{shown}");
}

fn names(list: &Value) -> Vec<String> {
    list.as_array().expect("a list").iter().map(|object| text(&object["name"])).collect()
}

/// Kills whoever keeps the contract's third slot; gives the slot and its provider.
fn kill_a_holder(town: &mut Town, contract: &str) -> (usize, String) {
    let slot = 2;
    let view = town.client(&["contract", "show", contract]);
    let holder = text(&view["slots"][slot]["provider"]);
    let victim = town
        .providers
        .iter_mut()
        .find(|process| process.as_ref().is_some_and(|process| process.said("provider") == holder));
    drop(victim.and_then(Option::take).expect("a provider of this town keeps the slot"));
    (slot, holder)
}

fn wait_until_repaired(town: &Town, contract: &str, slot: usize, lost: &str) {
    wait_for("the slot to be rebuilt elsewhere", || {
        let view = town.client(&["contract", "show", contract]);
        assert_eq!(view["state"], "active");
        let slot = &view["slots"][slot];
        slot["provider"] != lost && slot["state"] == "filled"
    });
    let history = town.client(&["account", "history", "--limit", "1000"]);
    let reasons: Vec<_> =
        history.as_array().expect("a list").iter().map(|l| text(&l["reason"])).collect();
    assert!(reasons.iter().any(|reason| reason == "penalised"), "{reasons:?}");
}

/// Gets an object with the client in a directory of the town, and compares.
fn fetch(town: &Town, client: &str, name: &str) {
    let copy = town.path(&format!("{name} for {client}"));
    let got = json(["get", name, &copy, "--data", &town.path(client)]);
    let (was, is) = (read(&town.path(name)), read(&copy));
    assert!(was == is, "{name} came back with other bytes");
    assert_eq!(text(&got["blake3"]), types::Hash::of(&is).to_string());
    assert_eq!(got["bytes"].as_u64(), Some(is.len() as u64));
}

fn read(file: &str) -> Vec<u8> {
    std::fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn removed(town: &Town, name: &str) {
    assert_eq!(town.client(&["rm", name])["removed"], name);
    assert_eq!(names(&town.client(&["ls"])), ["note", "nothing", "thesis"]);
}

/// The words alone bring everything back, from a file and from standard input.
fn recovered(town: &Town) {
    let words = town.path("words");
    std::fs::write(&words, text(&town.client["words"])).expect("a file can be written");
    let market = town.market.said("url");
    for (data, from_file) in [("again", true), ("once more", false)] {
        let place = town.path(data);
        let mut command =
            bondstore(["client", "recover", "--json", "--data", &place, "--market", &market]);
        if from_file {
            command.args(["--words-file", &words]);
        } else {
            command.stdin(std::fs::File::open(&words).expect("the words are there"));
        }
        let done = Finished::of(command);
        assert!(done.is_success(), "{done:?}");
        let back: Value = serde_json::from_str(&done.stdout).expect("one JSON value");
        assert_eq!(back["did"], town.client["did"]);
        let objects = names(&json(["ls", "--data", &place]));
        assert_eq!(objects, names(&town.client(&["ls"])));
        assert_eq!(back["objects"].as_u64(), Some(objects.len() as u64));
        for name in KEPT {
            fetch(town, data, name);
        }
    }
}

fn settled(town: &Town, contract: &str) {
    let mut view = Value::Null;
    wait_for("the short contract to be settled", || {
        view = town.client(&["contract", "show", contract]);
        view["state"] == "settled"
    });
    assert_eq!(view["escrow"], 0, "{view}");
    for slot in view["slots"].as_array().expect("a list") {
        assert_eq!((&slot["bond"], &slot["state"]), (&0.into(), &"closed".into()), "{view}");
    }
}

/// The market ends in order; what it wrote replays to what it was; clients read on without it.
fn end(mut town: Town) {
    terminate(&mut town.market);
    let verified = json(["journal", "verify", "--data", &town.path("market")]);
    assert_eq!(verified["ok"], true);
    assert_eq!(verified["head"], verified["replayed_head"]);
    let told = Finished::of(bondstore(["journal", "verify", "--data", &town.path("market")]));
    assert!(
        told.is_success() && told.stdout.contains("every decision, hash and invariant holds"),
        "{told:?}"
    );
    fetch(&town, "again", "thesis");
    for provider in town.providers.iter_mut().flatten() {
        terminate(provider);
    }
}

/// Asks a process to end; it does, and is content.
fn terminate(process: &mut Process) {
    let pid = rustix::process::Pid::from_child(&process.child.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    let mut status = None;
    wait_for("a process to end in order", || {
        status = process.child.0.try_wait().expect("a child can be waited for");
        status.is_some()
    });
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
}
