//! What a contract promises: the terms both sides sign. Rules about them are in `pricing` and `contracts`.

use crate::{Bytes, Span, Standing};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How often and how fast the bytes will be wanted; each tier multiplies the price and says how soon a read is to begin.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Read at any moment.
    #[default]
    Hot,
    /// Read now and then.
    Warm,
    /// Read rarely.
    Cold,
    /// Kept, hardly ever read.
    Archive,
}

impl Tier {
    /// All tiers, dearest first.
    pub const ALL: [Self; 4] = [Self::Hot, Self::Warm, Self::Cold, Self::Archive];

    /// The name used in commands and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Warm => "warm",
            Self::Cold => "cold",
            Self::Archive => "archive",
        }
    }

    /// Within what time a read begins unless the terms say otherwise: disks of the lower tiers may have to spin up first. All of
    /// it is less than a measurement waits.
    pub const fn first_byte(self) -> Span {
        let seconds = match self {
            Self::Hot => 2,
            Self::Warm => 3,
            Self::Cold => 5,
            Self::Archive => 8,
        };
        Span(seconds * Span::SECOND.0)
    }
}

impl std::str::FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.name() == text)
            .ok_or_else(|| format!("{text:?} is not a tier; use hot, warm, cold or archive"))
    }
}

/// k data shards and m parity shards per segment: any k bring the segment back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Redundancy {
    /// k.
    pub data: u16,
    /// m.
    pub parity: u16,
}

impl Redundancy {
    /// k + m: the number of slots.
    pub const fn slots(self) -> u16 {
        self.data.saturating_add(self.parity)
    }
}

/// How small a loss must be found, how surely and how soon; the audit rate follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Detection {
    /// The lost fraction to be found, in parts per million.
    pub fraction_ppm: u32,
    /// The probability with which it is found, in parts per million.
    pub confidence_ppm: u32,
    /// Within this span.
    pub within: Span,
}

/// Who may hold slots of one contract together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// Regions that are acceptable; empty means all.
    pub regions: Vec<String>,
    /// No operator holds two slots.
    pub distinct_operators: bool,
    /// No network (/24 of IPv4, /64 of IPv6) holds two slots.
    pub distinct_networks: bool,
    /// The least standing a provider must have.
    pub standing_min: Standing,
    /// Tags that a provider's ask must carry, every one of them.
    pub tags: Vec<String>,
}

/// One point of the payout curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayoutPoint {
    /// A compliance, 0..=1000.
    pub compliance: u16,
    /// The share of the epoch's price paid there, 0..=1000.
    pub paid_permille: u16,
}

/// Compliance → share of the epoch's price: linear between points, flat outside. `target` is where the bonus begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayoutCurve {
    /// Points by rising compliance; at least one.
    pub points: Vec<PayoutPoint>,
    /// Above this compliance the bonus is paid, in full at 1000.
    pub target: u16,
}

/// One step of the penalty schedule: losses up to `fraction_ppm` cost `slash_permille` of the bond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PenaltyStep {
    /// The largest lost fraction this step covers, in parts per million.
    pub fraction_ppm: u32,
    /// The share of the bond that is slashed.
    pub slash_permille: u16,
}

/// What broken promises cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PenaltySchedule {
    /// Steps by rising fraction; a loss above the last costs the whole bond.
    pub steps: Vec<PenaltyStep>,
    /// What each epoch at fault adds, as a share of the bond.
    pub per_epoch_permille: u16,
    /// A confessed loss costs this share of a discovered one.
    pub confessed_permille: u16,
    /// A loss above this fraction, in parts per million, replaces the slot.
    pub replace_above_ppm: u32,
}

/// Where a contract's money sits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RailKind {
    /// The market's double-entry ledger.
    #[default]
    Ledger,
    /// Escrows on Bitcoin, which client and provider fund together: nobody holds the money for them.
    Bitcoin,
}

/// The tag of providers that settle on Bitcoin, in their asks and in the placement of contracts that do.
pub const BITCOIN_TAG: &str = "bitcoin";

/// What happens when a contract's term ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Renewal {
    /// It ends, unless its client renews it.
    #[default]
    Manual,
    /// It goes on for as long again, while the client can pay and the providers' asks still cover it.
    Automatic,
}

