//! What a market says of contracts that settle on Bitcoin.

use serde::{Deserialize, Serialize};
use types::{ContractId, Did, Hash};
use utoipa::ToSchema;

/// How contracts settle on Bitcoin in a market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BitcoinInfo {
    /// On which network: bitcoin, testnet, signet or regtest.
    pub network: String,
    /// Where the market's fees and the repair pool's shares go.
    pub address: String,
    /// The auditors that attest outcomes.
    pub oracles: Vec<OracleInfo>,
    /// How many of them must agree.
    pub threshold: u16,
}

/// An auditor as a DLC oracle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OracleInfo {
    /// Its public key: 32 bytes, in hexadecimal digits (BIP-340).
    pub key: String,
    /// Where it answers; several are held against each other.
    pub urls: Vec<String>,
}

/// One escrow of a contract on Bitcoin: the auditors announce it, and attest its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EscrowView {
    /// Its name.
    pub escrow: Hash,
    /// Of which contract.
    pub contract: ContractId,
    /// Of which slot.
    pub slot: u16,
    /// Whose bond is in it.
    pub provider: Did,
    /// What it comes to, 0 to 1000; nothing while that is not known.
    pub outcome: Option<u16>,
}
