//! Running a scenario: every arm with every seed, and what that shows.

mod judge;

use crate::chance::Seed;
use crate::results::{Report, Run};
use crate::scenario::{Scenario, SetError};
use crate::statistics;
use crate::world::{World, WorldError, WorldSettings};
pub use judge::JudgeError;
use rayon::prelude::*;
use types::Span;

/// Which runs of a scenario are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The seeds, each once.
    pub seeds: Vec<u64>,
    /// Whether one defence is off.
    pub mutated: bool,
    /// Which part of the runs, of how many: the first of one are all.
    pub shard: (usize, usize),
}

/// Why an experiment came to no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExperimentError {
    /// A change does not fit.
    #[error(transparent)]
    Set(#[from] SetError),
    /// A world could not live.
    #[error("arm {arm}, seed {seed}: {error}")]
    World {
        /// Which arm.
        arm: String,
        /// With which seed.
        seed: u64,
        /// Why.
        error: WorldError,
    },
    /// What must hold cannot be judged.
    #[error(transparent)]
    Judge(#[from] JudgeError),
    /// A seed is there twice.
    #[error(
        "seed {0} is in the list twice; a run that counts twice makes every interval too narrow"
    )]
    SeedTwice(u64),
    /// There is no such part of the runs.
    #[error("there is no shard {0} of {1}; give 1 to {1} of it")]
    Shard(usize, usize),
    /// The scenario has no mutant.
    #[error("scenario {0} has no mutant")]
    NoMutant(String),
}

impl Plan {
    /// The first `count` seeds, all of them here.
    pub fn first(count: u64) -> Self {
        Self { seeds: (1..=count).collect(), mutated: false, shard: (1, 1) }
    }

    /// The same with one defence off.
    #[must_use]
    pub fn mutated(self) -> Self {
        Self { mutated: true, ..self }
    }

    /// Whether it can be made of `scenario`.
    ///
    /// # Errors
    /// [`ExperimentError`] says what does not fit.
    pub fn check(&self, scenario: &Scenario) -> Result<(), ExperimentError> {
        let mut sorted = self.seeds.clone();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ExperimentError::SeedTwice(pair[0]));
        }
        let (shard, of) = self.shard;
        if shard == 0 || shard > of {
            return Err(ExperimentError::Shard(shard, of));
        }
        if self.mutated && scenario.mutant.is_none() {
            return Err(ExperimentError::NoMutant(scenario.name.clone()));
        }
        let judged = scenario.must.first().filter(|_| of == 1 && self.seeds.len() < 2);
        judged.map_or(Ok(()), |must| {
            let (arm, runs) = (must.arm.clone(), self.seeds.len());
            Err(ExperimentError::Judge(JudgeError::TooFew(arm, runs)))
        })
    }
}

/// How many epochs the runs that `plan` names have together.
///
/// # Errors
/// [`SetError`] where a change does not fit.
pub fn epochs(scenario: &Scenario, plan: &Plan) -> Result<u64, SetError> {
    Ok(worlds(scenario, plan)?.iter().map(|(_, _, world)| world.epochs).sum())
}

/// The worlds in which the runs that `plan` names live, each with its arm and seed.
fn worlds<'a>(
    scenario: &'a Scenario,
    plan: &Plan,
) -> Result<Vec<(&'a str, u64, WorldSettings)>, SetError> {
    let (shard, of) = plan.shard;
    let mut worlds = Vec::new();
    for arm in &scenario.order {
        let world = scenario.world_of(arm, plan.mutated)?;
        worlds.extend(plan.seeds.iter().map(|seed| (arm.as_str(), *seed, world.clone())));
    }
    let mine = worlds.into_iter().enumerate().filter(|(at, _)| at % of + 1 == shard);
    Ok(mine.map(|(_, run)| run).collect())
}

/// Makes the runs that `plan` names, on as many threads as the caller's pool has; `passed` is told of each epoch that is over.
/// Runs go by arm and seed and never by thread, so that any number of threads gives the same report.
///
/// # Errors
/// [`ExperimentError`], the first in the order of the runs.
pub fn run(
    scenario: &Scenario,
    plan: &Plan,
    passed: impl Fn() + Sync,
) -> Result<Report, ExperimentError> {
    plan.check(scenario)?;
    let mine = worlds(scenario, plan)?;
    let epoch = scenario.world.get("epoch").and_then(serde_json::Value::as_str).unwrap_or_default();
    let epoch_s = epoch.parse::<Span>().map_or(0.0, |epoch| statistics::real(epoch.0) / 1e6);
    let lived = mine.into_par_iter().map(|(arm, seed, world)| {
        let lived = World::new(&world, Seed(seed)).and_then(|world| world.run(arm, |_| passed()));
        lived.map_err(|error| ExperimentError::World { arm: arm.to_owned(), seed, error })
    });
    let runs: Vec<Result<Run, ExperimentError>> = lived.collect();
    let runs = runs.into_iter().collect::<Result<Vec<_>, _>>()?;
    let findings = if plan.shard.1 == 1 { judge::all(&scenario.must, &runs)? } else { Vec::new() };
    let Scenario { name, claim, .. } = scenario.clone();
    Ok(Report { scenario: name, claim, epoch_s, runs, findings })
}

/// Judges a report that was merged from shards, and puts its runs in the order of the scenario's arms.
///
/// # Errors
/// [`JudgeError`] where runs are missing.
pub fn judged(scenario: &Scenario, mut report: Report) -> Result<Report, JudgeError> {
    let place = |arm: &String| scenario.order.iter().position(|known| known == arm);
    report.runs.sort_by_key(|run| place(&run.arm));
    report.findings = judge::all(&scenario.must, &report.runs)?;
    Ok(report)
}

#[cfg(test)]
mod tests;
