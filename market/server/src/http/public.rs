//! What everyone may read: who the market is, its books, its journal's head, its providers.

use super::{Party, encoded, kept};
use crate::app::App;
use crate::cache::Caches;
use crate::views;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use network::api::{BooksPage, JournalView, MarketInfo, Page, Problem, ProviderLine};
use network::extract::{Paging, QueryOf};
use std::sync::Arc;
use types::Did;

/// Whether the server is alive.
#[utoipa::path(
    get, path = "/health", operation_id = "health", tag = "market",
    responses((status = 200, description = "It is.", body = String, content_type = "text/plain")),
)]
pub(super) async fn health() -> &'static str {
    "ok"
}

/// The same, as it was called first.
#[utoipa::path(
    get, path = "/v1/health", operation_id = "health_of_v1", tag = "market",
    responses((status = 200, description = "It is.", body = String, content_type = "text/plain")),
)]
pub(super) async fn health_of_v1() -> &'static str {
    "ok"
}

/// Whether the market takes work.
#[utoipa::path(
    get, path = "/ready", operation_id = "ready", tag = "market",
    responses((status = 200, description = "It does.", body = String, content_type = "text/plain")),
    extensions(("x-codes" = json!(["not_ready"]))),
)]
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    let mut reasons = app.writer.ready().names();
    if !app.role.borrow().is_writer() {
        reasons.push("standby");
    }
    if reasons.is_empty() {
        return Ok("ready");
    }
    let detail = format!("reads go on, work waits: {}", reasons.join(", "));
    Err(Problem::unavailable("not_ready", detail))
}

/// Who the market is and how it counts time.
#[utoipa::path(
    get, path = "/v1/market", operation_id = "market", tag = "market",
    responses((status = 200, description = "The market.", body = MarketInfo)),
)]
pub(super) async fn market(State(app): State<Arc<App>>) -> Json<MarketInfo> {
    Json(app.info())
}

/// The whole ledger, page by page: for the operator.
#[utoipa::path(
    get, path = "/v1/books", operation_id = "books", tag = "market",
    params(Paging),
    security(("session" = [])),
    responses((status = 200, description = "Some accounts, with the sums over all.", body = BooksPage)),
    extensions(("x-codes" = json!(["not_yours"]))),
)]
pub(super) async fn books(
    party: Party,
    State(app): State<Arc<App>>,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<BooksPage>, Problem> {
    party.may_see(app.did, &app)?;
    let (after, limit) = (paging.after::<views::Cursor>()?, paging.limit()?);
    let view = app.view();
    Ok(Json(views::books_page(&view, after.map(|cursor| cursor.0), limit as usize)))
}

/// How far the journal has come; in a large market, how far it had come a moment ago.
#[utoipa::path(
    get, path = "/v1/journal", operation_id = "journal", tag = "market",
    responses((status = 200, description = "The journal's head.", body = JournalView)),
)]
pub(super) async fn journal(State(app): State<Arc<App>>) -> Json<JournalView> {
    Json(app.journal_of_late())
}

/// Every provider with its ask and score.
#[utoipa::path(
    get, path = "/v1/providers", operation_id = "providers", tag = "offers",
    params(Paging, ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer that is known.")),
    responses(
        (status = 200, description = "Some of them.", body = Page<ProviderLine>),
        (status = 304, description = "The known answer is still right."),
    ),
)]
pub(super) async fn providers(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Response, Problem> {
    let (after, limit) = (paging.after::<Did>()?, paging.limit()?);
    let (caches, online) = (app.published.caches(), app.streams.generation());
    let view = app.view();
    let stamp = Caches::stamp_of_all(view.head.blocks, online);
    let answer = caches.providers.get((after, limit), stamp, || {
        let lines = views::provider_lines(&view.market, &app.streams, after);
        let lines = lines.take(limit as usize + 1).collect();
        encoded(&Page::of(lines, limit as usize, |line| line.provider.to_string()))
    });
    Ok(kept(&headers, answer))
}
