//! Which slot something happened to.

use serde::{Deserialize, Serialize};
use types::ContractId;

/// A slot of a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SlotId {
    /// Of which contract.
    pub contract: ContractId,
    /// Which slot.
    pub slot: u16,
}
