//! The HTTP API: documents in, views out. One file per kind of thing; refusals are problems.

mod accounts;
mod agreements;
mod audits;
mod bulk;
mod contracts;
mod describe;
mod documents;
mod epochs;
mod escrows;
mod events;
mod evidence;
pub(crate) mod front;
mod grants;
pub(crate) mod limit;
mod offers;
mod public;
mod statements;
mod tail;
mod views_of;

use crate::app::App;
use crate::cache::Answer;
use crate::converse;
use crate::refuse;
use crate::writer::{Outcome, Refusal, RequestKey, Role, Submission};
use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use market::Command;
use network::api::Problem;
use network::extract::IdempotencyKey;
use network::stream::StreamUpgrade;
use std::sync::Arc;
use types::{Did, DocId, Hash, Timestamp};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What a keyed request's path and documents are hashed under.
const REQUEST: &str = "bondstore 2026 keyed request";

/// Every path of the API, and its description.
fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(public::health_of_v1))
        .routes(routes!(events::follow))
        .routes(routes!(public::market))
        .routes(routes!(public::books))
        .routes(routes!(public::journal))
        .routes(routes!(public::providers))
        .routes(routes!(documents::ask))
        .routes(routes!(documents::request))
        .routes(routes!(offers::counter))
        .routes(routes!(offers::exclusions))
        .routes(routes!(offers::prices))
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
        .routes(routes!(audits::dispute))
        .routes(routes!(audits::announce))
        .routes(routes!(audits::measure))
        .routes(routes!(audits::verdicts))
        .routes(routes!(audits::probes))
        .routes(routes!(epochs::list))
        .routes(routes!(escrows::list))
        .routes(routes!(escrows::entry))
        .routes(routes!(bulk::put_layout, bulk::layout))
        .routes(routes!(accounts::account))
        .routes(routes!(accounts::history))
        .routes(routes!(statements::of_party))
        .routes(routes!(statements::of_contract))
        .routes(routes!(statements::invoice))
        .routes(routes!(statements::history))
        .routes(routes!(evidence::head))
        .routes(routes!(evidence::consistency))
        .routes(routes!(evidence::receipt))
        .routes(routes!(bulk::put_backup, bulk::backup))
        .routes(routes!(grants::grant, grants::list))
        .routes(routes!(grants::revoke))
        .routes(routes!(grants::put_contents, grants::contents))
        .routes(routes!(grants::passes))
        .routes(routes!(stream))
}

/// The paths that are answered to everyone, however often they ask.
fn vital() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(public::health)).routes(routes!(public::ready))
}

/// The API.
pub(crate) fn router(app: Arc<App>) -> Router {
    let (limited, mut api) = routes().split_for_parts();
    let (vital, vital_api) = vital().split_for_parts();
    api.merge(vital_api);
    let description: Bytes = description(api).to_string().into();
    let openapi = get(async move || json(description.clone()));
    let limits = axum::middleware::from_fn_with_state(app.clone(), limit::limit);
    let api = limited.route("/openapi.json", openapi).layer(limits).merge(vital).with_state(app);
    api.layer(axum::middleware::from_fn(network::metrics::count))
}

/// The description of the API, `OpenAPI` 3.1.
pub fn openapi() -> serde_json::Value {
    description(routes().merge(vital()).into_openapi())
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
    Party { did: party, .. }: Party,
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
pub(crate) struct Party {
    pub(crate) did: Did,
    /// When the session runs out.
    pub(crate) expires: Timestamp,
}

impl FromRequestParts<Arc<App>> for Party {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let session = app.front.sessions.check(&parts.headers, app.did, app.clock.now());
        session.map(|(did, expires)| Self { did, expires })
    }
}

impl Party {
    /// Whether it is `party`, or the market's operator.
    fn may_see(self, party: Did, app: &App) -> Result<(), Problem> {
        if self.did == party || self.did == app.did {
            return Ok(());
        }
        let detail = format!("this is for {party} and the market's operator; you are {}", self.did);
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

/// A kept answer; nothing but its tag where the asker has it already.
fn kept(headers: &HeaderMap, answer: Answer) -> Response {
    let tag = HeaderValue::from_str(&answer.tag).expect("a tag is hexadecimal in quotes");
    let has = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = has.flat_map(|value| value.split(',')).map(str::trim);
    let same = tags.any(|has| has == "*" || has.trim_start_matches("W/") == &*answer.tag);
    let mut response =
        if same { StatusCode::NOT_MODIFIED.into_response() } else { json(answer.json) };
    response.headers_mut().insert(ETAG, tag);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}

/// A view as JSON.
fn encoded(view: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(view).expect("views have only text as keys")
}

/// JSON that is encoded already.
fn json(bytes: impl Into<Bytes>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes.into()).into_response()
}
