//! `bondstore sim report`: joins the parts of a run that several machines made, or runs of other seeds, and judges the whole.

use super::folder::{Folder, Label};
use super::{read, run};
use crate::output::Output;
use anyhow::{Context, Result, ensure};
use clap::Args;
use sim::{experiment, tables};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Join the folders of a run's parts, or of runs of one scenario with other seeds, judge the whole, and write its report.
#[derive(Args)]
pub(crate) struct Report {
    /// The folders that `sim run --shard` wrote; or one that `sim run` wrote.
    #[arg(value_name = "DIR", required = true)]
    parts: Vec<PathBuf>,
    /// Where the whole goes.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Report {
    pub(super) fn run(self, output: &Output) -> Result<()> {
        let mut reports = Vec::new();
        let mut labels = Vec::new();
        for path in &self.parts {
            let folder = Folder::of(path);
            let label = folder.label()?;
            let label = label.with_context(|| format!("{} has no run's files", path.display()))?;
            ensure!(label.what == "run", "{} has a sweep's files; give a run's", path.display());
            let report = folder.read_tables("")?;
            let report = report.with_context(|| {
                format!("the run in {} was not finished; make it again", path.display())
            })?;
            reports.push(report);
            labels.push(label);
        }
        let first = labels.first().context("give a folder")?;
        // Runs of other seeds are more of the same.
        let seeds: BTreeSet<u64> = labels.iter().flat_map(|label| label.seeds.clone()).collect();
        let seeds: Vec<u64> = seeds.into_iter().collect();
        let whole = |label: &Label| Label { shard: (1, 1), seeds: seeds.clone(), ..label.clone() };
        for (label, path) in labels.iter().zip(&self.parts) {
            ensure!(
                whole(label) == whole(first),
                "{} has {} than {}; join parts of one run, or runs that differ in their seeds alone",
                path.display(),
                format_args!("another run's files ({})", whole(label).unlike(&whole(first))),
                self.parts[0].display()
            );
        }
        let (text, scenario) = read(&Folder::of(&self.parts[0]).scenario())?;
        let merged = tables::merge(reports)?;
        let wanted = scenario.arms.len() * seeds.len();
        ensure!(
            merged.runs.len() == wanted,
            "{} of {wanted} runs are there; give the folders of all parts",
            merged.runs.len()
        );
        let report = experiment::judged(&scenario, merged)?;
        let folder = Folder::begin(&self.out, &whole(first), &text)?;
        folder.write_tables("", &report)?;
        folder.write_report(&report)?;
        run::tell(output, &report, Some(&folder.path("report.html")), (1, 1));
        ensure!(
            report.holds() || first.mutated,
            "{} does not hold: see the findings that are refuted, or open with so few runs",
            report.scenario
        );
        Ok(())
    }
}
