//! Verdicts and what answers them: disputes, maintenance notices, measurements.

use super::documents::take;
use super::{Party, keyed};
use crate::app::App;
use crate::{probes, refuse};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use market::Command;
use market::command::Contest;
use market::docket::Accusation;
use network::api::{Accepted, DisputeBody, Page, ProbeLine, Problem, VerdictLine};
use network::extract::{IdempotencyKey, JsonBody, QueryOf, VerifiedBody};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::documents::{Challenge, Dispute, Maintenance, Measurement, Proof, Verdict};
use types::{Did, DocId, Document, Jws, Signed, Verified};
use utoipa::IntoParams;

/// Verdicts in an answer, where the request does not say.
const PAGE: u32 = 100;
/// The most verdicts in one answer.
const PAGE_MAX: u32 = 1_000;

/// Contests a verdict. Evidence alone decides.
#[utoipa::path(
    post, path = "/v1/disputes", operation_id = "dispute", tag = "audits",
    request_body = DisputeBody,
    responses((status = 200, description = "It is judged, durably: upheld or dismissed.", body = Accepted)),
    extensions(("x-codes" = json!(["rules", "key", "document", "not_found", "answers_malformed"]))),
)]
pub(super) async fn dispute(
    State(app): State<Arc<App>>,
    key: IdempotencyKey,
    JsonBody(body): JsonBody<DisputeBody>,
) -> Result<Response, Problem> {
    let dispute: Verified<Dispute> = body.dispute.verify()?;
    let proof: Verified<Proof> = body.proof.verify()?;
    let malformed = |_| {
        let detail = "the answers are not base64url without padding; encode the bytes so";
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "answers_malformed", detail)
    };
    let answers: bytes::Bytes = BASE64.decode(&body.answers).map_err(malformed)?.into();
    let verdict: Verified<Verdict> = kept(&app, dispute.verdict, "verdict").await?;
    let challenge: Verified<Challenge> = kept(&app, verdict.challenge, "challenge").await?;
    let key = keyed(key, dispute.provider, "/v1/disputes", &[dispute.id(), proof.id()]);
    let contest = Contest { dispute, verdict, challenge, proof, answers };
    super::submit(&app, Command::Dispute(Box::new(contest)), key).await
}

/// A document that the market keeps.
async fn kept<T: Document>(app: &App, id: DocId, what: &str) -> Result<Verified<T>, Problem> {
    let document = app.readers.ask(move |store| store.document(&id)).await;
    let document = document.map_err(|error| refuse::unreadable(&error))?;
    let document = document.and_then(|signed| signed.verify::<T>().ok());
    let unknown =
        || Problem::not_found(format!("there is no {what} {id} here; list your verdicts"));
    document.ok_or_else(unknown)
}

/// Announces maintenance.
#[utoipa::path(
    post, path = "/v1/maintenance", operation_id = "announce", tag = "audits",
    request_body(content = Jws<Maintenance>, content_type = "application/jose"),
    responses((status = 200, description = "It is taken, durably.", body = Accepted)),
    extensions(("x-codes" = json!(["rules", "key"]))),
)]
pub(super) async fn announce(
    State(app): State<Arc<App>>,
    key: IdempotencyKey,
    VerifiedBody(notice): VerifiedBody<Maintenance>,
) -> Result<Response, Problem> {
    take(&app, key, "/v1/maintenance", notice, Command::Announce).await
}

/// Takes what an auditor has measured.
#[utoipa::path(
    post, path = "/v1/measurements", operation_id = "measure", tag = "audits",
    request_body(content = Jws<Measurement>, content_type = "application/jose"),
    responses((status = 200, description = "It is taken, durably.", body = Accepted)),
    extensions(("x-codes" = json!(["rules", "key"]))),
)]
pub(super) async fn measure(
    State(app): State<Arc<App>>,
    key: IdempotencyKey,
    VerifiedBody(measurement): VerifiedBody<Measurement>,
) -> Result<Response, Problem> {
    take(&app, key, "/v1/measurements", measurement, Command::Measure).await
}

