//! Sharing: grants and revocations in, what is shared beside them, and passes for guests out.

use super::Party;
use super::contracts::unknown;
use super::documents::take;
use crate::app::App;
use crate::refuse;
use crate::writer::Keep;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use contracts::SlotState;
use market::Command;
use network::api::{Accepted, BackupBody, GrantLine, Problem, SlotPass};
use network::extract::{IdempotencyKey, JsonBody, PathOf, QueryOf, VerifiedBody};
use serde::Deserialize;
use std::sync::Arc;
use types::documents::{Access, AccessToken, Grant, Revocation};
use types::{Bytes, ContractId, Did, DocId, Jws, Msat, Span};
use utoipa::IntoParams;

/// The longest body of what is shared: as a backup's.
const CONTENTS_BYTES_MAX: usize = 64 << 20;
/// How long a guest's token is good: so long can it go on after a revocation.
const TOKEN_SPAN: Span = Span(300 * Span::SECOND.0);
/// What a guest must be able to pay for from each slot: a voucher's step and a shard.
const STEP: Bytes = Bytes(20 << 20);

/// Shares what a client keeps.
#[utoipa::path(
    post, path = "/v1/grants", operation_id = "grant", tag = "sharing",
    request_body(content = Jws<Grant>, content_type = "application/jose"),
    responses((status = 200, description = "It is taken, durably.", body = Accepted)),
    extensions(("x-codes" = json!(["rules", "key"]))),
)]
pub(super) async fn grant(
    State(app): State<Arc<App>>,
    key: IdempotencyKey,
    VerifiedBody(grant): VerifiedBody<Grant>,
) -> Result<Response, Problem> {
    take(&app, key, "/v1/grants", grant, Command::Grant).await
}

/// Takes a grant back.
#[utoipa::path(
    post, path = "/v1/revocations", operation_id = "revoke", tag = "sharing",
    request_body(content = Jws<Revocation>, content_type = "application/jose"),
    responses((status = 200, description = "It is taken, durably.", body = Accepted)),
    extensions(("x-codes" = json!(["rules", "key"]))),
)]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    key: IdempotencyKey,
    VerifiedBody(revocation): VerifiedBody<Revocation>,
) -> Result<Response, Problem> {
    take(&app, key, "/v1/revocations", revocation, Command::Revoke).await
}

/// The party's grants.
#[utoipa::path(
    get, path = "/v1/grants", operation_id = "grants", tag = "sharing",
    security(("session" = [])),
    responses((status = 200, description = "Those that the party gave or was given, and that are not revoked.", body = Vec<GrantLine>)),
    extensions(("x-codes" = json!([]))),
)]
pub(super) async fn list(
    Party { did: party, .. }: Party,
    State(app): State<Arc<App>>,
) -> Result<Json<Vec<GrantLine>>, Problem> {
    let now = app.clock.now();
    let grants: Vec<(DocId, bool)> = {
        let view = app.view();
        view.market.sharing().of(&party).map(|(id, grant)| (*id, grant.is_over(now))).collect()
    };
    let lines = app.readers.ask(move |store| {
        let line =
            |&(id, over)| Ok(store.document(&id)?.map(|grant| GrantLine { id, grant, over }));
        grants.iter().map(line).filter_map(Result::transpose).collect()
    });
    lines.await.map(Json).map_err(|error| refuse::unreadable(&error))
}

/// Keeps what is shared under a grant, sealed by its owner, or by its grantee where that may write.
#[utoipa::path(
    put, path = "/v1/grants/{grant}/contents", operation_id = "put_shared", tag = "sharing",
    params(("grant" = DocId, Path, description = "The grant.")),
    request_body = BackupBody,
    security(("session" = [])),
    responses((status = 204, description = "It is kept.")),
    extensions(("x-codes" = json!(["not_found", "backup_superseded", "backup_malformed"]))),
)]
pub(super) async fn put_contents(
    Party { did: party, .. }: Party,
    State(app): State<Arc<App>>,
    PathOf(grant): PathOf<DocId>,
    JsonBody(body): JsonBody<BackupBody, CONTENTS_BYTES_MAX>,
) -> Result<StatusCode, Problem> {
    let now = app.clock.now();
    let may_put = app.view().market.sharing().grant(&grant).is_some_and(|given| {
        let writes = given.access.contains(&Access::Write);
        given.owner == party || (given.grantee == party && writes && !given.is_over(now))
    });
    if !may_put {
        return Err(no_grant(&grant));
    }
    let sealed = BASE64.decode(&body.sealed).map_err(|error| {
        let detail = format!("sealed is not base64url without padding: {error}");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "backup_malformed", detail)
    })?;
    // Kept under the grant's name as a backup is under its party's; both are hashes of 32 bytes.
    let keep = Keep::Backup { party: Did(grant.0), generation: body.generation, sealed };
    let kept = app.writer.keep(keep).await;
    kept.map(|_| StatusCode::NO_CONTENT).map_err(|refusal| refuse::refusal(&refusal))
}

