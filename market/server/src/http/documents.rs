//! Signed documents that are a request's whole body.

use super::{keyed, submit};
use crate::app::App;
use crate::location::network_of;
use crate::refuse;
use crate::writer::Keep;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use market::Command;
use network::api::{Accepted, Problem};
use network::extract::{IdempotencyKey, PathOf, VerifiedBody};
use network::market_api::QuoteBody;
use std::sync::Arc;
use types::documents::{Ask, Confession, Confirmation, Deposit, Request, Voucher, Withdrawal};
use types::terms::RailKind;
use types::{ContractId, Document, Jws, Verified};

pub(super) type Answer = Result<Response, Problem>;

/// Submits the one document that a request consists of.
pub(super) async fn take<T: Document>(
    app: &App,
    key: IdempotencyKey,
    path: &str,
    document: Verified<T>,
    command: impl FnOnce(Verified<T>) -> Command,
) -> Answer {
    let key = keyed(key, document.signer(), path, &[document.id()]);
    submit(app, command(document), key).await
}

/// Puts up a provider's standing ask.
#[utoipa::path(
    post, path = "/v1/asks", operation_id = "publish_ask", tag = "offers",
    request_body(content = Jws<Ask>, content_type = "application/jose"),
    responses((status = 200, description = "It is taken, durably.", body = Accepted)),
    extensions(("x-codes" = json!(["rules", "key"]))),
)]
pub(super) async fn ask(
    State(app): State<Arc<App>>,
    key: IdempotencyKey,
    VerifiedBody(ask): VerifiedBody<Ask>,
) -> Answer {
    let network = network_of(&ask.endpoint).await?;
    take(&app, key, "/v1/asks", ask, |ask| Command::PublishAsk { ask, network }).await
}

/// Books money that the operator received for a party.
#[utoipa::path(
    post, path = "/v1/deposits", operation_id = "deposit", tag = "money",
    request_body(content = Jws<Deposit>, content_type = "application/jose"),
    responses((status = 200, description = "It is taken, durably.", body = Accepted)),
    extensions(("x-codes" = json!(["rules", "key"]))),
)]
pub(super) async fn deposit(
    State(app): State<Arc<App>>,
    key: IdempotencyKey,
    VerifiedBody(deposit): VerifiedBody<Deposit>,
) -> Answer {
    take(&app, key, "/v1/deposits", deposit, Command::Deposit).await
}

/// Takes money out.
#[utoipa::path(
    post, path = "/v1/withdrawals", operation_id = "withdraw", tag = "money",
    request_body(content = Jws<Withdrawal>, content_type = "application/jose"),
    responses((status = 200, description = "It is taken, durably.", body = Accepted)),
    extensions(("x-codes" = json!(["rules", "key"]))),
)]
pub(super) async fn withdraw(
    State(app): State<Arc<App>>,
    key: IdempotencyKey,
    VerifiedBody(withdrawal): VerifiedBody<Withdrawal>,
) -> Answer {
    take(&app, key, "/v1/withdrawals", withdrawal, Command::Withdraw).await
}

/// Pays a provider for reads.
#[utoipa::path(
    post, path = "/v1/vouchers", operation_id = "redeem_voucher", tag = "money",
    request_body(content = Jws<Voucher>, content_type = "application/jose"),
    responses((status = 200, description = "It is taken, durably.", body = Accepted)),
    extensions(("x-codes" = json!(["rules", "key"]))),
)]
pub(super) async fn redeem(
    State(app): State<Arc<App>>,
    key: IdempotencyKey,
    VerifiedBody(voucher): VerifiedBody<Voucher>,
) -> Answer {
    take(&app, key, "/v1/vouchers", voucher, Command::RedeemVoucher).await
}