/// Whose verdicts, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    provider: Did,
    after: Option<DocId>,
    limit: Option<u32>,
}

/// The verdicts against a provider that can be disputed still.
#[utoipa::path(
    get, path = "/v1/verdicts", operation_id = "verdicts", tag = "audits",
    params(Wanted),
    security(("session" = [])),
    responses((status = 200, description = "Some of them.", body = Page<VerdictLine>)),
    extensions(("x-codes" = json!(["not_yours"]))),
)]
pub(super) async fn verdicts(
    party: Party,
    State(app): State<Arc<App>>,
    QueryOf(wanted): QueryOf<Wanted>,
) -> Result<Json<Page<VerdictLine>>, Problem> {
    party.may_see(wanted.provider, &app)?;
    let limit = wanted.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX) as usize;
    let (found, more) = accusations(&app, &wanted, limit);
    let ids: Vec<DocId> = found.iter().map(|(id, ..)| *id).collect();
    let documents = app.readers.ask(move |store| {
        let mut documents = BTreeMap::new();
        for id in ids.iter().copied() {
            let Some(verdict) = store.document(&id)? else { continue };
            let challenge = verdict.verify::<Verdict>().ok().map(|verdict| verdict.challenge);
            let challenge = challenge.map(|id| store.document(&id)).transpose()?.flatten();
            documents.insert(id, (verdict, challenge));
        }
        Ok(documents)
    });
    let documents: BTreeMap<DocId, (Signed, Option<Signed>)> =
        documents.await.map_err(|error| refuse::unreadable(&error))?;
    let next = found.last().map(|(id, ..)| id.to_string()).filter(|_| more);
    let line = |(id, accusation, penalised): (DocId, Accusation, bool)| {
        let (verdict, challenge) = documents.get(&id)?.clone();
        let Accusation { recorded, until, disputed, .. } = accusation;
        Some(VerdictLine { id, verdict, challenge, recorded, until, penalised, disputed })
    };
    Ok(Json(Page { items: found.into_iter().filter_map(line).collect(), next }))
}

/// A page of what is held against a provider, each with whether a penalty rests on it, and whether there is more.
fn accusations(app: &App, wanted: &Wanted, limit: usize) -> (Vec<(DocId, Accusation, bool)>, bool) {
    let view = app.view();
    let docket = view.market.docket();
    let from = wanted.after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
    let all = docket.accusations().range((from, std::ops::Bound::Unbounded));
    let mut all = all.filter(|(_, accusation)| accusation.provider == wanted.provider);
    let rests = |id: &DocId, accusation: &Accusation| {
        let mut slots = accusation.charges.iter().map(|charge| charge.slot);
        slots.any(|slot| docket.contested(slot).iter().any(|p| p.verdicts.contains(id)))
    };
    let page = all.by_ref().take(limit);
    let page = page.map(|(id, a)| (*id, a.clone(), rests(id, a))).collect();
    (page, all.next().is_some())
}

/// Where an auditor of this market may measure whom.
#[utoipa::path(
    get, path = "/v1/probes", operation_id = "probes", tag = "audits",
    security(("session" = [])),
    responses((status = 200, description = "One line for each provider that was audited lately, with what to read there; and one for each that no audit asks and whose ask stands, which is to show that it is there.", body = Vec<ProbeLine>)),
    extensions(("x-codes" = json!(["not_an_auditor"]))),
)]
pub(super) async fn probes(
    Party { did: party, .. }: Party,
    State(app): State<Arc<App>>,
) -> Result<Json<Vec<ProbeLine>>, Problem> {
    let is_auditor = party == app.did || app.view().market.genesis().auditors.contains(&party);
    if !is_auditor {
        let detail = format!("{party} is no auditor of this market: its genesis names them all");
        return Err(Problem::forbidden("not_an_auditor", detail));
    }
    Ok(Json(probes::targets(&app, party)))
}
