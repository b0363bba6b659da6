//! What everyone may read: who the market is, its books, its journal's head, its providers.

use crate::app::App;
use crate::views;
use axum::Json;
use axum::extract::State;
use network::api::{BooksView, JournalView, MarketInfo, ProviderLine};
use std::sync::Arc;

pub(super) async fn health() -> &'static str {
    "ok"
}

pub(super) async fn market(State(app): State<Arc<App>>) -> Json<MarketInfo> {
    Json(app.info())
}

pub(super) async fn books(State(app): State<Arc<App>>) -> Json<BooksView> {
    Json(views::books_view(&app.view().market))
}

pub(super) async fn journal(State(app): State<Arc<App>>) -> Json<JournalView> {
    Json(app.journal())
}

pub(super) async fn providers(State(app): State<Arc<App>>) -> Json<Vec<ProviderLine>> {
    Json(views::provider_lines(&app.view().market, &app.streams))
}
