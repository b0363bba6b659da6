//! How a client lets others read what it keeps, and write to a contract of its: grant and revocation.

use super::{Access, document};
use crate::{ContractId, Did, DocId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A client lets another party use what it keeps under a name, or under every name that begins so.
///
/// Which names these are is said only in the sealed parts: the market learns who shares with whom, and no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Who shares.
    pub owner: Did,
    /// With whom.
    pub grantee: Did,
    /// Only in this contract of the owner's; nothing: in any, those made later too. A grant to write names one.
    pub contract: Option<ContractId>,
    /// What the grantee may do: `["read"]`, or `["read","write"]`.
    pub access: Vec<Access>,
    /// Until when it stands if it is not revoked before; nothing: until it is revoked.
    pub expires: Option<Timestamp>,
    /// Rises with every grant of this owner.
    pub nonce: u64,
    /// The key to what is shared, and which names that is, sealed to the grantee, in base64url.
    pub sealed: String,
    /// What is shared, sealed by the owner for itself, in base64url.
    pub memo: String,
}
document!(Grant, "bondstore.grant", owner);

/// The owner takes a grant back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Who shared.
    pub owner: Did,
    /// Which grant.
    pub grant: DocId,
}
document!(Revocation, "bondstore.revocation", owner);