/// Everything a contract promises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Sealed bytes the contract has room for, before coding.
    pub capacity: Bytes,
    /// How long.
    pub duration: Span,
    /// k and m.
    pub redundancy: Redundancy,
    /// The largest shard, in bytes: 256 KiB to 4 MiB.
    pub shard_bytes: u32,
    /// How often and fast it will be read.
    pub tier: Tier,
    /// Share of challenges that must be answered, in permille.
    pub availability_permille: u16,
    /// Time within which a challenge's answer must begin to arrive (95th percentile).
    pub first_byte: Span,
    /// Bytes per second that a read must at least deliver (5th percentile); zero where none is promised.
    pub throughput: u64,
    /// How long a slot may stay unreachable before it is replaced.
    pub repair_time: Span,
    /// From which the audit rate follows.
    pub detection: Detection,
    /// Who may hold slots together.
    pub placement: Placement,
    /// What compliance earns.
    pub payout: PayoutCurve,
    /// What loss costs.
    pub penalties: PenaltySchedule,
    /// The bond as a multiple of the slot's price, in permille.
    pub bond_ratio_permille: u32,
    /// What happens at the end.
    pub renewal: Renewal,
    /// What leaving early costs: the client as a share of what its slots could still have earned, a provider as a
    /// share of its bond. Paid to the other side.
    pub early_exit_permille: u16,
    /// How much announced maintenance costs nothing, per 30 days of the contract.
    pub maintenance: Span,
    /// Bytes of reads paid for in advance.
    pub egress: Bytes,
    /// Where the money sits.
    pub rail: RailKind,
}

impl Terms {
    /// The default promise for `capacity` bytes kept for `duration`: 4+2, hot, 99.5 %, 1 % loss found with 99 % in a week.
    pub fn standard(capacity: Bytes, duration: Span) -> Self {
        Self {
            capacity,
            duration,
            redundancy: Redundancy { data: 4, parity: 2 },
            shard_bytes: 1 << 20,
            tier: Tier::Hot,
            availability_permille: 995,
            first_byte: Tier::Hot.first_byte(),
            throughput: 0,
            repair_time: Span(2 * Span::DAY.0).min(duration),
            detection: Detection {
                fraction_ppm: 10_000,
                confidence_ppm: 990_000,
                within: Span(7 * Span::DAY.0),
            },
            placement: Placement {
                regions: Vec::new(),
                distinct_operators: true,
                distinct_networks: true,
                standing_min: Standing::Low,
                tags: Vec::new(),
            },
            payout: PayoutCurve::standard(),
            penalties: PenaltySchedule::standard(),
            bond_ratio_permille: 2000,
            renewal: Renewal::Manual,
            early_exit_permille: 100,
            maintenance: Span(8 * Span::HOUR.0),
            egress: capacity,
            rail: RailKind::Ledger,
        }
    }

    /// What one slot must have room for: its share of the capacity in whole shards.
    pub fn slot_capacity(&self) -> Bytes {
        let shard = u64::from(self.shard_bytes.max(1));
        let share = self.capacity.0.div_ceil(u64::from(self.redundancy.data.max(1)));
        Bytes(share.div_ceil(shard).max(1).saturating_mul(shard))
    }
}

impl PayoutCurve {
    /// Nothing up to 500, everything from 950, linear between; the bonus from 950 on.
    pub fn standard() -> Self {
        let point = |compliance, paid_permille| PayoutPoint { compliance, paid_permille };
        Self { points: vec![point(500, 0), point(950, 1000)], target: 950 }
    }
}

impl PenaltySchedule {
    /// A tenth of the bond up to 1 % lost, a quarter up to 5 %, half up to 20 %, then all of it.
    pub fn standard() -> Self {
        let step = |fraction_ppm, slash_permille| PenaltyStep { fraction_ppm, slash_permille };
        Self {
            steps: vec![step(10_000, 100), step(50_000, 250), step(200_000, 500)],
            per_epoch_permille: 10,
            confessed_permille: 500,
            replace_above_ppm: 50_000,
        }
    }
}
