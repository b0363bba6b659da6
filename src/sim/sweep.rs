//! `bondstore sim sweep`: one scenario in many worlds, every combination of some values.

use super::Runs;
use super::folder::{Folder, Label, written};
use super::run::short;
use crate::output::{Output, table};
use anyhow::{Context, Result, ensure};
use clap::Args;
use rayon::prelude::*;
use serde_json::json;
use sim::experiment::{self, Plan};
use sim::report::{Cell, sweep_html};
use sim::results;
use sim::scenario::{Changes, Scenario};
use sim::statistics;
use sim::sweep::{Axis, cells};
use std::path::PathBuf;

/// Run a scenario in many worlds: every combination of the values given. A sweep that was stopped goes on where it was.
#[derive(Args)]
pub(crate) struct Sweep {
    #[command(flatten)]
    runs: Runs,
    /// What is varied, once for each: a path in the world and its values.
    #[arg(long, value_name = "PATH=VALUE,…", required = true)]
    over: Vec<Axis>,
    /// Which figure is shown.
    #[arg(long, value_name = "NAME")]
    figure: String,
    /// Of which arm; of the only one where nothing is said.
    #[arg(long, value_name = "NAME")]
    arm: Option<String>,
    /// Less the same figure of this arm, seed by seed.
    #[arg(long, value_name = "ARM")]
    minus: Option<String>,
    /// Where results go. A sweep takes up again what is there of itself.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Sweep {
    pub(super) fn run(self, output: &Output) -> Result<()> {
        let (text, scenario) = self.runs.read()?;
        let arm = arm(&scenario, self.arm.as_deref())?;
        if let Some(minus) = &self.minus {
            self::arm(&scenario, Some(minus))?;
        }
        // The others' runs would show nothing.
        let scenario = scenario.only(&[&arm, self.minus.as_deref().unwrap_or(&arm)]);
        let plan = Plan { seeds: self.runs.seeds(&scenario)?, ..Plan::first(1) };
        let shard = self.runs.shard();
        let label = Label {
            what: "sweep".into(),
            scenario: scenario.name.clone(),
            text: types::Hash::of(text.as_bytes()).to_string(),
            seeds: plan.seeds.clone(),
            mutated: false,
            // Every part of a sweep writes into one folder: cells have names of their own.
            shard: (1, 1),
            over: written(&self.over)
                .into_iter()
                .chain([format!("arms={}", self.of(&arm))])
                .collect(),
        };
        let all: Vec<(usize, Changes)> = cells(&self.over).into_iter().enumerate().collect();
        // Whatever does not fit is said before there is a folder.
        plan.check(&scenario)?;
        for (_, cell) in &all {
            scenario.with(cell)?;
        }
        figure(&scenario, &self.figure)?;
        let folder = Folder::begin(&self.out, &label, &text)?;
        let mine: Vec<_> = all.iter().filter(|(at, _)| at % shard.1 == shard.0 - 1).collect();
        let bar = output.steps("cells", mine.len() as u64);
        let made = self.runs.on_threads(|| {
            mine.par_iter().try_for_each(|(at, cell)| {
                let done = cell_of(&folder, &scenario, (*at, cell), &plan);
                bar.inc(1);
                done
            })
        })?;
        bar.finish_and_clear();
        made?;
        let read = all.iter().map(|(at, _)| folder.read_tables(&prefix(*at)));
        let reports: Vec<Option<results::Report>> = read.collect::<Result<_>>()?;
        let left = reports.iter().filter(|report| report.is_none()).count();
        if left > 0 {
            output.result(&json!({ "cells": all.len(), "left": left }), || {
                format!("{left} of {} cells are left to the other parts", all.len())
            });
            return Ok(());
        }
        self.tell(
            output,
            &folder,
            (&scenario, &arm),
            &reports.into_iter().flatten().collect::<Vec<_>>(),
        )
    }

