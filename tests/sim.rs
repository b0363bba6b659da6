//! `bondstore sim`, as an economist uses it: runs, parts, sweeps, folders, and what is refused.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const SCENARIO: &str = r#"
name = "small"
claim = "Whoever keeps everything is paid."
seeds = 4 # chosen small

[world]
epoch = "1h" # the live default
epochs = 30  # chosen: a little more than a day
costs.keeping = 25.0 # chosen: a quarter of the price

[[world.agents]]
kind = "honest"
# chosen: slots and reserves for 4+2, at the reference price
count = 12
capacity = "100GB"
price = 100.0
money = 1_000_000_000

[[world.agents]]
kind = "client"
# chosen: contracts that outlast the run, at any price
count = 1
capacity = "10GB"
duration = "30d"
contracts = 2
worth = [1000.0, 1000.0]
money = 1_000_000_000

[arms.calm]

[arms.dear]
"costs.keeping" = 90.0 # chosen: nearly the price

[[must]]
figure = "honest.profit_msat"
arm = "dear"
minus = "calm"
below = 0.0 # less than in the other arm
because = "costs are felt"

[mutant]
without = "costs"
set = { "costs.keeping" = 0.0 } # none at all
"#;

fn sim(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bondstore"));
    command.arg("sim").args(words).arg("--json").output().expect("the binary runs")
}

fn told(words: &[&str]) -> Value {
    let output = sim(words);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {errors}");
    serde_json::from_slice(&output.stdout).expect("one JSON value")
}

fn refused(words: &[&str]) -> String {
    let output = sim(words);
    assert!(!output.status.success(), "{words:?}");
    String::from_utf8(output.stderr).expect("text")
}

/// A folder with the scenario in it, and paths in it as text.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join("small.toml"), SCENARIO).expect("the disk takes it");
        Self(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    fn scenario(&self) -> String {
        self.path("small.toml")
    }
}

