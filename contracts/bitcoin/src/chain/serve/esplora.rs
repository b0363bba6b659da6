//! So much of Esplora's HTTP as the client of this package asks for.

use super::Service;
use super::fault::Fault;
use crate::chain::Tip;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bitcoin::consensus::encode::{deserialize_hex, serialize};
use bitcoin::{Block, BlockHash, OutPoint, Transaction, Txid};
use serde_json::json;
use std::sync::Arc;

/// The targets, in blocks, that Esplora estimates fees for.
const TARGETS: [u16; 10] = [1, 2, 3, 4, 5, 6, 10, 25, 144, 1_008];

type Shared = State<Arc<Service>>;

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/blocks/tip/height", get(tip_height))
        .route("/blocks/tip/hash", get(tip_hash))
        .route("/block-height/{height}", get(block_hash))
        .route("/block/{hash}/raw", get(raw_block))
        .route("/tx/{txid}/raw", get(raw_transaction))
        .route("/tx/{txid}/status", get(status))
        .route("/tx/{txid}/outspend/{vout}", get(outspend))
        .route("/tx", post(send))
        .route("/fee-estimates", get(fee_estimates))
}

fn tip(service: &Service) -> Tip {
    service.chain.top()
}

async fn tip_height(State(service): Shared) -> String {
    tip(&service).height.to_string()
}

async fn tip_hash(State(service): Shared) -> String {
    tip(&service).hash.to_string()
}

async fn block_hash(State(service): Shared, Path(height): Path<u32>) -> Response {
    match service.chain.block_at(height) {
        Some(block) => block.block_hash().to_string().into_response(),
        None => (StatusCode::NOT_FOUND, "Block not found").into_response(),
    }
}

async fn raw_block(State(service): Shared, Path(hash): Path<BlockHash>) -> Response {
    match service.chain.find_block(hash) {
        Some(known) => serialize::<Block>(&known.block).into_response(),
        None => (StatusCode::NOT_FOUND, "Block not found").into_response(),
    }
}

async fn raw_transaction(State(service): Shared, Path(txid): Path<Txid>) -> Response {
    match service.chain.find_transaction(txid) {
        Some((found, _)) => serialize::<Transaction>(&found).into_response(),
        None => (StatusCode::NOT_FOUND, "Transaction not found").into_response(),
    }
}

async fn status(State(service): Shared, Path(txid): Path<Txid>) -> Response {
    let chain = &service.chain;
    let Some((_, height)) = chain.find_transaction(txid) else {
        return (StatusCode::NOT_FOUND, "Transaction not found").into_response();
    };
    let Some(block) = height.and_then(|height| chain.block_at(height)) else {
        return Json(json!({ "confirmed": false })).into_response();
    };
    Json(json!({
        "confirmed": true,
        "block_height": height,
        "block_hash": block.block_hash(),
        "block_time": block.header.time,
    }))
    .into_response()
}

/// Whether an output is spent; not by what.
async fn outspend(State(service): Shared, Path((txid, vout)): Path<(Txid, u32)>) -> Response {
    let (chain, outpoint) = (&service.chain, OutPoint { txid, vout });
    let made = chain.find_transaction(txid);
    let Some((_, height)) = made.filter(|(made, _)| made.output.get(vout as usize).is_some())
    else {
        return (StatusCode::NOT_FOUND, "Output not found").into_response();
    };
    let by_block = height.is_some() && chain.coin(outpoint).is_none();
    Json(json!({ "spent": by_block || chain.is_being_spent(outpoint) })).into_response()
}

async fn send(State(service): Shared, body: String) -> Response {
    let sent = tokio::task::spawn_blocking(move || {
        let transaction: Transaction = deserialize_hex(body.trim())
            .map_err(|error| Fault::undecodable(format!("TX decode failed: {error}")))?;
        Ok::<_, Fault>(service.chain.carry(&transaction)?)
    });
    match sent.await {
        Ok(Ok(txid)) => txid.to_string().into_response(),
        Ok(Err(fault)) => {
            // Esplora passes on what its node says.
            let said = json!({ "code": fault.code(), "message": fault.message() });
            let text = format!("sendrawtransaction RPC error: {said}");
            (StatusCode::BAD_REQUEST, text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn fee_estimates(State(service): Shared) -> Response {
    let estimates = TARGETS.map(|blocks| {
        let rate = service.chain.needed_fee_rate(blocks).to_sat_per_kwu();
        // Satoshis for a virtual byte, with the thousandths that there are.
        let (whole, rest) = (rate / 250, rate % 250 * 4);
        format!("\"{blocks}\":{whole}.{rest:03}")
    });
    let body = format!("{{{}}}", estimates.join(","));
    ([("content-type", "application/json")], body).into_response()
}
