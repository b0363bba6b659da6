//! `bondstore sim`: scenarios, sweeps and checks of the simulator, which runs the very rules that the market ships.

mod bounds;
mod folder;
mod hunt;
mod report;
mod run;
mod sensitivity;
mod sweep;
mod validate;

use crate::output::Output;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use sim::scenario::Scenario;
use std::path::{Path, PathBuf};

/// Attack the market's rules with simulated agents, or check the simulator itself.
#[derive(Subcommand)]
pub(crate) enum Sim {
    Run(run::Run),
    Sweep(sweep::Sweep),
    Sensitivity(sensitivity::Sensitivity),
    Report(report::Report),
    Validate(validate::Validate),
    Bounds(bounds::Bounds),
    Hunt(hunt::Hunt),
}

impl Sim {
    pub(crate) fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Run(run) => run.run(output),
            Self::Sweep(sweep) => sweep.run(output),
            Self::Sensitivity(sensitivity) => sensitivity.run(output),
            Self::Report(report) => report.run(output),
            Self::Validate(validate) => validate.run(output),
            Self::Bounds(bounds) => bounds.run(output),
            Self::Hunt(hunt) => hunt.run(output),
        }
    }
}

/// What every command that makes runs is told.
#[derive(Args)]
pub(crate) struct Runs {
    /// The scenario, a TOML file.
    #[arg(value_name = "SCENARIO")]
    scenario: PathBuf,
    /// How many runs each arm has: seeds 1 to N. As many as the scenario says where nothing is said.
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// The seeds themselves instead, for example 1-10,25.
    #[arg(long, value_name = "LIST", conflicts_with = "seeds")]
    seed_list: Option<String>,
    /// On how many threads; as many as there are cores where nothing is said. Any number gives the same result.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Make only this part of the work: the I-th of N. `sim report` joins the parts.
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<(usize, usize)>,
}

impl Runs {
    /// The scenario, with its text.
    fn read(&self) -> Result<(String, Scenario)> {
        read(&self.scenario)
    }

    fn seeds(&self, scenario: &Scenario) -> Result<Vec<u64>> {
        match &self.seed_list {
            Some(list) => seed_list(list),
            None => Ok((1..=self.seeds.unwrap_or(scenario.seeds)).collect()),
        }
    }

    fn shard(&self) -> (usize, usize) {
        self.shard.unwrap_or((1, 1))
    }

    /// Does `work` on as many threads as were asked for.
    fn on_threads<R: Send>(&self, work: impl FnOnce() -> R + Send) -> Result<R> {
        on_threads(self.threads, work)
    }
}

/// Does `work` on so many threads, or on one for each core.
fn on_threads<R: Send>(threads: Option<usize>, work: impl FnOnce() -> R + Send) -> Result<R> {
    anyhow::ensure!(threads != Some(0), "--threads 0 does no work; give 1 or more");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build();
    Ok(pool.context("no threads can be started")?.install(work))
}

/// The scenario in a file, with its text.
fn read(path: &Path) -> Result<(String, Scenario)> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let scenario = Scenario::parse(&text);
    let scenario = scenario.map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
    Ok((text, scenario))
}

fn shard(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').map(|(part, of)| (part.parse(), of.parse()));
    match parts {
        Some((Ok(part), Ok(of))) if part >= 1 && part <= of => Ok((part, of)),
        _ => Err(format!(
            "{text:?} is no part of the work; give I/N with I from 1 to N, for example 2/8"
        )),
    }
}

/// The seeds of a list such as `1-10,25`. One that is there twice is refused where the runs are planned.
fn seed_list(list: &str) -> Result<Vec<u64>> {
    let wrong = || {
        anyhow::anyhow!(
            "{list:?} is no list of seeds; give numbers and ranges, for example 1-10,25"
        )
    };
    let mut seeds = Vec::new();
    for part in list.split(',') {
        let (low, high) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
        let low: u64 = low.parse().map_err(|_| wrong())?;
        let high: u64 = high.parse().map_err(|_| wrong())?;
        anyhow::ensure!(low <= high && high - low < 1_000_000, wrong());
        seeds.extend(low..=high);
    }
    Ok(seeds)
}