/// What is shared under a grant, for its grantee, and for its owner when it is taken back too.
#[utoipa::path(
    get, path = "/v1/grants/{grant}/contents", operation_id = "shared", tag = "sharing",
    params(("grant" = DocId, Path, description = "The grant.")),
    security(("session" = [])),
    responses((status = 200, description = "The newest version.", body = BackupBody)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
pub(super) async fn contents(
    Party { did: party, .. }: Party,
    State(app): State<Arc<App>>,
    PathOf(grant): PathOf<DocId>,
) -> Result<Json<BackupBody>, Problem> {
    let now = app.clock.now();
    let may_read = app
        .view()
        .market
        .sharing()
        .grant(&grant)
        .map(|given| given.owner == party || (given.grantee == party && !given.is_over(now)));
    let may_read = match may_read {
        Some(may_read) => may_read,
        // What its guest has put is the owner's to find.
        None => gave(&app, party, grant).await?,
    };
    if !may_read {
        return Err(no_grant(&grant));
    }
    let kept = app.readers.ask(move |store| store.backup(&Did(grant.0))).await;
    let (generation, sealed) = kept
        .map_err(|error| refuse::unreadable(&error))?
        .ok_or_else(|| Problem::not_found("the owner has put nothing there yet; ask it to"))?;
    Ok(Json(BackupBody { generation, sealed: BASE64.encode(sealed) }))
}

/// Whether `party` signed the grant, which need not stand any more.
async fn gave(app: &App, party: Did, grant: DocId) -> Result<bool, Problem> {
    let document = app.readers.ask(move |store| store.document(&grant)).await;
    let document = document.map_err(|error| refuse::unreadable(&error))?;
    let given = document.and_then(|document| document.verify::<Grant>().ok());
    Ok(given.is_some_and(|given| given.owner == party))
}

/// What a pass is asked for.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// To read, or to write; to read where nothing is said.
    access: Option<Access>,
}

/// Leave to read another's contract, or to write to it, by its grant.
#[utoipa::path(
    get, path = "/v1/contracts/{contract}/passes", operation_id = "passes", tag = "sharing",
    params(("contract" = ContractId, Path, description = "The contract."), Wanted),
    security(("session" = [])),
    responses((status = 200, description = "A token for every slot, good for five minutes.", body = Vec<SlotPass>)),
    extensions(("x-codes" = json!(["not_found", "reads_unpaid"]))),
)]
pub(super) async fn passes(
    Party { did: party, .. }: Party,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<ContractId>,
    QueryOf(wanted): QueryOf<Wanted>,
) -> Result<Json<Vec<SlotPass>>, Problem> {
    let (now, access) = (app.clock.now(), wanted.access.unwrap_or(Access::Read));
    let view = app.view();
    let contract = view.market.contract(&id).filter(|contract| {
        let of = (&contract.client, &contract.id);
        view.market.sharing().allows(of, &party, access, now)
    });
    // Whoever may not use it does not learn whether it exists.
    let contract = contract.ok_or_else(|| unknown(&id))?;
    let held = (0_u16..).zip(&contract.slots).filter(|(_, slot)| slot.confirmed);
    let held: Vec<_> = held.collect();
    if access == Access::Read {
        can_pay(&held, view.market.available(party))?;
    }
    let pass = |(slot, held): &(u16, &contracts::Slot)| {
        let provider = held.provider();
        let token = AccessToken {
            issuer: app.did,
            holder: party,
            provider,
            contract: id,
            slot: *slot,
            access: vec![access],
            holder_pays: true,
            expires: now.after(TOKEN_SPAN),
        };
        SlotPass {
            slot: *slot,
            provider,
            endpoint: view.market.offers().get(&provider).map(|o| o.ask.endpoint.clone()),
            well: held.state == SlotState::Filled && app.streams.is_online(&provider),
            egress: held.quoted.egress,
            token: app.sign(token).signed().clone(),
        }
    };
    Ok(Json(held.iter().map(pass).collect()))
}

/// Whether `left` pays a first step of reads from every slot.
fn can_pay(held: &[(u16, &contracts::Slot)], left: Msat) -> Result<(), Problem> {
    let step = held.iter().map(|(_, slot)| slot.quoted.egress.charge(STEP));
    let step = step.collect::<Result<Vec<Msat>, _>>().ok().and_then(|all| Msat::sum(all).ok());
    let needed = step.unwrap_or(Msat(i64::MAX));
    if needed <= left {
        return Ok(());
    }
    let detail = format!(
        "reading costs money: {needed} must be there for a first step from every slot, and {left} are; deposit the difference"
    );
    Err(Problem::new(StatusCode::PAYMENT_REQUIRED, "reads_unpaid", detail))
}

fn no_grant(id: &DocId) -> Problem {
    Problem::not_found(format!("no grant {id} of yours stands; list yours to see their names"))
}
