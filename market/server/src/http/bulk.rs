//! Bulk data that the market keeps for clients: layouts of contracts, sealed catalogues.

use super::Party;
use super::contracts::unknown;
use crate::app::App;
use crate::refuse;
use crate::writer::Keep;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use contracts::{Account, Contract};
use network::api::{BackupBody, Problem};
use network::extract::{JsonBody, PathOf, RawBody};
use network::market_api::LAYOUT_BYTES_MAX;
use std::sync::Arc;
use types::{ContractId, Did, Hash};

/// The longest body of a backup: 48 MiB of sealed bytes in base64.
const BACKUP_BYTES_MAX: usize = 64 << 20;

/// Keeps a contract's layout under its hash.
#[utoipa::path(
    put, path = "/v1/contracts/{contract}/layouts/{layout}", operation_id = "put_layout", tag = "contracts",
    params(
        ("contract" = ContractId, Path, description = "The contract."),
        ("layout" = Hash, Path, description = "The BLAKE3 hash of the bytes."),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    security(("session" = [])),
    responses((status = 204, description = "It is kept.")),
    extensions(("x-codes" = json!(["not_found", "hash_mismatch"]))),
)]
pub(super) async fn put_layout(
    Party { did: party, .. }: Party,
    State(app): State<Arc<App>>,
    PathOf((contract, hash)): PathOf<(ContractId, Hash)>,
    RawBody(bytes): RawBody<LAYOUT_BYTES_MAX>,
) -> Result<StatusCode, Problem> {
    if !is_allowed(&app, &contract, |market, contract| {
        market.may_write(app.clock.now(), contract, &party)
    }) {
        return Err(unknown(&contract));
    }
    let found = Hash::of(&bytes);
    if found != hash {
        let detail = format!("the bytes hash to {found}; put them under that name");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "hash_mismatch", detail));
    }
    keep(&app, Keep::Layout { contract, hash, bytes }).await
}

/// A contract's layout.
#[utoipa::path(
    get, path = "/v1/contracts/{contract}/layouts/{layout}", operation_id = "layout", tag = "contracts",
    params(
        ("contract" = ContractId, Path, description = "The contract."),
        ("layout" = Hash, Path, description = "The BLAKE3 hash of the bytes."),
    ),
    security(("session" = [])),
    responses((status = 200, description = "Its bytes.", body = Vec<u8>, content_type = "application/octet-stream")),
    extensions(("x-codes" = json!(["not_found"]))),
)]
pub(super) async fn layout(
    Party { did: party, .. }: Party,
    State(app): State<Arc<App>>,
    PathOf((contract, hash)): PathOf<(ContractId, Hash)>,
) -> Result<Vec<u8>, Problem> {
    if !is_allowed(&app, &contract, |market, contract| {
        contract.concerns(&party) || market.may_write(app.clock.now(), contract, &party)
    }) {
        return Err(unknown(&contract));
    }
    let kept = app.readers.ask(move |store| store.layout(&contract, &hash)).await;
    let kept = kept.map_err(|error| refuse::unreadable(&error))?;
    kept.ok_or_else(|| Problem::not_found(format!("layout {hash} is not kept; put it first")))
}

/// Whether there is such a contract, and `allows` it.
fn is_allowed(
    app: &App,
    id: &ContractId,
    allows: impl Fn(&market::Market, &Contract) -> bool,
) -> bool {
    let view = app.view();
    view.market.contract(id).is_some_and(|contract| allows(&view.market, contract))
}

/// Keeps a client's sealed catalogue.
#[utoipa::path(
    put, path = "/v1/backups/{party}", operation_id = "put_backup", tag = "backups",
    params(("party" = Did, Path, description = "Whose: one's own.")),
    request_body = BackupBody,
    security(("session" = [])),
    responses((status = 204, description = "It is kept.")),
    extensions(("x-codes" = json!(["not_yours", "no_account", "backup_superseded", "backup_malformed"]))),
)]
pub(super) async fn put_backup(
    Party { did: party, .. }: Party,
    State(app): State<Arc<App>>,
    PathOf(of): PathOf<Did>,
    JsonBody(body): JsonBody<BackupBody, BACKUP_BYTES_MAX>,
) -> Result<StatusCode, Problem> {
    own(party, of)?;
    known(&app, party)?;
    let sealed = BASE64.decode(&body.sealed).map_err(|error| {
        let detail = format!("sealed is not base64url without padding: {error}");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "backup_malformed", detail)
    })?;
    keep(&app, Keep::Backup { party, generation: body.generation, sealed }).await
}

/// A client's sealed catalogue.
#[utoipa::path(
    get, path = "/v1/backups/{party}", operation_id = "backup", tag = "backups",
    params(("party" = Did, Path, description = "Whose: one's own.")),
    security(("session" = [])),
    responses((status = 200, description = "The newest one.", body = BackupBody)),
    extensions(("x-codes" = json!(["not_yours", "not_found"]))),
)]
pub(super) async fn backup(
    Party { did: party, .. }: Party,
    State(app): State<Arc<App>>,
    PathOf(of): PathOf<Did>,
) -> Result<Json<BackupBody>, Problem> {
    own(party, of)?;
    let kept = app.readers.ask(move |store| store.backup(&party)).await;
    let kept = kept.map_err(|error| refuse::unreadable(&error))?;
    let (generation, sealed) =
        kept.ok_or_else(|| Problem::not_found("there is no backup of yours; put one first"))?;
    Ok(Json(BackupBody { generation, sealed: BASE64.encode(sealed) }))
}

async fn keep(app: &App, keep: Keep) -> Result<StatusCode, Problem> {
    let kept = app.writer.keep(keep).await;
    kept.map(|_| StatusCode::NO_CONTENT).map_err(|refusal| refuse::refusal(&refusal))
}

/// Keys cost nothing, so the market keeps bytes only for parties that it has booked money for.
fn known(app: &App, party: Did) -> Result<(), Problem> {
    if app.view().market.ledger().totals(Account::Available(party)).credits > 0 {
        return Ok(());
    }
    let detail =
        format!("backups are kept for parties that have an account; deposit for {party} first");
    Err(Problem::forbidden("no_account", detail))
}

fn own(party: Did, of: Did) -> Result<(), Problem> {
    if party == of {
        return Ok(());
    }
    let detail = format!("a backup is its party's alone; you are {party}");
    Err(Problem::forbidden("not_yours", detail))
}
