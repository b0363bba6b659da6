//! Where an attack is tried: how long its past is, how long it goes on, and how much business there is.

use super::HuntError;
use crate::scenario::{ONLY, Scenario};
use crate::world::{Group, WorldSettings};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use types::{Bytes, Span, Terms};

/// The group whose only agent plays programs.
pub const ATTACKER: &str = "scripted";
/// The client whose contracts make the past.
const PAST: &str = "past";
/// How many epochs before the past's end its contracts end, and before an attack's end the last contract must have ended: they
/// are agreed in the epoch after they are wanted, and settled in the one after their last, or when faults have run their course.
const SLACK: u64 = 6;

/// Where and how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Under which rules: an arm of the hunting ground.
    pub arm: String,
    /// How many epochs everybody is honest before the attack.
    pub past: u64,
    /// How many epochs the attack goes on.
    pub epochs: u64,
    /// How many contracts the past's client has, and each of the others by its name.
    pub contracts: Vec<(String, u32)>,
}

impl Stage {
    /// The whole hunting ground under the rules of `arm`.
    ///
    /// # Errors
    /// [`HuntError::Ground`] where it has no such arm, nobody who plays, or nobody who buys.
    pub fn whole(ground: &Scenario, arm: &str, past: u64, epochs: u64) -> Result<Self, HuntError> {
        let world = ground.world_of(arm, false)?;
        if !ground.arms.contains_key(arm) && arm != ONLY {
            let known = ground.arms.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(HuntError::Ground(format!("there is no arm {arm:?}; there are {known}")));
        }
        if world.agents.iter().filter(|group| group.called() == ATTACKER).count() != 1 {
            return Err(HuntError::Ground(format!("one group must be called {ATTACKER:?}")));
        }
        let clients = world.agents.iter().filter(|group| group.kind == "client");
        let contracts = clients.map(|group| (group.called().to_owned(), wanted(group))).collect();
        Ok(Self { arm: arm.to_owned(), past, epochs, contracts })
    }

    /// The world of this stage.
    ///
    /// # Errors
    /// [`HuntError`] where the ground does not fit.
    pub fn world(&self, ground: &Scenario) -> Result<WorldSettings, HuntError> {
        let mut world = ground.world_of(&self.arm, false)?;
        world.epochs = self.past + self.epochs;
        let epoch: Span = world.epoch.parse().unwrap_or(Span::HOUR);
        for group in world.agents.iter_mut().filter(|group| group.kind == "client") {
            let contracts = self.contracts.iter().find(|(name, _)| name == group.called());
            let contracts = contracts.map_or(0, |(_, contracts)| *contracts);
            if group.called() == PAST {
                set_past(group, contracts, (self.past, epoch));
                continue;
            }
            let term = group.settings.get("duration").and_then(Value::as_str).unwrap_or("1d");
            let term: Span = term.parse().unwrap_or(Span::DAY);
            let judged = Terms::standard(Bytes(1), term).repair_time;
            let end =
                world.epochs.saturating_sub(term.epochs(epoch) + judged.epochs(epoch) + SLACK);
            group.settings.insert("contracts".into(), json!(contracts));
            group.settings.insert("buys".into(), json!((self.past, end)));
        }
        Ok(world)
    }

    /// Whether anybody buys anything.
    pub fn has_business(&self) -> bool {
        self.contracts.iter().any(|(name, contracts)| name != PAST && *contracts > 0)
    }

    /// Smaller stages, the smallest first where there is an order.
    pub(super) fn smaller(&self) -> Vec<Self> {
        if self.past > 0 {
            // Whatever needs a past keeps the rest: pasts are what takes long.
            return vec![Self { past: 0, ..self.clone() }];
        }
        let mut found = Vec::new();
        for (at, (_, contracts)) in self.contracts.iter().enumerate() {
            for fewer in [0, contracts / 2, contracts.saturating_sub(1)] {
                let mut stage = self.clone();
                stage.contracts[at].1 = fewer;
                if fewer < *contracts && stage.has_business() {
                    found.push(stage);
                }
            }
        }
        for epochs in [self.epochs / 2, self.epochs * 3 / 4] {
            found.push(Self { epochs, ..self.clone() });
        }
        found
    }
}

fn wanted(group: &Group) -> u32 {
    let wanted = group.settings.get("contracts").and_then(Value::as_u64).unwrap_or(0);
    u32::try_from(wanted).unwrap_or(u32::MAX)
}

/// The past's contracts run for all of it; without a past there are none.
fn set_past(group: &mut Group, contracts: u32, (past, epoch): (u64, Span)) {
    let term = past.saturating_sub(SLACK);
    let contracts = if term < SLACK { 0 } else { contracts };
    let duration = format!("{}s", term.max(1) * epoch.0 / Span::SECOND.0);
    group.settings.insert("contracts".into(), json!(contracts));
    group.settings.insert("duration".into(), json!(duration));
    group.settings.insert("buys".into(), json!((0, SLACK / 2)));
}
