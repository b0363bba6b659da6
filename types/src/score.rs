//! What reputation says of a provider. Only `reputation` makes scores; everyone may read them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a provider is judged by.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Does it still hold what it took?
    Possession,
    /// Does it answer?
    Availability,
    /// Does it answer in time?
    Latency,
    /// Does it say so itself when it has failed?
    Honesty,
}

impl Dimension {
    /// All four, in the order in which scores list them.
    pub const ALL: [Self; 4] = [Self::Possession, Self::Availability, Self::Latency, Self::Honesty];
}

/// A provider's standing in the market.
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
pub enum Standing {
    /// Never chosen again.
    Banned,
    /// Chosen only where the terms allow it.
    Low,
    /// Not yet through its vetting: little, bonded, spread-out work.
    #[default]
    New,
    /// Vetted.
    Standard,
    /// Vetted, long and well.
    High,
}

/// A provider's score: points for people, lower confidence bounds for gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Its standing.
    pub standing: Standing,
    /// 1000 for a new node; review periods move it.
    pub points: i32,
    /// Lower confidence bound per dimension of [`Dimension::ALL`], 0..=1000.
    pub bounds: [u16; 4],
}

impl Default for Score {
    fn default() -> Self {
        Self { standing: Standing::New, points: 1000, bounds: [500; 4] }
    }
}
