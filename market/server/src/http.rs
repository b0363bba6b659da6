//! The HTTP API: documents in, views out. One file per kind of thing; refusals are problems.

mod accounts;
mod bulk;
mod contracts;
mod documents;
mod public;

use crate::app::App;
use crate::converse;
use crate::refuse;
use crate::writer::{Outcome, RequestKey, Submission};
use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use market::Command;
use network::api::Problem;
use network::extract::IdempotencyKey;
use network::stream::StreamUpgrade;
use std::sync::Arc;
use types::{Did, DocId, Hash};

/// What a keyed request's path and documents are hashed under.
const REQUEST: &str = "bondstore 2026 keyed request";

/// Every path of the API.
pub(crate) fn router(app: Arc<App>) -> Router {
    let contract = Router::new()
        .route("/", get(contracts::one))
        .route("/confirmations", post(documents::confirm))
        .route("/confessions", post(documents::confess))
        .route("/revisions", post(contracts::revise))
        .route("/layouts/{layout}", put(bulk::put_layout).get(bulk::layout));
    Router::new()
        .route("/v1/health", get(public::health))
        .route("/v1/market", get(public::market))
        .route("/v1/books", get(public::books))
        .route("/v1/journal", get(public::journal))
        .route("/v1/providers", get(public::providers))
        .route("/v1/asks", post(documents::ask))
        .route("/v1/requests", post(documents::request))
        .route("/v1/deposits", post(documents::deposit))
        .route("/v1/withdrawals", post(documents::withdraw))
        .route("/v1/vouchers", post(documents::redeem))
        .route("/v1/contracts", post(contracts::accept).get(contracts::list))
        .nest("/v1/contracts/{contract}", contract)
        .route("/v1/accounts/{party}", get(accounts::account))
        .route("/v1/accounts/{party}/history", get(accounts::history))
        .route("/v1/backups/{party}", put(bulk::put_backup).get(bulk::backup))
        .route("/v1/stream", get(stream))
        .with_state(app)
}

async fn stream(
    Party(party): Party,
    State(app): State<Arc<App>>,
    upgrade: StreamUpgrade,
) -> Response {
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
fn json(bytes: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response()
}
