//! Wrong input: every command says in one line what is wrong and what would be right, and changes nothing.

#[path = "support/processes.rs"]
mod support;

use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use support::{Beyond, Finished, Town, bondstore, json, offers, text, wait_for};

/// Fewer than the six slots of a usual contract need.
const PROVIDERS: usize = 4;
/// What lets four providers be enough.
const FEW: [&str; 4] = ["--data-shards", "2", "--parity-shards", "1"];
/// A name that is well formed.
const SOMEBODY: &str = "did:key:z6MkmK9YT5VFXaaYsn91jXQPfVFs6NUZFBgU566g3V2yAzSQ";

/// Runs a command that must fail, with and without `--json`; all of `parts` must be in its error.
fn refused(args: &[&str], parts: &[&str]) {
    let done = Finished::of(bondstore(args.iter().copied()));
    assert!(!matches!(done.code, Some(0) | None), "{args:?} must fail: {done:?}");
    assert_eq!(done.stdout, "", "{args:?}");
    one_line(args, &done.stderr, parts);
    let done = Finished::of(bondstore(["--json"].into_iter().chain(args.iter().copied())));
    assert!(!matches!(done.code, Some(0) | None), "{args:?} --json must fail: {done:?}");
    one_line(args, &done.stderr, parts);
    let value: Value = serde_json::from_str(&done.stdout)
        .unwrap_or_else(|error| panic!("{args:?} --json: {error} in {done:?}"));
    assert_eq!(value["ok"], false, "{args:?} --json");
    let error = text(&value["error"]);
    assert!(parts.iter().all(|part| error.contains(part)), "{args:?} --json: {error}");
}

fn one_line(args: &[&str], stderr: &str, parts: &[&str]) {
    println!("{stderr}");
    assert!(
        stderr.starts_with("error: ") && stderr.trim_end().lines().count() == 1,
        "{args:?}: {stderr}"
    );
    assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{args:?}: {part:?} is not in {stderr}");
    }
}

/// A table of command lines and what each must be told.
fn all_refused(table: &[(&[&str], &[&str])]) {
    for (args, parts) in table {
        refused(args, parts);
    }
}

#[test]
fn command_lines_that_cannot_be_meant_are_refused() {
    let put = ["put", "file", "--for"];
    let offer = ["provider", "init", "--market", "http://127.0.0.1:1", "--capacity"];
    let credit = ["market", "credit"];
    all_refused(&[
        (&["store"], &["store", "--help"]),
        (&["put", "file", "--forever"], &["--forever", "--help"]),
        (&["put"], &["FILE"]),
        (&["quote"], &["SIZE"]),
        (&["quote", "0"], &["above zero", "10GB"]),
        (&["quote", "99999999PB"], &["out of range"]),
        (&["quote", "10XB"], &["XB", "GB"]),
        (&["quote", "many"], &["many", "10GB"]),
        (&["quote", "--", "-5GB"], &["-5GB", "10GB"]),
        (&[put[0], put[1], put[2], "30"], &["30", "30d"]),
        (&[put[0], put[1], put[2], "0d"], &["above zero"]),
        (&[put[0], put[1], put[2], "9999999999y"], &["out of range"]),
        (&[put[0], put[1], "--availability", "101"], &["101", "0 to 100"]),
        (&[put[0], put[1], "--tier", "lukewarm"], &["lukewarm", "hot, warm, cold"]),
        (&[put[0], put[1], "--data-shards", "-1"], &["-1"]),
        (&[offer[0], offer[1], offer[2], offer[3], offer[4], "0"], &["above zero"]),
        (&[offer[0], offer[1], offer[2], offer[3], offer[4], "1GB", "--price=-1"], &["-1", "0 to"]),
        (&[offer[0], offer[1], offer[2], offer[3], offer[4], "1GB", "--price", "x"], &["x", "100"]),
        (
            &[offer[0], offer[1], offer[2], offer[3], offer[4], "1GB", "--price", "999999999999"],
            &["999999999999", "100000000000"],
        ),
        (&[credit[0], credit[1], "bob", "5"], &["bob", "did:key:z6Mk"]),
        (&[credit[0], credit[1], SOMEBODY, "0"], &["0", "above zero"]),
        (&[credit[0], credit[1], SOMEBODY, "--", "-3"], &["-3", "above zero"]),
        (&[credit[0], credit[1], SOMEBODY, "99999999999999999999"], &["99999999999999999999"]),
        (&["market", "run", "--epoch", "0s"], &["above zero"]),
        (&["contract", "show", "1234"], &["1234", "64 hexadecimal digits"]),
        (&["demo", "no such file"], &["no such file", "cannot be read"]),
        (&["demo", "/"], &["/ is not a file"]),
        (&["demo", "file", "--providers", "3"], &["3", "7"]),
    ]);
}

