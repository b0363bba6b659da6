//! What everyone may read: who the market is, its books, its journal's head, its providers.

use crate::app::App;
use crate::views;
use axum::Json;
use axum::extract::State;
use network::api::{BooksView, JournalView, MarketInfo, ProviderLine};
use std::sync::Arc;

/// Whether the server is alive.
#[utoipa::path(
    get, path = "/v1/health", operation_id = "health", tag = "market",
    responses((status = 200, description = "It is.", body = String, content_type = "text/plain")),
)]
pub(super) async fn health() -> &'static str {
    "ok"
}

/// Who the market is and how it counts time.
#[utoipa::path(
    get, path = "/v1/market", operation_id = "market", tag = "market",
    responses((status = 200, description = "The market.", body = MarketInfo)),
)]
pub(super) async fn market(State(app): State<Arc<App>>) -> Json<MarketInfo> {
    Json(app.info())
}

/// The whole ledger.
#[utoipa::path(
    get, path = "/v1/books", operation_id = "books", tag = "market",
    responses((status = 200, description = "Every account.", body = BooksView)),
)]
pub(super) async fn books(State(app): State<Arc<App>>) -> Json<BooksView> {
    Json(views::books_view(&app.view().market))
}

/// How far the journal has come.
#[utoipa::path(
    get, path = "/v1/journal", operation_id = "journal", tag = "market",
    responses((status = 200, description = "The journal's head.", body = JournalView)),
)]
pub(super) async fn journal(State(app): State<Arc<App>>) -> Json<JournalView> {
    Json(app.journal())
}

/// Every provider with its ask and score.
#[utoipa::path(
    get, path = "/v1/providers", operation_id = "providers", tag = "offers",
    responses((status = 200, description = "The providers.", body = Vec<ProviderLine>)),
)]
pub(super) async fn providers(State(app): State<Arc<App>>) -> Json<Vec<ProviderLine>> {
    Json(views::provider_lines(&app.view().market, &app.streams))
}
