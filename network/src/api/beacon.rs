//! What a market says of its epochs' beacons, for whoever follows them.

use serde::{Deserialize, Serialize};
use types::{ChainRule, Epoch, Hash, Timestamp};
use utoipa::ToSchema;

/// What every beacon of a market follows from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeaconInfo {
    /// The end of its hash chain, to which it committed when it was founded.
    pub anchor: Hash,
    /// Which blocks they are mixed with; nothing in a market without a chain.
    pub chain: Option<ChainRule>,
    /// What the next epoch waits for, though its time has come; nothing where it does not wait.
    pub waits: Option<String>,
}

/// What opened an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EpochView {
    /// Which.
    pub epoch: Epoch,
    /// When.
    pub at: Timestamp,
    /// Its link of the hash chain.
    pub link: Hash,
    /// The headers that were shown with it, of 80 bytes each, in base64url without padding.
    pub headers: String,
    /// Its value.
    pub beacon: Hash,
    /// The height of the block that it was mixed with; nothing in a market without a chain.
    pub height: Option<u32>,
    /// That block's hash, first byte first.
    pub block: Option<Hash>,
}
