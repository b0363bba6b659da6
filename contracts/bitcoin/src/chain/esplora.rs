//! A chain as an Esplora server shows it, over HTTP: for clients without a node. Believed as little as a bitcoind.

use super::remote::{Patience, Question, Remote, Reply};
use super::strict::{self, FeeBounds};
use super::{Chain, ChainError, Tip, Unspent};
use axum::body::Bytes;
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::constants::genesis_block;
use bitcoin::{Block, BlockHash, FeeRate, Network, OutPoint, Transaction, Txid};
use hyper::Method;
use network::endpoint::PlainHttp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Number, json};
use std::collections::BTreeMap;

/// The longest block.
const BLOCK_BYTES_MAX: usize = 4_000_000;
/// The longest other answer.
const ANSWER_MAX: usize = 64 << 10;

/// Which server is asked, and how.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where it answers, with its path, such as `https://host/api`.
    pub url: String,
    /// Which network it must show.
    pub network: Network,
    /// Whether plain HTTP may go to another machine.
    pub plain: PlainHttp,
    /// How long is waited.
    pub patience: Patience,
    /// Which fee rates are believed.
    pub fees: FeeBounds,
}

/// An Esplora server.
pub struct Esplora {
    remote: Remote,
    network: Network,
    fees: FeeBounds,
}

/// Whether an output is spent, by a block or by what waits.
#[derive(Deserialize)]
struct Spend {
    spent: bool,
}

/// Whether a block has a transaction.
#[derive(Deserialize)]
struct Status {
    confirmed: bool,
    block_height: Option<u32>,
}

impl Esplora {
    /// A server that answers, and shows the right network by its first block.
    ///
    /// # Errors
    /// [`ChainError`], also where it is another network's.
    pub async fn connect(server: Server) -> Result<Self, ChainError> {
        let remote = Remote::new(&server.url, server.plain, server.patience)?;
        let esplora = Self { remote, network: server.network, fees: server.fees };
        let expected = genesis_block(esplora.network).block_hash();
        match esplora.hash_at(0).await? {
            Some(first) if first == expected => Ok(esplora),
            found => {
                let found = found.map_or("no chain".into(), |hash| format!("the chain of {hash}"));
                Err(ChainError::OtherNetwork { expected: esplora.network, found })
            }
        }
    }

    async fn hash_at(&self, height: u32) -> Result<Option<BlockHash>, ChainError> {
        let reply = self.get(format!("/block-height/{height}"), ANSWER_MAX).await?;
        reply.map(|body| strict::block_hash(&text(&body)?)).transpose()
    }

    /// What stands at `path`; nothing where nothing does.
    async fn get(&self, path: String, bytes_max: usize) -> Result<Option<Bytes>, ChainError> {
        let question = || {
            Ok(Question {
                method: Method::GET,
                path: path.clone(),
                authorization: None,
                body: Bytes::new(),
                bytes_max,
            })
        };
        let read = |reply: Reply| match reply.status {
            200 => Ok(Some(reply.body)),
            404 => Ok(None),
            _ => Err(foreign(&path, &reply)),
        };
        self.remote.ask(question, read).await
    }

    async fn json_at<T: DeserializeOwned>(&self, path: &str) -> Result<T, ChainError> {
        let shown = self.text_at(path).await?;
        let senseless = |error| ChainError::Senseless(format!("{path}: {error}"));
        serde_json::from_str(&shown).map_err(senseless)
    }

    async fn text_at(&self, path: &str) -> Result<String, ChainError> {
        let body = self.get(path.to_owned(), ANSWER_MAX).await?;
        let missing = || ChainError::Senseless(format!("nothing stands at {path}"));
        text(&body.ok_or_else(missing)?)
    }
}

/// A status that says neither yes nor no.
fn foreign(path: &str, reply: &Reply) -> ChainError {
    let text = format!("{path}: HTTP status {}: {:?}", reply.status, reply.text());
    if matches!(reply.status, 429 | 500..=599) {
        return ChainError::Unreachable(text);
    }
    ChainError::Senseless(text)
}

fn text(body: &Bytes) -> Result<String, ChainError> {
    let text = std::str::from_utf8(body).map(|text| text.trim().to_owned());
    text.map_err(|_| ChainError::Senseless("what should be text is none".into()))
}

