//! Which chain a command looks at: a bitcoind or an Esplora server, by its address.

use anyhow::{Context, Result, bail};
use bitcoin::{Block, FeeRate, Network, OutPoint, Transaction, Txid};
use clap::Args;
use contracts::beacon::header::LENGTH;
use contracts_bitcoin::beacon;
use contracts_bitcoin::chain::devchain::Devchain;
use contracts_bitcoin::chain::esplora::{Esplora, Server};
use contracts_bitcoin::chain::rpc::{self, Auth, Bitcoind};
use contracts_bitcoin::chain::{Chain, ChainError, FeeBounds, Patience, Tip, Unspent};
use futures_util::future::BoxFuture;
use market_server::HeaderSource;
use network::endpoint::PlainHttp;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;
use types::Hash;
use zeroize::Zeroizing;

/// What an Esplora server's address begins with, to tell it from a bitcoind's.
const ESPLORA: &str = "esplora+";

#[derive(Args)]
pub(crate) struct ChainArgs {
    /// Where a bitcoind answers, such as `http://127.0.0.1:8332`; or an Esplora server, as `esplora+https://host/api`.
    #[arg(long, env = "BONDSTORE_CHAIN", value_name = "URL")]
    chain: String,
    #[command(flatten)]
    access: ChainAccess,
}

/// How a chain's node lets one in, and which chain it must be.
#[derive(Args)]
pub(crate) struct ChainAccess {
    /// Which network's chain it must be.
    #[arg(
        long = "chain-network",
        id = "chain_network",
        default_value = "regtest",
        value_name = "NETWORK"
    )]
    network: Network,
    /// The file in which bitcoind leaves its name and password.
    #[arg(
        long = "chain-cookie",
        id = "chain_cookie",
        value_name = "FILE",
        conflicts_with = "chain_user"
    )]
    cookie: Option<PathBuf>,
    /// The name that bitcoind asks for, instead of the file.
    #[arg(
        long = "chain-user",
        id = "chain_user",
        value_name = "NAME",
        requires = "chain_password_file"
    )]
    user: Option<String>,
    /// A file whose first line is the password that goes with it.
    #[arg(
        long = "chain-password-file",
        id = "chain_password_file",
        value_name = "FILE",
        requires = "chain_user"
    )]
    password_file: Option<PathBuf>,
    /// Allow plain HTTP to a chain's node beyond this machine.
    #[arg(long = "chain-plain-http", id = "chain_plain_http")]
    plain_http: bool,
}

impl ChainArgs {
    /// The node, once it has shown that it is of the right network.
    pub(crate) async fn connect(&self) -> Result<Node> {
        self.access.connect(&self.chain).await
    }
}

impl ChainAccess {
    /// The node that answers at `chain`, once it has shown that it is of the right network.
    pub(crate) async fn connect(&self, chain: &str) -> Result<Node> {
        let (network, patience, fees) = (self.network, Patience::default(), FeeBounds::default());
        let plain = if self.plain_http { PlainHttp::Anywhere } else { PlainHttp::LoopbackOnly };
        if let Some(url) = chain.strip_prefix(ESPLORA) {
            let server = Server { url: url.to_owned(), network, plain, patience, fees };
            return Ok(Node::Esplora(Esplora::connect(server).await?));
        }
        let auth = self.auth()?;
        let node = rpc::Node { url: chain.to_owned(), network, auth, plain, patience, fees };
        Ok(Node::Bitcoind(Bitcoind::connect(node).await?))
    }

    fn auth(&self) -> Result<Auth> {
        match (&self.cookie, &self.user, &self.password_file) {
            (Some(cookie), ..) => Ok(Auth::Cookie(cookie.clone())),
            (None, Some(user), Some(file)) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("{} cannot be read", file.display()))?;
                let password = text.lines().next().unwrap_or_default().to_owned();
                Ok(Auth::Password { user: user.clone(), password: Zeroizing::new(password) })
            }
            _ => bail!(
                "a bitcoind lets nobody in without a name: give --chain-cookie FILE (it is called .cookie, in bitcoind's data directory), \
                 or --chain-user and --chain-password-file"
            ),
        }
    }
}