/// The bytes of every file in a directory, but for what an open database keeps beside itself.
fn contents(dir: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(dir).expect("a directory");
    let names = entries.map(|entry| entry.expect("an entry").path());
    let files = names.filter(|path| path.is_file() && !path.ends_with("lock"));
    let read =
        |path: std::path::PathBuf| (path.display().to_string(), fs::read(&path).expect("a file"));
    let kept = |(name, bytes): &(String, Vec<u8>)| !name.ends_with("-shm") && !bytes.is_empty();
    let mut all: Vec<_> = files.map(read).filter(kept).collect();
    all.sort();
    all
}

/// Writes `bytes` over a file, has `refusals` checked, sees that nothing changed, and puts the old ones back.
fn with_file(path: &str, bytes: &[u8], refusals: impl Fn()) {
    let before = fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    fs::write(path, bytes).expect("it can be written");
    let dir = Path::new(path).parent().and_then(Path::to_str).expect("it is in a directory");
    let damaged = contents(dir);
    refusals();
    assert!(contents(dir) == damaged, "{dir} was changed");
    fs::write(path, before).expect("it can be written");
}

#[test]
fn a_town_refuses_what_cannot_be_and_loses_nothing() {
    let town = Town::found((PROVIDERS, "10GB", "1h"), Beyond::default());
    let (client, market) = (town.path("client"), town.path("market"));
    let file = town.path("file");
    fs::write(&file, b"some bytes").expect("a file can be written");
    let few: Vec<_> = ["put", file.as_str(), "taken"].into_iter().chain(FEW).collect();
    assert_eq!(offers(&town.client(&["quote", "1MB", FEW[0], FEW[1], FEW[2], FEW[3]])), PROVIDERS);
    let contract = text(&town.client(&few)["contract"]);
    directories(&town);
    wishes(&town, &file);
    changing_file(&town);
    let view = town.client(&["contract", "show", &contract]);
    assert_eq!(view["state"], "active", "what was there before is there still");
    damaged_client(&client);
    damaged_provider(&town.path("provider-1"));
    drop(town.market);
    stopped_market(&market, &client);
}

/// Directories, passwords, addresses and words that are not right.
fn directories(town: &Town) {
    let (client, market, url) = (town.path("client"), town.path("market"), town.market.said("url"));
    let (nowhere, wrong, words) = (town.path("nowhere"), town.path("wrong"), town.path("words"));
    let provider = town.path("provider-1");
    fs::write(&wrong, "not the password").expect("a file can be written");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("it is bound").to_string();
    let unused = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr();
    let silent = format!("http://{}", unused.expect("it was bound"));
    let spelt = text(&town.client["words"]);
    all_refused(&[
        (&["ls", "--data", &nowhere], &["nowhere holds no client", "client init"]),
        (&["ls", "--data", &client, "--password-file", &wrong], &["password does not open"]),
        (&["ls", "--data", &client, "--password-file", &nowhere], &["nowhere cannot be read"]),
        (&["provider", "run", "--data", &nowhere], &["holds no provider", "provider init"]),
        (&["provider", "run", "--data", &provider], &["in use by another process"]),
        (&["market", "run", "--data", &market], &["another process runs the market"]),
        (&["market", "credit", SOMEBODY, "5", "--data", &nowhere], &["nowhere"]),
        (&["journal", "verify", "--data", &nowhere], &["no market in", "nowhere"]),
        (&["client", "init", "--data", &client, "--market", &url], &["holds a client already"]),
        (
            &["client", "init", "--data", &nowhere, "--market", &silent],
            &["nobody answers", &silent],
        ),
        (&["client", "init", "--data", &nowhere, "--market", "market"], &["not a peer's address"]),
        (
            &["provider", "init", "--data", &provider, "--market", &url, "--capacity", "1GB"],
            &["holds a provider already"],
        ),
    ]);
    assert!(!Path::new(&nowhere).exists(), "nothing was made");
    let elsewhere = town.path("elsewhere");
    refused(&["market", "run", "--data", &elsewhere, "--listen", &taken], &[&taken, "--listen"]);
    let list: Vec<_> = spelt.split(' ').collect();
    let typo = spelt.replacen(list[4], "bondstoer", 1);
    let other = if list[3] == "zoo" { "abandon" } else { "zoo" };
    let swapped = [&list[..3], &[other], &list[4..]].concat().join(" ");
    let short = list[..12].join(" ");
    // One word in two hundred and fifty-six would have the right checksum by chance.
    let checksum = client::words::read(&swapped).is_err();
    for (text, part) in
        [(&typo, "not one of the 2048"), (&short, "12 words"), (&swapped, "checksum")]
    {
        if part == "checksum" && !checksum {
            continue;
        }
        fs::write(&words, text).expect("a file can be written");
        let recover = ["client", "recover", "--data", &nowhere, "--market", &url];
        refused(&[&recover[..], &["--words-file", &words]].concat(), &[part]);
    }
}