    fn tell(
        &self,
        output: &Output,
        folder: &Folder,
        (scenario, arm): (&Scenario, &str),
        reports: &[results::Report],
    ) -> Result<()> {
        let all = cells(&self.over);
        let mut shown = Vec::new();
        for (cell, report) in all.iter().zip(reports) {
            let values = values(report, (arm, self.minus.as_deref()), &self.figure)?;
            shown.push((cell, values));
        }
        let rows: Vec<_> = shown
            .iter()
            .map(|(cell, values)| {
                let found = statistics::mean(values, statistics::USUAL);
                json!({ "at": cell, "figure": self.figure, "of": self.of(arm), "mean": found.mean, "interval": [found.interval.0, found.interval.1], "runs": values.len() })
            })
            .collect();
        folder.write("sweep.json", &serde_json::to_vec_pretty(&rows)?)?;
        let page = self.page((scenario, arm), &shown);
        if let Some(page) = &page {
            folder.write("sweep.html", page.as_bytes())?;
        }
        output.result(&json!({ "cells": rows }), || {
            let lines = shown.iter().map(|(cell, values)| {
                let found = statistics::mean(values, statistics::USUAL);
                let at: Vec<String> =
                    cell.iter().map(|(path, value)| format!("{path}={value}")).collect();
                let (low, high) = found.interval;
                [at.join(" "), short(found.mean), format!("{} to {}", short(low), short(high))]
            });
            let figure = format!("{} of {}", self.figure, self.of(arm));
            let head = ["at", figure.as_str(), "95 % interval"];
            let page = page.map_or_else(String::new, |_| {
                format!("\nreport: {}", folder.path("sweep.html").display())
            });
            format!("{}{page}", table(head, lines))
        });
        Ok(())
    }

    /// Whose figure is shown, in words.
    fn of(&self, arm: &str) -> String {
        self.minus.as_ref().map_or_else(|| arm.to_owned(), |minus| format!("{arm} less {minus}"))
    }

    /// The page, where one or two numbers were varied.
    fn page(
        &self,
        (scenario, arm): (&Scenario, &str),
        shown: &[(&Changes, Vec<f64>)],
    ) -> Option<String> {
        let (across, up) = match self.over.as_slice() {
            [across] => (across, None),
            [across, up] => (across, Some(up)),
            _ => return None,
        };
        let place =
            |cell: &Changes, axis: &Axis| cell.get(&axis.path).and_then(serde_json::Value::as_f64);
        let cells = shown.iter().map(|(cell, values)| {
            let y = up.map_or(Some(0.0), |up| place(cell, up))?;
            Some(Cell { x: place(cell, across)?, y, values: values.clone() })
        });
        let level = self.figure.ends_with("_msat").then_some(0.0);
        Some(sweep_html(&sim::report::Sweep {
            scenario: scenario.name.clone(),
            claim: scenario.claim.clone(),
            of: self.of(arm),
            figure: self.figure.clone(),
            across: across.path.clone(),
            up: up.map(|up| up.path.clone()),
            cells: cells.collect::<Option<Vec<_>>>()?,
            level,
            theory: None,
        }))
    }
}

/// Makes the runs of one cell, unless they are there.
fn cell_of(
    folder: &Folder,
    scenario: &Scenario,
    (at, cell): (usize, &Changes),
    plan: &Plan,
) -> Result<()> {
    if folder.read_tables(&prefix(at))?.is_some() {
        return Ok(());
    }
    let scenario = scenario.with(cell)?;
    folder.write_tables(&prefix(at), &experiment::run(&scenario, plan, || {})?)
}

fn prefix(at: usize) -> String {
    format!("cell-{at:05}-")
}

/// The arm that is asked for, or the only one.
pub(super) fn arm(scenario: &Scenario, asked: Option<&str>) -> Result<String> {
    let known = scenario.arms.keys().cloned().collect::<Vec<_>>().join(", ");
    if let Some(arm) = asked {
        ensure!(scenario.arms.contains_key(arm), "there is no arm {arm:?}; there are {known}");
        return Ok(arm.to_owned());
    }
    let one = scenario.arms.len() == 1;
    let only = scenario.arms.keys().next().filter(|_| one);
    only.cloned().with_context(|| format!("say which arm with --arm: there are {known}"))
}

/// Whether runs of a scenario's arms can have a figure called so.
pub(super) fn figure(scenario: &Scenario, name: &str) -> Result<()> {
    let checked = scenario.order.iter().try_for_each(|arm| scenario.check_figure(name, arm));
    checked.map_err(|reason| anyhow::anyhow!("--figure: {reason}"))
}

/// A figure of an arm's runs by seed, less that of another arm.
pub(super) fn values(
    report: &results::Report,
    (arm, minus): (&str, Option<&str>),
    figure: &str,
) -> Result<Vec<f64>> {
    let of = |arm: &str| -> Result<Vec<f64>> {
        let runs = report.runs.iter().filter(|run| run.arm == arm);
        let values = runs.map(|run| {
            run.figures.get(figure).copied().with_context(|| {
                let seed = run.seed;
                format!("{figure} is unknown in arm {arm} with seed {seed}: what it is the mean of never happened there; what every run has can be swept")
            })
        });
        values.collect()
    };
    let values = of(arm)?;
    let Some(minus) = minus else { return Ok(values) };
    let less = of(minus)?;
    ensure!(less.len() == values.len(), "there is no arm {minus:?} with the same seeds");
    Ok(values.iter().zip(less).map(|(value, less)| value - less).collect())
}
