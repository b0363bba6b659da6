//! A contract on Bitcoin as its parties would run it: treasurers of client and providers, an auditor that follows the market, and a
//! development chain. No party has money with the market, and nobody holds it for them.

#[path = "support/processes.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod processes;

#[path = "support/mint.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod mint;

use mint::Mint;
use processes::{Finished, Process, bondstore, json, text, wait_for};
use serde_json::Value;
use std::path::Path;

const PROVIDERS: usize = 2;
/// So that a small slot's price is a few thousand satoshis, in msat per GB and day.
const PRICE: &str = "20000000";

/// A market that settles on Bitcoin, its auditor, and where everybody lives.
struct Town {
    folder: tempfile::TempDir,
    mint: Mint,
    market: Process,
    _oracle: Process,
    /// After how many blocks what nobody closes is refunded.
    refund_blocks: &'static str,
}

impl Town {
    fn found(refund_blocks: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name).display().to_string();
        let (auditor, data) = (place("auditor"), place("market"));
        json(["auditor", "init", "--data", &auditor]);
        // Once to learn its key and where it will answer.
        let oracle = ["auditor", "oracle", "run", "--data", &auditor];
        let first = Process::start(oracle.into_iter().chain(["--listen", "127.0.0.1:0"]));
        let (key, url) = (first.said("oracle"), first.said("url"));
        drop(first);
        let named = format!("{key}={url}");
        let market = Process::start([
            "market",
            "run",
            "--data",
            &data,
            "--listen",
            "127.0.0.1:0",
            "--epoch",
            "1d",
            "--epoch-every",
            "2s",
            "--bitcoin-address",
            "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
            "--oracle",
            &named,
        ]);
        let listen = url.strip_prefix("http://").expect("it is on loopback");
        let follows = market.said("url");
        let more = ["--listen", listen, "--market", &follows, "--every", "500ms"];
        let oracle = Process::start(oracle.into_iter().chain(more));
        assert_eq!(oracle.said("market"), market.said("market"));
        let mint = Mint::open(folder.path());
        Self { folder, mint, market, _oracle: oracle, refund_blocks }
    }

    fn place(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// `words` with what every treasurer is told.
    fn with_coins(&self, words: &[&str], coins: &str) -> Process {
        let (chain, cookie) = (self.mint.dev.said("rpc"), self.mint.dev.said("cookie"));
        let usual = ["--coins", coins, "--chain", &chain, "--chain-cookie", &cookie];
        let often = ["--every", "300ms", "--confirmations", "2"];
        let often = often.into_iter().chain(["--refund-blocks", self.refund_blocks]);
        Process::start(words.iter().copied().chain(usual).chain(often))
    }

    /// A provider with a treasurer that has coins for its bonds.
    async fn provider(&mut self, number: usize) -> Process {
        let (data, coins) =
            (self.place(&format!("p{number}")), self.place(&format!("p{number}-coins")));
        let (market, listen) = (self.market.said("url"), format!("127.0.{number}.1:0"));
        let offer = ["--capacity", "1GB", "--price", PRICE, "--listen", &listen];
        let init = ["provider", "init", "--data", &data, "--market", &market];
        json(init.into_iter().chain(offer));
        json(["coins", "init", "--coins", &coins]);
        let running = self.with_coins(&["provider", "run", "--data", &data], &coins);
        self.mint.pay(&text(&running.said["coins"]["address"]), 1_000_000).await;
        running
    }

    /// The client's treasurer, with coins for what it buys.
    async fn treasurer(&mut self) -> Process {
        let (data, coins) = (self.place("client"), self.place("coins"));
        json(["client", "init", "--data", &data, "--market", &self.market.said("url")]);
        let made = json(["coins", "init", "--coins", &coins]);
        assert_eq!(text(&made["words"]).split(' ').count(), 24);
        let running = self.with_coins(&["coins", "run", "--data", &data], &coins);
        let address = running.said("address");
        // A treasurer that works says it, too.
        assert_eq!(text(&json(["coins", "address", "--coins", &coins])["address"]), address);
        self.mint.pay(&address, 1_000_000).await;
        running
    }

    fn client(&self, words: &[&str]) -> Value {
        json(words.iter().copied().chain(["--data", &self.place("client")]))
    }

    fn escrows(&self, coins: &str) -> Vec<Value> {
        Remains { folder: &self.folder }.escrows(coins)
    }

    fn balance(&self, coins: &str) -> u64 {
        Remains { folder: &self.folder }.balance(coins)
    }
}

