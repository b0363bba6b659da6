//! What opened each epoch, so that whoever is challenged can check that nobody chose the beacon.

use crate::app::App;
use crate::refuse;
use crate::store::changes::Marked;
use axum::Json;
use axum::extract::State;
use network::api::{EpochView, Page, Problem};
use network::extract::{Paging, QueryOf};
use std::sync::Arc;

/// Epochs since the market's founding, each with the link and the headers that opened it. The next page begins behind the epoch
/// that `after` names.
#[utoipa::path(
    get, path = "/v1/epochs", operation_id = "epochs", tag = "evidence",
    params(Paging),
    responses((status = 200, description = "Some of them.", body = Page<EpochView>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<Page<EpochView>>, Problem> {
    let (after, limit) = (paging.after::<u64>()?.unwrap_or(0), paging.limit()?);
    let read = move |store: &crate::store::Store| {
        store.marks::<EpochView>(
            Marked::Epoch,
            Some((after, u64::MAX >> 1)),
            limit.saturating_add(1),
        )
    };
    let marks = app.readers.ask(read).await.map_err(|error| refuse::unreadable(&error))?;
    let views = marks.into_iter().map(|(_, view)| view).collect();
    Ok(Json(Page::of(views, limit as usize, |view| view.epoch.to_string())))
}