/// Wishes that this market cannot fulfil.
fn wishes(town: &Town, file: &str) {
    let client = ["--data", &town.path("client")];
    let directory = town.path("client");
    let refuse = |args: &[&str], parts: &[&str]| refused(&[args, &client].concat(), parts);
    refuse(&["put", file, "new"], &["providers"]);
    refuse(&["quote", "1MB"], &["providers"]);
    refuse(&[&["quote", "900GB"][..], &FEW].concat(), &["providers"]);
    refuse(&[&["put", file, "taken"][..], &FEW].concat(), &["taken already", "another name"]);
    refuse(&[&["put", &directory, "new"][..], &FEW].concat(), &["is not a file"]);
    refuse(&["put", "no such file"], &["no such file"]);
    refuse(&["put", file, "new", "--data-shards", "0"], &["0"]);
    refuse(&["put", file, "new", "--data-shards", "60000", "--parity-shards", "60000"], &["60000"]);
    for command in ["get", "stat", "rm"] {
        refuse(&[command, "unknown"], &["no object called", "unknown", "bondstore ls"]);
    }
    refuse(&["contract", "show", &"0".repeat(64)], &["contract"]);
    refuse(&["account", "withdraw", "0", "--to", "bank"], &["above zero"]);
    refuse(&["account", "withdraw", "-4", "--to", "bank"], &["above zero"]);
    refuse(&["account", "withdraw", "9000000000000", "--to", "bank"], &["9,000,000,000,000"]);
    refuse(&["account", "deposit", file], &["signed"]);
}

/// A file that grows for as long as it is read.
fn changing_file(town: &Town) {
    use std::io::Write;
    let path = town.path("growing");
    let mut file = fs::File::create(&path).expect("a file can be made");
    file.set_len(200 << 20).expect("a sparse file");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                file.write_all(&[1]).expect("there is room");
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        let put = ["put", &path, "growing", "--data", &town.path("client")];
        let done = Finished::of(bondstore(put.into_iter().chain(FEW)));
        over.store(true, Ordering::Relaxed);
        assert!(!matches!(done.code, Some(0) | None), "{done:?}");
        one_line(&put, &done.stderr, &["growing", "changed while it was read"]);
    });
    refused(&["stat", "growing", "--data", &town.path("client")], &["no object called"]);
}

fn damaged_client(client: &str) {
    let place = |name: &str| format!("{client}/{name}");
    let list = ["ls", "--data", client];
    with_file(&place("config.json"), b"{", || refused(&list, &["config.json cannot be read"]));
    with_file(&place("key.json"), b"{}", || refused(&list, &["key.json is damaged", "restore"]));
    let catalogue = place("catalogue");
    let mut bytes = fs::read(&catalogue).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    with_file(&catalogue, &bytes, || refused(&list, &["catalogue", "cannot be used", "recover"]));
    assert_eq!(json(list)[0]["name"], "taken", "nothing was lost");
}

