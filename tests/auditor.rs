//! An independent auditor, started as its operator would: the market takes what it measures, and nobody else's.

#[path = "support/processes.rs"]
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use support::{Beyond, Finished, Process, Town, bondstore, json, text, wait_for};

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
    // Hashes do not compress.
    let file: Vec<u8> = (0..10_000u32).flat_map(|n| types::Hash::of(&n.to_le_bytes()).0).collect();
    std::fs::write(town.path("file"), &file).expect("a file can be written");
    let few = ["--data-shards", "1", "--parity-shards", "1", "--same-operator"];
    let put = ["put", &town.path("file"), "--for", "90d"];
    town.client(&[put.as_slice(), &few].concat());

    let url = town.market.said("url");
    let run = |data: &str| -> Vec<String> {
        let data = place(data);
        ["auditor", "run", "--data", &data, "--market", &url, "--vantage", "here"]
            .map(str::to_owned)
            .to_vec()
    };
    let stranger = Finished::of(bondstore(run("stranger").iter().map(String::as_str)));
    assert_eq!(stranger.code, Some(1), "{stranger:?}");
    assert!(stranger.stderr.contains("auditor"), "{stranger:?}");
    assert_eq!(measured(&town), 0, "nobody measures before an auditor does");

    let _auditor = Process::start(run("named").iter().map(String::as_str));
    // One document a provider and epoch.
    wait_for("two epochs to be measured", || measured(&town) >= 2 * PROVIDERS);
    for provider in town.providers.iter().flatten() {
        assert!(figure(provider, r#"bondstore_shard_bytes_total{way="in"}"#) >= file.len());
        assert!(figure(provider, "bondstore_used_bytes") >= file.len());
        assert_eq!(figure(provider, "bondstore_slots"), 1);
        assert!(figure(provider, r#"bondstore_challenges_total{outcome="answered"}"#) >= 1);
    }
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
