//! Contracts: accepting a quote, revising, reading.

use super::documents::about;
use super::{Party, encoded, kept, keyed, submit};
use crate::app::App;
use crate::{refuse, views};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use market::Command;
use network::api::{AcceptBody, ContractLine, ContractView, Page, Problem, ReviseBody};
use network::extract::{IdempotencyKey, JsonBody, Paging, PathOf, QueryOf};
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
    params(Paging),
    security(("session" = [])),
    responses((status = 200, description = "Some of them.", body = Page<ContractLine>)),
)]
pub(super) async fn list(
    party: Party,
    State(app): State<Arc<App>>,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<Page<ContractLine>>, Problem> {
    let (after, limit) = (paging.after::<ContractId>()?, paging.limit()? as usize);
    let view = app.view();
    let lines = views::contract_lines(&view.market, &party.did, after);
    Ok(Json(Page::of(lines.take(limit + 1).collect(), limit, |line| line.id.to_string())))
}

/// One contract, for those whom it concerns and for guests that may write to it.
#[utoipa::path(
    get, path = "/v1/contracts/{contract}", operation_id = "contract", tag = "contracts",
    params(
        ("contract" = ContractId, Path, description = "The contract."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer that is known."),
    ),
    security(("session" = [])),
    responses(
        (status = 200, description = "The contract.", body = ContractView),
        (status = 304, description = "The known answer is still right."),
    ),
    extensions(("x-codes" = json!(["not_found"]))),
)]
pub(super) async fn one(
    party: Party,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<ContractId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (caches, online) = (app.published.caches(), app.streams.generation());
    let view = app.view();
    let contract = view.market.contract(&id);
    let contract = contract.filter(|c| {
        c.concerns(&party.did)
            || party.did == app.did
            || view.market.may_write(app.clock.now(), c, &party.did)
    });
    let contract = contract.ok_or_else(|| unknown(&id))?;
    let make = || encoded(&views::contract_view(&view.market, &app.streams, contract));
    Ok(kept(&headers, caches.contracts.get(id, caches.stamp(&id.0, online), make)))
}

/// There is no such contract, or none of this party's: it is told the same.
pub(super) fn unknown(id: &ContractId) -> Problem {
    Problem::not_found(format!("there is no contract {id} of yours; list yours to see their names"))
}
