//! What is believed of a node's answers: a block that is the one that was asked for, a fee rate that can be.

use super::ChainError;
use bitcoin::consensus::encode::deserialize;
use bitcoin::{Amount, Block, BlockHash, FeeRate, Transaction, Txid, Wtxid};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;
use serde_json::Number;
use std::collections::BTreeMap;
use std::str::FromStr;

/// Between what a fee rate must be to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeBounds {
    /// What a lower one, zero too, is raised to: nobody carries less.
    pub least: FeeRate,
    /// What a higher one is refused above: whoever names it is mistaken or lies.
    pub most: FeeRate,
    /// What is taken where the node has no estimate.
    pub fallback: FeeRate,
}

impl Default for FeeBounds {
    /// 1 to 5,000 sat/vB; 5 where there is no estimate.
    fn default() -> Self {
        Self {
            least: FeeRate::from_sat_per_vb_u32(1),
            most: FeeRate::from_sat_per_vb_u32(5_000),
            fallback: FeeRate::from_sat_per_vb_u32(5),
        }
    }
}

impl FeeBounds {
    /// What is made of a node's estimate.
    ///
    /// # Errors
    /// [`ChainError::Senseless`] above the most.
    pub fn judge(&self, estimate: Option<FeeRate>) -> Result<FeeRate, ChainError> {
        let rate = estimate.unwrap_or(self.fallback).max(self.least);
        if rate > self.most {
            // Not `to_sat_per_vb_ceil`, which overflows near the largest rate.
            let named = rate.to_sat_per_kwu().div_ceil(250);
            let most = self.most.to_sat_per_vb_floor();
            let text = format!("a fee rate of {named} sat/vB; at most {most} is believed");
            return Err(ChainError::Senseless(text));
        }
        Ok(rate)
    }
}

/// A fee rate of so many `unit`s, rounded up; `unit` is in satoshis per 1,000 weight units. One too large to be written is the largest.
///
/// # Errors
/// [`ChainError::Senseless`] where it is below zero.
pub(super) fn fee_rate(number: &Number, unit: u64) -> Result<FeeRate, ChainError> {
    let text = number.to_string();
    let senseless = || ChainError::Senseless(format!("a fee rate of {text}"));
    if text.starts_with('-') {
        return Err(senseless());
    }
    let rate = Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text));
    let units = rate.ok().and_then(|rate| rate.checked_mul(Decimal::from(unit)));
    let sat = units.and_then(|units| units.ceil().to_u64()).unwrap_or(u64::MAX);
    Ok(FeeRate::from_sat_per_kwu(sat))
}

/// An amount that is written as a number of bitcoin: whole satoshis, at most 21 million bitcoin.
///
/// # Errors
/// [`ChainError::Senseless`] where it is none.
pub(super) fn amount(number: &Number) -> Result<Amount, ChainError> {
    let text = number.to_string();
    let bitcoin = Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text));
    let sat = bitcoin.ok().and_then(|bitcoin| bitcoin.checked_mul(Decimal::from(100_000_000)));
    let sat = sat.filter(|sat| sat.fract().is_zero()).and_then(|sat| sat.to_u64());
    let amount = sat.map(Amount::from_sat).filter(|amount| *amount <= Amount::MAX_MONEY);
    amount.ok_or_else(|| ChainError::Senseless(format!("an amount of {text} bitcoin")))
}

/// Reads a transaction and holds it against the name that it was asked by.
///
/// # Errors
/// [`ChainError::Senseless`] where it is another, or none.
pub(super) fn transaction(bytes: &[u8], asked: Txid) -> Result<Transaction, ChainError> {
    let senseless = |what: String| ChainError::Senseless(format!("transaction {asked}: {what}"));
    let transaction: Transaction =
        deserialize(bytes).map_err(|error| senseless(error.to_string()))?;
    let found = transaction.compute_txid();
    if found != asked {
        return Err(senseless(format!("another one came, {found}")));
    }
    Ok(transaction)
}

/// Reads a block and holds it against the hash that it was asked by, its own proof of work, Merkle root and witness commitment.
///
/// # Errors
/// [`ChainError::Senseless`] with what is wrong.
pub(super) fn block(bytes: &[u8], asked: BlockHash) -> Result<Block, ChainError> {
    let senseless = |what: &str| ChainError::Senseless(format!("block {asked}: {what}"));
    let block: Block = deserialize(bytes).map_err(|error| senseless(&error.to_string()))?;
    let found = block.block_hash();
    if found != asked {
        return Err(senseless(&format!("another one came, {found}")));
    }
    if !block.header.target().is_met_by(found) {
        return Err(senseless("it has no proof of work"));
    }
    if !block.check_merkle_root() {
        return Err(senseless("its transactions are not those of its Merkle root"));
    }
    if !block.check_witness_commitment() {
        return Err(senseless("its witnesses are not those that it commits to"));
    }
    Ok(block)
}

/// Reads a block's hash.
pub(super) fn block_hash(text: &str) -> Result<BlockHash, ChainError> {
    let shown: String = text.chars().take(100).collect();
    text.parse().map_err(|_| ChainError::Senseless(format!("{shown:?} is no block's hash")))
}