/// What can be asked of treasurers, market or none.
struct Remains<'a> {
    folder: &'a tempfile::TempDir,
}

impl Remains<'_> {
    fn shown(&self, coins: &str) -> Value {
        let coins = self.folder.path().join(coins).display().to_string();
        json(["coins", "show", "--coins", &coins])
    }

    /// The escrows that the treasurer of `coins` has seen last.
    fn escrows(&self, coins: &str) -> Vec<Value> {
        self.shown(coins)["escrows"].as_array().expect("a list").clone()
    }

    fn balance(&self, coins: &str) -> u64 {
        self.shown(coins)["balance_sat"].as_u64().expect("a number")
    }
}

fn in_state<'a>(escrows: &'a [Value], state: &'a str) -> impl Iterator<Item = &'a Value> {
    escrows.iter().filter(move |escrow| !escrow["state"][state].is_null())
}

/// A contract on Bitcoin whose file is kept, and everybody in it.
struct Stored {
    town: Town,
    contract: String,
    _parties: Vec<Process>,
}

async fn stored(refund_blocks: &'static str) -> Stored {
    let mut town = Town::found(refund_blocks);
    let mut providers = Vec::new();
    for number in 1..=PROVIDERS {
        providers.push(town.provider(number).await);
    }
    let treasurer = town.treasurer().await;
    wait_for("everybody to have coins", || {
        ["coins", "p1-coins", "p2-coins"].iter().all(|coins| town.balance(coins) > 0)
    });
    let wish = ["--rail", "bitcoin", "--for", "30d", "--data-shards", "1", "--parity-shards", "1"];
    wait_for("both providers to be asked", || {
        let data = town.place("client");
        let quote = ["quote", "1MB", "--data", &data];
        Finished::of(bondstore(quote.into_iter().chain(wish))).is_success()
    });

    let file = town.place("file");
    std::fs::write(&file, vec![7_u8; 300_000]).expect("it is written");
    let put: Vec<&str> = ["put", &file, "a"].into_iter().chain(wish).collect();
    let put = town.client(&put);
    let contract = text(&put["contract"]);
    providers.push(treasurer);
    Stored { town, contract, _parties: providers }
}

