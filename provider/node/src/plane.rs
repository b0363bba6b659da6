//! The data plane: shards in, receipts out, shards out, vouchers in.

use crate::figures;
use crate::node::Node;
use crate::settlement::NotFunded;
use crate::store::{Room, StoreError};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use network::api::{NodeInfo, Problem, ReceiptBody, SlotContent};
use network::auth::Wanted;
use network::extract::{JsonBody, PathOf, Pieces, VerifiedBody};
use network::node_api::{PresenceAnswer, ReceiptAnswer};
use provider::Full;
use shards::{Entry, Root};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use types::documents::{Access, AccessToken, Presence, Voucher};
use types::{ContractId, Hash, Verified};

/// The longest shard.
const SHARD_BYTES_MAX: usize = 4 << 20;
/// How long a request waits for its turn.
const SEAT_WAIT: Duration = Duration::from_secs(30);

/// The data plane's routes, and those of the treasurer beside it.
pub(crate) fn router(node: Arc<Node>) -> Router {
    let beside = node.settlement.as_ref().map(|settlement| settlement.routes.clone());
    Router::new()
        .route("/v1/node", get(info))
        .route("/v1/node/presence/{nonce}", get(presence))
        .route("/v1/slots/{contract}/{slot}", get(content))
        .route("/v1/slots/{contract}/{slot}/shards/{root}", get(read).put(put))
        .route("/v1/slots/{contract}/{slot}/receipts", post(receipt))
        .route("/v1/slots/{contract}/{slot}/look", post(look))
        .route("/v1/slots/{contract}/{slot}/vouchers", post(voucher))
        .with_state(node)
        .merge(beside.unwrap_or_default())
        .layer(axum::middleware::from_fn(network::metrics::count))
}

type Slot = (ContractId, u16);
type Shard = (ContractId, u16, Hash);

async fn info(State(node): State<Arc<Node>>) -> Json<NodeInfo> {
    let (provider, capacity, used) = (node.did, node.settings.offer.capacity, node.store.used());
    Json(NodeInfo { provider, capacity, used })
}

/// Shows an auditor that this provider is there, whoever keeps its address.
async fn presence(
    State(node): State<Arc<Node>>,
    PathOf(nonce): PathOf<Hash>,
) -> Json<PresenceAnswer> {
    let presence = node.sign(Presence { provider: node.did, nonce });
    Json(PresenceAnswer { presence: presence.signed().clone() })
}

async fn content(
    State(node): State<Arc<Node>>,
    PathOf(slot): PathOf<Slot>,
    headers: HeaderMap,
) -> Result<Json<SlotContent>, Problem> {
    let (room, _) = admit_either(&node, slot, &headers)?;
    let shards = room.shards().into_iter().map(|root| Hash(root.0)).collect();
    let not_funded = node.may_take(&room).err().map(|waits| waits.to_string());
    Ok(Json(SlotContent { shards, not_funded }))
}

async fn put(
    State(node): State<Arc<Node>>,
    PathOf((contract, slot, root)): PathOf<Shard>,
    headers: HeaderMap,
    request: Request,
) -> Result<StatusCode, Problem> {
    let (room, _) = admit(&node, (contract, slot), &headers, Access::Write)?;
    node.may_take(&room).map_err(not_funded)?;
    let _seat = seat(&node.writes).await?;
    let max = SHARD_BYTES_MAX.min(room.lease().shard_bytes as usize);
    let body = Pieces::new(request.into_body(), max)?.whole().await?;
    let len = body.len();
    node.blocking(move |_| room.put(Root(root.0), &body)).await.map_err(|e| problem(&e))?;
    figures::stored(len);
    Ok(StatusCode::NO_CONTENT)
}

async fn read(
    State(node): State<Arc<Node>>,
    PathOf((contract, slot, root)): PathOf<Shard>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (room, token) = admit(&node, (contract, slot), &headers, Access::Read)?;
    let root = Root(root.0);
    let bytes = room.len_of(&root).ok_or_else(|| problem(&StoreError::Missing(root)))?;
    let seat = seat(&node.reads).await?;
    let reading = room.clone();
    let shard = match node.blocking(move |_| reading.read(&root)).await {
        Ok(shard) => Bytes::from_owner(Seated { shard, _seat: seat }),
        Err(error) => {
            if matches!(error, StoreError::Damaged(_)) {
                tracing::warn!(slot = ?room.key(), %error, "a read found a loss");
                node.found_damaged(room.key(), [root]);
            }
            return Err(problem(&error));
        }
    };
    // A repair's reads are paid by the market's pool; the client's and its guests' by their own vouchers.
    if token.holder_pays || token.issuer == room.lease().client {
        room.meter_read(if token.holder_pays { token.holder } else { token.issuer }, bytes)
            .map_err(|due| {
                let detail =
                    format!("a voucher for {due} bytes in all is due: post it, then read on");
                Problem::new(StatusCode::PAYMENT_REQUIRED, "voucher_due", detail)
            })?;
    }
    figures::served(shard.len());
    let headers = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((headers, Body::from(shard)).into_response())
}

