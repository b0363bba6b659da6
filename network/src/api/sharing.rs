//! What travels about grants.

use serde::{Deserialize, Serialize};
use types::documents::{AccessToken, Grant};
use types::{Did, DocId, GbPrice, Jws, Signed};
use utoipa::ToSchema;

/// A line of `GET /v1/grants`: a grant that the party gave or was given and that is not revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantLine {
    /// Its name.
    pub id: DocId,
    /// The signed [`Grant`].
    #[schema(value_type = Jws<Grant>)]
    pub grant: Signed,
    /// Whether its time is over.
    pub over: bool,
}

/// A line of `GET /v1/contracts/{id}/passes`: how a guest reaches one slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SlotPass {
    /// Which slot.
    pub slot: u16,
    /// Who holds it.
    pub provider: Did,
    /// Where that provider's data plane answers, from its ask.
    pub endpoint: Option<String>,
    /// Whether it is filled, and its provider connected to the market now.
    pub well: bool,
    /// What a GB read from it costs the guest.
    pub egress: GbPrice,
    /// An [`AccessToken`] of the market's for the guest, good for five minutes at most.
    #[schema(value_type = Jws<AccessToken>)]
    pub token: Signed,
}
