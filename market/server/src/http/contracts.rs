//! Contracts: accepting a quote, revising, reading.

use super::documents::about;
use super::{Party, keyed, submit};
use crate::app::App;
use crate::{refuse, views};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use market::Command;
use network::api::{AcceptBody, ContractLine, ContractView, Problem, ReviseBody};
use network::extract::{IdempotencyKey, JsonBody, PathOf};
use std::sync::Arc;
use types::documents::{Acceptance, Quote, Revision, StorageReceipt};
use types::{ContractId, DocId, Hash, Verified};

/// Takes a quote: the contract is agreed and its escrow locked.
#[utoipa::path(
    post, path = "/v1/contracts", operation_id = "accept", tag = "contracts",
    request_body = AcceptBody,
    responses((status = 200, description = "The contract.", body = ContractView)),
    extensions(("x-codes" = json!(["rules", "key", "document"]))),
)]
pub(super) async fn accept(
    State(app): State<Arc<App>>,
    key: IdempotencyKey,
    JsonBody(body): JsonBody<AcceptBody>,
) -> Result<Response, Problem> {
    let acceptance: Verified<Acceptance> = body.acceptance.verify()?;
    let quote: Box<Verified<Quote>> = Box::new(body.quote.verify()?);
    let documents = [acceptance.id(), quote.id()];
    let key = keyed(key, acceptance.client, "/v1/contracts", &documents);
    submit(&app, Command::Accept { acceptance, quote }, key).await
}

/// Advances a contract to what its slots hold now.
#[utoipa::path(
    post, path = "/v1/contracts/{contract}/revisions", operation_id = "revise", tag = "contracts",
    params(("contract" = ContractId, Path, description = "The contract.")),
    request_body = ReviseBody,
    responses((status = 200, description = "The contract.", body = ContractView)),
    extensions(("x-codes" = json!(["rules", "key", "document", "contract_mismatch", "layout_missing"]))),
)]
pub(super) async fn revise(
    State(app): State<Arc<App>>,
    PathOf(contract): PathOf<ContractId>,
    key: IdempotencyKey,
    JsonBody(body): JsonBody<ReviseBody>,
) -> Result<Response, Problem> {
    let revision: Verified<Revision> = body.revision.verify()?;
    about(contract, revision.contract)?;
    has_layout(&app, contract, revision.layout).await?;
    let receipts = body.receipts.iter().map(types::Signed::verify::<StorageReceipt>);
    let receipts = receipts.collect::<Result<Vec<_>, _>>()?;
    let documents: Vec<DocId> =
        std::iter::once(revision.id()).chain(receipts.iter().map(Verified::id)).collect();
    let key = keyed(key, revision.signer, "revisions", &documents);
    submit(&app, Command::Revise { revision, receipts }, key).await
}

/// Without its layout a contract's slots could not be rebuilt, so that must be there first.
async fn has_layout(app: &App, contract: ContractId, layout: Hash) -> Result<(), Problem> {
    let kept = app.readers.ask(move |store| store.has_layout(&contract, &layout)).await;
    if kept.map_err(|error| refuse::unreadable(&error))? {
        return Ok(());
    }
    let detail =
        format!("layout {layout} is not kept; put it under layouts/{layout} before you revise");
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "layout_missing", detail))
}

/// The contracts that the party buys or holds slots of.
#[utoipa::path(
    get, path = "/v1/contracts", operation_id = "contracts", tag = "contracts",
    security(("session" = [])),
    responses((status = 200, description = "Its contracts.", body = Vec<ContractLine>)),
)]
pub(super) async fn list(
    Party(party): Party,
    State(app): State<Arc<App>>,
) -> Json<Vec<ContractLine>> {
    Json(views::contract_lines(&app.view().market, &party))
}

/// One contract, for those whom it concerns.
#[utoipa::path(
    get, path = "/v1/contracts/{contract}", operation_id = "contract", tag = "contracts",
    params(("contract" = ContractId, Path, description = "The contract.")),
    security(("session" = [])),
    responses((status = 200, description = "The contract.", body = ContractView)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
pub(super) async fn one(
    Party(party): Party,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<ContractId>,
) -> Result<Json<ContractView>, Problem> {
    let view = app.view();
    let contract = view.market.contract(&id);
    let contract = contract.filter(|c| c.concerns(&party) || party == app.did);
    let contract = contract.ok_or_else(|| unknown(&id))?;
    Ok(Json(views::contract_view(&view.market, &app.streams, contract)))
}

/// There is no such contract, or none of this party's: it is told the same.
pub(super) fn unknown(id: &ContractId) -> Problem {
    Problem::not_found(format!("there is no contract {id} of yours; list yours to see their names"))
}
