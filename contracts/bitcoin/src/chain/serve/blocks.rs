//! What is said of the chain and its blocks, in bitcoind's words.

use super::fault::Fault;
use crate::chain::devchain::{Devchain, KnownBlock};
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Block, BlockHash, Transaction};
use serde_json::{Value, json};
use std::sync::Arc;

/// What the chain says of itself.
pub(super) const WARNING: &str =
    "This is a development chain: it has no peers, and its coins are worth nothing.";

/// `getblockchaininfo`.
pub(super) fn chain_info(chain: &Devchain) -> Value {
    let top = chain.top();
    let known = chain.find_block(top.hash);
    let header = known.as_ref().map(|known| known.block.header);
    json!({
        "chain": "regtest",
        "blocks": top.height,
        "headers": top.height,
        "bestblockhash": top.hash,
        "bits": header.map(|header| format!("{:08x}", header.bits.to_consensus())),
        "difficulty": header.map(|header| header.difficulty_float()),
        "time": header.map(|header| header.time),
        "mediantime": known.as_ref().map(|known| known.median_time),
        "verificationprogress": 1,
        "initialblockdownload": false,
        "chainwork": known.as_ref().map(|known| hex::encode(known.work.to_be_bytes())),
        "pruned": false,
        "warnings": WARNING,
    })
}

pub(super) fn find(chain: &Devchain, hash: BlockHash) -> Result<KnownBlock, Fault> {
    chain.find_block(hash).ok_or_else(|| Fault::missing("Block not found"))
}

/// `getblockheader`.
pub(super) fn header(chain: &Devchain, hash: BlockHash, verbose: bool) -> Result<Value, Fault> {
    let known = find(chain, hash)?;
    if !verbose {
        return Ok(json!(serialize_hex(&known.block.header)));
    }
    Ok(described(&known))
}

/// `getblock`, with the verbosities 0 and 1.
pub(super) fn block(chain: &Devchain, hash: BlockHash, verbosity: u8) -> Result<Value, Fault> {
    let known = find(chain, hash)?;
    match verbosity {
        0 => Ok(json!(serialize_hex::<Block>(&known.block))),
        1 => {
            let (mut value, block) = (described(&known), Arc::clone(&known.block));
            let ids: Vec<_> = block.txdata.iter().map(Transaction::compute_txid).collect();
            value["tx"] = json!(ids);
            value["size"] = json!(block.total_size());
            value["weight"] = json!(block.weight().to_wu());
            // A weight is three times the size without witnesses, and the size.
            value["strippedsize"] = json!((block.weight().to_wu() - block.total_size() as u64) / 3);
            Ok(value)
        }
        _ => Err(Fault::range("blocks are shown with verbosity 0 or 1 here")),
    }
}

fn described(known: &KnownBlock) -> Value {
    let header = &known.block.header;
    let version = header.version.to_consensus();
    let mut value = json!({
        "hash": header.block_hash(),
        "confirmations": known.confirmations.map_or(-1, i64::from),
        "height": known.height,
        "version": version,
        "versionHex": format!("{version:08x}"),
        "merkleroot": header.merkle_root,
        "time": header.time,
        "mediantime": known.median_time,
        "nonce": header.nonce,
        "bits": format!("{:08x}", header.bits.to_consensus()),
        "difficulty": header.difficulty_float(),
        "chainwork": hex::encode(known.work.to_be_bytes()),
        "nTx": known.block.txdata.len(),
    });
    if known.height > 0 {
        value["previousblockhash"] = json!(header.prev_blockhash);
    }
    if let Some(next) = known.next {
        value["nextblockhash"] = json!(next);
    }
    value
}
