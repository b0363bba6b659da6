//! Documents that change a contract which was agreed: longer, larger, ended early, bonded anew.

use super::documents::{Answer, about, take};
use crate::app::App;
use axum::extract::State;
use market::Command;
use network::api::{Accepted, ContractView};
use network::extract::{IdempotencyKey, PathOf, VerifiedBody};
use std::sync::Arc;
use types::documents::{Cancellation, Departure, Extension, Growth, TopUp};
use types::{ContractId, Jws};

/// Makes a contract longer, or says whether it renews itself.
#[utoipa::path(
    post, path = "/v1/contracts/{contract}/extensions", operation_id = "extend", tag = "contracts",
    params(("contract" = ContractId, Path, description = "The contract.")),
    request_body(content = Jws<Extension>, content_type = "application/jose"),
    responses((status = 200, description = "The contract as it is now.", body = ContractView)),
    extensions(("x-codes" = json!(["rules", "key", "contract_mismatch"]))),
)]
pub(super) async fn extend(
    State(app): State<Arc<App>>,
    PathOf(contract): PathOf<ContractId>,
    key: IdempotencyKey,
    VerifiedBody(extension): VerifiedBody<Extension>,
) -> Answer {
    about(contract, extension.contract)?;
    take(&app, key, "extensions", extension, Command::Extend).await
}

/// Gives a contract more room.
#[utoipa::path(
    post, path = "/v1/contracts/{contract}/growths", operation_id = "grow", tag = "contracts",
    params(("contract" = ContractId, Path, description = "The contract.")),
    request_body(content = Jws<Growth>, content_type = "application/jose"),
    responses((status = 200, description = "The contract as it is now.", body = ContractView)),
    extensions(("x-codes" = json!(["rules", "key", "contract_mismatch"]))),
)]
pub(super) async fn grow(
    State(app): State<Arc<App>>,
    PathOf(contract): PathOf<ContractId>,
    key: IdempotencyKey,
    VerifiedBody(growth): VerifiedBody<Growth>,
) -> Answer {
    about(contract, growth.contract)?;
    take(&app, key, "growths", growth, Command::Grow).await
}

/// Ends a contract: at no cost before anything is stored, else for the early-exit fee.
#[utoipa::path(
    post, path = "/v1/contracts/{contract}/cancellation", operation_id = "cancel", tag = "contracts",
    params(("contract" = ContractId, Path, description = "The contract.")),
    request_body(content = Jws<Cancellation>, content_type = "application/jose"),
    responses((status = 200, description = "The contract as it is now.", body = ContractView)),
    extensions(("x-codes" = json!(["rules", "key", "contract_mismatch"]))),
)]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    PathOf(contract): PathOf<ContractId>,
    key: IdempotencyKey,
    VerifiedBody(cancellation): VerifiedBody<Cancellation>,
) -> Answer {
    about(contract, cancellation.contract)?;
    take(&app, key, "cancellation", cancellation, Command::Cancel).await
}

/// Leaves a slot, for the early-exit fee.
#[utoipa::path(
    post, path = "/v1/contracts/{contract}/departures", operation_id = "depart", tag = "contracts",
    params(("contract" = ContractId, Path, description = "The contract.")),
    request_body(content = Jws<Departure>, content_type = "application/jose"),
    responses((status = 200, description = "It is taken, durably.", body = Accepted)),
    extensions(("x-codes" = json!(["rules", "key", "contract_mismatch"]))),
)]
pub(super) async fn depart(
    State(app): State<Arc<App>>,
    PathOf(contract): PathOf<ContractId>,
    key: IdempotencyKey,
    VerifiedBody(departure): VerifiedBody<Departure>,
) -> Answer {
    about(contract, departure.contract)?;
    take(&app, key, "departures", departure, Command::Depart).await
}

/// Adds to a bond that penalties have worn down.
#[utoipa::path(
    post, path = "/v1/contracts/{contract}/top-ups", operation_id = "top_up", tag = "contracts",
    params(("contract" = ContractId, Path, description = "The contract.")),
    request_body(content = Jws<TopUp>, content_type = "application/jose"),
    responses((status = 200, description = "It is taken, durably.", body = Accepted)),
    extensions(("x-codes" = json!(["rules", "key", "contract_mismatch"]))),
)]
pub(super) async fn top_up(
    State(app): State<Arc<App>>,
    PathOf(contract): PathOf<ContractId>,
    key: IdempotencyKey,
    VerifiedBody(top_up): VerifiedBody<TopUp>,
) -> Answer {
    about(contract, top_up.contract)?;
    take(&app, key, "top-ups", top_up, Command::TopUp).await
}
