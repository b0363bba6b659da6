//! What clients do, one command after the other, and what is seen of it afterwards.

use crate::support::{Finished, bondstore, json, text};
use crate::town::{PROVIDERS, Town};
use serde_json::Value;

/// One slot for the data, and one for parity.
const TERMS: [&str; 6] = ["--data-shards", "1", "--parity-shards", "1", "--for", "90d"];
/// What is kept.
const LETTER: &[u8] = b"dear market, keep this";
/// How many days an end may take.
const DAYS_MAX: usize = 10;

/// Every scene.
pub(crate) async fn play(town: &mut Town) {
    std::fs::write(town.path("letter"), LETTER).expect("a file can be written");
    asked(town);
    let contract = stored(town, "letter");
    renewed_and_grown(town, &contract);
    shared(town);
    money(town);
    papers(town, &contract);
    recovered(town);
    ended(town).await;
}

/// Prices and quotes.
fn asked(town: &mut Town) {
    assert_eq!(town.client(&["prices"])["mechanism"], "posted_ask");
    let quote = [&["quote", "5MB"][..], &TERMS].concat();
    let all = town.client(&[&quote[..], &["--all-exclusions"]].concat());
    let named =
        ["slots", "reserves", "excluded"].map(|list| all[list].as_array().map_or(0, Vec::len));
    assert_eq!(named.iter().sum::<usize>(), PROVIDERS, "{all}");
    let offered = town.client(&[&quote[..], &["--counter", "70"]].concat());
    assert_eq!(offered["round"], 3, "nobody bargains here");
}

/// Puts the letter into a contract of its own.
fn stored(town: &mut Town, name: &str) -> String {
    let letter = town.path("letter");
    let put = town.client(&[&["put", &letter, name, "--own"][..], &TERMS].concat());
    text(&put["contract"])
}

fn show(town: &mut Town, contract: &str) -> Value {
    town.client(&["contract", "show", contract])
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is a number"))
}

/// What changes of a contract by command is what the contract shows afterwards, and costs what it should.
fn renewed_and_grown(town: &mut Town, contract: &str) {
    let before = show(town, contract);
    assert_eq!((&before["epochs"], &before["terms"]["renewal"]), (&90.into(), &"manual".into()));
    town.client(&["contract", "renew", contract, "--for", "30d", "--automatic"]);
    let longer = show(town, contract);
    assert_eq!((&longer["epochs"], &longer["extensions"]), (&120.into(), &1.into()));
    assert_eq!(longer["terms"]["renewal"], "automatic");
    assert_eq!(longer["agreed"], before["agreed"], "what it began as is known still");
    assert!(number(&longer["escrow"]) > number(&before["escrow"]), "it is paid at once");
    let shown = bondstore(["contract", "show", contract, "--data", &town.path("client")]);
    let told = Finished::of(shown).stdout;
    assert!(told.contains("120 epochs") && told.contains("it renews itself"), "{told}");
    town.client(&["contract", "renew", contract, "--manual"]);
    town.client(&["contract", "grow", contract, "1GB"]);
    // Providers sign for a year, so nobody stands by more.
    let again = ["contract", "renew", contract, "--for", "360d", "--data", &town.path("client")];
    let refused = Finished::of(bondstore(again));
    assert!(!refused.is_success() && refused.stderr.contains("365d"), "{refused:?}");
    let larger = show(town, contract);
    assert_eq!((&larger["epochs"], &larger["extensions"]), (&120.into(), &2.into()));
    assert_eq!(larger["terms"]["renewal"], "manual");
    let room = |view: &Value| number(&view["terms"]["capacity"]);
    assert!(room(&larger) >= room(&before) + 1_000_000_000, "{}", larger["terms"]);
    assert!(number(&larger["escrow"]) > number(&longer["escrow"]));
    for slot in larger["slots"].as_array().expect("a list") {
        assert!(number(&slot["capacity"]) >= 1_000_000_000, "{slot}");
    }
}