fn bytes(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn parts_of_a_run_joined_are_the_run_whatever_the_threads() {
    let desk = Desk::new();
    let (file, whole) = (desk.scenario(), desk.path("whole"));
    let run = told(&["run", &file, "--out", &whole, "--threads", "2"]);
    assert_eq!((run["holds"].as_bool(), run["runs"].as_u64()), (Some(true), Some(8)));
    let again = told(&["run", &file, "--threads", "1"]);
    assert_eq!(run["trace_hash"], again["trace_hash"]);
    let parts: Vec<String> = (1..=3)
        .map(|part| {
            let (out, shard) = (desk.path(&format!("part{part}")), format!("{part}/3"));
            told(&["run", &file, "--out", &out, "--shard", &shard]);
            out
        })
        .collect();
    let joined = desk.path("joined");
    let report = told(&["report", &parts[0], &parts[1], &parts[2], "--out", &joined]);
    assert_eq!(report["trace_hash"], run["trace_hash"]);
    assert_eq!(report["findings"], run["findings"]);
    for name in ["runs.parquet", "figures.parquet", "series.parquet", "summary.json", "report.html"]
    {
        assert_eq!(bytes(&format!("{joined}/{name}")), bytes(&format!("{whole}/{name}")), "{name}");
    }
    let missing = refused(&["report", &parts[0], &parts[2], "--out", &desk.path("other")]);
    assert!(missing.contains("of 8 runs are there; give the folders of all parts"), "{missing}");
}

#[test]
fn runs_with_other_seeds_joined_are_one_run_with_all_of_them() {
    let desk = Desk::new();
    let (file, few, more) = (desk.scenario(), desk.path("few"), desk.path("more"));
    told(&["run", &file, "--seeds", "2", "--out", &few]);
    told(&["run", &file, "--seed-list", "3-4", "--out", &more]);
    let (whole, joined) = (desk.path("whole"), desk.path("joined"));
    let run = told(&["run", &file, "--out", &whole]);
    let report = told(&["report", &more, &few, "--out", &joined]);
    assert_eq!(report["trace_hash"], run["trace_hash"]);
    assert_eq!(report["findings"], run["findings"]);
    for name in ["figures.parquet", "summary.json", "report.html", "run.json"] {
        assert_eq!(bytes(&format!("{joined}/{name}")), bytes(&format!("{whole}/{name}")), "{name}");
    }
    let twice = refused(&["report", &whole, &few, "--out", &desk.path("twice")]);
    assert!(twice.contains("has seed 1 twice"), "{twice}");
    let other = desk.path("other");
    told(&["run", &file, "--set", "epochs=20", "--out", &other]);
    let error = refused(&["report", &few, &other, "--out", &desk.path("mixed")]);
    assert!(error.contains("with epochs=20 set or varied, not nothing"), "{error}");
}

#[test]
fn a_figure_that_a_run_happens_not_to_have_is_unknown_and_the_rest_is_written() {
    let desk = Desk::new();
    let (file, out) = (desk.path("unknown.toml"), desk.path("out"));
    let more = "[[must]]\nfigure = \"honest.detected_epochs\"\narm = \"calm\"\nbelow = 5.0 # chosen: a few hours\n\
                because = \"nobody drops anything\"\n\n[mutant]";
    std::fs::write(&file, SCENARIO.replace("[mutant]", more)).expect("a file");
    let output = sim(&["run", &file, "--out", &out]);
    assert!(!output.status.success(), "what is unknown does not hold");
    let told: Value =
        serde_json::from_slice(output.stdout.split(|b| *b == b'\n').next().expect("a line"))
            .expect("JSON");
    let findings = &told["findings"];
    assert_eq!(
        (findings[0]["holds"].as_bool(), findings[1]["holds"].as_bool()),
        (Some(true), Some(false))
    );
    assert_eq!(
        (&findings[1]["found"], &findings[1]["refuted"]),
        (&Value::Null, &Value::Bool(false))
    );
    let summary: Value =
        serde_json::from_slice(&bytes(&format!("{out}/summary.json"))).expect("JSON");
    assert_eq!(summary["trace_hash"], told["trace_hash"]);
    assert!(
        String::from_utf8(bytes(&format!("{out}/report.html"))).expect("HTML").contains("unknown")
    );
}

#[test]
fn people_read_findings_with_units_within_eighty_columns_and_of_a_part_that_it_is_one() {
    let desk = Desk::new();
    let file = desk.scenario();
    let said = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bondstore"));
        let output = command.arg("sim").args(words).output().expect("the binary runs");
        String::from_utf8(output.stdout).expect("text")
    };
    let run = said(&["run", &file]);
    let table: Vec<&str> = run.lines().skip(1).collect();
    assert!(table.iter().all(|line| line.chars().count() <= 80), "{run}");
    assert!(run.contains("holds") && run.contains("sat"), "{run}");
    let part = said(&["run", &file, "--shard", "1/2"]);
    assert!(
        part.contains("part 1 of 2: nothing is judged before `sim report` has joined"),
        "{part}"
    );
}

#[test]
fn a_figure_that_is_set_is_the_scenario_with_that_figure() {
    let desk = Desk::new();
    let (file, edited) = (desk.scenario(), desk.path("edited.toml"));
    let text = SCENARIO.replace("count = 12", "count = 14").replace("epochs = 30", "epochs = 20");
    std::fs::write(&edited, text).expect("the disk takes it");
    let set = ["run", &file, "--set", "agents.honest.count=14", "--set", "epochs=20"];
    let (found, meant) = (told(&set), told(&["run", &edited]));
    assert_eq!(found["trace_hash"], meant["trace_hash"]);
    assert_eq!(found["findings"], meant["findings"]);
    assert_ne!(found["trace_hash"], told(&["run", &file])["trace_hash"]);
    // Another world's files are another run's.
    let out = desk.path("out");
    told(&["run", &file, "--out", &out]);
    let error = refused(&["run", &file, "--set", "epochs=20", "--out", &out]);
    assert!(error.contains("has another run's files"), "{error}");
}

#[test]
fn the_market_of_very_many_lives_with_few_as_well() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/sim/scale/market.toml");
    let few =
        ["--set", "agents.honest.count=90", "--set", "agents.client.count=1", "--set", "epochs=40"];
    let desk = Desk::new();
    let out = desk.path("few");
    let words = [&["run", file, "--seeds", "1", "--out", &out][..], &few].concat();
    assert_eq!(told(&words)["runs"], 1);
    let summary: Value =
        serde_json::from_slice(&bytes(&format!("{out}/summary.json"))).expect("JSON");
    let text = summary.to_string();
    assert!(text.contains("Set for this run: agents.honest.count=90"), "{text}");
    let agreed = &summary["arms"]["only"]["figures"]["contracts.agreed"]["mean"];
    assert_eq!(agreed.as_f64(), Some(1.0), "{text}");
}