/// A shard in memory, with its seat among those that may be there at once.
struct Seated {
    shard: Bytes,
    _seat: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Seated {
    fn as_ref(&self) -> &[u8] {
        &self.shard
    }
}

/// Waits for a seat, so that however many ask at once, memory stays bounded.
async fn seat(seats: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    if let Ok(Ok(seat)) = timeout(SEAT_WAIT, seats.clone().acquire_owned()).await {
        return Ok(seat);
    }
    let detail = "too many shards are being moved here: send it again in a moment";
    Err(Problem::unavailable("busy", detail))
}

async fn receipt(
    State(node): State<Arc<Node>>,
    PathOf(slot): PathOf<Slot>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<ReceiptBody>,
) -> Result<Json<ReceiptAnswer>, Problem> {
    let (room, _) = admit(&node, slot, &headers, Access::Write)?;
    node.may_take(&room).map_err(not_funded)?;
    let entry = |(root, bytes): (Hash, u32)| Entry { root: Root(root.0), bytes };
    let entries = body.shards.into_iter().map(entry).collect();
    let receipt = node.blocking(move |node| node.receipt(&room, body.revision, entries)).await;
    let receipt = receipt.map_err(|error| problem(&error))?;
    Ok(Json(ReceiptAnswer { receipt: receipt.signed().clone() }))
}

/// The client says that the contract has changed. The market's word counts: what the slot has room for, and which
/// list it holds; what only older lists name goes.
async fn look(
    State(node): State<Arc<Node>>,
    PathOf(slot): PathOf<Slot>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let (room, _) = admit(&node, slot, &headers, Access::Write)?;
    let view = node.market.contract(slot.0).await.map_err(|error| {
        let detail = format!("the market does not say what the slot is now: {error}");
        Problem::unavailable("market_silent", detail)
    })?;
    let held = view.slots.iter().find(|held| held.slot == slot.1 && held.provider == node.did);
    let Some((size, capacity)) = held.map(|held| (held.size, held.capacity)) else {
        return Err(unknown());
    };
    let looked = node.blocking(move |_| {
        room.grow(capacity)?;
        room.prune(&Root(size.root.0));
        Ok(())
    });
    looked.await.map_err(|error| problem(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn voucher(
    State(node): State<Arc<Node>>,
    PathOf(slot): PathOf<Slot>,
    VerifiedBody(voucher): VerifiedBody<Voucher>,
) -> Result<StatusCode, Problem> {
    let room = node.store.room(&slot).ok_or_else(unknown)?;
    let payer = voucher.client;
    let pays_here = payer == room.lease().client || room.is_reader(&payer);
    let wanted = (node.did, slot.0, slot.1);
    if !pays_here || (voucher.provider, voucher.contract, voucher.slot) != wanted {
        let detail = "the voucher is no reader's of this slot for this provider: sign one that is";
        return Err(Problem::forbidden("voucher_foreign", detail));
    }
    let kept = node.blocking(move |_| room.pay(payer, voucher.signed(), voucher.bytes)).await;
    if kept.map_err(|error| problem(&error))? {
        node.owe((slot, payer));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The slot, where the headers allow `access` to it.
fn admit(
    node: &Node,
    slot: Slot,
    headers: &HeaderMap,
    access: Access,
) -> Result<(Arc<Room>, Arc<Verified<AccessToken>>), Problem> {
    let room = node.store.room(&slot).ok_or_else(unknown)?;
    let (client, market) = (room.lease().client, node.settings.market_key);
    let (issuers, now) = (&[client, market], network::clock::now());
    let wanted = Wanted { contract: slot.0, slot: slot.1, access, issuers, now };
    let token = node.doorkeeper.admit(headers, &wanted)?;
    // The market lets the client's guests write, and those pay for what they read; its repairers read alone.
    if access == Access::Write && token.issuer != client && !token.holder_pays {
        let detail = "the market gives repairers leave to read alone; ask the contract's client";
        return Err(Problem::forbidden("token_scope", detail));
    }
    Ok((room, token))
}

/// As [`admit`], for what readers and writers may both do.
fn admit_either(
    node: &Node,
    slot: Slot,
    headers: &HeaderMap,
) -> Result<(Arc<Room>, Arc<Verified<AccessToken>>), Problem> {
    admit(node, slot, headers, Access::Read).or_else(|_| admit(node, slot, headers, Access::Write))
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "unknown_slot",
        "this slot is not kept here; ask the market who keeps it",
    )
}

/// The treasurer's word that a slot takes no bytes yet, as a problem.
fn not_funded(waits: NotFunded) -> Problem {
    Problem::new(StatusCode::CONFLICT, "not_funded", waits.to_string())
}

/// The store's refusal as a problem.
fn problem(error: &StoreError) -> Problem {
    let (status, code) = match error {
        StoreError::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
        StoreError::Full(Full::Slot { .. }) => (StatusCode::INSUFFICIENT_STORAGE, "quota_exceeded"),
        StoreError::Full(Full::Node { .. }) => (StatusCode::INSUFFICIENT_STORAGE, "node_full"),
        StoreError::List(refusal) => (StatusCode::UNPROCESSABLE_ENTITY, refusal.code()),
        StoreError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        StoreError::WrongRoot { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "wrong_root"),
        StoreError::Missing(_) => (StatusCode::NOT_FOUND, "shard_missing"),
        StoreError::Length { .. } | StoreError::Full(Full::Length { .. }) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "wrong_length")
        }
        StoreError::Damaged(_) => (StatusCode::GONE, "shard_damaged"),
        StoreError::Gone => return unknown(),
        StoreError::Io { .. } | StoreError::Corrupted { .. } => {
            tracing::error!(%error, "the store failed");
            return Problem::internal();
        }
    };
    Problem::new(status, code, error.to_string())
}
