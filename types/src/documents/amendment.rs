//! How a contract changes after it was agreed: renewal, growth, leaving, and a bond that is topped up.

use super::document;
use crate::{Bytes, ContractId, Did, Msat};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The client makes its contract longer, and says whether it renews itself from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// Whose contract it is.
    pub client: Did,
    /// Which contract.
    pub contract: ContractId,
    /// Rises with every extension of this contract, so that none counts twice.
    pub number: u64,
    /// How many epochs it runs in all from now on; as many as before to change nothing but `automatic`.
    pub epochs: u64,
    /// Whether it renews itself at its end.
    pub automatic: bool,
}
document!(Extension, "bondstore.extension", client);

/// The client gives its contract more room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Growth {
    /// Whose contract it is.
    pub client: Did,
    /// Which contract.
    pub contract: ContractId,
    /// All sealed bytes it has room for from now on; more than before.
    pub capacity: Bytes,
}
document!(Growth, "bondstore.growth", client);

/// The client ends its contract: at no cost while nothing is stored, else for the early-exit fee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancellation {
    /// Whose contract it is.
    pub client: Did,
    /// Which contract.
    pub contract: ContractId,
}
document!(Cancellation, "bondstore.cancellation", client);

/// A provider leaves a slot early: it pays the early-exit fee, and serves until another takes the slot over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Departure {
    /// Who leaves.
    pub provider: Did,
    /// Which contract.
    pub contract: ContractId,
    /// Which slot.
    pub slot: u16,
}
document!(Departure, "bondstore.departure", provider);

/// A provider adds to a bond that penalties have worn down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TopUp {
    /// Who adds.
    pub provider: Did,
    /// Which contract.
    pub contract: ContractId,
    /// Which slot.
    pub slot: u16,
    /// What the bond has lost so far, so that this answers for no later loss.
    pub slashed: Msat,
    /// What the bond holds afterwards; at most what was quoted.
    pub bond: Msat,
}
document!(TopUp, "bondstore.top-up", provider);
