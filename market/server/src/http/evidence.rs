//! What the market can be held to: its tree head, receipts of documents, and that its journal only grows.

use super::Party;
use crate::app::App;
use crate::refuse;
use axum::Json;
use axum::extract::State;
use network::api::Problem;
use network::extract::{PathOf, QueryOf};
use network::market_api::HeadBody;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use types::documents::Receipt;
use types::tree::ConsistencyProof;
use types::{ContractId, Did, DocId, Signed};
use utoipa::IntoParams;

/// The market's signed word for its whole journal.
#[utoipa::path(
    get, path = "/v1/head", operation_id = "head", tag = "evidence",
    responses((status = 200, description = "The newest tree head.", body = HeadBody)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
pub(super) async fn head(State(app): State<Arc<App>>) -> Result<Json<HeadBody>, Problem> {
    let head = app.readers.ask(crate::store::Store::tree_head).await;
    let head = head.map_err(|error| refuse::unreadable(&error))?;
    let nothing =
        || Problem::not_found("the journal is empty; there is a head with its first block");
    Ok(Json(HeadBody { head: head.ok_or_else(nothing)? }))
}

/// The sizes of two trees.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Sizes {
    /// How many entries the earlier tree has.
    from: u64,
    /// How many the later.
    to: u64,
}

/// Shows that one tree is the beginning of another: that nothing in the journal was changed in between.
#[utoipa::path(
    get, path = "/v1/consistency", operation_id = "consistency", tag = "evidence",
    params(Sizes),
    responses((status = 200, description = "The proof.", body = ConsistencyProof)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
pub(super) async fn consistency(
    State(app): State<Arc<App>>,
    QueryOf(Sizes { from, to }): QueryOf<Sizes>,
) -> Result<Json<ConsistencyProof>, Problem> {
    let proof = app.readers.ask(move |store| store.consistency(from, to)).await;
    let proof = proof.map_err(|error| refuse::unreadable(&error))?;
    let nothing = || {
        let detail = format!("there are no trees of {from} and {to} entries, one after the other");
        Problem::not_found(format!("{detail}; the sizes are in tree heads"))
    };
    proof.map(Json).ok_or_else(nothing)
}

/// The receipt of a signed document: that it is in the journal, with what it caused.
#[utoipa::path(
    get, path = "/v1/receipts/{document}", operation_id = "receipt", tag = "evidence",
    params(("document" = DocId, Path, description = "The document's name.")),
    security(("session" = [])),
    responses((status = 200, description = "The receipt.", body = Receipt)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
pub(super) async fn receipt(
    Party { did: party, .. }: Party,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<DocId>,
) -> Result<Json<Receipt>, Problem> {
    let found = app.readers.ask(move |store| store.receipt(&id)).await;
    let found = found.map_err(|error| refuse::unreadable(&error))?;
    let found = found.filter(|found| {
        party == app.did || concerns(&app, party, &found.receipt.document, found.contract)
    });
    let nothing = || {
        let detail = format!("the journal has no document {id} that concerns you");
        Problem::not_found(format!("{detail}; a document is named by the hash of its JWS"))
    };
    found.map(|found| Json(found.receipt)).ok_or_else(nothing)
}

/// Whether a document is the party's, names it, or is about a contract of its.
fn concerns(app: &App, party: Did, document: &Signed, contract: Option<ContractId>) -> bool {
    let Ok(document) = document.authenticate() else { return false };
    if document.signer == party {
        return true;
    }
    let payload: Value = serde_json::from_slice(&document.payload).unwrap_or_default();
    let name = party.to_string();
    let mut fields = payload.as_object().into_iter().flat_map(|fields| fields.values());
    if fields.any(|field| field.as_str() == Some(&name)) {
        return true;
    }
    let mut contracts: Vec<ContractId> = contract.into_iter().collect();
    contracts_in(&payload, &mut contracts);
    let view = app.view();
    let is_theirs = |id: &ContractId| {
        view.market.contract(id).is_some_and(|contract| contract.concerns(&party))
    };
    contracts.iter().any(is_theirs)
}

/// Every contract that a payload names as such.
fn contracts_in(payload: &Value, found: &mut Vec<ContractId>) {
    match payload {
        Value::Object(fields) => {
            let contract = fields.get("contract").and_then(Value::as_str);
            found.extend(contract.and_then(|contract| contract.parse::<ContractId>().ok()));
            fields.values().for_each(|field| contracts_in(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| contracts_in(item, found)),
        _ => {}
    }
}