#[test]
fn a_mutant_that_is_refuted_is_what_is_wanted() {
    let desk = Desk::new();
    let file = desk.scenario();
    let run = told(&["run", &file, "--mutant"]);
    assert_eq!(run["holds"], false);
    let text = SCENARIO.replace("\"costs.keeping\" = 0.0", "\"network.answer_ms\" = 60.0");
    std::fs::write(desk.path("tame.toml"), text).expect("the disk takes it");
    let error = refused(&["run", &desk.path("tame.toml"), "--mutant"]);
    assert!(
        error.contains("nothing of the mutant of small is refuted: its checks show nothing"),
        "{error}"
    );
}

#[test]
fn a_sweep_goes_on_where_it_was_and_shows_its_figure() {
    let desk = Desk::new();
    let (file, out) = (desk.scenario(), desk.path("sweep"));
    let words = [
        "sweep",
        &file,
        "--over",
        "costs.keeping=10,50",
        "--over",
        "agents.honest.price=80,100",
        "--figure",
        "honest.profit_msat",
        "--arm",
        "dear",
        "--seeds",
        "2",
        "--out",
        &out,
    ];
    let first = told(&[&words[..], &["--shard", "1/2"]].concat());
    assert_eq!((first["cells"].as_u64(), first["left"].as_u64()), (Some(4), Some(2)));
    let kept = std::fs::metadata(format!("{out}/cell-00000-runs.parquet")).expect("a cell");
    let cells = told(&words)["cells"].as_array().expect("cells").clone();
    assert_eq!(cells.len(), 4);
    let still = std::fs::metadata(format!("{out}/cell-00000-runs.parquet")).expect("a cell");
    assert_eq!(kept.modified().ok(), still.modified().ok(), "what is there is not made again");
    assert!(cells[0]["mean"].as_f64() > cells[2]["mean"].as_f64(), "dearer keeping earns less");
    assert!(String::from_utf8(bytes(&format!("{out}/sweep.html"))).expect("HTML").contains("<svg"));
}

#[test]
fn a_sensitivity_finds_what_matters_and_what_does_not() {
    let desk = Desk::new();
    let file = desk.scenario();
    let words = [
        "sensitivity",
        &file,
        "--over",
        "costs.keeping=10..80",
        "--over",
        "network.answer_ms=50..60",
        "--over",
        "agents.client.contracts=1..3",
        "--figure",
        "honest.profit_msat",
        "--arm",
        "dear",
        "--seeds",
        "2",
        "--points",
        "3",
    ];
    let effects = told(&words)["effects"].clone();
    assert!(effects[0]["size"].as_f64() > Some(1.0) && effects[0]["mean"].as_f64() < Some(0.0));
    assert_eq!(effects[1]["size"].as_f64(), Some(0.0), "nobody is late either way");
}

