//! Settings between processes: flags count over the environment, the environment over the file, and what nobody reads is
//! refused by name.

#[path = "support/processes.rs"]
#[expect(dead_code, reason = "settings need no town")]
mod support;

use serde_json::Value;
use std::path::Path;
use support::{Finished, Process, bondstore, json, text};

/// A directory with a settings file.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn with(settings: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let place = Self { dir };
        std::fs::write(place.path("settings.toml"), settings).expect("a file can be written");
        place
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// A command with the file and these variables.
    fn command(&self, args: &[&str], variables: &[(&str, &str)]) -> std::process::Command {
        let mut command = bondstore(args.iter().copied());
        command.env("BONDSTORE_CONFIG", self.path("settings.toml"));
        command.envs(variables.iter().copied());
        command
    }

    /// What a command that must fail says on standard error.
    fn refused(&self, args: &[&str], variables: &[(&str, &str)]) -> String {
        let done = Finished::of(self.command(args, variables));
        assert!(!matches!(done.code, Some(0) | None), "{args:?}: {done:?}");
        assert_eq!(done.stderr.trim_end().lines().count(), 1, "{args:?}: {done:?}");
        done.stderr
    }
}

#[test]
fn flags_count_over_the_environment_and_the_environment_over_the_file() {
    let place = Place::with(
        "[client]\ndata = \"of-the-file\"\n[provider]\ndata = \"of-the-file\"\n\
         [auditor]\ndata = \"of-the-file\"\nmarket = \"http://127.0.0.1:1\"\nvantage = \"here\"\n",
    );
    // Each command says which directory it looked for its key in.
    for (command, variable) in [
        (&["ls"][..], "BONDSTORE_CLIENT_DATA"),
        (&["provider", "run"], "BONDSTORE_PROVIDER_DATA"),
        (&["auditor", "run"], "BONDSTORE_AUDITOR_DATA"),
    ] {
        let of_variable = [(variable, "of-the-variable")];
        let of_flag = [command, &["--data", "of-the-flag"]].concat();
        for (told, origin) in [
            (place.refused(command, &[]), "of-the-file"),
            (place.refused(command, &of_variable), "of-the-variable"),
            (place.refused(&of_flag, &of_variable), "of-the-flag"),
        ] {
            assert!(told.contains(origin), "{command:?}: {origin} is not in {told}");
        }
    }
}

#[test]
fn a_market_runs_as_the_last_word_on_each_setting_says() {
    let place =
        Place::with("[market]\nlisten = \"127.0.0.2:0\"\nepoch = \"2h\"\nepoch-every = \"50m\"\n");
    let data = place.path("market");
    let variables = [("BONDSTORE_MARKET_DATA", &*data), ("BONDSTORE_MARKET_EPOCH_EVERY", "40m")];
    let shown = Finished::of(place.command(&["market", "config", "--show", "--json"], &variables));
    let shown: Value = serde_json::from_str(&shown.stdout).expect("one JSON value");
    let settings = place.path("settings.toml");
    let of_file = |key: &str| text(&shown[key]["origin"]).contains(&settings);
    assert_eq!((&shown["epoch"]["value"], of_file("epoch")), (&"2h".into(), true));
    let expected = serde_json::json!({ "value": "40m", "origin": "BONDSTORE_MARKET_EPOCH_EVERY" });
    assert_eq!(shown["epoch-every"], expected, "{shown}");
    assert_eq!(shown["full-check"]["origin"], "default");
    assert!(!Path::new(&data).exists(), "showing starts nothing");

    let run = ["market", "run", "--listen", "127.0.0.3:0", "--epoch-every", "30m"];
    let market = Process::of(place.command(&run, &variables));
    assert!(market.said("url").contains("//127.0.0.3:"), "the flag says where");
    assert_eq!(market.said("data"), data, "the variable says where");
    let hours = types::Span(2 * types::Span::HOUR.0);
    assert_eq!(market.said["epoch"], serde_json::to_value(hours).expect("a number"));
    let prices = json(["prices", "--market", &market.said("url")]);
    assert_eq!(prices["mechanism"], "posted_ask", "what nobody says is usual");
}

#[test]
fn all_that_is_wrong_in_file_and_environment_is_said_at_once_and_nothing_begins() {
    let place =
        Place::with("[market]\nlisen = \"127.0.0.1:0\"\nepoch = \"soon\"\n[markte]\nx = 1\n");
    let data = place.path("market");
    let variables = [
        ("BONDSTORE_MARKET_DATA", &*data),
        ("BONDSTORE_MARKET_SPEED", "3"),
        ("BONDSTORE_MARKET_COUNTER_ROUNDS", "99"),
        ("BONDSTORE_MARKET_FULL_CHECK", "perhaps"),
    ];
    let file = place.path("settings.toml");
    let told = place.refused(&["market", "run"], &variables);
    for part in [
        &format!("lisen ([market] in {file}) is no setting of the market"),
        &format!("epoch ([market] in {file}): "),
        &format!("[markte] in {file} is no section"),
        "speed (BONDSTORE_MARKET_SPEED) is no setting of the market",
        "counter-rounds (BONDSTORE_MARKET_COUNTER_ROUNDS): ",
        "full-check (BONDSTORE_MARKET_FULL_CHECK): \"perhaps\" is neither true nor false",
        "there are data, database",
    ] {
        assert!(told.contains(part), "{part:?} is not in {told}");
    }
    assert!(!Path::new(&data).exists(), "nothing was founded");
}

#[test]
fn a_variable_that_no_flag_is_called_like_is_refused_by_name() {
    let place = Place::with("");
    for (command, variable, right) in [
        (&["ls"][..], "BONDSTORE_CLIENT_DIRECTORY", "data"),
        (&["provider", "run"], "BONDSTORE_PROVIDER_PRICE", "listen"),
        (&["auditor", "run"], "BONDSTORE_AUDITOR_VANTAG", "vantage"),
        (&["market", "backup", "--out", "x"], "BONDSTORE_MARKET_OUT", "listen"),
    ] {
        let told = place.refused(command, &[(variable, "3")]);
        assert!(told.contains(variable) && told.contains(right), "{command:?}: {told}");
        assert!(told.contains("is no setting of the"), "{command:?}: {told}");
    }
}
