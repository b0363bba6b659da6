//! Wrong input: every command says in one line what is wrong and what would be right, and changes nothing.

#[path = "support/processes.rs"]
mod support;

use serde_json::Value;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use support::{Finished, Process, Town, bondstore, json, offers, text, wait_for};

/// Fewer than the six slots of a usual contract need.
const PROVIDERS: usize = 4;
/// What lets four providers be enough.
const FEW: [&str; 4] = ["--data-shards", "2", "--parity-shards", "1"];
/// A name that is well formed.
const SOMEBODY: &str = "did:key:z6MkmK9YT5VFXaaYsn91jXQPfVFs6NUZFBgU566g3V2yAzSQ";

/// Runs a command that must fail, with and without `--json`; all of `parts` must be in its error.
fn refused(make: impl Fn() -> Command, parts: &[&str]) {
    let shown = format!("{:?}", make());
    let done = Finished::of(make());
    assert!(!matches!(done.code, Some(0) | None), "{shown} must fail: {done:?}");
    assert_eq!(done.stdout, "", "{shown}");
    one_line(&shown, &done.stderr, parts);
    let mut command = make();
    command.arg("--json");
    let done = Finished::of(command);
    assert!(!matches!(done.code, Some(0) | None), "{shown} --json must fail: {done:?}");
    one_line(&shown, &done.stderr, parts);
    let value: Value = serde_json::from_str(&done.stdout)
        .unwrap_or_else(|error| panic!("{shown} --json: {error} in {done:?}"));
    assert_eq!(value["ok"], false, "{shown} --json");
    let error = text(&value["error"]);
    assert!(parts.iter().all(|part| error.contains(part)), "{shown} --json: {error}");
}

fn one_line(shown: &str, stderr: &str, parts: &[&str]) {
    println!("{stderr}");
    assert!(stderr.starts_with("error: ") && stderr.trim_end().lines().count() == 1, "{shown}: {stderr}");
    assert!(!stderr.contains("panicked"), "{shown}: {stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{shown}: {part:?} is not in {stderr}");
    }
}

/// A table of command lines and what each must be told.
fn all_refused(table: &[(&[&str], &[&str])]) {
    for (args, parts) in table {
        refused(|| bondstore(args.iter().copied()), parts);
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