/// A chain that is named and need not answer yet: it is connected to when its headers are asked for.
pub(crate) struct Named {
    chain: String,
    access: ChainAccess,
    node: Mutex<Option<Arc<Node>>>,
}

impl Named {
    pub(crate) fn new(chain: String, access: ChainAccess) -> Self {
        Self { chain, access, node: Mutex::default() }
    }

    /// Its node, once it has answered.
    pub(crate) async fn node(&self) -> Result<Arc<Node>> {
        let mut known = self.node.lock().await;
        if let Some(node) = &*known {
            return Ok(node.clone());
        }
        let node = Arc::new(self.access.connect(&self.chain).await?);
        *known = Some(node.clone());
        Ok(node)
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Named({})", self.chain)
    }
}

impl HeaderSource for Named {
    fn tip(&self) -> BoxFuture<'_, Result<(u32, Hash), String>> {
        Box::pin(async { tip(&*self.node().await.map_err(|error| shown(&error))?).await })
    }

    fn header(&self, height: u32) -> BoxFuture<'_, Result<Option<[u8; LENGTH]>, String>> {
        Box::pin(async move {
            header(&*self.node().await.map_err(|error| shown(&error))?, height).await
        })
    }
}

/// A chain in this process, as a market reads its headers.
#[derive(Debug)]
pub(crate) struct Here(pub(crate) Devchain);

impl HeaderSource for Here {
    fn tip(&self) -> BoxFuture<'_, Result<(u32, Hash), String>> {
        Box::pin(tip(&self.0))
    }

    fn header(&self, height: u32) -> BoxFuture<'_, Result<Option<[u8; LENGTH]>, String>> {
        Box::pin(header(&self.0, height))
    }
}

async fn tip<C: Chain>(chain: &C) -> Result<(u32, Hash), String> {
    let tip = chain.tip().await.map_err(|error| error.to_string())?;
    Ok((tip.height, beacon::hash(tip.hash)))
}

async fn header<C: Chain>(chain: &C, height: u32) -> Result<Option<[u8; LENGTH]>, String> {
    beacon::header(chain, height).await.map_err(|error| error.to_string())
}

fn shown(error: &anyhow::Error) -> String {
    format!("{error:#}")
}

/// A chain's node, of either kind.
pub(crate) enum Node {
    Bitcoind(Bitcoind),
    Esplora(Esplora),
}

impl Chain for Node {
    fn network(&self) -> Network {
        match self {
            Self::Bitcoind(node) => node.network(),
            Self::Esplora(node) => node.network(),
        }
    }

    async fn tip(&self) -> Result<Tip, ChainError> {
        match self {
            Self::Bitcoind(node) => node.tip().await,
            Self::Esplora(node) => node.tip().await,
        }
    }

    async fn block(&self, height: u32) -> Result<Option<Block>, ChainError> {
        match self {
            Self::Bitcoind(node) => node.block(height).await,
            Self::Esplora(node) => node.block(height).await,
        }
    }

    async fn broadcast(&self, transaction: &Transaction) -> Result<Txid, ChainError> {
        match self {
            Self::Bitcoind(node) => node.broadcast(transaction).await,
            Self::Esplora(node) => node.broadcast(transaction).await,
        }
    }

    async fn broadcast_package(
        &self,
        parent: &Transaction,
        child: &Transaction,
    ) -> Result<Option<Txid>, ChainError> {
        match self {
            Self::Bitcoind(node) => node.broadcast_package(parent, child).await,
            Self::Esplora(node) => node.broadcast_package(parent, child).await,
        }
    }

    async fn unspent(&self, outpoint: OutPoint) -> Result<Option<Unspent>, ChainError> {
        match self {
            Self::Bitcoind(node) => node.unspent(outpoint).await,
            Self::Esplora(node) => node.unspent(outpoint).await,
        }
    }

    async fn fee_rate(&self, blocks: u16) -> Result<FeeRate, ChainError> {
        match self {
            Self::Bitcoind(node) => node.fee_rate(blocks).await,
            Self::Esplora(node) => node.fee_rate(blocks).await,
        }
    }
}
