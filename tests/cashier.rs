//! A market's cashier, started as its operator would: coins come in and go out over a development chain, and whoever is killed
//! in between, each counts once.

#[path = "support/processes.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod processes;

#[path = "support/mint.rs"]
mod mint;

use bitcoin::{Address, Amount, Network};
use contracts_bitcoin::chain::Chain;
use contracts_bitcoin::keys::MasterKey;
use mint::{Mint, until};
use processes::{Finished, Process, bondstore, json, text, wait_for};
use std::path::Path;

/// A market, a client, and where the cashier lives.
struct Desk {
    market: String,
    client: String,
    coins: String,
    running: Process,
}

impl Desk {
    fn found(folder: &Path) -> Self {
        let place = |name: &str| folder.join(name).display().to_string();
        let (market, client, coins) = (place("market"), place("client"), place("coins"));
        let running =
            Process::start(["market", "run", "--data", &market, "--listen", "127.0.0.1:0"]);
        json(["client", "init", "--data", &client, "--market", &running.said("url")]);
        let made = json(["cashier", "init", "--coins", &coins]);
        assert_eq!(text(&made["words"]).split(' ').count(), 24);
        Self { market, client, coins, running }
    }

    fn words<'a>(&'a self, mint: &'a [String; 2]) -> Vec<&'a str> {
        let mut words = self.anchoring(mint);
        words.push("--no-anchors");
        words
    }

    fn anchoring<'a>(&'a self, mint: &'a [String; 2]) -> Vec<&'a str> {
        let [chain, cookie] = mint;
        vec![
            "cashier",
            "run",
            "--coins",
            &self.coins,
            "--data",
            &self.market,
            "--listen",
            "127.0.0.1:0",
            "--confirmations",
            "2",
            "--every",
            "300ms",
            "--chain",
            chain,
            "--chain-cookie",
            cookie,
            "--from-beginning",
        ]
    }

    fn cashier(&self, mint: &Mint) -> Process {
        Process::start(self.words(&[mint.dev.said("rpc"), mint.dev.said("cookie")]))
    }

    fn available(&self) -> i64 {
        let account = json(["account", "show", "--data", &self.client]);
        account["available"].as_i64().expect("an amount")
    }
}

fn foreign() -> Address {
    let keys = MasterKey::new(&[9; 32], Network::Regtest).expect("a seed");
    let account = keys.wallet_account_public().expect("an account");
    let key = bitcoin::key::XOnlyPublicKey::from(account.public_key);
    Address::p2tr(&bitcoin::key::Secp256k1::new(), key, None, Network::Regtest)
}