#[test]
fn whatever_is_wrong_is_said_before_anything_runs() {
    let desk = Desk::new();
    let (file, out) = (desk.scenario(), desk.path("out"));
    std::fs::create_dir(&out).expect("a folder");
    std::fs::write(format!("{out}/notes"), "mine").expect("a file");
    let (used, nowhere) = (desk.path("used"), desk.path("nowhere"));
    told(&["run", &file, "--out", &used, "--seeds", "2"]);
    let changed = desk.path("changed.toml");
    std::fs::write(&changed, SCENARIO.replace("seeds = 4 # chosen small", "seeds = 4"))
        .expect("a file");
    std::fs::write(format!("{used}/other"), "x").expect("a file");
    for (words, text) in [
        (vec!["run", &changed], "changed.toml: line 4: 4 has no source"),
        (vec!["run", &file, "--seed-list", "1-5,3"], "seed 3 is in the list twice"),
        (vec!["run", &file, "--seed-list", "5-1"], "is no list of seeds"),
        (vec!["run", &file, "--shard", "3/2"], "is no part of the work"),
        (vec!["run", &file, "--threads", "0"], "give 1 or more"),
        (vec!["run", &file, "--out", &out], "has files that no run has put there"),
        (vec!["run", &file, "--out", &used, "--seeds", "3"], "has another run's files"),
        (vec!["run", "nowhere.toml"], "nowhere.toml cannot be read"),
        (vec!["run", &file, "--set", "epochs=20,30"], "epochs is set to 2 values; a run has one"),
        (vec!["run", &file, "--set", "epochs=9", "--set", "epochs=8"], "epochs is set twice"),
        (vec!["run", &file, "--set", "agents.nobody.count=3"], "nobody"),
        (vec!["run", &file, "--set", "epochs=0"], "epochs: 0; give 1 to"),
        (vec!["report", &out, "--out", &nowhere], "has no run's files"),
        (
            vec![
                "sweep",
                &file,
                "--over",
                "costs.keping=1,2",
                "--figure",
                "x",
                "--arm",
                "calm",
                "--out",
                &nowhere,
            ],
            "unknown field `keping`",
        ),
        (
            vec!["sweep", &file, "--over", "costs.keeping=1,2", "--figure", "x", "--out", &nowhere],
            "say which arm with --arm: there are calm, dear",
        ),
    ] {
        let error = refused(&words);
        assert!(error.contains(text), "{words:?}: {error}");
    }
    let foreign = desk.path("foreign");
    told(&["run", &file, "--out", &foreign, "--seeds", "2"]);
    std::fs::write(format!("{foreign}/runs.parquet"), "not a table").expect("a file");
    let error = refused(&["report", &foreign, "--out", &desk.path("whole")]);
    assert!(error.contains("Parquet"), "{error}");
}

#[test]
fn a_misspelt_figure_is_named_before_anything_runs() {
    let desk = Desk::new();
    let (file, nowhere) = (desk.scenario(), desk.path("nowhere"));
    let misspelt = desk.path("misspelt.toml");
    std::fs::write(&misspelt, SCENARIO.replace("honest.profit_msat", "honest.proft_msat"))
        .expect("a file");
    for (words, text) in [
        (
            vec!["run", &misspelt],
            "misspelt.toml: line 35: must.0.figure: no run has a figure \"honest.proft_msat\"; is honest.profit_msat meant?",
        ),
        (
            vec![
                "sweep",
                &file,
                "--over",
                "costs.keeping=1,2",
                "--figure",
                "profits",
                "--arm",
                "calm",
                "--out",
                &nowhere,
            ],
            "--figure: no run has a figure \"profits\"",
        ),
        (
            vec![
                "sensitivity",
                &file,
                "--over",
                "costs.keeping=1..2",
                "--figure",
                "lazy.penalties",
                "--arm",
                "calm",
            ],
            "the groups here are honest, client",
        ),
    ] {
        let error = refused(&words);
        assert!(error.contains(text), "{words:?}: {error}");
    }
    assert!(!Path::new(&nowhere).exists(), "nothing is made for what is refused");
}

#[test]
fn what_is_known_is_reproduced_and_printed_row_by_row() {
    let rows = told(&["validate", "--quick"]);
    let rows = rows.as_array().expect("rows");
    let numbers: std::collections::BTreeSet<u64> =
        rows.iter().filter_map(|row| row["number"].as_u64()).collect();
    assert_eq!(numbers, (1..=9).collect());
    assert!(rows.iter().all(|row| row["holds"] == true), "{rows:?}");
}

#[test]
fn a_planted_weakness_is_found_and_replays() {
    let desk = Desk::new();
    let (find, arm) = (desk.path("find.json"), "small_unaudited");
    let hunted = told(&["hunt", "--arm", arm, "--budget", "150", "--find", &find]);
    assert_eq!(hunted["certificate"]["holds"], false, "{hunted}");
    assert!(hunted["find"]["documents"].as_u64() < Some(50), "{}", hunted["find"]);
    let replayed = told(&["hunt", "--replay", &find]);
    assert_eq!(replayed["same"], true);
    assert_eq!(replayed["trace_hash"], hunted["find"]["trace"]);
    let changed =
        String::from_utf8(bytes(&find)).expect("JSON").replacen("\"seed\": ", "\"seed\": 1", 1);
    std::fs::write(&find, changed).expect("the disk takes it");
    assert!(refused(&["hunt", "--replay", &find]).contains("have changed since"));
    assert!(refused(&["hunt", "--arm", "none"]).contains("none"));
}
