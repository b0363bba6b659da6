//! A party's money and how it came to be.

use super::{Party, encoded, kept};
use crate::app::App;
use crate::{refuse, views};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use network::api::{AccountView, HistoryEntry, Page, Problem};
use network::extract::{Paging, PathOf, QueryOf};
use std::sync::Arc;
use types::Did;

/// A party's money: one's own, or anybody's for the operator.
#[utoipa::path(
    get, path = "/v1/accounts/{party}", operation_id = "account", tag = "money",
    params(
        ("party" = Did, Path, description = "Whose."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer that is known."),
    ),
    security(("session" = [])),
    responses(
        (status = 200, description = "The balances.", body = AccountView),
        (status = 304, description = "The known answer is still right."),
    ),
    extensions(("x-codes" = json!(["not_yours"]))),
)]
pub(super) async fn account(
    party: Party,
    State(app): State<Arc<App>>,
    PathOf(of): PathOf<Did>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    party.may_see(of, &app)?;
    let caches = app.published.caches();
    let view = app.view();
    let make = || encoded(&views::account_view(&view.market, of));
    Ok(kept(&headers, caches.accounts.get(of, caches.stamp(&of.0, 0), make)))
}

/// The postings that touched a party's accounts.
#[utoipa::path(
    get, path = "/v1/accounts/{party}/history", operation_id = "history", tag = "money",
    params(("party" = Did, Path, description = "Whose."), Paging),
    security(("session" = [])),
    responses((status = 200, description = "Some of them.", body = Page<HistoryEntry>)),
    extensions(("x-codes" = json!(["not_yours"]))),
)]
pub(super) async fn history(
    party: Party,
    State(app): State<Arc<App>>,
    PathOf(of): PathOf<Did>,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<Page<HistoryEntry>>, Problem> {
    party.may_see(of, &app)?;
    let (after, limit) = (paging.after::<u64>()?.unwrap_or_default(), paging.limit()?);
    let entries = app.readers.ask(move |store| store.history(&of, after, limit + 1)).await;
    let entries = entries.map_err(|error| refuse::unreadable(&error))?;
    Ok(Json(Page::of(entries, limit as usize, |entry| entry.posting.to_string())))
}