/// What a node says of transactions that it was given at once (`submitpackage`).
#[derive(Deserialize)]
pub(super) struct Package {
    #[serde(rename = "package_msg")]
    message: String,
    /// By witness id.
    #[serde(rename = "tx-results", default)]
    results: BTreeMap<Wtxid, PackageResult>,
}

#[derive(Deserialize)]
struct PackageResult {
    error: Option<String>,
}

impl Package {
    /// Reads what Esplora passes on.
    ///
    /// # Errors
    /// [`ChainError::Senseless`].
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ChainError> {
        let read = serde_json::from_slice(bytes);
        read.map_err(|error| ChainError::Senseless(format!("a package's results: {error}")))
    }

    /// The name of `child`, where all are carried.
    ///
    /// # Errors
    /// [`ChainError::Refused`] with every reason.
    pub(super) fn judge(self, child: &Transaction) -> Result<Txid, ChainError> {
        let txid = child.compute_txid();
        if self.message == "success" {
            return Ok(txid);
        }
        let errors = self.results.into_values().filter_map(|result| result.error);
        let told: Vec<String> = std::iter::once(self.message).chain(errors).collect();
        let reason = told.join(", ").chars().take(300).collect();
        Err(ChainError::Refused { txid, reason })
    }
}

/// Whether a refusal says that the transaction is known: it is carried, or in the chain.
pub(super) fn is_known(reason: &str) -> bool {
    const KNOWN: [&str; 5] = [
        "already in utxo set",
        "already in block chain",
        "txn-already-in-mempool",
        "txn-already-known",
        "txn-same-nonwitness-data-in-mempool",
    ];
    KNOWN.iter().any(|known| reason.contains(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::consensus::encode::serialize;
    use bitcoin::constants::genesis_block;
    use bitcoin::{Network, TxMerkleNode, hashes::Hash};

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn fee_rates_are_read_to_the_satoshi_and_zero_and_a_million_are_not_believed() {
        let bounds = FeeBounds::default();
        let judged = |text, unit| bounds.judge(Some(fee_rate(&number(text), unit)?));
        let per_vb = |text| judged(text, 250);
        // Bitcoin per 1,000 vB, as bitcoind says it.
        let per_kvb = |text| judged(text, 25_000_000);
        assert_eq!(per_kvb("0.00001000"), Ok(FeeRate::from_sat_per_kwu(250)));
        assert_eq!(per_kvb("1e-5"), Ok(FeeRate::from_sat_per_kwu(250)));
        assert_eq!(per_kvb("0.00012345"), Ok(FeeRate::from_sat_per_kwu(3_087)));
        assert_eq!(per_vb("87.882"), Ok(FeeRate::from_sat_per_kwu(21_971)));
        for raised in ["0", "0.0", "1e-9", "0.999"] {
            assert_eq!(per_vb(raised), Ok(bounds.least), "{raised}");
        }
        for refused in ["5000.1", "1000000", "1e300", "-1", "-0.1"] {
            assert!(matches!(per_vb(refused), Err(ChainError::Senseless(_))), "{refused}");
        }
        assert_eq!(bounds.judge(None), Ok(bounds.fallback));
    }

    #[test]
    fn amounts_are_whole_satoshis_of_at_most_21_million_bitcoin() {
        let judged = |text| amount(&number(text)).map(Amount::to_sat);
        for (text, sat) in [
            ("0", 0),
            ("0.00000001", 1),
            ("1e-8", 1),
            ("49.999975", 4_999_997_500),
            ("21000000", 2_100_000_000_000_000),
        ] {
            assert_eq!(judged(text), Ok(sat), "{text}");
        }
        for refused in ["-1", "0.000000001", "21000000.00000001", "1e300", "-0.5"] {
            assert!(matches!(judged(refused), Err(ChainError::Senseless(_))), "{refused}");
        }
    }

    #[test]
    fn a_transaction_is_the_one_that_was_asked_for_or_none() {
        let right = genesis_block(Network::Regtest).txdata.remove(0);
        let txid = right.compute_txid();
        assert_eq!(transaction(&serialize(&right), txid), Ok(right.clone()));
        let mut other = right;
        other.output[0].value = Amount::ZERO;
        assert!(transaction(&serialize(&other), txid).is_err());
        assert!(transaction(b"garbage", txid).is_err());
    }

    #[test]
    fn a_block_is_the_one_that_was_asked_for_or_none() {
        let right = genesis_block(Network::Regtest);
        let hash = right.block_hash();
        assert_eq!(block(&serialize(&right), hash), Ok(right.clone()));
        let other = genesis_block(Network::Bitcoin);
        assert!(block(&serialize(&other), hash).is_err());
        assert!(block(b"garbage", hash).is_err());
        let mut forged = right.clone();
        forged.txdata[0].output[0].value += bitcoin::Amount::from_sat(1);
        let error = block(&serialize(&forged), hash).unwrap_err().to_string();
        assert!(error.contains("Merkle"), "{error}");
        let mut unworked = right;
        unworked.header.merkle_root = TxMerkleNode::all_zeros();
        while unworked.header.target().is_met_by(unworked.block_hash()) {
            unworked.header.nonce += 1;
        }
        let error = block(&serialize(&unworked), unworked.block_hash()).unwrap_err().to_string();
        assert!(error.contains("proof of work"), "{error}");
    }
}
