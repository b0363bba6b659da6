//! Every scenario with the shipped defaults, and every one with its defence off.
//!
//! With as many seeds as its file says everything that must hold does: all of each 95 % interval is on the right side. That
//! takes a while, and is asked for by `SIM_SEEDS`. With fewer, as usual here, intervals are wider: then nothing may be refuted, that is
//! lie on the wrong side altogether. In a mutant something always must be. `SIM_ONLY` says which files, by part of their names.

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

/// How many runs an arm has where nothing else is said: enough that what does not hold is refuted.
const FEW: u64 = 6;
/// How many runs an arm of a mutant has at least: enough that something is refuted in each.
const FEW_MUTATED: u64 = 16;

/// How many runs each arm has, and whether these are as many as the claims rest on.
fn seeds(scenario: &Scenario) -> (u64, bool) {
    let asked = std::env::var("SIM_SEEDS").ok().map(|count| count.parse().expect("a number"));
    let count = asked.unwrap_or(FEW);
    (count, count >= scenario.seeds)
}

fn told(name: &str, report: &Report) {
    for finding in &report.findings {
        let (low, high) = finding.interval;
        let holds = match (finding.holds, finding.refuted) {
            (true, _) => "holds",
            (false, true) => "REFUTED",
            (false, false) => "open",
        };
        println!(
            "{name}: {holds} {:.6} [{low:.6}, {high:.6}] of {}: {}",
            finding.found, finding.runs, finding.must
        );
    }
}

#[test]
fn every_scenario_holds_and_every_mutant_is_refuted() {
    let mut wrong = Vec::new();
    let scenarios = scenarios();
    assert!(!scenarios.is_empty(), "no scenario is called so");
    for (name, scenario) in scenarios {
        let (count, enough) = seeds(&scenario);
        let plan = Plan::first(count);
        let report = experiment::run(&scenario, &plan, || {}).expect("it can be run");
        told(&name, &report);
        for run in &report.runs {
            let unlisted = |figure: &&String| scenario.check_figure(figure, &run.arm).is_err();
            wrong.extend(
                run.figures.keys().find(unlisted).map(|f| format!("{f} of {name} is not listed")),
            );
        }
        if report.is_refuted() || (enough && !report.holds()) {
            wrong.push(format!("{name} does not hold"));
        }
        let mutated = Plan::first(count.max(FEW_MUTATED)).mutated();
        let mutant = experiment::run(&scenario, &mutated, || {}).expect("it can be run");
        told(&format!("{name}, mutant"), &mutant);
        if !mutant.is_refuted() {
            wrong.push(format!("nothing of {name}'s mutant is refuted"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
