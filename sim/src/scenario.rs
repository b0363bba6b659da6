//! A scenario: a world, the arms that are compared in it, what must hold, and a mutant in which it must not.
//!
//! Scenarios are TOML files. Whatever is wrong with one is said with its line, before anything runs. Every figure has a comment
//! that says where it comes from: a source, or that it is chosen, and why.

mod line;
pub(crate) mod nearest;
mod set;
mod source;

pub use set::SetError;

use crate::agents;
use crate::world::{WorldError, WorldSettings};
use line::Lines;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is changed of a world: values by their paths, as in `agents.lazy.drop_ppm`.
pub type Changes = BTreeMap<String, Value>;

/// The name of the arm of scenarios that compare nothing.
pub const ONLY: &str = "only";
/// The fewest runs of an arm from which a claim is made.
pub const SEEDS_MIN: u64 = 2;

/// A scenario whose every part is sensible.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it claims, in a sentence or two.
    pub claim: String,
    /// How many runs each arm has, unless somebody says otherwise.
    pub seeds: u64,
    /// The world, before any arm changes it.
    pub world: Value,
    /// What each arm changes.
    pub arms: BTreeMap<String, Changes>,
    /// The arms' names, in the order in which the file has them.
    pub order: Vec<String>,
    /// What must hold.
    pub must: Vec<Must>,
    /// The same with one defence off, which must fail.
    pub mutant: Option<Mutant>,
}

/// One thing that must hold of a figure: the whole 95 % interval of its mean is on the right side.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Must {
    /// Which figure.
    pub figure: String,
    /// Of which arm.
    #[serde(default = "only")]
    pub arm: String,
    /// Less the same figure of this arm, seed by seed.
    #[serde(default)]
    pub minus: Option<String>,
    /// It is below this.
    #[serde(default)]
    pub below: Option<f64>,
    /// It is above this.
    #[serde(default)]
    pub above: Option<f64>,
    /// It is exactly this in every run.
    #[serde(default)]
    pub equals: Option<f64>,
    /// What that means.
    pub because: String,
}

/// A scenario with one defence off.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// Which defence is off.
    pub without: String,
    /// What is changed in every arm.
    pub set: Changes,
}

fn only() -> String {
    ONLY.into()
}

/// Why a scenario is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ScenarioError {
    /// In which line, from 1.
    pub line: usize,
    /// What is wrong and what would be right.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    claim: String,
    seeds: u64,
    world: WorldSettings,
    #[serde(default)]
    arms: BTreeMap<String, Changes>,
    #[serde(default)]
    must: Vec<Must>,
    #[serde(default)]
    mutant: Option<Mutant>,
}

