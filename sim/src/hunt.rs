//! A search for exploits: the most profitable deviation from honesty against the rules that ship.
//!
//! Reading order: [`program`](Program) is the grammar of what an attacker can do, which knows nothing of what is weak;
//! `stage` the small market where it is done, after a past in which everybody was honest; `arena` tries programs there, all of
//! them after the same pasts; `breed` and `search` look for better ones; `shrink` makes what pays small; `certificate` says
//! what was measured.
//!
//! A program is worth what its agent gains above an honest one in its place with the same luck, which asks the same price or
//! the usual one, whichever gains more: what a price brings is business and no attack. The best of many looks better than
//! it is, so it is measured again with seeds that it was not chosen by. Not charged is what money costs that is locked or
//! deposited; attacks end when every contract has ended, so that nothing is counted which is still at risk.

mod arena;
mod breed;
mod certificate;
mod program;
mod search;
mod shrink;
mod stage;

pub use certificate::{Certificate, Find, replay};
pub use program::{Move, Program, Verb, Which};
pub use stage::{ATTACKER, Stage};

use crate::chance::{Seed, Stream};
use crate::scenario::{Scenario, ScenarioError, SetError};
use crate::world::WorldError;
use arena::Arena;
use shrink::Shrinker;
use types::{Bytes, Hash, Span, Terms};

/// The hunting ground that ships: a small market, with arms for the shipped rules and for each planted weakness.
pub const GROUND: &str = include_str!("../hunts/market.toml");
/// The arm with the shipped rules.
pub const SHIPPED: &str = "shipped";
/// What the shipped rules are meant to leave to gain: every deviation loses.
const BOUND_MSAT: f64 = 0.0;
/// The fewest seeds from which anything is said.
const SEEDS_MIN: u64 = 2;

/// How a hunt is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HuntSettings {
    /// Under which rules: an arm of the hunting ground.
    pub arm: String,
    /// Rules under which what is found must not pay when it is shrunk, so that it stays the same find.
    pub control: Option<String>,
    /// How many futures are tried in the search: a program on a seed is one.
    pub budget: u64,
    /// On how many seeds programs are chosen.
    pub search_seeds: u64,
    /// On how many other seeds the chosen one is measured.
    pub report_seeds: u64,
    /// How many epochs everybody is honest before an attack.
    pub past: u64,
    /// How many epochs an attack goes on.
    pub epochs: u64,
}

/// What a hunt found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hunted {
    /// What was measured of the best program.
    pub certificate: Certificate,
    /// That program made small, where it pays.
    pub find: Option<Find>,
}

/// Why a hunt came to no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HuntError {
    /// The hunting ground is no scenario.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A change does not fit.
    #[error(transparent)]
    Set(#[from] SetError),
    /// A world could not live.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The hunting ground has not what a hunt needs.
    #[error("the hunting ground: {0}")]
    Ground(String),
    /// A figure of the settings is not sensible.
    #[error("{field} is {found}; give {least} at least")]
    Setting {
        /// Which.
        field: &'static str,
        /// What it is.
        found: u64,
        /// What it must be at least.
        least: u64,
    },
    /// An agent cannot be copied, so that its world cannot branch.
    #[error("an agent of the hunting ground cannot be copied; take kinds whose agents can")]
    Uncopied,
}

impl HuntSettings {
    /// A hunt under the shipped rules that takes some minutes.
    pub fn shipped() -> Self {
        Self {
            arm: SHIPPED.into(),
            control: None,
            budget: 10_000,
            search_seeds: 8,
            report_seeds: 30,
            past: 700,
            epochs: 160,
        }
    }

    fn validated(&self) -> Result<(), HuntError> {
        for (field, found, least) in [
            ("search_seeds", self.search_seeds, SEEDS_MIN),
            ("report_seeds", self.report_seeds, SEEDS_MIN),
            ("epochs", self.epochs, 1),
            ("budget", self.budget, 1),
        ] {
            if found < least {
                return Err(HuntError::Setting { field, found, least });
            }
        }
        Ok(())
    }

    /// Seeds of one kind: no other kind of this hunt has one of them, but by a chance of less than one in 10¹⁵.
    fn seeds(seed: Seed, kind: u32, count: u64) -> Vec<Seed> {
        (0..count).map(|at| Seed(seed.draws(Stream::Hunt, kind, at).bits())).collect()
    }
}

/// Hunts on `ground`; `passed` is told how many futures have been tried in the search, after each generation.
///
/// One seed gives one result, on any number of threads.
///
/// # Errors
/// [`HuntError`] names what does not fit.
pub fn hunt(
    ground: &Scenario,
    settings: &HuntSettings,
    seed: Seed,
    passed: impl Fn(u64) + Sync,
) -> Result<Hunted, HuntError> {
    settings.validated()?;
    let stage = Stage::whole(ground, &settings.arm, settings.past, settings.epochs)?;
    let seeds = HuntSettings::seeds(seed, 1, settings.search_seeds);
    let mut arena = Arena::new(ground, &stage, seeds.clone())?;
    let asked = (settings.epochs, settings.budget);
    let best = search::best(&mut arena, asked, seed, passed)?.unwrap_or_default();
    let tried = arena.lived;
    arena.try_all(std::slice::from_ref(&best), arena.seeds())?;
    let rival = arena.rival(&best, arena.seeds());
    let report_seeds = HuntSettings::seeds(seed, 2, settings.report_seeds);
    let mut report = Arena::new(ground, &stage, report_seeds.clone())?;
    report.try_all(&[best.clone(), rival.clone()], report.seeds())?;
    let exploitability_msat = report.value(&best, &rival, report.seeds());
    let certificate = Certificate {
        rules: rules(ground, &stage)?,
        stage: stage.clone(),
        seed: seed.0,
        budget: settings.budget,
        tried,
        search_seeds: settings.search_seeds,
        program: best.clone(),
        honest_msat: report.gained(&rival, report.seeds()),
        exploitability_msat,
        bound_msat: BOUND_MSAT,
        holds: exploitability_msat.interval.0 <= BOUND_MSAT,
    };
    if certificate.holds {
        return Ok(Hunted { certificate, find: None });
    }
    let shrinker = Shrinker { ground, seeds, control: settings.control.as_deref() };
    let (smaller, program) = shrinker.shrunk(stage.clone(), best.clone(), arena)?;
    let mut there =
        if smaller == stage { None } else { Some(Arena::new(ground, &smaller, report_seeds)?) };
    let small = Find::measured(there.as_mut().unwrap_or(&mut report), (smaller, program))?;
    // What was made too small to be sure of is given as it was found.
    let find = if small.gain_msat.interval.0 > BOUND_MSAT {
        small
    } else {
        Find::measured(&mut report, (stage, best))?
    };
    Ok(Hunted { certificate, find: Some(find) })
}

/// The hash of everything that a stage's rules follow from.
fn rules(ground: &Scenario, stage: &Stage) -> Result<Hash, HuntError> {
    let world = format!("{:?}", stage.world(ground)?);
    let market = types::Did([0; 32]);
    let genesis = market::Genesis::standard(market, Span::HOUR, Hash::default());
    let terms = Terms::standard(Bytes(1), Span::DAY);
    let shipped = format!("{genesis:?} {terms:?}");
    let parts: [&[u8]; 2] = [world.as_bytes(), shipped.as_bytes()];
    Ok(Hash::derive("bondstore 2026 simulated rules", &parts))
}

#[cfg(test)]
mod tests;
