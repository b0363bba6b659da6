//! Who may do what on a data plane or API: short-lived tokens (JWTs, RFC 7519, in all but the claim names).

use super::document;
use crate::{ContractId, Did, DocId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a token allows on one slot.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Read shards.
    Read,
    /// Put shards and ask for storage receipts.
    Write,
}

/// A capability: its holder may do these things on one slot until it expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessToken {
    /// Who grants it: the contract's client, or the market (for a repair, reads only; or by the client's grant).
    pub issuer: Did,
    /// Who may use it. Where that is not the issuer, the holder shows a [`Presentation`] too.
    pub holder: Did,
    /// On which provider.
    pub provider: Did,
    /// On which contract.
    pub contract: ContractId,
    /// On which slot.
    pub slot: u16,
    /// What.
    pub access: Vec<Access>,
    /// Whether the holder pays for what it reads, by vouchers of its own. Else the issuer does: the client by its
    /// vouchers, the market out of its repair pool.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub holder_pays: bool,
    /// Until when.
    pub expires: Timestamp,
}
document!(AccessToken, "bondstore.access-token", issuer);

/// The holder of a token that another party issued shows that it is the holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Presentation {
    /// Who shows it.
    pub holder: Did,
    /// Which token.
    pub token: DocId,
    /// Until when.
    pub expires: Timestamp,
}
document!(Presentation, "bondstore.presentation", holder);

/// A party speaks to a market's API in its own name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Who speaks.
    pub party: Did,
    /// To which market.
    pub audience: Did,
    /// Until when.
    pub expires: Timestamp,
}
document!(Session, "bondstore.session", party);
