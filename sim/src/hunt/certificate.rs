//! What a hunt leaves behind: a certificate of what was measured, and a find that replays.

use super::arena::Arena;
use super::stage::ATTACKER;
use super::{HuntError, Program, Stage};
use crate::chance::Seed;
use crate::scenario::Scenario;
use crate::statistics::Estimate;
use crate::world::{Ended, World};
use serde::{Deserialize, Serialize};
use types::Hash;

/// What the best deviation from honesty gains that a hunt has found, as measured on seeds that it was not chosen by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The hash of the rules and the world: the hunting ground's text as it is understood, and the standard terms.
    pub rules: Hash,
    /// Where the hunt was.
    pub stage: Stage,
    /// The hunt's own seed.
    pub seed: u64,
    /// How many futures were to be tried.
    pub budget: u64,
    /// How many were.
    pub tried: u64,
    /// On how many seeds programs were chosen.
    pub search_seeds: u64,
    /// The best program that was found.
    pub program: Program,
    /// What an honest provider in its place gains in the time of the attack, in msat.
    pub honest_msat: Estimate,
    /// What the program gains above that, in msat: below nothing where no deviation pays.
    pub exploitability_msat: Estimate,
    /// What the rules are meant to leave to gain.
    pub bound_msat: f64,
    /// Whether they do: the interval does not lie above the bound.
    pub holds: bool,
}

/// A program that pays, made small, which anybody can replay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Find {
    /// Where it pays.
    pub stage: Stage,
    /// The program.
    pub program: Program,
    /// What it gains above an honest one in its place, on seeds that it was not chosen by, in msat.
    pub gain_msat: Estimate,
    /// One of these seeds.
    pub seed: u64,
    /// What it gains with it.
    pub profit_msat: f64,
    /// How many documents the attacker signed in that run, from the world's beginning on.
    pub documents: u64,
    /// The hash of everything that happened in it.
    pub trace: Hash,
}

/// Plays a find again, from the beginning of its world.
///
/// # Errors
/// [`HuntError`] where its stage does not fit the ground.
pub fn replay(ground: &Scenario, find: &Find) -> Result<Ended, HuntError> {
    let mut world = World::new(&find.stage.world(ground)?, Seed(find.seed))?;
    world.live_through(find.stage.past)?;
    world.instruct(ATTACKER, &find.program);
    world.live_through(find.stage.past + find.stage.epochs)?;
    Ok(world.ended(ATTACKER))
}

impl Find {
    /// What `program` comes to on the arena's seeds, with the shortest run that pays.
    pub(super) fn measured(
        arena: &mut Arena,
        (stage, program): (Stage, Program),
    ) -> Result<Self, HuntError> {
        let all = arena.seeds();
        arena.try_all(std::slice::from_ref(&program), all)?;
        let rival = arena.rival(&program, all);
        let gain_msat = arena.value(&program, &rival, all);
        let gained = |at: &usize| {
            arena.ended(&program, *at).profit_msat - arena.ended(&rival, *at).profit_msat
        };
        let paying = (0..all).filter(|at| gained(at) > 0.0);
        let shortest = paying.min_by_key(|at| arena.ended(&program, *at).documents).unwrap_or(0);
        let Ended { profit_msat, documents, trace } = arena.ended(&program, shortest);
        let seed = arena.seed(shortest).0;
        Ok(Self { stage, program, gain_msat, seed, profit_msat, documents, trace })
    }
}
