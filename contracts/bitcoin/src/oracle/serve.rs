//! An auditor's oracle over HTTP: announcements and attestations for everybody, minutes for its fellow auditors, orders from its own auditor.
//!
//! | path | gives |
//! |---|---|
//! | `GET /v1/oracle` | key and rule ([`OracleInfo`]) |
//! | `GET /v1/oracle/announcements/{event}` | the announcement |
//! | `GET /v1/oracle/attestations/{event}` | the attestation; 404 until there is one |
//! | `GET /v1/oracle/agreements/{event}` | what the event's auditors have said ([`Minutes`]) |
//! | `POST /v1/oracle/agreements/{event}` | takes up minutes, gives those that it knows then |
//! | `POST /v1/oracle/orders` | does what its auditor asks ([`Order`]), gives an [`EventView`] |
//!
//! Announcements and attestations are dlcspecs' bytes (`application/octet-stream`), or JSON where `Accept` names `application/json` or
//! the event's name is followed by `.json`.

use super::agree::Minutes;
use super::api::{AnnouncementView, AttestationView, EventView, OracleInfo, Order};
use super::rule::EventName;
use super::{Oracle, OracleError};
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use network::api::Problem;
use network::client::{JSON, OCTETS};
use network::extract::{JsonBody, PathOf};
use serde::Serialize;
use std::sync::Arc;
use types::Did;

/// The longest minutes: 32 votes with 32 reports each.
pub const MINUTES_BYTES_MAX: usize = 768 << 10;
/// The longest order.
const ORDER_BYTES_MAX: usize = 16 << 10;

/// What the routes need.
struct Service {
    oracle: Arc<Oracle>,
    /// Whose orders are followed.
    auditor: Did,
}

/// The routes of `auditor`'s oracle, for [`network::server::serve`].
pub fn router(oracle: Arc<Oracle>, auditor: Did) -> Router {
    Router::new()
        .route("/v1/oracle", get(info))
        .route("/v1/oracle/announcements/{event}", get(announcement))
        .route("/v1/oracle/attestations/{event}", get(attestation))
        .route("/v1/oracle/agreements/{event}", get(minutes).post(hear))
        .route("/v1/oracle/orders", post(order))
        .with_state(Arc::new(Service { oracle, auditor }))
}

async fn info(State(service): State<Arc<Service>>) -> Json<OracleInfo> {
    Json(OracleInfo::new(service.oracle.public_key(), service.auditor))
}

async fn announcement(
    State(service): State<Arc<Service>>,
    PathOf(event): PathOf<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (event, is_json) = wanted(event, &headers);
    let found =
        service.work(move |oracle| Ok((oracle.announcement(&event)?, oracle.known(&event)?.rule)));
    let (announcement, rule) = found.await?;
    let view = || AnnouncementView::new(&announcement, rule);
    Ok(answer(is_json, || announcement.encode(), view))
}

async fn attestation(
    State(service): State<Arc<Service>>,
    PathOf(event): PathOf<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (event, is_json) = wanted(event, &headers);
    let attested = service.work(move |oracle| oracle.attestation(&event)).await?;
    let attested = attested.ok_or_else(|| {
        let detail = "this event is not attested yet; ask again when it has matured";
        Problem::new(StatusCode::NOT_FOUND, "not_attested", detail)
    })?;
    Ok(answer(is_json, || attested.encode(), || AttestationView::new(&attested)))
}

async fn minutes(
    State(service): State<Arc<Service>>,
    PathOf(event): PathOf<String>,
) -> Result<Json<Minutes>, Problem> {
    service.hear(event, Minutes::default()).await.map(Json)
}

async fn hear(
    State(service): State<Arc<Service>>,
    PathOf(event): PathOf<String>,
    JsonBody(minutes): JsonBody<Minutes, MINUTES_BYTES_MAX>,
) -> Result<Json<Minutes>, Problem> {
    service.hear(event, minutes).await.map(Json)
}

async fn order(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    JsonBody(order): JsonBody<Order, ORDER_BYTES_MAX>,
) -> Result<Json<EventView>, Problem> {
    let session = network::auth::session(&headers, service.auditor, network::clock::now())?;
    if session.party != service.auditor {
        let detail = format!("orders are taken from {} alone", service.auditor);
        return Err(Problem::forbidden("not_the_auditor", detail));
    }
    service.work(move |oracle| obey(oracle, order)).await.map(Json)
}

