//! The escrows of contracts on Bitcoin: what auditors announce, and attest.

use crate::app::App;
use axum::Json;
use axum::extract::State;
use contracts::outcome::escrow_id;
use market::event::SlotId;
use network::api::{EscrowView, Page, Problem};
use network::extract::{Paging, QueryOf};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use types::Did;

/// Where a page of the list ends.
struct Cursor(SlotId, Did);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0.contract, self.0.slot, self.1)
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, '.');
        let mut next = || parts.next().ok_or("<contract>.<slot>.<provider> is expected");
        let contract = next()?.parse().map_err(|_| "it names no contract")?;
        let slot = next()?.parse().map_err(|_| "it names no slot")?;
        let provider = next()?.parse().map_err(|_| "it names no provider")?;
        Ok(Self(SlotId { contract, slot }, provider))
    }
}

/// Every escrow of contracts on Bitcoin, with its outcome once nothing can change that any more.
#[utoipa::path(
    get, path = "/v1/escrows", operation_id = "escrows", tag = "contracts",
    params(Paging),
    responses((status = 200, description = "Some of them.", body = Page<EscrowView>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<Page<EscrowView>>, Problem> {
    let (after, limit) = (paging.after::<Cursor>()?, paging.limit()? as usize);
    let view = app.view();
    let behind = view.market.escrows().behind(after.map(|Cursor(slot, did)| (slot, did)));
    let line = |(slot, provider, escrow): (SlotId, Did, &market::escrows::Escrow)| EscrowView {
        escrow: escrow_id(slot.contract, slot.slot, provider),
        contract: slot.contract,
        slot: slot.slot,
        provider,
        outcome: escrow.outcome,
    };
    let lines = behind.map(line).take(limit + 1).collect();
    let cursor = |line: &EscrowView| {
        let slot = SlotId { contract: line.contract, slot: line.slot };
        Cursor(slot, line.provider).to_string()
    };
    Ok(Json(Page::of(lines, limit, cursor)))
}
