//! `bondstore sim sensitivity`: which parameters move a figure, and how much of its variance each explains.

use super::Runs;
use super::run::short;
use super::sweep::{arm, figure, values};
use crate::output::{Output, table};
use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use rayon::prelude::*;
use serde_json::{Value, json};
use sim::experiment::{self, Plan};
use sim::scenario::{Changes, Scenario};
use sim::sensitivity::{Parameter, effects, indices, samples, walks};
use sim::{Seed, statistics};

/// How sensitivity is measured.
#[derive(Clone, Copy, ValueEnum)]
enum Method {
    /// Screening: few runs, finds what matters at all.
    Morris,
    /// Indices: many runs, says how much of the variance each parameter explains.
    Sobol,
}

/// Find out which parameters a figure depends on.
#[derive(Args)]
pub(crate) struct Sensitivity {
    #[command(flatten)]
    runs: Runs,
    /// What is varied, once for each: a path in the world and between which values.
    #[arg(long, value_name = "PATH=LOW..HIGH", required = true)]
    over: Vec<Parameter>,
    /// Which figure is looked at.
    #[arg(long, value_name = "NAME")]
    figure: String,
    /// Of which arm; of the only one where nothing is said.
    #[arg(long, value_name = "NAME")]
    arm: Option<String>,
    /// Less the same figure of this arm, seed by seed.
    #[arg(long, value_name = "ARM")]
    minus: Option<String>,
    /// How it is measured.
    #[arg(long, value_enum, default_value = "morris")]
    method: Method,
    /// How many walks (morris) or base points (sobol).
    #[arg(long, value_name = "N", default_value_t = 8)]
    points: u64,
}

impl Sensitivity {
    pub(super) fn run(self, output: &Output) -> Result<()> {
        let (_, scenario) = self.runs.read()?;
        let arm = arm(&scenario, self.arm.as_deref())?;
        if let Some(minus) = &self.minus {
            super::sweep::arm(&scenario, Some(minus))?;
        }
        // The others' runs would show nothing.
        let scenario = scenario.only(&[&arm, self.minus.as_deref().unwrap_or(&arm)]);
        ensure!(self.points > 0, "--points 0 measures nothing; give 1 or more");
        ensure!(
            self.runs.shard.is_none(),
            "a sensitivity is measured as a whole; leave --shard out"
        );
        figure(&scenario, &self.figure)?;
        let plan = Plan { seeds: self.runs.seeds(&scenario)?, ..Plan::first(1) };
        let counts = self.counts(&scenario);
        let points = match self.method {
            Method::Morris => walks(&self.over, self.points, Seed(1)),
            Method::Sobol => samples(&self.over, self.points, Seed(1)),
        };
        // Counts are whole numbers, and effects are counted from where they truly are.
        let whole = |(at, count): (f64, &bool)| if *count { at.round() } else { at };
        let points: Vec<Vec<f64>> = points
            .into_iter()
            .map(|point| point.into_iter().zip(&counts).map(whole).collect())
            .collect();
        let bar = output.steps("points", points.len() as u64);
        let found: Vec<Result<f64>> = self.runs.on_threads(|| {
            points
                .par_iter()
                .map(|point| {
                    let found = self.at((&scenario, &arm), point, &counts, &plan);
                    bar.inc(1);
                    found
                })
                .collect()
        })?;
        bar.finish_and_clear();
        let found = found.into_iter().collect::<Result<Vec<f64>>>()?;
        match self.method {
            Method::Morris => screening(output, &self, &effects(&self.over, &points, &found)),
            Method::Sobol => shares(output, &self, &indices(&self.over, &found)),
        }
        Ok(())
    }

    /// Which parameters are counts: those that do not fit as fractions.
    fn counts(&self, scenario: &Scenario) -> Vec<bool> {
        let fraction = |p: &Parameter| [(p.path.clone(), json!(p.low.floor() + 0.5))].into();
        self.over.iter().map(|p| scenario.with(&fraction(p)).is_err()).collect()
    }

    /// The figure's mean at one point.
    fn at(
        &self,
        (scenario, arm): (&Scenario, &str),
        point: &[f64],
        counts: &[bool],
        plan: &Plan,
    ) -> Result<f64> {
        let places = self.over.iter().zip(point).zip(counts);
        let cell: Changes =
            places.map(|((p, at), count)| (p.path.clone(), number(*at, *count))).collect();
        let scenario = scenario.with(&cell)?;
        let report = experiment::run(&scenario, plan, || {})?;
        let values = values(&report, (arm, self.minus.as_deref()), &self.figure)?;
        Ok(statistics::mean(&values, statistics::USUAL).mean)
    }
}

/// A number as scenarios have it.
fn number(value: f64, count: bool) -> Value {
    let whole = serde_json::from_str(&format!("{value:.0}"));
    if count { whole.unwrap_or(Value::Null) } else { json!(value) }
}

fn screening(output: &Output, asked: &Sensitivity, found: &[sim::sensitivity::Effect]) {
    output.result(&json!({ "figure": asked.figure, "effects": found }), || {
        let rows =
            found.iter().map(|e| [e.path.clone(), short(e.size), short(e.mean), short(e.spread)]);
        let table = table(["parameter", "size (μ*)", "mean (μ)", "spread (σ)"], rows);
        format!("effects on {} over each parameter's whole range\n{table}", asked.figure)
    });
}

fn shares(output: &Output, asked: &Sensitivity, found: &[sim::sensitivity::Index]) {
    output.result(&json!({ "figure": asked.figure, "indices": found }), || {
        let rows = found.iter().map(|i| [i.path.clone(), short(i.first), short(i.total)]);
        let table = table(["parameter", "by itself", "with others"], rows);
        format!("shares of the variance of {}\n{table}", asked.figure)
    });
}