/// Does what an order says.
///
/// # Errors
/// As the oracle refuses it.
pub fn obey(oracle: &Oracle, order: Order) -> Result<EventView, OracleError> {
    let event = match order {
        Order::Announce { contract, slot, maturity, rule } => {
            oracle.announce((contract, slot), maturity, &rule)?;
            EventName::new(contract, slot, &rule).to_string()
        }
        Order::Score { event, score } => {
            let event = named(oracle, event)?;
            oracle.say(&event, score, network::clock::now())?;
            event
        }
    };
    let attestation = oracle.attestation(&event)?;
    let announcement = oracle.announcement(&event)?;
    Ok(EventView::new(oracle.known(&event)?, &announcement, attestation.as_ref()))
}

/// The whole name of what `<contract>.<slot>` stands for, where that is one event.
fn named(oracle: &Oracle, event: String) -> Result<String, OracleError> {
    let short = format!("{event}.");
    let mut known: Vec<String> = oracle.events().into_iter().map(|known| known.event).collect();
    if known.contains(&event) {
        return Ok(event);
    }
    known.retain(|name| name.starts_with(&short));
    match <[String; 1]>::try_from(known) {
        Ok([one]) => Ok(one),
        Err(_) => Err(OracleError::Unknown(event)),
    }
}

impl Service {
    /// Runs what waits for the disk beside the executor's threads.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Oracle) -> Result<T, OracleError> + Send + 'static,
    ) -> Result<T, Problem> {
        let oracle = self.oracle.clone();
        let done = tokio::task::spawn_blocking(move || work(&oracle)).await;
        done.map_err(|_| Problem::internal())?.map_err(|error| problem(&error))
    }

    async fn hear(&self, event: String, minutes: Minutes) -> Result<Minutes, Problem> {
        self.work(move |oracle| oracle.hear(&event, minutes, network::clock::now())).await
    }
}

/// The event's name, and whether JSON is wanted of it.
fn wanted(event: String, headers: &HeaderMap) -> (String, bool) {
    if let Some(event) = event.strip_suffix(".json") {
        return (event.to_owned(), true);
    }
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let mut accepted = accept.split(',').map(|part| part.split(';').next().unwrap_or_default());
    let is_json = accepted.any(|kind| kind.trim().eq_ignore_ascii_case(JSON));
    (event, is_json)
}

fn answer<T: Serialize>(
    is_json: bool,
    bytes: impl FnOnce() -> Vec<u8>,
    view: impl FnOnce() -> T,
) -> Response {
    if is_json {
        return Json(view()).into_response();
    }
    ([(CONTENT_TYPE, OCTETS)], bytes()).into_response()
}

fn problem(error: &OracleError) -> Problem {
    let (status, code) = match error {
        OracleError::Unknown(_) => (StatusCode::NOT_FOUND, "no_such_event"),
        OracleError::GivenUp(_) => (StatusCode::GONE, "given_up"),
        OracleError::Attested { .. } => (StatusCode::CONFLICT, "attested_otherwise"),
        OracleError::Reported { .. } => (StatusCode::CONFLICT, "reported_otherwise"),
        OracleError::OtherMaturity { .. } => (StatusCode::CONFLICT, "announced_otherwise"),
        OracleError::Early { .. } => (StatusCode::CONFLICT, "not_mature"),
        OracleError::Shared(_) => (StatusCode::CONFLICT, "shared"),
        OracleError::Score(_) => (StatusCode::BAD_REQUEST, "no_score"),
        OracleError::NotNamed(_) => (StatusCode::BAD_REQUEST, "not_named"),
        OracleError::Message(_) => (StatusCode::BAD_REQUEST, "no_message"),
        OracleError::Agree(_) => (StatusCode::UNPROCESSABLE_ENTITY, "statement_refused"),
        OracleError::Book(_)
        | OracleError::Key(_)
        | OracleError::Randomness(_)
        | OracleError::Unsignable => {
            tracing::error!(%error, "the oracle cannot do what it should");
            return Problem::internal();
        }
    };
    Problem::new(status, code, error.to_string())
}