impl Scenario {
    /// The scenario that `text` describes.
    ///
    /// # Errors
    /// [`ScenarioError`] names the line and what would be right.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let lines = Lines::of(text)?;
        let file: File = toml_edit::de::from_str(text).map_err(|error| lines.of_toml(&error))?;
        let whole: Value = toml_edit::de::from_str(text).map_err(|error| lines.of_toml(&error))?;
        source::check(text, &lines)?;
        let mut arms = file.arms;
        if arms.is_empty() {
            arms.insert(only(), Changes::new());
        }
        let order = lines.names("arms").into_iter().filter(|arm| arms.contains_key(arm));
        let order: Vec<String> = order.collect();
        let order = if order.is_empty() { vec![only()] } else { order };
        let world = whole.get("world").cloned().unwrap_or_default();
        let File { name, claim, seeds, must, mutant, .. } = file;
        let scenario = Self { name, claim, seeds, world, arms, order, must, mutant };
        scenario.check(&file.world, &lines)?;
        Ok(scenario)
    }

    /// The world of `arm`, with one defence off if `mutated`.
    ///
    /// # Errors
    /// [`SetError`] where a change does not fit.
    pub fn world_of(&self, arm: &str, mutated: bool) -> Result<WorldSettings, SetError> {
        let of_arm = self.arms.get(arm).into_iter().flatten();
        let of_mutant = self.mutant.iter().filter(|_| mutated).flat_map(|mutant| &mutant.set);
        set::changed(&self.world, of_arm.chain(of_mutant))
    }

    /// The same with these changes: one cell of a sweep. What some arms set for themselves is changed in these arms alone, everything
    /// else in every arm.
    ///
    /// # Errors
    /// [`SetError`] where a change does not fit, or makes a world that is not sensible.
    pub fn with(&self, changes: &Changes) -> Result<Self, SetError> {
        let mut scenario = self.clone();
        for (path, value) in changes {
            let set = self.arms.values().any(|own| own.contains_key(path));
            for own in scenario.arms.values_mut().filter(|own| !set || own.contains_key(path)) {
                own.insert(path.clone(), value.clone());
            }
        }
        for arm in scenario.arms.keys() {
            let world = scenario.world_of(arm, false)?;
            sensible(&world).map_err(|(path, reason)| SetError { path, reason })?;
        }
        Ok(scenario)
    }

    /// The same with these arms alone, and nothing that must hold: what a figure of theirs needs.
    #[must_use]
    pub fn only(&self, arms: &[&str]) -> Self {
        let mut scenario = self.clone();
        scenario.arms.retain(|arm, _| arms.contains(&arm.as_str()));
        scenario.order.retain(|arm| arms.contains(&arm.as_str()));
        scenario.must.clear();
        scenario
    }

    /// Whether runs of `arm` can have a figure called so.
    ///
    /// # Errors
    /// What it may be meant to be.
    pub fn check_figure(&self, figure: &str, arm: &str) -> Result<(), String> {
        let world = self.world_of(arm, false).map_err(|error| error.to_string())?;
        world.has_figure(figure)
    }

    fn check(&self, world: &WorldSettings, lines: &Lines) -> Result<(), ScenarioError> {
        if self.seeds < SEEDS_MIN {
            let reason = format!("{} runs show nothing; give {SEEDS_MIN} at least", self.seeds);
            return Err(lines.error("seeds", reason));
        }
        sensible(world).map_err(|(path, reason)| lines.error(&format!("world.{path}"), reason))?;
        for arm in self.arms.keys() {
            self.check_changes(arm, false, lines, &format!("arms.{arm}"))?;
        }
        if self.mutant.is_some() {
            for arm in self.arms.keys() {
                self.check_changes(arm, true, lines, "mutant.set")?;
            }
        }
        (0..).zip(&self.must).try_for_each(|(at, must)| {
            let error = |reason| lines.error(&format!("must.{at}"), reason);
            self.check_must(must).map_err(error)?;
            let mut arms = std::iter::once(&must.arm).chain(&must.minus);
            let error = |reason| lines.error(&format!("must.{at}.figure"), reason);
            arms.try_for_each(|arm| self.check_figure(&must.figure, arm)).map_err(error)
        })
    }

    fn check_changes(
        &self,
        arm: &str,
        mutated: bool,
        lines: &Lines,
        place: &str,
    ) -> Result<(), ScenarioError> {
        let world = self.world_of(arm, mutated).map_err(|error| {
            lines.error_at(&[place, &error.path], format!("{}: {}", error.path, error.reason))
        })?;
        sensible(&world).map_err(|(path, reason)| {
            lines.error_at(&[place, &path], format!("in arm {arm}, {path}: {reason}"))
        })
    }

    fn check_must(&self, must: &Must) -> Result<(), String> {
        for arm in std::iter::once(&must.arm).chain(&must.minus) {
            if !self.arms.contains_key(arm) {
                let known = self.arms.keys().cloned().collect::<Vec<_>>().join(", ");
                return Err(format!("there is no arm {arm:?}; there are {known}"));
            }
        }
        if must.minus.as_ref() == Some(&must.arm) {
            return Err(format!("arm {:?} less itself is always 0", must.arm));
        }
        match (must.below, must.above, must.equals) {
            (None, None, None) => Err("give below, above or equals".into()),
            (Some(below), Some(above), _) if above >= below => {
                Err(format!("nothing is above {above} and below {below}"))
            }
            (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
                Err("equals stands alone: give it, or below and above".into())
            }
            _ => Ok(()),
        }
    }
}

/// Whether a world's figures are sensible and all its agents can be made; else where and why not.
fn sensible(world: &WorldSettings) -> Result<(), (String, String)> {
    let place = |error: WorldError| match error {
        WorldError::Setting { field, reason } => (field, reason),
        other => ("agents".into(), other.to_string()),
    };
    world.validated().map_err(place)?;
    for (at, group) in world.agents.iter().enumerate() {
        let own = Value::Object(group.settings.clone());
        agents::maker(&group.kind, &own)
            .map(drop)
            .map_err(|error| (place_of(at, &error), format!("{}: {error}", group.called())))?;
    }
    Ok(())
}

/// The path of what is wrong with a group.
fn place_of(at: usize, error: &agents::KindError) -> String {
    error.name().map_or_else(|| format!("agents.{at}"), |name| format!("agents.{at}.{name}"))
}

#[cfg(test)]
mod tests;
