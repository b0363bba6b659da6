//! `bondstore sim report`: joins the parts of a run that several machines made, and judges the whole.

use super::folder::Folder;
use super::{read, run};
use crate::output::Output;
use anyhow::{Context, Result, ensure};
use clap::Args;
use sim::{experiment, tables};
use std::path::PathBuf;

/// Join the folders of a run's parts, judge the whole, and write its report.
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
        let whole =
            |label: &super::folder::Label| super::folder::Label { shard: (1, 1), ..label.clone() };
        for (label, path) in labels.iter().zip(&self.parts) {
            ensure!(
                whole(label) == whole(first),
                "{} has a part of another run (scenario {}, {} seeds) than {}; join parts of one run",
                path.display(),
                label.scenario,
                label.seeds.len(),
                self.parts[0].display()
            );
        }
        let (text, scenario) = read(&Folder::of(&self.parts[0]).scenario())?;
        let merged = tables::merge(reports)?;
        let wanted = scenario.arms.len() * first.seeds.len();
        ensure!(
            merged.runs.len() == wanted,
            "{} of {wanted} runs are there; give the folders of all parts",
            merged.runs.len()
        );
        let report = experiment::judged(&scenario, merged)?;
        let folder = Folder::begin(&self.out, &whole(first), &text)?;
        folder.write_tables("", &report)?;
        folder.write_report(&report)?;
        run::tell(output, &report, Some(&folder.path("report.html")));
        ensure!(
            report.holds() || first.mutated,
            "{} does not hold: see the findings that are refuted, or open with so few runs",
            report.scenario
        );
        Ok(())
    }
}
