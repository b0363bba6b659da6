//! Every scenario holds with the shipped defaults, and every one fails with its defence off.
//!
//! `SIM_SEEDS` says how many runs each arm has, instead of as many as each file says; `SIM_ONLY` which files, by part of
//! their names.

use sim::experiment::{self, Plan};
use sim::results::Report;
use sim::scenario::Scenario;
use std::path::PathBuf;

/// The scenarios, by name.
fn scenarios() -> Vec<(String, Scenario)> {
    let only = std::env::var("SIM_ONLY").unwrap_or_default();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = std::fs::read_dir(folder).expect("the package has scenarios");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    let name = |path: &PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
    let wanted = paths.iter().filter(|path| name(path).contains(&only));
    wanted
        .map(|path| {
            let text = std::fs::read_to_string(path).expect("a text");
            let scenario = Scenario::parse(&text);
            (name(path), scenario.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        })
        .collect()
}

fn seeds(scenario: &Scenario) -> u64 {
    std::env::var("SIM_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(scenario.seeds)
}

fn told(name: &str, report: &Report) {
    for finding in &report.findings {
        let (low, high) = finding.interval;
        let holds = if finding.holds { "holds" } else { "FAILS" };
        println!(
            "{name}: {holds} {:.6} [{low:.6}, {high:.6}] of {}: {}",
            finding.found, finding.runs, finding.must
        );
    }
}

#[test]
fn every_scenario_holds_and_every_mutant_fails() {
    let mut wrong = Vec::new();
    let scenarios = scenarios();
    assert!(!scenarios.is_empty(), "no scenario is called so");
    for (name, scenario) in scenarios {
        let plan = Plan::first(seeds(&scenario));
        let report = experiment::run(&scenario, &plan, || {}).expect("it can be run");
        told(&name, &report);
        if !report.holds() {
            wrong.push(format!("{name} does not hold"));
        }
        let mutant = experiment::run(&scenario, &plan.mutated(), || {}).expect("it can be run");
        told(&format!("{name}, mutant"), &mutant);
        if mutant.holds() {
            wrong.push(format!("{name}'s mutant holds"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
