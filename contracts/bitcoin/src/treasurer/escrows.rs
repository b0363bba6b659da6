//! What a treasurer says of its escrows: a line for each, and whether a slot's is funded deep enough.

use crate::escrow::spend::Split;
use bitcoin::{OutPoint, Txid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use types::{ContractId, Did, Hash};

/// On which side of an escrow a party is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It buys.
    Client,
    /// It sells.
    Provider,
}

/// One escrow, as a party sees it. Amounts are satoshis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscrowLine {
    /// Of which contract.
    pub contract: ContractId,
    /// Of which of its slots.
    pub slot: u16,
    /// Who serves that.
    pub provider: Did,
    /// The escrow's name.
    pub escrow: Hash,
    /// On which side this party is.
    pub party: Role,
    /// Where it stands.
    pub state: EscrowState,
    /// What the client puts in, the fee reserve aside.
    pub client_sat: u64,
    /// What the provider puts in.
    pub provider_sat: u64,
    /// Who gets what of the collateral, once that is known.
    pub payout: Option<Split>,
    /// The output that holds it, once all have signed.
    pub funding: Option<OutPoint>,
    /// The transaction that ended it.
    pub closing: Option<Txid>,
    /// Whether its end is as deep as a funding must be.
    pub is_final: bool,
}

/// Where an escrow stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EscrowState {
    /// It is offered, and not signed by all.
    Negotiating,
    /// It is signed, and no block has it.
    Unfunded,
    /// Its output is unspent, under so many blocks, its own counted.
    Open {
        /// How many.
        confirmations: u32,
    },
    /// It was spent.
    Ended(EndedBy),
    /// It never came to be.
    GivenUp {
        /// Why not.
        reason: String,
    },
}

/// What an escrow ended by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// Both signed.
    Agreed,
    /// The auditors' word.
    Outcome,
    /// Nobody's word: both have their own.
    Refund,
    /// It went on in a later escrow.
    Respent,
    /// An arbiter's word.
    Arbiter,
}

/// Whether an escrow is funded, as one party's view of the chain shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Funding {
    /// There is no such escrow, or no more.
    Unknown,
    /// It is signed, and not deep enough.
    Waiting {
        /// How many blocks it is under, its own counted.
        confirmations: u32,
        /// How many it must be under.
        needed: u32,
    },
    /// It is as deep as it must be.
    Deep,
}

/// What a treasurer has last seen of fundings; clones see the same. Cheap to ask while the treasurer is at work.
#[derive(Clone, Debug, Default)]
pub struct Fundings(Arc<RwLock<Known>>);

/// By contract, slot and provider.
pub(super) type Known = BTreeMap<(ContractId, u16, Did), Funding>;

impl Fundings {
    /// What is known of the escrow of `provider` for slot `slot` of `contract`.
    pub fn funded(&self, contract: ContractId, slot: u16, provider: Did) -> Funding {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&(contract, slot, provider)).copied().unwrap_or(Funding::Unknown)
    }

    pub(super) fn publish(&self, known: Known) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = known;
    }
}
