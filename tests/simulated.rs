//! The simulator runs what ships: fed the documents of a live market's journal, its desk makes the same events happen and
//! comes to the same state.

use market::{Genesis, Market};
use market_server::journal::Entry;
use serde_json::Value;
use sim::desk::Desk;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use types::{DocId, Signed};

fn bondstore(words: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_bondstore")).args(words).output();
    let output = output.expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A live market's journal: quoted, stored, audited, a provider killed, penalised and replaced, settled.
fn lived(dir: &Path) -> String {
    let (file, data, journal) = (dir.join("file"), dir.join("data"), dir.join("journal"));
    std::fs::write(&file, b"a file".repeat(50_000)).expect("the disk takes it");
    let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    bondstore(&["demo", &text(&file), "--data", &text(&data), "--seed", "5", "--json"]);
    let market = text(&data.join("market"));
    bondstore(&["journal", "export", "--data", &market, "--out", &text(&journal)]);
    std::fs::read_to_string(journal).expect("the journal is there")
}

/// What a journal's lines say: its genesis, each command's entry with the documents before it, and its state's root.
struct Told {
    genesis: Genesis,
    entries: Vec<Entry>,
    documents: BTreeMap<DocId, Signed>,
    root: String,
}

fn told(journal: &str) -> Told {
    let mut lines =
        journal.lines().map(|line| -> Value { serde_json::from_str(line).expect("JSON") });
    let first = lines.next().expect("a beginning");
    let genesis = serde_json::from_value(first["journal"]["genesis"].clone()).expect("a genesis");
    let (mut entries, mut documents, mut root) = (Vec::new(), BTreeMap::new(), String::new());
    for line in lines {
        if let Some(document) = line["document"].as_str() {
            let document = Signed(document.to_owned());
            documents.insert(document.id(), document);
        } else if let Some(entry) = line.get("entry") {
            entries.push(serde_json::from_value(entry.clone()).expect("an entry"));
        } else if let Some(end) = line.get("end") {
            end["state_root"].as_str().expect("a root").clone_into(&mut root);
        }
    }
    Told { genesis, entries, documents, root }
}

#[test]
fn a_recorded_journals_documents_give_the_same_events_and_the_same_state_in_the_simulator() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let Told { genesis, entries, documents, root } = told(&lived(dir.path()));
    let mut desk = Desk::new(Market::new(genesis));
    for entry in &entries {
        let command = entry.command(|id| documents.get(&id).cloned()).expect("a command");
        let events = desk.submit(entry.at, &command).expect("what was taken is taken again");
        assert_eq!(events, entry.events, "{}", command.name());
    }
    assert!(desk.taken()["finish_rebuild"] > 0 && desk.taken()["settle"] > 0, "{:?}", desk.taken());
    assert_eq!(desk.market().root().to_string(), root);
}
