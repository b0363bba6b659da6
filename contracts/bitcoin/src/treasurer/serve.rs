//! A provider's treasurer over HTTP, for the clients of its slots: `POST /v1/deals/{contract}` and `POST
//! /v1/deals/{contract}/closes`, each with a session of the client's for this provider.

use super::hearing::HearError;
use super::{Market, Oracles, Round, Treasurer, TreasurerError};
use crate::chain::Chain;
use crate::deal::message::{ToClient, ToProvider};
use crate::deal::watch::{Consent, Proposal};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use network::api::Problem;
use network::extract::{JsonBody, PathOf};
use network::{auth, clock};
use std::sync::Arc;
use tokio::sync::Mutex;
use types::{ContractId, Did};

/// The longest message: everybody's coins, and halves of every slot that a provider has.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// The longest proposal.
const PROPOSAL_BYTES_MAX: usize = 16 << 10;

/// What the service stands on.
struct Desk<M, O, C> {
    party: Did,
    treasurer: Arc<Mutex<Treasurer>>,
    market: M,
    oracles: O,
    chain: Arc<C>,
}

/// The service of `treasurer`, to be merged into its provider's own. It asks `market`, `oracles` and `chain` about what it is
/// offered.
pub async fn router<M, O, C>(
    treasurer: Arc<Mutex<Treasurer>>,
    market: M,
    oracles: O,
    chain: Arc<C>,
) -> Router
where
    M: Market + 'static,
    O: Oracles + 'static,
    C: Chain + 'static,
{
    let party = treasurer.lock().await.party();
    let desk = Arc::new(Desk { party, treasurer, market, oracles, chain });
    Router::new()
        .route("/v1/deals/{contract}", post(deal::<M, O, C>))
        .route("/v1/deals/{contract}/closes", post(close::<M, O, C>))
        .with_state(desk)
}

/// A provider's round: as [`Treasurer::tend`], and clients are heard while auditors are asked.
///
/// # Errors
/// Where chain or disk do not serve.
pub async fn tend<C: Chain, O: Oracles>(
    treasurer: &Mutex<Treasurer>,
    chain: &C,
    oracles: &O,
) -> Result<Round, TreasurerError> {
    let questions = treasurer.lock().await.questions();
    let answers = questions.ask(oracles).await;
    treasurer.lock().await.settle(chain, answers).await
}

async fn deal<M: Market + 'static, O: Oracles + 'static, C: Chain + 'static>(
    State(desk): State<Arc<Desk<M, O, C>>>,
    PathOf(contract): PathOf<ContractId>,
    headers: HeaderMap,
    JsonBody(message): JsonBody<ToProvider, MESSAGE_BYTES_MAX>,
) -> Result<Json<Option<ToClient>>, Problem> {
    let from = auth::session(&headers, desk.party, clock::now())?.party;
    let asks = desk.treasurer.lock().await.asks((from, contract), &message).map_err(refusal)?;
    let known = match asks {
        Some(inquiry) => {
            let world = (&desk.market, &desk.oracles, &*desk.chain);
            inquiry.ask(world).await.map_err(refusal)?
        }
        None => None,
    };
    with(&desk.treasurer, move |treasurer| treasurer.hear_knowing(known, (from, contract), message))
        .await
        .map(Json)
}

async fn close<M: Market + 'static, O: Oracles + 'static, C: Chain + 'static>(
    State(desk): State<Arc<Desk<M, O, C>>>,
    PathOf(contract): PathOf<ContractId>,
    headers: HeaderMap,
    JsonBody(proposal): JsonBody<Proposal, PROPOSAL_BYTES_MAX>,
) -> Result<Json<Consent>, Problem> {
    let from = auth::session(&headers, desk.party, clock::now())?.party;
    with(&desk.treasurer, move |treasurer| treasurer.consent((from, contract), &proposal))
        .await
        .map(Json)
}

/// Has the treasurer do something that signs and writes, beside the threads that serve.
async fn with<T: Send + 'static>(
    treasurer: &Arc<Mutex<Treasurer>>,
    work: impl FnOnce(&mut Treasurer) -> Result<T, HearError> + Send + 'static,
) -> Result<T, Problem> {
    let treasurer = Arc::clone(treasurer);
    let done = tokio::task::spawn_blocking(move || work(&mut treasurer.blocking_lock())).await;
    match done {
        Ok(done) => done.map_err(refusal),
        Err(error) => {
            tracing::error!(%error, "a deal was not heard to its end");
            Err(Problem::internal())
        }
    }
}

fn refusal(error: HearError) -> Problem {
    let detail = error.to_string();
    match error {
        HearError::Stranger { .. } => Problem::forbidden("not_the_client", detail),
        HearError::NoConsent(_) => Problem::forbidden("not_confirmed", detail),
        HearError::TooMany { .. } => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_offers", detail)
        }
        HearError::NoDeal(_) => Problem::not_found(detail),
        HearError::Past(_) => Problem::new(StatusCode::CONFLICT, "deal_past", detail),
        HearError::Deal(_) => Problem::new(StatusCode::CONFLICT, "deal_refused", detail),
        HearError::Coin(_) => Problem::new(StatusCode::CONFLICT, "coin_missing", detail),
        HearError::NotAttested(_) => Problem::new(StatusCode::CONFLICT, "not_attested", detail),
        HearError::Later(_) => Problem::unavailable("not_now", detail),
        HearError::Treasurer(error) => {
            tracing::error!(%error, "the treasurer cannot go on");
            Problem::internal()
        }
    }
}