#[tokio::test(flavor = "multi_thread")]
async fn coins_come_in_and_go_out_once_whoever_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut mint, desk) = (Mint::open(folder.path()), Desk::found(folder.path()));
    let cashier = desk.cashier(&mint);
    let ask = |url: &str| json(["account", "address", "--cashier", url, "--data", &desk.client]);
    let told = ask(&cashier.said("url"));
    assert_eq!(
        (told["network"].as_str(), told["confirmations"].as_u64()),
        (Some("regtest"), Some(2))
    );

    let arrived = mint.pay(&text(&told["address"]), 3_000_000).await;
    drop(cashier);
    let cashier = desk.cashier(&mint);
    assert_eq!(ask(&cashier.said("url")), told, "an address is for ever");
    let booked = i64::try_from(arrived.to_sat()).expect("few") * 1_000;
    wait_for("the deposit to be booked", || desk.available() > 0);
    assert_eq!(desk.available(), booked);

    let to = foreign();
    let withdraw = |msat: &str| {
        json(["account", "withdraw", msat, "--to", &to.to_string(), "--data", &desk.client])
    };
    withdraw("1000000123");
    // Killed at whatever it is doing, again and again, until the withdrawal is paid.
    drop(cashier);
    for _ in 0..3 {
        let cashier = desk.cashier(&mint);
        drop(cashier);
    }
    let _cashier = desk.cashier(&mint);
    let script = to.script_pubkey();
    until("the withdrawal is paid", async || !mint.paid_to(&script).await.is_empty()).await;
    wait_for("what a satoshi cannot hold to be back", || {
        desk.available() == booked - 1_000_000_000
    });
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let paid = mint.paid_to(&script).await;
    assert_eq!(paid.len(), 1, "{paid:?}");
    assert!(
        paid[0] < Amount::from_sat(1_000_000) && paid[0] > Amount::from_sat(990_000),
        "{paid:?}"
    );
    drop(desk.running);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_takes_an_anchor_on_that_anybody_checks_offline() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut mint, desk) = (Mint::open(folder.path()), Desk::found(folder.path()));
    let place = |name: &str| folder.path().join(name).display().to_string();
    let (receipt, anchored, headers) = (place("receipt"), place("anchored"), place("headers"));
    let did = text(&json(["session", "--data", &desk.client])["party"]);
    let credited = json(["market", "credit", &did, "1000", "--data", &desk.market]);
    let document = text(&credited["document"]);
    json(["receipt", &document, "--data", &desk.client, "--out", &receipt]);

    let both = [mint.dev.said("rpc"), mint.dev.said("cookie")];
    let cashier = Process::start(desk.anchoring(&both));
    let take_on = || {
        let url = cashier.said("url");
        let words = ["receipt", "--anchor", &receipt, "--cashier", &url, "--out", &anchored];
        Finished::of(bondstore(words.into_iter().chain(["--data", &desk.client])))
    };
    let early = take_on();
    assert!(!early.is_success() && early.stderr.contains("is anchored yet"), "{early:?}");
    mint.pay(&cashier.said("own_address"), 100_000).await;
    wait_for("the journal to be anchored deep enough", || take_on().is_success());

    let node = mint.node().await;
    let tip = node.tip().await.expect("it answers");
    let mut bytes = Vec::new();
    for height in 0..=tip.height {
        let block = node.block(height).await.expect("it answers").expect("a block");
        bytes.extend(bitcoin::consensus::serialize(&block.header));
    }
    std::fs::write(&headers, &bytes).expect("it is written");
    let verify = ["verify", &anchored, "--headers", &headers, "--network", "regtest"];
    let verified = json(verify);
    assert_eq!(verified["ok"], true, "{verified}");
    assert!(verified.to_string().contains("\"confirmations\""), "{verified}");
    std::fs::write(&headers, &bytes[..80 * 100]).expect("it is written");
    let before = Finished::of(bondstore(verify));
    assert!(!before.is_success(), "a hundred blocks do not reach it: {before:?}");
}

#[test]
fn what_does_not_fit_is_said_before_anything_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mint, desk) = (Mint::open(folder.path()), Desk::found(folder.path()));
    let (chain, cookie) = (mint.dev.said("rpc"), mint.dev.said("cookie"));
    let refused = |change: &dyn Fn(&mut Vec<&str>)| {
        let both = [chain.clone(), cookie.clone()];
        let mut words = desk.words(&both);
        change(&mut words);
        let done = Finished::of(bondstore(words));
        assert!(!done.is_success(), "{done:?}");
        done.stderr
    };
    let says = |text: String, expected: &str| assert!(text.contains(expected), "{text}");
    says(refused(&|words| words.extend(["--chain-network", "bitcoin"])), "bitcoin is needed");
    says(refused(&|words| words[9] = "0"), "0 is not in 1..=1000");
    says(refused(&|words| words[15] = "/nowhere"), "/nowhere cannot be read");
    says(refused(&|words| words[13] = "http://127.0.0.1:1"), "does not answer");
    says(refused(&|words| words[3] = "/nowhere"), "bondstore cashier init");
    says(refused(&|words| words.truncate(14)), "--chain-cookie FILE");
    let words = folder.path().join("words");
    std::fs::write(&words, "abandon ability").expect("it is written");
    let path = words.display().to_string();
    let elsewhere = folder.path().join("elsewhere").display().to_string();
    let init = ["cashier", "init", "--coins", &elsewhere, "--words-file", &path];
    let done = Finished::of(bondstore(init));
    says(done.stderr, "24 words");
}
