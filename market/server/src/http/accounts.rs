//! A party's money and how it came to be.

use super::Party;
use crate::app::App;
use crate::{refuse, views};
use axum::Json;
use axum::extract::State;
use network::api::{AccountView, HistoryEntry, Problem};
use network::extract::{PathOf, QueryOf};
use serde::Deserialize;
use std::sync::Arc;
use types::Did;
use utoipa::IntoParams;

/// The most postings in one answer.
const PAGE_MAX: u32 = 1_000;
/// Postings in an answer, where the request does not say.
const PAGE: u32 = 100;

/// Which page of a history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default)]
    after: u64,
    limit: Option<u32>,
}

/// A party's money: one's own, or anybody's for the operator.
#[utoipa::path(
    get, path = "/v1/accounts/{party}", operation_id = "account", tag = "money",
    params(("party" = Did, Path, description = "Whose.")),
    security(("session" = [])),
    responses((status = 200, description = "The balances.", body = AccountView)),
    extensions(("x-codes" = json!(["not_yours"]))),
)]
pub(super) async fn account(
    party: Party,
    State(app): State<Arc<App>>,
    PathOf(of): PathOf<Did>,
) -> Result<Json<AccountView>, Problem> {
    party.may_see(of, &app)?;
    Ok(Json(views::account_view(&app.view().market, of)))
}

/// The postings that touched a party's accounts.
#[utoipa::path(
    get, path = "/v1/accounts/{party}/history", operation_id = "history", tag = "money",
    params(("party" = Did, Path, description = "Whose."), Page),
    security(("session" = [])),
    responses((status = 200, description = "Some of them.", body = Vec<HistoryEntry>)),
    extensions(("x-codes" = json!(["not_yours"]))),
)]
pub(super) async fn history(
    party: Party,
    State(app): State<Arc<App>>,
    PathOf(of): PathOf<Did>,
    QueryOf(page): QueryOf<Page>,
) -> Result<Json<Vec<HistoryEntry>>, Problem> {
    party.may_see(of, &app)?;
    let limit = page.limit.unwrap_or(PAGE).min(PAGE_MAX);
    let entries = app.readers.ask(move |store| store.history(&of, page.after, limit)).await;
    entries.map(Json).map_err(|error| refuse::unreadable(&error))
}
