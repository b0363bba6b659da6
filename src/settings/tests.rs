//! Settings of every section: what counts, what is wrong, and where it is said.

use super::*;
use clap::CommandFactory;
use std::io::Write;

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn with_file(text: &str, line: &str) -> (tempfile::NamedTempFile, Result<Command, String>) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let line = format!("{line} --config {}", file.path().display());
    let layered = layered(crate::Cli::command(), &words(&line));
    (file, layered)
}

#[test]
fn a_file_says_what_flags_may_say_otherwise() {
    let text =
        "[market]\nlisten = \"127.0.0.1:1\"\nfull-check = true\n[provider]\nlisten = \"x:2\"\n";
    let (_file, command) = with_file(text, "bondstore market run");
    let command = command.unwrap();
    let run = |line: &str| {
        let matches = command.clone().try_get_matches_from(words(line)).unwrap();
        let (_, market) = matches.subcommand().unwrap();
        let (_, run) = market.subcommand().unwrap();
        (run.get_one::<String>("listen").cloned().unwrap(), run.get_flag("full_check"))
    };
    assert_eq!(run("bondstore market run"), ("127.0.0.1:1".into(), true));
    assert_eq!(run("bondstore market run --listen 127.0.0.1:9").0, "127.0.0.1:9");
}

#[test]
fn all_that_is_wrong_is_said_at_once_with_its_place() {
    let text =
        "[market]\nlisen = \"127.0.0.1:1\"\nepoch = \"soon\"\nfull-check = 3\nlisten = [1]\n";
    let (file, command) = with_file(text, "bondstore market run");
    let faults = command.unwrap_err();
    for part in ["lisen", "epoch", "full-check", "listen"] {
        let line = faults.lines().find(|line| line.starts_with(part));
        let line = line.unwrap_or_else(|| panic!("{part} is named: {faults}"));
        assert!(line.contains(&file.path().display().to_string()), "{line}");
    }
    assert_eq!(faults.lines().count(), 4, "{faults}");
}

#[test]
fn a_section_is_its_commands_alone() {
    let (_file, command) = with_file("[client]\nnonsense = 1\n", "bondstore market run");
    assert!(command.is_ok());
    let (_file, command) = with_file("[client]\nnonsense = 1\n", "bondstore ls");
    assert!(command.unwrap_err().contains("nonsense"));
    let missing = layered(crate::Cli::command(), &words("bondstore ls --config /nowhere.toml"));
    assert!(missing.unwrap_err().contains("/nowhere.toml"));
}

#[test]
fn a_section_that_nobody_reads_is_refused_by_name() {
    let text = "[markte]\nlisten = \"127.0.0.1:1\"\n";
    let (_file, command) = with_file(text, "bondstore market run");
    let faults = command.unwrap_err();
    assert!(faults.contains("[markte]") && faults.contains("[market]"), "{faults}");
    let (_file, command) = with_file("listen = 3\n", "bondstore market run");
    assert!(command.unwrap_err().contains("listen"), "a key of no section");
}

#[test]
fn the_command_is_found_behind_the_flags_that_all_have() {
    for (line, section) in [
        ("bondstore --config market.toml provider run", Some("provider")),
        ("bondstore --json --log-format json auditor run", Some("auditor")),
        ("bondstore --config=x ls", Some("client")),
        ("bondstore cashier run", Some("cashier")),
        ("bondstore coins show", Some("coins")),
        ("bondstore chain dev run", None),
        ("bondstore demo client", None),
        ("bondstore --json", None),
    ] {
        assert_eq!(section_of(&words(line)), section, "{line}");
    }
}

#[test]
fn what_may_be_said_several_times_may_be_a_list_and_the_command_line_says_all_of_it_anew() {
    let text = "[client]\ntag = [\"disk:ssd\", \"power:green\"]\nregion = \"eu\"\n";
    let (_file, command) = with_file(text, "bondstore put x");
    let command = command.unwrap();
    let of = |line: &str, key: &str| {
        let matches = command.clone().try_get_matches_from(words(line)).unwrap();
        let (_, put) = matches.subcommand().unwrap();
        put.get_many::<String>(key).into_iter().flatten().cloned().collect::<Vec<_>>()
    };
    assert_eq!(of("bondstore put x", "tag"), ["disk:ssd", "power:green"]);
    assert_eq!(of("bondstore put x", "region"), ["eu"]);
    assert_eq!(of("bondstore put x --tag a:b", "tag"), ["a:b"]);
    let (_file, command) = with_file("[client]\ntag = [[1]]\n", "bondstore put x");
    assert!(command.unwrap_err().contains("or a list of values"));
}

#[test]
fn an_auditors_settings_stand_for_what_it_must_be_told() {
    let text = "[auditor]\nmarket = \"http://127.0.0.1:1\"\nvantage = \"here\"\n";
    let (_file, command) = with_file(text, "bondstore auditor run");
    let matches = command.unwrap().try_get_matches_from(words("bondstore auditor run"));
    let matches = matches.expect("nothing is missing");
    let (_, auditor) = matches.subcommand().unwrap();
    let (_, run) = auditor.subcommand().unwrap();
    assert_eq!(run.get_one::<String>("vantage").map(String::as_str), Some("here"));
}

#[test]
fn a_treasurers_settings_are_its_own_and_a_providers_stand_with_the_node_s() {
    let text = "[coins]\ndata = \"/me\"\ncoins = \"/coins\"\nchain = \"http://127.0.0.1:1\"\nrefund-blocks = 900\n\
        [provider]\ncoins = \"/p\"\nchain = \"http://127.0.0.1:2\"\nconfirmations = 6\n";
    let of = |line: &str, keys: &[&str]| -> Vec<String> {
        let (_file, command) = with_file(text, line);
        let matches = command.unwrap().try_get_matches_from(words(line)).unwrap();
        let (_, matches) = matches.subcommand().unwrap();
        let (_, run) = matches.subcommand().unwrap();
        let raw = |key: &&str| run.get_raw(key).into_iter().flatten().next();
        keys.iter().filter_map(raw).map(|raw| raw.to_str().unwrap().to_owned()).collect()
    };
    let found = of("bondstore coins run", &["data", "folder", "chain", "refund_blocks"]);
    assert_eq!(found, ["/me", "/coins", "http://127.0.0.1:1", "900"]);
    assert_eq!(of("bondstore coins show", &["folder"]), ["/coins"]);
    let found = of("bondstore provider run", &["coins", "chain", "confirmations"]);
    assert_eq!(found, ["/p", "http://127.0.0.1:2", "6"]);
    let (_file, command) = with_file("[coins]\nrefund-blocks = 0\n", "bondstore coins run");
    assert!(command.unwrap_err().starts_with("refund-blocks"));
}

#[test]
fn what_counts_is_shown_with_where_it_comes_from() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"[market]\nepoch-every = \"5m\"\n").unwrap();
    let line = format!("bondstore market config --show --config {}", file.path().display());
    let shown = shown(&crate::Cli::command(), "market", &words(&line));
    let of = |key: &str| shown.iter().find(|s| s.key == key).unwrap().clone();
    assert_eq!(of("epoch-every").values, ["5m"]);
    assert!(of("epoch-every").origin.contains("[market]"));
    assert_eq!(
        (of("listen").values, of("listen").origin.as_str()),
        (vec!["127.0.0.1:7700".to_owned()], "default")
    );
    assert_eq!(of("database").values, [""; 0]);
}
