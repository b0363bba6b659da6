//! What a market says of contracts that settle on Bitcoin.

use serde::{Deserialize, Serialize};
use types::documents::TreeHead;
use types::tree::InclusionProof;
use types::{Hash, Jws, Signed, Timestamp};
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

/// What became of an escrow of a contract on Bitcoin: the auditors announce it, and attest its outcome. Whose it is they need not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EscrowView {
    /// The number of the journal's entry that says so, among all entries; the first is 0.
    pub entry: u64,
    /// Its name.
    pub escrow: Hash,
    /// The number of its slot in its contract.
    pub slot: u16,
    /// When it happened, in the market's time.
    pub at: Timestamp,
    /// What it comes to, 0 to 1000; nothing where it has begun.
    pub outcome: Option<u16>,
}

/// A piece of what became of escrows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EscrowPage {
    /// What happened, in the journal's order.
    pub items: Vec<EscrowView>,
    /// What to ask for with `since` to read on, now or later.
    pub next: String,
    /// Whether there is more by now.
    pub more: bool,
}

/// An entry of the journal, with the proof that it is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntryProof {
    /// The entry, byte for byte.
    pub entry: String,
    /// That it is in the tree.
    pub inclusion: InclusionProof,
    /// The tree's head, signed by the market.
    #[schema(value_type = Jws<TreeHead>)]
    pub head: Signed,
}
