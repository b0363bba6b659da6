//! The HTTP API: documents in, views out. One file per kind of thing; refusals are problems.

mod accounts;
mod agreements;
mod bulk;
mod contracts;
mod describe;
mod documents;
mod public;

use crate::app::App;
use crate::converse;
use crate::refuse;
use crate::writer::{Outcome, Refusal, RequestKey, Role, Submission};
use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use market::Command;
use network::api::Problem;
use network::extract::IdempotencyKey;
use network::stream::StreamUpgrade;
use std::sync::Arc;
use types::{Did, DocId, Hash};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What a keyed request's path and documents are hashed under.
const REQUEST: &str = "bondstore 2026 keyed request";

/// Every path of the API, and its description.
fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(public::health))
        .routes(routes!(public::market))
        .routes(routes!(public::books))
        .routes(routes!(public::journal))
        .routes(routes!(public::providers))
        .routes(routes!(documents::ask))
        .routes(routes!(documents::request))
        .routes(routes!(documents::deposit))
        .routes(routes!(documents::withdraw))
        .routes(routes!(documents::redeem))
        .routes(routes!(contracts::accept, contracts::list))
        .routes(routes!(contracts::one))
        .routes(routes!(documents::confirm))
        .routes(routes!(documents::confess))
        .routes(routes!(contracts::revise))
        .routes(routes!(agreements::extend))
        .routes(routes!(agreements::grow))
        .routes(routes!(agreements::cancel))
        .routes(routes!(agreements::depart))
        .routes(routes!(agreements::top_up))
        .routes(routes!(bulk::put_layout, bulk::layout))
        .routes(routes!(accounts::account))
        .routes(routes!(accounts::history))
        .routes(routes!(bulk::put_backup, bulk::backup))
        .routes(routes!(stream))
}

/// The API.
pub(crate) fn router(app: Arc<App>) -> Router {
    let (router, api) = routes().split_for_parts();
    let description: Bytes = description(api).to_string().into();
    let openapi = get(async move || json(description.clone()));
    router.route("/openapi.json", openapi).with_state(app)
}

/// The description of the API, OpenAPI 3.1.
pub fn openapi() -> serde_json::Value {
    description(routes().into_openapi())
}

fn description(api: OpenApi) -> serde_json::Value {
    serde_json::to_value(describe::complete(api)).expect("a description has only text as keys")
}

/// Opens the stream between a provider and the market.
#[utoipa::path(
    get, path = "/v1/stream", operation_id = "stream", tag = "market",
    security(("session" = [])),
    responses((status = 101, description = "The stream is open.")),
    extensions(("x-codes" = json!(["upgrade_required"]))),
)]
async fn stream(
    Party(party): Party,
    State(app): State<Arc<App>>,
    upgrade: StreamUpgrade,
) -> Response {
    if let Role::Follower { writer } = &*app.role.borrow() {
        return refuse::refusal(&Refusal::NotTheWriter(writer.clone())).into_response();
    }
    upgrade.accept(move |duplex| converse::converse(app, party, duplex))
}

/// The party that the request's session speaks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Party(pub(crate) Did);

impl FromRequestParts<Arc<App>> for Party {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        network::auth::session(&parts.headers, app.did, app.clock.now())
            .map(|session| Self(session.party))
    }
}

impl Party {
    /// Whether it is `party`, or the market's operator.
    fn may_see(self, party: Did, app: &App) -> Result<(), Problem> {
        if self.0 == party || self.0 == app.did {
            return Ok(());
        }
        let detail = format!("this is for {party} and the market's operator; you are {}", self.0);
        Err(Problem::forbidden("not_yours", detail))
    }
}

/// The key that a request is remembered by: who sent it, and what names its body.
fn keyed(
    IdempotencyKey(key): IdempotencyKey,
    principal: Did,
    path: &str,
    documents: &[DocId],
) -> Option<RequestKey> {
    let parts: Vec<&[u8]> = std::iter::once(path.as_bytes())
        .chain(documents.iter().map(|id| id.0.as_slice()))
        .collect();
    key.map(|key| RequestKey { principal, key, body: Hash::derive(REQUEST, &parts) })
}

/// Has a command judged, and answers with what `view` makes of the state, or what was answered before.
async fn submit(app: &App, command: Command, key: Option<RequestKey>) -> Result<Response, Problem> {
    let submission = Submission { key, ..Submission::from(command.clone()) };
    let outcome = app.writer.submit(submission).await.map_err(|r| refuse::refusal(&r))?;
    Ok(json(answer(app, &command, outcome)))
}

fn answer(app: &App, command: &Command, outcome: Outcome) -> Vec<u8> {
    let now = || crate::views::answer(&app.view().market, &app.streams, command);
    outcome.answer.unwrap_or_else(now)
}

/// JSON that is encoded already.
fn json(bytes: impl Into<Bytes>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes.into()).into_response()
}
