//! A chain as a bitcoind shows it, over JSON-RPC. The node is asked, not trusted: its network is looked at with every tip, and a
//! block is the one that was asked for or an error.

use super::remote::{Patience, Question, Remote, Reply};
use super::strict::{self, FeeBounds};
use super::{Chain, ChainError, Tip, Unspent};
use axum::body::Bytes;
use base64::{Engine, engine::general_purpose::STANDARD};
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Block, BlockHash, FeeRate, Network, OutPoint, ScriptBuf, Transaction, TxOut, Txid};
use hyper::Method;
use network::endpoint::PlainHttp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Number, Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::Zeroizing;

/// The longest answer with a block: 4,000,000 bytes in hexadecimal, and what stands around them.
const BLOCK_ANSWER_MAX: usize = 8_000_000 + (4 << 10);
/// The longest other answer.
const ANSWER_MAX: usize = 1 << 20;
/// The most blocks ahead that bitcoind estimates for.
const TARGET_MAX: u16 = 1_008;
/// bitcoind's codes: no such height, no such block or transaction, in the chain already, still starting.
const OUT_OF_RANGE: i64 = -8;
const IN_CHAIN: i64 = -27;
const WARMING_UP: i64 = -28;
/// No such method: packages came with version 26.
const NO_METHOD: i64 = -32_601;

/// How a node lets us in.
pub enum Auth {
    /// By the file that it writes at each start, read anew for every call.
    Cookie(PathBuf),
    /// By name and password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: Zeroizing<String>,
    },
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cookie(path) => write!(f, "Cookie({})", path.display()),
            Self::Password { user, .. } => write!(f, "Password({user})"),
        }
    }
}

impl Auth {
    fn header(&self) -> Result<String, ChainError> {
        let words = match self {
            Self::Cookie(path) => {
                let read = std::fs::read_to_string(path).map_err(|error| {
                    ChainError::NotAdmitted(format!("{} cannot be read ({error})", path.display()))
                })?;
                Zeroizing::new(read.trim().to_owned())
            }
            Self::Password { user, password } => Zeroizing::new(format!("{user}:{}", **password)),
        };
        Ok(format!("Basic {}", STANDARD.encode(words.as_bytes())))
    }
}

/// Which node is asked, and how.
#[derive(Debug)]
pub struct Node {
    /// Where it answers, such as `http://127.0.0.1:8332`.
    pub url: String,
    /// Which network it must be on.
    pub network: Network,
    /// How it lets us in.
    pub auth: Auth,
    /// Whether plain HTTP may go to another machine.
    pub plain: PlainHttp,
    /// How long is waited.
    pub patience: Patience,
    /// Which fee rates are believed.
    pub fees: FeeBounds,
}

/// A bitcoind.
pub struct Bitcoind {
    remote: Remote,
    network: Network,
    auth: Auth,
    fees: FeeBounds,
    calls: AtomicU64,
}

/// What a node says no with.
#[derive(Debug, Deserialize)]
struct Fault {
    code: i64,
    message: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    result: Value,
    error: Option<Fault>,
    id: Value,
}

#[derive(Deserialize)]
struct ChainInfo {
    chain: String,
    blocks: u32,
    bestblockhash: BlockHash,
}

#[derive(Deserialize)]
struct Estimate {
    feerate: Option<Number>,
}

/// What `gettxout` says of an output.
#[derive(Deserialize)]
struct Output {
    confirmations: u32,
    value: Number,
    #[serde(rename = "scriptPubKey")]
    script: Script,
    coinbase: bool,
}

#[derive(Deserialize)]
struct Script {
    hex: ScriptBuf,
}

/// One call.
struct Call {
    method: &'static str,
    parameters: Value,
    bytes_max: usize,
}

impl Bitcoind {
    /// A node that answers, on the right network.
    ///
    /// # Errors
    /// [`ChainError`], also where it is another network's.
    pub async fn connect(node: Node) -> Result<Self, ChainError> {
        let remote = Remote::new(&node.url, node.plain, node.patience)?;
        let (network, auth, fees) = (node.network, node.auth, node.fees);
        let bitcoind = Self { remote, network, auth, fees, calls: AtomicU64::new(1) };
        bitcoind.tip().await?;
        Ok(bitcoind)
    }

    /// Makes a call whose refusal means something is wrong.
    async fn must<T: DeserializeOwned>(
        &self,
        method: &'static str,
        parameters: Value,
    ) -> Result<T, ChainError> {
        let called = self.call(Call { method, parameters, bytes_max: ANSWER_MAX }).await?;
        called.map_err(|fault| refused(method, &fault))
    }

    async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<Result<T, Fault>, ChainError> {
        let Call { method, parameters, bytes_max } = call;
        let id = self.calls.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "jsonrpc": "1.0", "id": id, "method": method, "params": parameters });
        let body = Bytes::from(body.to_string());
        let question = || {
            Ok(Question {
                method: Method::POST,
                path: "/".into(),
                authorization: Some(self.auth.header()?),
                body: body.clone(),
                bytes_max,
            })
        };
        let value = self.remote.ask(question, |reply| read(method, id, &reply)).await?;
        Ok(match value {
            Ok(value) => Ok(serde_json::from_value(value)
                .map_err(|error| ChainError::Senseless(format!("{method}: {error}")))?),
            Err(fault) => Err(fault),
        })
    }
}

