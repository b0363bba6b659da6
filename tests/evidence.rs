//! What outsiders can hold a running market to, with commands alone: receipts, an exported journal, statements.

#[path = "support/processes.rs"]
mod support;

use serde_json::Value;
use support::{Beyond, Finished, Town, bondstore, json, text, wait_for};

/// As many as a contract has slots.
const PROVIDERS: usize = 6;

#[test]
fn receipts_journals_and_statements_convince_without_the_market() {
    let town = Town::found((PROVIDERS, "10GB", "500ms"), Beyond::default());
    std::fs::write(town.path("file"), vec![7; 300_000]).expect("a file can be written");
    let put = town.client(&["put", &town.path("file"), "--for", "90d"]);
    let contract = text(&put["contract"]);
    wait_for("the contract to earn", || {
        let view = town.client(&["contract", "show", &contract]);
        view["slots"][0]["earned"].as_i64().is_some_and(|earned| earned > 0)
    });
    let market = text(&town.market.said["market"]);
    receipts(&town, &contract, &market);
    statements(&town, &contract);
    journal(&town, &market);
}

/// Runs a command that must fail; what it complains.
fn refused<'a>(args: impl IntoIterator<Item = &'a str>) -> String {
    let done = Finished::of(bondstore(args));
    assert_eq!(done.code, Some(1), "{done:?}");
    done.stderr
}

/// A contract is named by its acceptance, which has a receipt as every document has.
fn receipts(town: &Town, contract: &str, market: &str) {
    let (early, late) = (town.path("early.json"), town.path("late.json"));
    let made = town.client(&["receipt", contract, "--out", &early]);
    assert_eq!(text(&made["typ"]), "bondstore.acceptance");
    // Time alone makes the journal grow.
    let grown = |head: &Value| head["size"].as_u64().expect("a number");
    let before = grown(&made["head"]);
    wait_for("the journal to grow", || {
        grown(&town.client(&["receipt", contract, "--out", &late])["head"]) > before
    });
    let verified = json(["verify", &early, "--market", market]);
    assert_eq!(verified["receipts"][0]["document"], contract);
    let told = Finished::of(bondstore(["verify", &early, "--market", market]));
    for part in ["proven: document", "bondstore.acceptance", "was taken as accept", market] {
        assert!(told.stdout.contains(part), "{part} is missing in {}", told.stdout);
    }
    let other = text(&town.client["did"]);
    let complaint = refused(["verify", &early, "--market", &other]);
    assert!(complaint.contains("ask that market"), "{complaint}");
    tampered(town, &early, market);
    consistent(town, [&early, &late], market);
}

/// A receipt with another entry, another document or another head proves nothing.
fn tampered(town: &Town, receipt: &str, market: &str) {
    let good = std::fs::read_to_string(receipt).expect("it was written");
    let forged = town.path("forged.json");
    for (from, to, why) in [
        ("contract_agreed", "contract_failed", "not proven to be in the journal"),
        ("\"leaf\": ", "\"leaf\": 1", "not proven to be in the journal"),
        ("\"head\": \"ey", "\"head\": \"Ey", "tree head is not genuine"),
        ("\"document\": \"ey", "\"document\": \"Ey", "document is not genuine"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        std::fs::write(&forged, bad).expect("a file can be written");
        let complaint = refused(["verify", &forged, "--market", market]);
        assert!(complaint.contains(why), "{from}: {complaint}");
    }
}

/// Two receipts' heads are one journal's, as the market proves to anybody.
fn consistent(town: &Town, [early, late]: [&str; 2], market: &str) {
    let size = |file: &str| -> u64 {
        let verified = json(["verify", file, "--market", market]);
        verified["receipts"][0]["head"]["size"].as_u64().expect("a number")
    };
    let proof = town.path("proof.json");
    let (from, to) = (size(early), size(late));
    let (from_text, to_text) = (from.to_string(), to.to_string());
    town.client(&["receipt", "--consistency", &from_text, &to_text, "--out", &proof]);
    let both = json(["verify", early, late, "--consistency", &proof, "--market", market]);
    assert_eq!(both["consistent"], true);
    let swapped = std::fs::read_to_string(&proof).expect("it was written");
    let swapped = swapped.replacen(&format!("\"from\": {from}"), &format!("\"from\": {to}"), 1);
    std::fs::write(&proof, swapped).expect("a file can be written");
    let complaint = refused(["verify", early, late, "--consistency", &proof]);
    assert!(complaint.contains("does not show"), "{complaint}");
}

/// Statement and invoice, for people and for programs.
fn statements(town: &Town, contract: &str) {
    let statement = town.client(&["statement"]);
    let lines = statement["lines"].as_array().expect("lines").len();
    assert!(lines >= 3, "{statement}");
    let csv = town.path("statement.csv");
    town.client(&["statement", "--format", "csv", "--out", &csv]);
    let rows = std::fs::read_to_string(&csv).expect("it was written");
    assert!(rows.starts_with("kind,posting,at,") && rows.ends_with("\r\n"), "{rows}");
    assert!(rows.matches("\r\n").count() > lines, "{rows}");
    let later = town.client(&["statement", "--from", "2999-01-01", "--to", "2999-01-02"]);
    assert_eq!(later["lines"], Value::Array(Vec::new()));
    assert_eq!(later["opening"], later["closing"]);
    let of_contract = town.client(&["statement", "--contract", contract]);
    assert_eq!(of_contract["of"], contract);
    let invoice = town.client(&["invoice", contract]);
    let items = invoice["lines"].as_array().expect("lines").iter();
    let sum: i64 = items.filter_map(|line| line["amount"].as_i64()).sum();
    assert_eq!(invoice["total"].as_i64(), Some(sum));
    let earned = json(["invoice", contract, "--provider", &town.path("provider-1")]);
    assert_eq!(earned["role"], "provider");
    let held = json(["statement", "--provider", &town.path("provider-1")]);
    assert!(held["closing"].as_array().is_some_and(|accounts| accounts.len() >= 2), "{held}");
    assert!(invoice["lines"].as_array().expect("lines").iter().any(|line| line["item"] == "fees"));
}

/// Everything is decided again from a file that was written while the market ran.
fn journal(town: &Town, market: &str) {
    let (data, file) = (town.path("market"), town.path("journal.jsonl"));
    let exported = json(["journal", "export", "--data", &data, "--out", &file]);
    let verified = json(["journal", "verify", &file, "--market", market]);
    assert_eq!((&verified["ok"], &verified["head"]), (&true.into(), &exported["head"]));
    assert!(verified["documents"].as_u64().expect("a number") > 20, "{verified}");
    assert!(refused(["journal", "export", "--data", &data, "--out", &file]).contains("anew"));
    let other = text(&town.client["did"]);
    let complaint = refused(["journal", "verify", &file, "--market", &other]);
    assert!(complaint.contains("it is the journal of"), "{complaint}");
    let text = std::fs::read_to_string(&file).expect("it was written");
    let (forged, escrow) = (town.path("forged.jsonl"), "\"escrow_fee\":");
    let at = text.rfind(escrow).expect("a contract was agreed") + escrow.len();
    let mut bytes = text.clone().into_bytes();
    bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
    std::fs::write(&forged, bytes).expect("a file can be written");
    let block = 1 + text[..at].matches("\n{\"block\":").count();
    let complaint = refused(["journal", "verify", &forged]);
    assert!(complaint.contains(&format!("journal block {block} ")), "{block}: {complaint}");
    let inside = json(["journal", "verify", "--data", &data, "--market", market]);
    assert_eq!(inside["ok"], true);
}
