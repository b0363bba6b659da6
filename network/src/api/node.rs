//! Bodies of a provider's own HTTP API.

use serde::{Deserialize, Serialize};
use types::{Bytes, Did, Hash};

/// `POST /v1/slots/{contract}/{slot}/receipts` on a provider: what the slot's list becomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptBody {
    /// The revision it will belong to.
    pub revision: u64,
    /// Shard roots and lengths, in order.
    pub shards: Vec<(Hash, u32)>,
}

/// `GET /v1/slots/{contract}/{slot}` on a provider: which shards it has, durable or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotContent {
    /// Roots of the shards that are there.
    pub shards: Vec<Hash>,
    /// Why the slot takes no bytes yet: its escrow on Bitcoin is not funded. Nothing where it takes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_funded: Option<String>,
}

/// `GET /v1/node` on a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Who answers here.
    pub provider: Did,
    /// All it offers.
    pub capacity: Bytes,
    /// Shard bytes on its disk.
    pub used: Bytes,
}