/// What an answer says.
fn read(method: &str, id: u64, reply: &Reply) -> Result<Result<Value, Fault>, ChainError> {
    if matches!(reply.status, 401 | 403) {
        return Err(ChainError::NotAdmitted(format!("HTTP status {}", reply.status)));
    }
    let parsed: Result<Answer, _> = serde_json::from_slice(&reply.body);
    let answer = parsed.map_err(|error| {
        let text = format!("{method}: HTTP status {}, {error}: {:?}", reply.status, reply.text());
        if matches!(reply.status, 429 | 502..=504) {
            return ChainError::Unreachable(text);
        }
        ChainError::Senseless(text)
    })?;
    if answer.id != json!(id) {
        let text = format!("{method}: the answer to call {} came for call {id}", answer.id);
        return Err(ChainError::Senseless(text));
    }
    match answer.error {
        Some(fault) if fault.code == WARMING_UP => Err(ChainError::Unreachable(fault.message)),
        Some(fault) => Ok(Err(fault)),
        None => Ok(Ok(answer.result)),
    }
}

fn refused(method: &str, fault: &Fault) -> ChainError {
    let message: String = fault.message.chars().take(300).collect();
    ChainError::Senseless(format!("{method}: {message} (code {})", fault.code))
}

impl Chain for Bitcoind {
    fn network(&self) -> Network {
        self.network
    }

    async fn tip(&self) -> Result<Tip, ChainError> {
        let info: ChainInfo = self.must("getblockchaininfo", json!([])).await?;
        if Network::from_core_arg(&info.chain) != Ok(self.network) {
            let found = info.chain.chars().take(40).collect();
            return Err(ChainError::OtherNetwork { expected: self.network, found });
        }
        Ok(Tip { height: info.blocks, hash: info.bestblockhash })
    }

    async fn block(&self, height: u32) -> Result<Option<Block>, ChainError> {
        let parameters = json!([height]);
        let call = Call { method: "getblockhash", parameters, bytes_max: ANSWER_MAX };
        let hash: BlockHash = match self.call(call).await? {
            Ok(hash) => hash,
            Err(fault) if fault.code == OUT_OF_RANGE => return Ok(None),
            Err(fault) => return Err(refused("getblockhash", &fault)),
        };
        let parameters = json!([hash, 0]);
        let call = Call { method: "getblock", parameters, bytes_max: BLOCK_ANSWER_MAX };
        let text: String = self.call(call).await?.map_err(|fault| refused("getblock", &fault))?;
        let bytes = hex::decode(&text)
            .map_err(|error| ChainError::Senseless(format!("block {hash}: {error}")))?;
        strict::block(&bytes, hash).map(Some)
    }

    async fn broadcast(&self, transaction: &Transaction) -> Result<Txid, ChainError> {
        let txid = transaction.compute_txid();
        let parameters = json!([serialize_hex(transaction)]);
        let call = Call { method: "sendrawtransaction", parameters, bytes_max: ANSWER_MAX };
        match self.call::<Txid>(call).await? {
            Ok(named) if named == txid => Ok(txid),
            Ok(named) => Err(ChainError::Senseless(format!("{txid} was sent and {named} carried"))),
            Err(fault) if fault.code == IN_CHAIN || strict::is_known(&fault.message) => Ok(txid),
            Err(fault) => {
                let reason = fault.message.chars().take(300).collect();
                Err(ChainError::Refused { txid, reason })
            }
        }
    }

    async fn broadcast_package(
        &self,
        parent: &Transaction,
        child: &Transaction,
    ) -> Result<Option<Txid>, ChainError> {
        let parameters = json!([[serialize_hex(parent), serialize_hex(child)]]);
        let call = Call { method: "submitpackage", parameters, bytes_max: ANSWER_MAX };
        match self.call::<strict::Package>(call).await? {
            Ok(package) => package.judge(child).map(Some),
            Err(fault) if fault.code == NO_METHOD => Ok(None),
            Err(fault) => {
                let (txid, reason) = (child.compute_txid(), fault.message);
                Err(ChainError::Refused { txid, reason: reason.chars().take(300).collect() })
            }
        }
    }

    async fn unspent(&self, outpoint: OutPoint) -> Result<Option<Unspent>, ChainError> {
        let OutPoint { txid, vout } = outpoint;
        let output: Option<Output> = self.must("gettxout", json!([txid, vout, true])).await?;
        let Some(Output { confirmations, value, script, coinbase }) = output else {
            return Ok(None);
        };
        let output = TxOut { value: strict::amount(&value)?, script_pubkey: script.hex };
        Ok(Some(Unspent { output, confirmations, is_coinbase: coinbase }))
    }

    async fn fee_rate(&self, blocks: u16) -> Result<FeeRate, ChainError> {
        let target = blocks.clamp(1, TARGET_MAX);
        let estimate: Estimate = self.must("estimatesmartfee", json!([target])).await?;
        // Bitcoin for 1,000 virtual bytes, which are 4,000 weight units.
        let rate = estimate.feerate.map(|rate| strict::fee_rate(&rate, 25_000_000)).transpose()?;
        self.fees.judge(rate)
    }
}
