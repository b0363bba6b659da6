//! A development chain with coins that anyone may spend, served on a port of this machine, and clients of it.

use bitcoin::absolute::LockTime;
use bitcoin::{
    Amount, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness, transaction,
};
use contracts_bitcoin::chain::devchain::{Devchain, Mining};
use contracts_bitcoin::chain::esplora::{Esplora, Server};
use contracts_bitcoin::chain::rpc::{Auth, Bitcoind, Node};
use contracts_bitcoin::chain::serve::{Cookie, ESPLORA, Service, router};
use contracts_bitcoin::chain::{ChainError, FeeBounds, Patience};
use network::endpoint::PlainHttp;
use network::server::{ServeOptions, ServerHandle, bind, serve};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// When every block of these tests is mined.
pub(crate) const TIME: u32 = 1_700_000_000;

/// Little of it, so that tests of silence are short.
pub(crate) const PATIENCE: Patience =
    Patience { attempt: Duration::from_secs(5), retries: 2, pause: Duration::from_millis(10) };

/// A served chain.
pub(crate) struct Stage {
    pub(crate) chain: Devchain,
    pub(crate) url: String,
    pub(crate) cookie: PathBuf,
    _folder: tempfile::TempDir,
    _server: ServerHandle,
}

impl Stage {
    pub(crate) async fn with(blocks: u32) -> Self {
        let chain = Devchain::new();
        chain.mine_blocks(blocks, &mining()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (cookie, path) = (Cookie::fresh().unwrap(), folder.path().join(".cookie"));
        cookie.write(&path).unwrap();
        let service = Service { chain: chain.clone(), cookie, clock: || TIME };
        let listener = bind("127.0.0.1:0").await.unwrap();
        let server = serve(listener, router(service), ServeOptions::default()).unwrap();
        let url = format!("http://{}", server.address());
        Self { chain, url, cookie: path, _folder: folder, _server: server }
    }

    pub(crate) async fn rpc(&self) -> Bitcoind {
        Bitcoind::connect(node(&self.url, &self.cookie)).await.unwrap()
    }

    pub(crate) async fn esplora(&self) -> Esplora {
        esplora(&format!("{}{ESPLORA}", self.url)).await.unwrap()
    }

    /// A payment of the coinbase of block `height` to `script`, less `fee`.
    pub(crate) fn pay(&self, height: u32, script: ScriptBuf, fee: u64) -> Transaction {
        let coinbase = self.chain.block_at(height).unwrap().txdata[0].clone();
        Transaction {
            version: transaction::Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: OutPoint::new(coinbase.compute_txid(), 0),
                script_sig: ScriptBuf::new(),
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                witness: Witness::from_slice(&[[0x51]]),
            }],
            output: vec![TxOut {
                value: coinbase.output[0].value - Amount::from_sat(fee),
                script_pubkey: script,
            }],
        }
    }
}

/// P2WSH of `OP_TRUE`.
pub(crate) fn anyone() -> ScriptBuf {
    ScriptBuf::from(vec![0x51]).to_p2wsh()
}

pub(crate) fn mining() -> Mining {
    Mining { script: anyone(), time: TIME }
}

pub(crate) fn node(url: &str, cookie: &Path) -> Node {
    Node {
        url: url.to_owned(),
        network: Network::Regtest,
        auth: Auth::Cookie(cookie.to_owned()),
        plain: PlainHttp::LoopbackOnly,
        patience: PATIENCE,
        fees: FeeBounds::default(),
    }
}

pub(crate) async fn esplora(url: &str) -> Result<Esplora, ChainError> {
    let server = Server {
        url: url.to_owned(),
        network: Network::Regtest,
        plain: PlainHttp::LoopbackOnly,
        patience: PATIENCE,
        fees: FeeBounds::default(),
    };
    Esplora::connect(server).await
}