/// A guest reads until the share is taken back.
fn shared(town: &mut Town) {
    let [owner, guest] = ["client", "guest"].map(|name| text(&town.clients[name]["did"]));
    let given = town.client(&["share", "letter", "--with", &guest]);
    assert_eq!(town.client(&["shares"]).as_array().map(Vec::len), Some(1));
    let found = town.run(&["shares", "--from", &owner], "guest");
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
    let copy = town.path("guest's copy");
    town.run(&["get", "letter", &copy, "--from", &owner], "guest");
    assert_eq!(std::fs::read(copy).expect("it was written"), LETTER);
    town.client(&["unshare", &text(&given["grant"])]);
    assert_eq!(town.client(&["shares"]).as_array().map(Vec::len), Some(0));
}

/// Money in and out.
fn money(town: &mut Town) {
    let did = text(&town.clients["client"]["did"]);
    let before = town.client(&["account", "show"]);
    let (file, market) = (town.path("deposit"), town.path("market"));
    json(["market", "credit", &did, "500", "--out", &file, "--data", &market]);
    town.client(&["account", "deposit", &file]);
    town.client(&["account", "withdraw", "200", "--to", "my bank"]);
    let after = town.client(&["account", "show"]);
    assert_eq!(number(&after["available"]), number(&before["available"]) + 300);
    let history = town.client(&["account", "history"]);
    let amounts: Vec<i64> =
        history.as_array().expect("a list").iter().map(|line| number(&line["amount"])).collect();
    assert_eq!(amounts[amounts.len() - 2..], [500, 200]);
}

/// What can be shown of it to others.
fn papers(town: &mut Town, contract: &str) {
    let statement = town.client(&["statement"]);
    assert!(statement["lines"].as_array().is_some_and(|lines| !lines.is_empty()), "{statement}");
    let of_contract = town.client(&["statement", "--contract", contract]);
    assert!(text(&of_contract["of"]).contains(contract), "{of_contract}");
    assert_eq!(town.client(&["invoice", contract])["contract"], contract);
    let (receipt, proof) = (town.path("receipt"), town.path("proof"));
    town.client(&["receipt", contract, "--out", &receipt]);
    town.client(&["receipt", "--consistency", "1", "2", "--out", &proof]);
    let market = town.market.did().to_string();
    assert_eq!(json(["verify", &receipt, "--market", &market])["ok"], true);
}

/// The words bring the catalogue back on an empty machine.
fn recovered(town: &mut Town) {
    let (words, market) = (town.path("words"), town.url());
    std::fs::write(&words, text(&town.clients["client"]["words"])).expect("a file can be written");
    let recover = ["client", "recover", "--market", &market, "--words-file", &words];
    let back = town.run(&recover, "again");
    assert_eq!((&back["did"], &back["objects"]), (&town.clients["client"]["did"], &1.into()));
    assert_eq!(town.run(&["ls"], "again")[0]["name"], "letter");
}

/// Whoever ends a contract early is out of it: it settles, and nothing stays locked.
async fn ended(town: &mut Town) {
    let contract = stored(town, "note");
    assert_eq!(town.client(&["rm", "note"])["removed"], "note");
    town.client(&["contract", "end", &contract]);
    assert_eq!(show(town, &contract)["left"], true);
    let id = contract.parse().expect("a name");
    for _ in 0..DAYS_MAX {
        town.day().await;
        if town.view(id).await.state == "settled" {
            break;
        }
    }
    let view = show(town, &contract);
    assert_eq!((&view["state"], &view["escrow"]), (&"settled".into(), &0.into()), "{view}");
    for slot in view["slots"].as_array().expect("a list") {
        assert_eq!((&slot["state"], &slot["bond"]), (&"closed".into(), &0.into()), "{slot}");
    }
    let list = town.client(&["contract", "list"]);
    let line = list.as_array().expect("a list").iter().find(|line| line["id"] == *contract);
    assert_eq!(line.expect("it is listed")["state"], "settled");
}
