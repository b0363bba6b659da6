//! What is said of transactions, outputs and fees, in bitcoind's words. Amounts are numbers of bitcoin there.

use super::fault::Fault;
use crate::chain::devchain::Devchain;
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Address, Amount, Network, OutPoint, Script, Transaction, TxIn, TxOut, Txid};
use serde_json::{Value, json};

/// `getrawtransaction`: of what waits, and of every block of the best branch.
pub(super) fn transaction(chain: &Devchain, txid: Txid, verbose: bool) -> Result<Value, Fault> {
    let (found, height) = chain.find_transaction(txid).ok_or_else(|| {
        Fault::missing("No such mempool or blockchain transaction. Send it first.")
    })?;
    let hex = serialize_hex::<Transaction>(&found);
    if !verbose {
        return Ok(json!(hex));
    }
    let mut value = json!({
        "txid": txid,
        "hash": found.compute_wtxid(),
        "version": found.version.0,
        "size": found.total_size(),
        "vsize": found.vsize(),
        "weight": found.weight().to_wu(),
        "locktime": found.lock_time.to_consensus_u32(),
        "vin": found.input.iter().map(input).collect::<Vec<_>>(),
        "vout": (0..).zip(&found.output).map(|(n, made)| described(n, made)).collect::<Vec<_>>(),
        "hex": hex,
    });
    if let Some(block) = height.and_then(|height| chain.block_at(height)) {
        let known = chain.find_block(block.block_hash());
        value["blockhash"] = json!(block.block_hash());
        value["confirmations"] = json!(known.and_then(|known| known.confirmations).unwrap_or(0));
        value["time"] = json!(block.header.time);
        value["blocktime"] = json!(block.header.time);
    }
    Ok(value)
}

fn input(input: &TxIn) -> Value {
    let mut value = if input.previous_output.is_null() {
        json!({ "coinbase": input.script_sig.to_hex_string() })
    } else {
        json!({
            "txid": input.previous_output.txid,
            "vout": input.previous_output.vout,
            "scriptSig": { "hex": input.script_sig.to_hex_string() },
        })
    };
    if !input.witness.is_empty() {
        value["txinwitness"] = input.witness.iter().map(hex::encode).collect();
    }
    value["sequence"] = json!(input.sequence.to_consensus_u32());
    value
}

fn described(n: u32, output: &TxOut) -> Value {
    json!({ "value": bitcoin(output.value), "n": n, "scriptPubKey": script(&output.script_pubkey) })
}

fn script(script: &Script) -> Value {
    let mut value = json!({ "asm": script.to_asm_string(), "hex": script.to_hex_string() });
    if let Ok(address) = Address::from_script(script, Network::Regtest) {
        value["address"] = json!(address.to_string());
    }
    value
}

/// `gettxout`: nothing where it is not there, or is spent.
pub(super) fn output(chain: &Devchain, outpoint: OutPoint, with_waiting: bool) -> Value {
    let top = chain.top();
    let shown = |output: &TxOut, confirmations: u32, coinbase: bool| {
        json!({
            "bestblock": top.hash,
            "confirmations": confirmations,
            "value": bitcoin(output.value),
            "scriptPubKey": script(&output.script_pubkey),
            "coinbase": coinbase,
        })
    };
    if with_waiting && chain.is_being_spent(outpoint) {
        return Value::Null;
    }
    if let Some(coin) = chain.coin(outpoint) {
        let depth = top.height.saturating_sub(coin.height).saturating_add(1);
        return shown(&coin.output, depth, coin.is_coinbase);
    }
    let waiting = chain.find_transaction(outpoint.txid).filter(|(_, height)| height.is_none());
    let made = waiting.filter(|_| with_waiting).and_then(|(transaction, _)| {
        transaction.output.get(outpoint.vout as usize).map(|output| shown(output, 0, false))
    });
    made.unwrap_or_default()
}

/// `estimatesmartfee`.
pub(super) fn fee_estimate(chain: &Devchain, blocks: u16) -> Result<Value, Fault> {
    if !(1..=1_008).contains(&blocks) {
        return Err(Fault::range("Invalid conf_target, must be between 1 and 1008"));
    }
    let rate = chain.needed_fee_rate(blocks).to_sat_per_kwu().saturating_mul(4);
    Ok(json!({ "feerate": bitcoin(Amount::from_sat(rate)), "blocks": blocks }))
}

/// As many bitcoin; exact, since no amount needs more than 51 bits.
fn bitcoin(amount: Amount) -> f64 {
    amount.to_btc()
}
