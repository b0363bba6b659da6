//! An independent auditor, started as its operator would: the market takes what it measures, and nobody else's.

#[path = "support/processes.rs"]
mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use support::{Beyond, Finished, Process, Town, bondstore, json, text, wait_for};
use types::documents::Measurement;
use types::{Did, Epoch, Signed, Verified};

/// Enough for a contract of one slot and its parity.
const PROVIDERS: usize = 2;

#[test]
fn an_auditor_of_the_markets_genesis_measures_every_provider_and_another_does_not() {
    let home = tempfile::tempdir().expect("a directory can be made");
    let place = |name: &str| home.path().join(name).display().to_string();
    let named = text(&json(["auditor", "init", "--data", &place("named")])["did"]);
    json(["auditor", "init", "--data", &place("stranger")]);
    let market = ["--auditor", &named, "--measure=false", "--metrics", "127.0.0.1:0"];
    let beyond =
        Beyond { market: &market, run: &["--metrics", "127.0.0.1:0"], ..Beyond::default() };
    let town = Town::found((PROVIDERS, "1GB", "3s"), beyond);
    let bytes = store(&town);
    let run = |data: &str| measuring(&town, &place(data));
    let stranger = Finished::of(bondstore(run("stranger").iter().map(String::as_str)));
    assert_eq!(stranger.code, Some(1), "{stranger:?}");
    assert!(stranger.stderr.contains("auditor"), "{stranger:?}");
    assert_eq!(measured(&town), 0, "nobody measures before an auditor does");

    let _auditor = Process::start(run("named").iter().map(String::as_str));
    // One document a provider and epoch.
    wait_for("two epochs to be measured", || measured(&town) >= 2 * PROVIDERS);
    for provider in town.providers.iter().flatten() {
        assert!(figure(provider, r#"bondstore_shard_bytes_total{way="in"}"#) >= bytes);
        assert!(figure(provider, "bondstore_used_bytes") >= bytes);
        assert_eq!(figure(provider, "bondstore_slots"), 1);
        assert!(figure(provider, r#"bondstore_challenges_total{outcome="answered"}"#) >= 1);
    }
}

#[test]
fn one_epoch_is_measured_from_two_vantage_points_by_real_reads() {
    let home = tempfile::tempdir().expect("a directory can be made");
    let place = home.path().join("auditor").display().to_string();
    let named = text(&json(["auditor", "init", "--data", &place])["did"]);
    let beyond = Beyond { market: &["--auditor", &named], ..Beyond::default() };
    let town = Town::found((PROVIDERS, "1GB", "3s"), beyond);
    store(&town);
    let _auditor = Process::start(measuring(&town, &place).iter().map(String::as_str));
    let mut exports = 0..;
    wait_for("an epoch to be measured from both", || {
        let name = format!("journal-{}", exports.next().unwrap_or(0));
        let journal = home.path().join(name).display().to_string();
        json(["journal", "export", "--data", &town.path("market"), "--out", &journal]);
        let text = std::fs::read_to_string(&journal).expect("it was written");
        let mut read: BTreeMap<(Epoch, Did), BTreeSet<String>> = BTreeMap::new();
        for measured in text.lines().filter_map(measurement) {
            // A shard was read, or nothing was there to be read yet.
            assert!(measured.throughput > 0 || measured.probes == 1, "{measured:?}");
            assert!(measured.answered <= measured.probes);
            if measured.throughput > 0 && measured.answered == measured.probes {
                read.entry((measured.epoch, measured.provider))
                    .or_default()
                    .insert(measured.vantage);
            }
        }
        read.values().any(|vantages| vantages.iter().eq(["here", "market"]))
    });
}

/// The measurement in a journal's line, where one is there.
fn measurement(line: &str) -> Option<Measurement> {
    let line: Value = serde_json::from_str(line).expect("lines are JSON");
    let signed = Signed(line["document"].as_str()?.to_owned());
    signed.verify::<Measurement>().ok().map(Verified::into_inner)
}

/// Keeps a file in the town that fills a slot of each provider; how many bytes.
fn store(town: &Town) -> usize {
    // Hashes do not compress.
    let file: Vec<u8> = (0..10_000u32).flat_map(|n| types::Hash::of(&n.to_le_bytes()).0).collect();
    std::fs::write(town.path("file"), &file).expect("a file can be written");
    let few = ["--data-shards", "1", "--parity-shards", "1", "--same-operator"];
    let put = ["put", &town.path("file"), "--for", "90d"];
    town.client(&[put.as_slice(), &few].concat());
    file.len()
}

/// What runs the auditor whose directory is `data`.
fn measuring(town: &Town, data: &str) -> Vec<String> {
    let url = town.market.said("url");
    ["auditor", "run", "--data", data, "--market", &url, "--vantage", "here"]
        .map(str::to_owned)
        .to_vec()
}

/// How many measurements the market has taken.
fn measured(town: &Town) -> usize {
    let taken = r#"bondstore_commands_total{command="measure",outcome="taken"}"#;
    figure(&town.market, taken)
}

/// What a process has counted under this name and labels.
fn figure(process: &Process, name: &str) -> usize {
    let address = process.said("metrics");
    let mut socket = TcpStream::connect(&address).expect("the figures are served");
    let ask = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(ask.as_bytes()).expect("it takes a request");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let value = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map_or(0, |value| value.parse().expect("a number"))
}
