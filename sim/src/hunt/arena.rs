//! Trying programs: every one branches off the same pasts, one for each seed, so that they share their luck.

use super::stage::ATTACKER;
use super::{HuntError, Program, Stage};
use crate::chance::Seed;
use crate::scenario::Scenario;
use crate::statistics::{self, Estimate, USUAL};
use crate::world::{Ended, World, WorldSettings};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A stage with its pasts, and what has been tried on it.
pub(super) struct Arena {
    settings: WorldSettings,
    past: u64,
    seeds: Vec<Seed>,
    /// The worlds at the moment when attacks begin, by seed; made when they are wanted.
    pasts: BTreeMap<Seed, Past>,
    ended: BTreeMap<(Program, Seed), Ended>,
    /// How many futures were lived through.
    pub(super) lived: u64,
}

/// A world that nobody changes: it only branches.
struct Past {
    world: std::sync::Mutex<World>,
    /// What the attacker had gained by then, in msat.
    profit_msat: f64,
}

impl Arena {
    pub(super) fn new(
        ground: &Scenario,
        stage: &Stage,
        seeds: Vec<Seed>,
    ) -> Result<Self, HuntError> {
        let settings = stage.world(ground)?;
        settings.validated()?;
        let (pasts, ended) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { settings, past: stage.past, seeds, pasts, ended, lived: 0 })
    }

    pub(super) fn seeds(&self) -> usize {
        self.seeds.len()
    }

    pub(super) fn seed(&self, at: usize) -> Seed {
        self.seeds[at]
    }

    /// Tries each program, and the honest ones that it is compared with, on the first `seeds` seeds.
    pub(super) fn try_all(&mut self, programs: &[Program], seeds: usize) -> Result<(), HuntError> {
        let seeds = &self.seeds[..seeds.min(self.seeds.len())];
        let mut wanted: BTreeSet<&Program> = BTreeSet::new();
        let honest: Vec<Program> = programs.iter().map(Program::honest).collect();
        let plain = Program::default();
        wanted.extend(programs.iter().chain(&honest).chain([&plain]));
        let pairs =
            wanted.iter().flat_map(|program| seeds.iter().map(|s| ((*program).clone(), *s)));
        let new: Vec<(Program, Seed)> =
            pairs.filter(|pair| !self.ended.contains_key(pair)).collect();
        self.prepare(new.iter().map(|(_, seed)| *seed).collect())?;
        let (pasts, last) = (&self.pasts, self.settings.epochs);
        let lived = new.into_par_iter().map(|(program, seed)| {
            let mut world = pasts[&seed].branch()?;
            world.instruct(ATTACKER, &program);
            world.live_through(last)?;
            Ok(((program, seed), world.ended(ATTACKER)))
        });
        let lived: Vec<Result<_, HuntError>> = lived.collect();
        for ended in lived {
            let (pair, ended) = ended?;
            self.ended.insert(pair, ended);
            self.lived += 1;
        }
        Ok(())
    }

    /// Lives through the pasts that are not there yet.
    fn prepare(&mut self, seeds: BTreeSet<Seed>) -> Result<(), HuntError> {
        let new: Vec<Seed> =
            seeds.into_iter().filter(|seed| !self.pasts.contains_key(seed)).collect();
        let (settings, last) = (&self.settings, self.past);
        let lived = new.into_par_iter().map(|seed| {
            let mut world = World::new(settings, seed)?;
            world.live_through(last)?;
            let profit_msat = world.ended(ATTACKER).profit_msat;
            Ok((seed, Past { world: std::sync::Mutex::new(world), profit_msat }))
        });
        let lived: Vec<Result<_, HuntError>> = lived.collect();
        for past in lived {
            let (seed, past) = past?;
            self.pasts.insert(seed, past);
        }
        Ok(())
    }

    /// How `program` ended with the `at`th seed, which it has been tried on.
    pub(super) fn ended(&self, program: &Program, at: usize) -> Ended {
        self.ended[&(program.clone(), self.seeds[at])]
    }

    /// Profits on the first `seeds` seeds.
    pub(super) fn profits(&self, program: &Program, seeds: usize) -> Vec<f64> {
        (0..seeds).map(|at| self.ended(program, at).profit_msat).collect()
    }

    /// What `program` gains in the time of the attack.
    pub(super) fn gained(&self, program: &Program, seeds: usize) -> Estimate {
        let before: Vec<f64> =
            self.seeds[..seeds].iter().map(|seed| self.pasts[seed].profit_msat).collect();
        statistics::paired(&self.profits(program, seeds), &before, USUAL)
    }

    /// The honest program that `program` must beat: with its prices or with the usual one, whichever gains more here.
    pub(super) fn rival(&self, program: &Program, seeds: usize) -> Program {
        let (plain, honest) = (Program::default(), program.honest());
        let sum = |program: &Program| statistics::sum(self.profits(program, seeds));
        if sum(&honest) > sum(&plain) { honest } else { plain }
    }

    /// What `program` gains above an honest one in its place, seed by seed.
    pub(super) fn value(&self, program: &Program, rival: &Program, seeds: usize) -> Estimate {
        self.value_at(program, rival, (seeds, USUAL))
    }

    /// As [`Arena::value`], with an interval of this confidence.
    pub(super) fn value_at(
        &self,
        program: &Program,
        rival: &Program,
        (seeds, confidence): (usize, f64),
    ) -> Estimate {
        let (first, second) = (self.profits(program, seeds), self.profits(rival, seeds));
        statistics::paired(&first, &second, confidence)
    }
}

impl Past {
    fn branch(&self) -> Result<World, HuntError> {
        let world = self.world.lock().map_err(|_| HuntError::Uncopied)?;
        world.fork().ok_or(HuntError::Uncopied)
    }
}
