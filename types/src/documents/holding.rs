//! How bytes come to be held: reservation, confirmation, storage receipt, revision.

use super::document;
use crate::terms::RailKind;
use crate::{Bytes, ContractId, Did, Hash, Redundancy, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A slot's content: what a verifier of its proofs must know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SlotSize {
    /// Commits to the slot's list of shards.
    pub root: Hash,
    /// The shards' bytes together.
    pub bytes: u64,
    /// How many shards.
    pub shards: u64,
}

/// The market asks a provider to take a slot: for a new contract, or to rebuild one that was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reservation {
    /// Which market.
    pub market: Did,
    /// Who is asked.
    pub provider: Did,
    /// Whose bytes.
    pub client: Did,
    /// Which contract.
    pub contract: ContractId,
    /// Which slot.
    pub slot: u16,
    /// What the slot must have room for.
    pub capacity: Bytes,
    /// k and m of the contract.
    pub redundancy: Redundancy,
    /// The largest shard.
    pub shard_bytes: u32,
    /// What the provider quoted, earns at most and locks.
    pub quoted: crate::documents::QuotedSlot,
    /// Set when the slot's bytes must be rebuilt from the other slots: what they must come to be.
    pub rebuild: Option<SlotSize>,
    /// Where the contract's money sits.
    #[serde(default)]
    pub rail: RailKind,
    /// When the answer must be there.
    pub answer_by: Timestamp,
}
document!(Reservation, "bondstore.reservation", market);

/// The provider's answer to a reservation: its bond locks, or it declines with a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// Who answers.
    pub provider: Did,
    /// Which contract.
    pub contract: ContractId,
    /// Which slot.
    pub slot: u16,
    /// Which of its reservations: the one whose answer must be there by then.
    pub answer_by: Timestamp,
    /// Why it declines; nothing when it accepts.
    pub declined: Option<String>,
}
document!(Confirmation, "bondstore.confirmation", provider);

/// The provider holds these bytes, durably.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StorageReceipt {
    /// Who holds.
    pub provider: Did,
    /// Which contract.
    pub contract: ContractId,
    /// Which slot.
    pub slot: u16,
    /// For which revision.
    pub revision: u64,
    /// What.
    pub size: SlotSize,
}
document!(StorageReceipt, "bondstore.storage-receipt", provider);

/// What every slot of a contract holds from now on. Signed by the client, by a party that the client lets write there, or
/// by the market as repairer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// The contract's client, a guest that may write, or the market.
    pub signer: Did,
    /// Which contract.
    pub contract: ContractId,
    /// One above the revision it replaces; the first is 1.
    pub number: u64,
    /// Slot by slot.
    pub slots: Vec<SlotSize>,
    /// The BLAKE3 hash of the layout (which shards each slot holds, in order).
    pub layout: Hash,
}
document!(Revision, "bondstore.revision", signer);
