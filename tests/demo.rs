//! The demo, run as its user runs it: every promise of its one JSON object, on every kind of file.

use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Runs `bondstore demo FILE --json` with a seed, and gives what it prints.
fn demo(file: &Path, seed: u64, more: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_bondstore"))
        .arg("demo")
        .arg(file)
        .args(["--json", "--seed", &seed.to_string()])
        .args(more)
        .output()
        .expect("the binary runs");
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("one JSON object: {error}\n{text}\n{errors}"))
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is a whole number"))
}

/// Everything that must hold of every run.
fn holds(told: &Value, bytes: &[u8]) {
    assert_eq!(told["ok"], true, "{told}");
    assert_eq!(told["file"]["bytes"].as_u64(), Some(bytes.len() as u64));
    assert_eq!(told["file"]["blake3"], shards::Root::of(bytes).to_string());
    assert_eq!(told["file"], told["fetched"]);
    let lines = told["quote"]["lines"].as_object().expect("lines by name");
    let locked: i64 =
        lines.iter().filter(|(name, _)| *name != "bond").map(|(_, amount)| number(amount)).sum();
    assert_eq!(locked, number(&told["quote"]["total_msat"]));
    assert_eq!(told["contract"]["slots"].as_array().map(Vec::len), Some(6));
    let audits = &told["audits"];
    assert_eq!(
        number(&audits["challenges"]),
        number(&audits["passed"]) + number(&audits["failed"])
    );
    assert!(number(&audits["passed"]) > 100 && number(&audits["failed"]) == 0, "{audits}");
    assert_eq!(told["violation"]["cause"], "unreachable");
    assert_eq!(told["killed_provider"], told["repair"]["from"]);
    assert_eq!(told["contract"]["slots"][1], told["killed_provider"]);
    assert_ne!(told["repair"]["from"], told["repair"]["to"]);
    let slashed = number(&told["penalty"]["slashed_msat"]);
    let (client, pool) =
        (number(&told["penalty"]["to_client_msat"]), number(&told["penalty"]["to_pool_msat"]));
    assert!(slashed > 0 && client > 0 && client + pool == slashed, "{}", told["penalty"]);
    let settlement = told["settlement"].as_object().expect("msat by party");
    assert_eq!(
        settlement.values().map(number).sum::<i64>(),
        0,
        "what one loses another gains: {settlement:?}"
    );
    assert_eq!(told["books"]["debits_msat"], told["books"]["credits_msat"]);
    assert_eq!(told["journal"]["head"], told["journal"]["replayed_head"]);
    assert!(number(&told["journal"]["blocks"]) > 30);
}

fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    file
}

/// Bytes that nothing can compress, from a seed.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(bytes).collect()
}

#[test]
fn an_empty_file_comes_back() {
    holds(&demo(written(b"").path(), 1, &[]), b"");
}

#[test]
fn one_byte_comes_back() {
    holds(&demo(written(b"x").path(), 2, &[]), b"x");
}

#[test]
fn a_file_of_zeros_comes_back() {
    let zeros = vec![0; 30_000_000];
    holds(&demo(written(&zeros).path(), 3, &[]), &zeros);
}

#[test]
fn a_hundred_megabytes_of_noise_come_back() {
    let noise = noise(100_000_000);
    holds(&demo(written(&noise).path(), 4, &[]), &noise);
}

#[test]
fn a_text_comes_back_and_one_seed_tells_one_story() {
    let text = b"Every promise is bonded.\n".repeat(4_000);
    let file = written(&text);
    let (once, again) = (demo(file.path(), 5, &[]), demo(file.path(), 5, &[]));
    holds(&once, &text);
    assert_eq!(once["quote"], again["quote"]);
    assert_eq!(once["contract"]["slots"], again["contract"]["slots"]);
    assert_eq!(once["repair"]["to"], again["repair"]["to"]);
    assert_eq!(once["penalty"], again["penalty"]);
    assert_eq!(once["settlement"], again["settlement"]);
    let other = demo(file.path(), 6, &["--providers", "12"]);
    holds(&other, &text);
    assert_ne!(once["contract"]["slots"], other["contract"]["slots"], "another seed draws others");
}

#[test]
fn what_data_keeps_can_be_verified_afterwards() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("everything");
    let told =
        demo(written(b"kept").path(), 7, &["--data", data.to_str().expect("a path in UTF-8")]);
    holds(&told, b"kept");
    for place in ["market", "provider-1", "provider-8", "client"] {
        assert!(data.join(place).join("key.json").is_file(), "{place} can be started again");
    }
    let report = market_server::verify_journal(&data.join("market")).expect("a sound journal");
    assert!(report.is_sound());
    assert_eq!(told["journal"]["head"], report.head.to_string());
    let again = Command::new(env!("CARGO_BIN_EXE_bondstore"))
        .args(["demo", "README.md", "--data"])
        .arg(&data)
        .output()
        .expect("the binary runs");
    assert!(!again.status.success());
    assert!(
        String::from_utf8_lossy(&again.stderr)
            .contains("is not empty; give a new or empty directory")
    );
}

/// Everything of a contract on Bitcoin is in blocks, and every satoshi in them is somebody's.
#[test]
fn a_contract_on_bitcoin_is_settled_in_blocks_to_the_satoshi() {
    let text = b"No custodian.\n".repeat(1_000);
    let told = demo(written(&text).path(), 7, &["--rail", "bitcoin"]);
    holds(&told, &text);
    let chain = &told["bitcoin"];
    let sat = |value: &Value| u64::try_from(number(value)).expect("satoshis");
    let moved = chain["transactions"].as_array().expect("a list");
    let mut sums = [0; 3];
    for transaction in moved {
        let parts = ["inputs_sat", "outputs_sat", "fee_sat"].map(|part| sat(&transaction[part]));
        assert_eq!(parts[0], parts[1] + parts[2], "{transaction}");
        assert!(sat(&transaction["height"]) > 100, "{transaction}");
        sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
    }
    assert_eq!(sums, ["inputs_sat", "outputs_sat", "fees_sat"].map(|sum| sat(&chain[sum])));
    let of_kind = |kind: &str| moved.iter().filter(|moved| moved["kind"] == kind).count();
    assert_eq!((of_kind("funding"), of_kind("payout by attestation")), (2, 1), "{chain}");
    assert_eq!(of_kind("agreed close"), 6, "{chain}");
    let payouts = chain["payouts"].as_array().expect("a list");
    assert_eq!(payouts.len(), 7);
    for payout in payouts {
        let (bond, paid) = (sat(&payout["bond_sat"]), sat(&payout["provider_sat"]));
        if payout["provider"] == told["killed_provider"] {
            assert!(paid < bond / 5 && sat(&payout["pool_sat"]) > 0, "a penalty: {payout}");
            assert_eq!(payout["ended"], "payout by attestation", "it is not there to agree");
            assert!(number(&payout["outcome"]) < 500, "{payout}");
        } else {
            assert_eq!((number(&payout["outcome"]), sat(&payout["client_sat"])), (1000, 0));
            assert!(paid > bond, "its price and its bond: {payout}");
        }
        assert!(moved.iter().any(|transaction| transaction["txid"] == payout["txid"]), "{payout}");
    }
    assert!(sat(&chain["market_fee_sat"]) > 0);
}