/// Providers take bytes once their own treasurers see the escrows deep enough; the client's sees them in its next round.
fn sees_its_escrows(town: &Town) {
    wait_for("the client's treasurer to see its escrows", || {
        in_state(&town.escrows("coins"), "open").count() == PROVIDERS
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_on_bitcoin_is_made_kept_and_paid_out_by_its_parties_alone() {
    let Stored { town, contract, _parties } = stored("50000").await;
    sees_its_escrows(&town);
    for (coins, count) in [("p1-coins", 1), ("p2-coins", 1), ("coins", PROVIDERS)] {
        let escrows = town.escrows(coins);
        assert_eq!(in_state(&escrows, "open").count(), count, "{coins}: {escrows:?}");
        assert!(escrows.iter().all(|escrow| escrow["contract"] == contract));
    }
    let account = town.client(&["account", "show"]);
    assert_eq!(account["available"], 0, "the market holds nothing: {account}");
    let back = town.place("back");
    town.client(&["get", "a", &back]);
    assert_eq!(std::fs::read(&back).expect("it is there"), vec![7_u8; 300_000]);

    town.client(&["contract", "end", &contract]);
    wait_for("every escrow to be paid out", || {
        let escrows = town.escrows("coins");
        in_state(&escrows, "ended").filter(|escrow| escrow["is_final"] == true).count() == PROVIDERS
    });
    let sat = |amount: &Value| amount.as_u64().expect("whole satoshis");
    for escrow in town.escrows("coins") {
        let how = &escrow["state"]["ended"];
        assert!(how == "agreed" || how == "outcome", "by the auditor's word: {escrow}");
        let (paid, put_in) = (&escrow["payout"], ["client_sat", "provider_sat"]);
        let paid = ["client", "provider", "pool"].iter().map(|to| sat(&paid[*to])).sum::<u64>();
        assert_eq!(paid, put_in.iter().map(|part| sat(&escrow[*part])).sum::<u64>(), "{escrow}");
        assert!(sat(&escrow["provider_sat"]) > 1_000, "there is something to lose: {escrow}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_that_is_gone_with_its_disk_leaves_nobody_s_money_stuck() {
    let Stored { town, contract, _parties } = stored("600").await;
    sees_its_escrows(&town);
    let before: Vec<u64> =
        ["coins", "p1-coins", "p2-coins"].iter().map(|coins| town.balance(coins)).collect();
    let open = town.escrows("coins");
    assert_eq!(in_state(&open, "open").count(), PROVIDERS, "{open:?}");
    let data = town.place("market");
    drop(town.market);
    std::fs::remove_dir_all(&data).expect("its disk is wiped");
    let there = Remains { folder: &town.folder };
    wait_for("every escrow to be refunded", || {
        let escrows = there.escrows("coins");
        in_state(&escrows, "ended").filter(|escrow| escrow["is_final"] == true).count() == PROVIDERS
    });
    let sat = |amount: &Value| amount.as_u64().expect("whole satoshis");
    let mut own = [0, 0];
    for escrow in there.escrows("coins") {
        assert_eq!(escrow["contract"], contract);
        assert_eq!(escrow["state"]["ended"], "refund", "nobody attests any more: {escrow}");
        assert_eq!(escrow["payout"]["client"], escrow["client_sat"], "{escrow}");
        assert_eq!(escrow["payout"]["provider"], escrow["provider_sat"], "{escrow}");
        own[0] += sat(&escrow["client_sat"]);
        own[1] = sat(&escrow["provider_sat"]);
        assert!(own[0] > 0 && own[1] > 0, "{escrow}");
    }
    wait_for("everybody to have their own back", || {
        let more = |coins: &str, before: u64| there.balance(coins) > before;
        there.balance("coins") >= before[0] + own[0]
            && more("p1-coins", before[1])
            && more("p2-coins", before[2])
    });
    for (number, before) in [(1, before[1]), (2, before[2])] {
        let coins = format!("p{number}-coins");
        let escrow = there.escrows(&coins).pop().expect("its escrow");
        assert_eq!(there.balance(&coins), before + sat(&escrow["provider_sat"]), "{escrow}");
    }
}

#[test]
fn what_a_treasurer_lacks_is_said_with_what_would_be_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name).display().to_string();
    let (market, client, coins) = (place("market"), place("client"), place("coins"));
    let running = Process::start(["market", "run", "--data", &market, "--listen", "127.0.0.1:0"]);
    json(["client", "init", "--data", &client, "--market", &running.said("url")]);
    let refused = |words: &[&str]| {
        let done = Finished::of(bondstore(words.iter().copied()));
        assert!(!done.is_success(), "{done:?}");
        done.stderr
    };
    let says = |text: String, part: &str| assert!(text.contains(part), "{part}: {text}");
    says(refused(&["coins", "show", "--coins", &coins]), "bondstore coins run --coins");
    let auditor = place("auditor");
    json(["auditor", "init", "--data", &auditor]);
    let follow = ["auditor", "oracle", "run", "--data", &auditor, "--listen", "127.0.0.1:0"];
    let unknown = ["--market", "http://192.0.2.1:1", "--insecure-http"];
    let follow: Vec<&str> = follow.into_iter().chain(unknown).collect();
    says(refused(&follow), "#KEY");
    let address = ["coins", "address", "--coins", &coins, "--data", &client];
    says(refused(&address), "give --chain URL");
    let mint = Mint::open(Path::new(folder.path()));
    let (chain, cookie) = (mint.dev.said("rpc"), mint.dev.said("cookie"));
    let at = ["--chain", &chain, "--chain-cookie", &cookie];
    let address: Vec<&str> = address.into_iter().chain(at).collect();
    says(refused(&address), "bondstore coins init --coins");
    json(["coins", "init", "--coins", &coins]);
    let to = text(&json(address.clone())["address"]);
    assert_eq!(text(&json(address)["address"]), to, "it is always the same");
    let send = |to: &str, sat: &str| {
        let words = ["coins", "send", to, sat, "--coins", &coins, "--data", &client];
        refused(&words.into_iter().chain(at).collect::<Vec<_>>())
    };
    says(send(&to, "0"), "whole satoshis above zero");
    says(send("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "1000"), "coins are on regtest");
    let poor = send(&to, "100000");
    assert!(!poor.contains("panicked") && poor.contains("error: "), "{poor}");
    // A market that does not settle on Bitcoin has nobody to ask for it.
    let quote = ["quote", "1MB", "--rail", "bitcoin", "--data", &client];
    refused(&quote);
    let more = ["--rail", "bitcoin", "--egress", "5MB", "--data", &client];
    says(refused(&["quote", "1MB"].into_iter().chain(more).collect::<Vec<_>>()), "egress");
}