fn damaged_provider(dir: &str) {
    let run = ["provider", "run", "--data", dir];
    with_file(&format!("{dir}/key.json"), b"", || refused(&run, &["key.json is damaged"]));
    with_file(&format!("{dir}/provider.json"), b"{}", || refused(&run, &["provider.json"]));
}

/// A market that does not answer; then one whose journal or database is damaged.
fn stopped_market(market: &str, client: &str) {
    refused(&["account", "show", "--data", client], &["nobody answers"]);
    refused(&["market", "credit", SOMEBODY, "5", "--data", market], &["nobody answers"]);
    let (run, verify) =
        (["market", "run", "--data", market], ["journal", "verify", "--data", market]);
    let file = format!("{market}/market.db");
    let base = rusqlite::Connection::open(&file).expect("a database");
    base.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("it is written back");
    drop(base);
    let sound = fs::read(&file).expect("it can be read");
    let started = json(verify);
    assert_eq!(started["ok"], true);
    let half = sound[..sound.len() / 2].to_vec();
    for bytes in [b"this is no database, but long enough for a header".repeat(99), half] {
        with_file(&file, &bytes, || {
            refused(&run, &["market.db is corrupted", "nothing was changed"]);
            refused(&verify, &["market.db is corrupted", "nothing was changed"]);
        });
    }
    wait_for("the damage to be undone", || fs::read(&file).is_ok_and(|bytes| bytes == sound));
    changed_block(&file);
    let damaged = contents(market);
    refused(&run, &["journal block 3 is corrupted", "nothing was changed"]);
    refused(&verify, &["journal block 3 is corrupted", "nothing was changed"]);
    assert!(contents(market) == damaged, "{market} was changed");
}

/// Changes one byte of the third block in a market's database.
fn changed_block(file: &str) {
    let base = rusqlite::Connection::open(file).expect("a database");
    let entries = base.query_row("SELECT entries FROM blocks WHERE seq = 3", [], |row| row.get(0));
    let entries: String = entries.expect("there is a third block");
    let changed = entries.replacen('1', "2", 1);
    assert_eq!(entries.bytes().zip(changed.bytes()).filter(|(was, is)| was != is).count(), 1);
    let update = "UPDATE blocks SET entries = ?1 WHERE seq = 3";
    assert_eq!(base.execute(update, [changed]).expect("it can be written"), 1);
}

#[tokio::test]
async fn a_market_whose_disk_is_full_refuses_new_work_and_keeps_serving_reads() {
    use network::{
        client::ClientOptions, client::HttpClient, endpoint::Endpoint, endpoint::PlainHttp,
    };
    use types::{Msat, SecretKey, Signer, Span};
    let dir = tempfile::tempdir().expect("a directory can be made");
    let key = SecretKey::from_seed(&[9; 32]);
    let genesis = |did, anchor| market::Genesis::standard(did, Span::DAY, anchor);
    market_server::found(dir.path(), &key, genesis).expect("a new directory");
    let mut config = market_server::Config::new(dir.path(), "127.0.0.1:0", key.clone());
    config.database_bytes_max = Some(160 << 10);
    let running = market_server::start(config).await.expect("it starts");
    let endpoint = Endpoint::parse(running.url(), PlainHttp::LoopbackOnly).expect("its address");
    let http = HttpClient::new(endpoint, ClientOptions::default());
    let signer = std::sync::Arc::new(key.clone());
    let operator = network::market_api::MarketClient::new(http, running.did(), signer);
    let party = SecretKey::from_seed(&[1; 32]).did();
    let mut booked = 0;
    let refused = loop {
        assert!(booked < 10_000, "the database never fills");
        let deposit = market_server::deposit(&key, party, Msat(1), &booked.to_string());
        match operator.deposit(deposit.signed()).await {
            Ok(_) => booked += 1,
            Err(error) => break error,
        }
    };
    let problem = refused.problem().expect("a refusal of the market's");
    assert_eq!((problem.status, problem.code.as_str()), (507, "disk_full"), "{refused}");
    let account = operator.account(party).await.expect("reads go on");
    assert_eq!(account.available, Msat(booked), "what was acknowledged is there");
    operator.books().await.expect("reads go on");
    running.shutdown().await;
    let report = market_server::verify_journal(dir.path()).expect("the journal is whole");
    assert!(report.is_sound());
}
