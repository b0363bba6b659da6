//! What a world is made of: figures that a scenario sets.

mod validated;

use super::rate::RateSettings;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Everything that a scenario says of its world.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldSettings {
    /// How long one epoch is.
    pub epoch: String,
    /// How many epochs a run has.
    pub epochs: u64,
    /// The market's own figures.
    #[serde(default)]
    pub market: MarketSettings,
    /// How messages travel.
    #[serde(default)]
    pub network: NetworkSettings,
    /// How machines fail.
    #[serde(default)]
    pub failures: FailureSettings,
    /// What it costs to keep bytes.
    #[serde(default)]
    pub costs: CostSettings,
    /// What a bitcoin costs outside.
    #[serde(default)]
    pub rate: RateSettings,
    /// Who there is.
    pub agents: Vec<Group>,
}

/// What this market has otherwise than one with default policies.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that a scenario says of its market"
)]
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketSettings {
    /// Over the pricing policy that ships.
    #[serde(default)]
    pub pricing: Value,
    /// Over the reputation policy that ships.
    #[serde(default)]
    pub reputation: Value,
    /// Whether providers without a slot are asked whether they are there.
    #[serde(default)]
    pub measure: bool,
    /// Whether nobody is ever audited.
    #[serde(default)]
    pub unaudited: bool,
    /// A planted weakness: slots of fewer bytes than this are never asked for in routine audits.
    #[serde(default)]
    pub audited_from: Option<u64>,
    /// A planted weakness: what penalties take is given back, as if no bond had been locked.
    #[serde(default)]
    pub bondless: bool,
    /// For how many epochs a verdict can be disputed; as ships, without it.
    #[serde(default)]
    pub dispute_epochs: Option<u64>,
    /// Whether slots hold real bytes, a shard of 64 KiB each, so that verdicts can be disputed with evidence.
    #[serde(default)]
    pub real_bytes: bool,
    /// Whether verdicts keep to themselves which answer they judged, so that any later one refutes them.
    #[serde(default)]
    pub unnamed_proofs: bool,
    /// Whom the auditor has been bribed to lie about.
    #[serde(default)]
    pub bribes: Vec<Bribe>,
    /// Whoever reveals the beacons, trying to choose them.
    #[serde(default)]
    pub grinding: Option<Grinding>,
}

/// An auditor that lies about some of the slots of a group.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bribe {
    /// About whom.
    pub group: String,
    /// How many of a million routine audits of a slot it lies in, and then in the slot's intensified audits as well.
    pub audits_ppm: u32,
    /// What share of the chunks it says were proven: 1000 lets a cheat pass, less accuses whoever has everything.
    pub passed_permille: u32,
}

/// Whoever reveals the beacons looks at several values, and likes best the one by which a group is asked least for what it
/// does not have.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grinding {
    /// Whose friend it is.
    pub group: String,
    /// How many values it looks at each epoch, the right one among them.
    pub tries: u32,
    /// Whether its choice counts, as if no chain had been committed to.
    #[serde(default)]
    pub accepted: bool,
}

/// How messages travel.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSettings {
    /// The median of the time to an answer's first byte, in milliseconds.
    pub answer_ms: f64,
    /// The deviation of its logarithm.
    pub answer_sigma: f64,
    /// How many messages in a million are lost; each is sent again once, a second later.
    pub lost_ppm: u32,
}

/// How machines fail.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FailureSettings {
    /// The share of disks that fail in a year.
    pub disks_yearly: f64,
    /// The shape of their lifetime's Weibull distribution: 1 where age does not matter. 0 stands for 1.
    pub disks_shape: f64,
    /// How often a provider is away in a year.
    pub outages_yearly: f64,
    /// The median of how long it is away, in hours.
    pub outage_hours: f64,
    /// The deviation of its logarithm.
    pub outage_sigma: f64,
    /// The longest, in hours.
    pub outage_hours_max: f64,
    /// What goes wrong for many at a time.
    pub events: Vec<Blackout>,
}

/// Providers that are away together.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blackout {
    /// In which epoch it begins.
    pub epoch: u64,
    /// For how many epochs.
    pub epochs: u64,
    /// All of this group; everybody, without it.
    #[serde(default)]
    pub group: Option<String>,
    /// All of this region; every region, without it.
    #[serde(default)]
    pub region: Option<String>,
    /// So many of these, drawn by chance; all of them, without it.
    #[serde(default)]
    pub count: Option<u32>,
    /// Whether their disks are gone too.
    #[serde(default)]
    pub destroys: bool,
}

/// What it costs to keep bytes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CostSettings {
    /// Msat for a gigabyte on disk for a day.
    pub keeping: f64,
}

/// Agents of one kind with the same settings.
#[derive(Clone, Debug, Deserialize)]
pub struct Group {
    /// Which kind.
    pub kind: String,
    /// What they are called in figures; the kind's name without it.
    #[serde(default)]
    pub name: Option<String>,
    /// How many.
    pub count: u32,
    /// The kind's own settings.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}

impl Group {
    /// What they are called in figures.
    pub fn called(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.kind)
    }
}

impl Default for NetworkSettings {
    /// An answer in 60 ms, and nothing lost.
    fn default() -> Self {
        Self { answer_ms: 60.0, answer_sigma: 0.5, lost_ppm: 0 }
    }
}