/// Takes or declines a reserved slot.
#[utoipa::path(
    post, path = "/v1/contracts/{contract}/confirmations", operation_id = "confirm", tag = "contracts",
    params(("contract" = ContractId, Path, description = "The contract.")),
    request_body(content = Jws<Confirmation>, content_type = "application/jose"),
    responses((status = 200, description = "It is taken, durably.", body = Accepted)),
    extensions(("x-codes" = json!(["rules", "key", "contract_mismatch"]))),
)]
pub(super) async fn confirm(
    State(app): State<Arc<App>>,
    PathOf(contract): PathOf<ContractId>,
    key: IdempotencyKey,
    VerifiedBody(confirmation): VerifiedBody<Confirmation>,
) -> Answer {
    about(contract, confirmation.contract)?;
    take(&app, key, "confirmations", confirmation, Command::Confirm).await
}

/// Reports a loss of the provider's own.
#[utoipa::path(
    post, path = "/v1/contracts/{contract}/confessions", operation_id = "confess", tag = "contracts",
    params(("contract" = ContractId, Path, description = "The contract.")),
    request_body(content = Jws<Confession>, content_type = "application/jose"),
    responses((status = 200, description = "It is taken, durably.", body = Accepted)),
    extensions(("x-codes" = json!(["rules", "key", "contract_mismatch"]))),
)]
pub(super) async fn confess(
    State(app): State<Arc<App>>,
    PathOf(contract): PathOf<ContractId>,
    key: IdempotencyKey,
    VerifiedBody(confession): VerifiedBody<Confession>,
) -> Answer {
    about(contract, confession.contract)?;
    take(&app, key, "confessions", confession, Command::Confess).await
}

/// A document must be about the contract that the path names.
pub(super) fn about(path: ContractId, document: ContractId) -> Result<(), Problem> {
    if path == document {
        return Ok(());
    }
    let detail =
        format!("the document is about contract {document}; post it to that contract's path");
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "contract_mismatch", detail))
}

/// What a quote's placement draws from: the client, how many contracts it has, and what it wants. Asking again
/// for the same does not draw again.
fn quote_seed(app: &App, request: &Request) -> Result<[u8; 32], Problem> {
    let contracts = app.view().market.contracts_of(&request.client).count().to_le_bytes();
    let terms = serde_json::to_vec(&request.terms).map_err(|_| Problem::internal())?;
    Ok(app.seed_for(&[b"quote", &request.client.0, &contracts, &terms]))
}

/// Answers a request with a signed quote.
///
/// That changes nothing; only a key has the quote remembered.
#[utoipa::path(
    post, path = "/v1/requests", operation_id = "request_quote", tag = "offers",
    request_body(content = Jws<Request>, content_type = "application/jose"),
    responses((status = 200, description = "The market's signed quote.", body = QuoteBody)),
    extensions(("x-codes" = json!(["rules", "key", "no_such_rail"]))),
)]
pub(super) async fn request(
    State(app): State<Arc<App>>,
    key: IdempotencyKey,
    VerifiedBody(request): VerifiedBody<Request>,
) -> Answer {
    if request.terms.rail == RailKind::Bitcoin && app.bitcoin.is_none() {
        let detail = "contracts do not settle on Bitcoin in this market; ask for the ledger rail";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no_such_rail", detail));
    }
    let key = keyed(key, request.client, "/v1/requests", &[request.id()]);
    let (seed, online) = (quote_seed(&app, &request)?, app.streams.online());
    let quote = app.view().market.quote(app.clock.now(), &request, seed, &online);
    let quote = quote.map_err(|rejection| refuse::rejected(&rejection))?;
    let body = QuoteBody { quote: app.sign(quote).signed().clone() };
    let answer = serde_json::to_vec(&body).map_err(|_| Problem::internal())?;
    let Some(key) = key else { return Ok(super::json(answer)) };
    let kept = app.writer.keep(Keep::Answer { key, answer }).await;
    let kept = kept.map_err(|refusal| refuse::refusal(&refusal))?;
    kept.answer.map(super::json).ok_or_else(Problem::internal)
}