impl Chain for Esplora {
    fn network(&self) -> Network {
        self.network
    }

    async fn tip(&self) -> Result<Tip, ChainError> {
        let shown = self.text_at("/blocks/tip/height").await?;
        let height = shown.parse().map_err(|_| {
            let shown: String = shown.chars().take(100).collect();
            ChainError::Senseless(format!("{shown:?} is no height"))
        })?;
        // Asked by height, so that both belong together.
        let hash = self.hash_at(height).await?;
        let gone = || ChainError::Unreachable("its tip was undone while it was asked".into());
        Ok(Tip { height, hash: hash.ok_or_else(gone)? })
    }

    async fn block(&self, height: u32) -> Result<Option<Block>, ChainError> {
        let Some(hash) = self.hash_at(height).await? else { return Ok(None) };
        let bytes = self.get(format!("/block/{hash}/raw"), BLOCK_BYTES_MAX).await?;
        let gone = || ChainError::Unreachable(format!("block {hash} is named and not there"));
        strict::block(&bytes.ok_or_else(gone)?, hash).map(Some)
    }

    async fn broadcast(&self, transaction: &Transaction) -> Result<Txid, ChainError> {
        let txid = transaction.compute_txid();
        let body = Bytes::from(serialize_hex(transaction));
        let question = || {
            Ok(Question {
                method: Method::POST,
                path: "/tx".into(),
                authorization: None,
                body: body.clone(),
                bytes_max: ANSWER_MAX,
            })
        };
        let read = |reply: Reply| match reply.status {
            200 if reply.text() == txid.to_string() => Ok(txid),
            200 => {
                Err(ChainError::Senseless(format!("{txid} was sent, answered {:?}", reply.text())))
            }
            400 if strict::is_known(&reply.text()) => Ok(txid),
            400 => Err(ChainError::Refused { txid, reason: reply.text() }),
            _ => Err(foreign("/tx", &reply)),
        };
        self.remote.ask(question, read).await
    }

    async fn broadcast_package(
        &self,
        parent: &Transaction,
        child: &Transaction,
    ) -> Result<Option<Txid>, ChainError> {
        let body = json!([serialize_hex(parent), serialize_hex(child)]).to_string();
        let body = Bytes::from(body);
        let question = || {
            Ok(Question {
                method: Method::POST,
                path: "/txs/package".into(),
                authorization: None,
                body: body.clone(),
                bytes_max: ANSWER_MAX,
            })
        };
        let txid = child.compute_txid();
        let read = |reply: Reply| match reply.status {
            200 => strict::Package::read(&reply.body)?.judge(child).map(Some),
            404 | 405 => Ok(None),
            400 => Err(ChainError::Refused { txid, reason: reply.text() }),
            _ => Err(foreign("/txs/package", &reply)),
        };
        self.remote.ask(question, read).await
    }

    async fn unspent(&self, outpoint: OutPoint) -> Result<Option<Unspent>, ChainError> {
        let OutPoint { txid, vout } = outpoint;
        let Some(bytes) = self.get(format!("/tx/{txid}/raw"), BLOCK_BYTES_MAX).await? else {
            return Ok(None);
        };
        let transaction = strict::transaction(&bytes, txid)?;
        let Some(output) = transaction.output.get(vout as usize).cloned() else { return Ok(None) };
        let spend: Spend = self.json_at(&format!("/tx/{txid}/outspend/{vout}")).await?;
        if spend.spent {
            return Ok(None);
        }
        let status: Status = self.json_at(&format!("/tx/{txid}/status")).await?;
        let tip = self.tip().await?.height;
        let held = |height| tip.saturating_add(1).saturating_sub(height);
        let confirmations = status.block_height.filter(|_| status.confirmed).map_or(0, held);
        Ok(Some(Unspent { output, confirmations, is_coinbase: transaction.is_coinbase() }))
    }

    async fn fee_rate(&self, blocks: u16) -> Result<FeeRate, ChainError> {
        let estimates: BTreeMap<u16, Number> = self.json_at("/fee-estimates").await?;
        let nearest = estimates.range(..=blocks.max(1)).next_back().or(estimates.iter().next());
        // Satoshis for a virtual byte, which is four weight units.
        let rate = nearest.map(|(_, rate)| strict::fee_rate(rate, 250)).transpose()?;
        self.fees.judge(rate)
    }
}
