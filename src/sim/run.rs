//! `bondstore sim run`: every arm of a scenario with every seed, and whether what must hold does.

use super::Runs;
use super::folder::{Folder, Label, written};
use crate::output::{Output, narrow_table};
use anyhow::{Result, bail, ensure};
use clap::Args;
use serde_json::json;
use sim::experiment::{self, Plan};
use sim::results;
use sim::scenario::Changes;
use sim::sweep::Axis;
use std::path::PathBuf;

/// Run a scenario: every arm with every seed.
#[derive(Args)]
pub(crate) struct Run {
    #[command(flatten)]
    runs: Runs,
    /// Put tables, summary and report into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Change a figure of the world first, once for each: a path in the world and its value.
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<Axis>,
    /// Take the scenario's mutant: one defence is off, and something must be refuted.
    #[arg(long)]
    mutant: bool,
}

impl Run {
    pub(super) fn run(self, output: &Output) -> Result<()> {
        let (text, scenario) = self.runs.read()?;
        let mut scenario = scenario.with(&changes(&self.set)?)?;
        let set = written(&self.set);
        if !set.is_empty() {
            scenario.claim =
                format!("{} Set for this run: {}.", scenario.claim.trim_end(), set.join(", "));
        }
        let shard = self.runs.shard();
        let plan = Plan { seeds: self.runs.seeds(&scenario)?, mutated: self.mutant, shard };
        // Whatever does not fit is said before there is a folder.
        plan.check(&scenario)?;
        let folder = self.out.as_ref().map(|path| {
            let label = Label {
                what: "run".into(),
                scenario: scenario.name.clone(),
                text: types::Hash::of(text.as_bytes()).to_string(),
                seeds: plan.seeds.clone(),
                mutated: self.mutant,
                shard,
                over: set.clone(),
            };
            Folder::begin(path, &label, &text)
        });
        let folder = folder.transpose()?;
        let bar = output.steps("epochs", experiment::epochs(&scenario, &plan)?);
        let made = self.runs.on_threads(|| experiment::run(&scenario, &plan, || bar.inc(1)))?;
        bar.finish_and_clear();
        let report = made?;
        if let Some(folder) = &folder {
            folder.write_tables("", &report)?;
            folder.write_report(&report)?;
        }
        let page = folder.map(|folder| folder.path("report.html"));
        tell(output, &report, page.as_deref(), shard);
        ensure!(
            report.holds() || self.mutant,
            "{} does not hold: see the findings that are refuted, or open with so few runs",
            report.scenario
        );
        ensure!(
            !(self.mutant && shard.1 == 1 && !report.is_refuted()),
            "nothing of the mutant of {} is refuted: its checks show nothing",
            report.scenario
        );
        Ok(())
    }
}

/// What is set, each once and to one value.
fn changes(set: &[Axis]) -> Result<Changes> {
    let mut changes = Changes::new();
    for axis in set {
        let [value] = &axis.values[..] else {
            bail!(
                "{} is set to {} values; a run has one, `sim sweep --over` takes several",
                axis.path,
                axis.values.len()
            );
        };
        ensure!(
            changes.insert(axis.path.clone(), value.clone()).is_none(),
            "{} is set twice; give it once",
            axis.path
        );
    }
    Ok(changes)
}

/// Prints what a report shows; of a part of a run that nothing is judged yet.
pub(super) fn tell(
    output: &Output,
    report: &results::Report,
    page: Option<&std::path::Path>,
    (part, of): (usize, usize),
) {
    let value = json!({
        "scenario": report.scenario,
        "trace_hash": report.trace().to_string(),
        "runs": report.runs.len(),
        "shard": (of > 1).then_some([part, of]),
        "holds": report.holds(),
        "findings": report.findings,
        "report": page.map(|page| page.display().to_string()),
    });
    output.result(&value, || {
        let (runs, trace) = (report.runs.len(), report.trace());
        let judged = if of > 1 {
            format!(
                "part {part} of {of}: nothing is judged before `sim report` has joined all parts"
            )
        } else if report.findings.is_empty() {
            "the scenario says nothing that must hold".to_owned()
        } else {
            findings(report)
        };
        let page = page.map_or_else(String::new, |page| format!("\nreport: {}", page.display()));
        format!("{}: {runs} runs, trace {trace}\n{judged}{page}", report.scenario)
    });
}

/// What was found of everything that must hold.
fn findings(report: &results::Report) -> String {
    let rows = report.findings.iter().map(|finding| {
        let holds = match (finding.holds, finding.refuted) {
            (true, _) => "holds",
            (false, true) => "REFUTED",
            (false, false) if finding.found.is_nan() => "unknown",
            (false, false) => "open",
        };
        let (found, interval) = sim::report::in_words(report, finding);
        [holds.to_owned(), finding.must.clone(), found, interval]
    });
    narrow_table(["", "what must hold", "found", "95 % interval"], rows)
}

/// A figure with as many digits as tell something.
pub(super) fn short(value: f64) -> String {
    if value == 0.0 || (value.abs() >= 1e-3 && value.abs() < 1e9) {
        let digits = if value.abs() >= 1_000.0 { 0 } else { 4 };
        format!("{value:.digits$}")
    } else {
        format!("{value:.4e}")
    }
}
