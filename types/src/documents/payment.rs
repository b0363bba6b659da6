//! How money moves: deposit, withdrawal, voucher, settlement.

use super::document;
use crate::{ContractId, Did, Msat};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The market's operator received money outside, for a party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deposit {
    /// The market, whose operator signs for what it received.
    pub market: Did,
    /// For whom.
    pub party: Did,
    /// How much.
    pub amount: Msat,
    /// What was received, in the operator's books; each reference counts once.
    pub reference: String,
}
document!(Deposit, "bondstore.deposit", market);

/// A party takes money out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// Who.
    pub party: Did,
    /// How much.
    pub amount: Msat,
    /// Where the operator should pay it.
    pub to: String,
    /// Distinguishes withdrawals; each counts once.
    pub nonce: u64,
}
document!(Withdrawal, "bondstore.withdrawal", party);

/// The client pays for reads, cumulatively: only the highest counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Voucher {
    /// Who pays.
    pub client: Did,
    /// Whom.
    pub provider: Did,
    /// Under which contract.
    pub contract: ContractId,
    /// For reads from which slot.
    pub slot: u16,
    /// All bytes read from it so far.
    pub bytes: u64,
}
document!(Voucher, "bondstore.voucher", client);

/// What one party got out of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Who.
    pub party: Did,
    /// Earned or compensated, over the contract's whole life.
    pub received: Msat,
    /// Its own escrow or bond, returned.
    pub returned: Msat,
    /// Its bond, slashed.
    pub slashed: Msat,
}

/// A contract's end: who got what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// The market that settled.
    pub market: Did,
    /// Which contract.
    pub contract: ContractId,
    /// Party by party, by name.
    pub shares: Vec<Share>,
    /// The market's fees.
    pub fees: Msat,
    /// What stays in the repair pool.
    pub to_pool: Msat,
}
document!(Settlement, "bondstore.settlement", market);
