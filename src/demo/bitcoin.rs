//! What the demo's Bitcoin rail plays on: a development chain, coins for everyone, an auditor that attests, and a treasurer for each party.

use super::stage::derived;
use crate::node::Here;
use crate::provider::coins::Escrows;
use anyhow::{Context, Result};
use bitcoin::{Network, ScriptBuf};
use contracts::beacon::mixed::Rule;
use contracts_bitcoin::beacon;
use contracts_bitcoin::chain::devchain::{Devchain, Mining};
use contracts_bitcoin::keys::MasterKey;
use contracts_bitcoin::oracle;
use contracts_bitcoin::oracle::rule::Rule as Attesting;
use contracts_bitcoin::treasurer::client::HttpPeers;
use contracts_bitcoin::treasurer::oracles::HttpOracles;
use contracts_bitcoin::treasurer::{EscrowLine, Manner, Treasurer, serve};
use contracts_bitcoin::wallet::Wallet;
use market_server::HeaderSource;
use network::api::{BitcoinInfo, OracleInfo};
use network::client::{ClientOptions, HttpClient};
use network::clock;
use network::endpoint::{Endpoint, PlainHttp};
use network::market_api::MarketClient;
use network::server::{ServeOptions, ServerHandle, bind};
use provider_node::Settlement;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::{AbortHandle, JoinSet};
use types::{ChainRule, Did, SecretKey, Signer, Span};

/// How often a block is mined.
const BLOCK_TIME: Duration = Duration::from_millis(250);
/// How often treasurers, and the auditor, look around.
const EVERY: Duration = Duration::from_millis(200);
/// So many blocks make a coinbase spendable.
const MATURITY: u32 = 100;
/// How often a day may open, and how deep its block must be: blocks are mined faster than that.
const DAY_EVERY: Span = Span(200_000);
const DAY_DEPTH: u32 = 2;
/// Refunds are for those who have nobody left: none falls due while the demo runs.
const REFUND_BLOCKS: u16 = 20_000;

/// The chain, and everybody's doors to it.
pub(super) struct Bitcoin {
    pub(super) chain: Devchain,
    /// How contracts settle on it.
    pub(super) info: BitcoinInfo,
    dir: PathBuf,
    seed: u64,
    oracle: Arc<oracle::Oracle>,
    auditor: SecretKey,
    /// Keeps the auditor's answers coming.
    _oracle_server: ServerHandle,
    client: Option<Arc<Mutex<Treasurer>>>,
    /// The miner, the auditor, the treasurers.
    work: JoinSet<()>,
}

impl Bitcoin {
    /// A chain in `dir`, and an auditor beside it.
    pub(super) async fn lay(dir: &Path, seed: u64) -> Result<Self> {
        let folder = dir.join("chain");
        let chain = tokio::task::spawn_blocking(move || Devchain::open(&folder)).await??;
        let auditor = SecretKey::from_seed(&derived(seed, "auditor"));
        let master = MasterKey::new(&*oracle::seed_of(&auditor.seed()), Network::Regtest)?;
        let folder = dir.join("auditor").join("oracle");
        let opened = move || -> Result<_> {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("{} cannot be made", folder.display()))?;
            Ok(oracle::Oracle::open(&folder, master)?)
        };
        let oracle = Arc::new(tokio::task::spawn_blocking(opened).await??);
        let router = oracle::serve::router(oracle.clone(), auditor.did());
        let listener = bind("127.0.0.1:0").await?;
        let server = network::server::serve(listener, router, ServeOptions::default())?;
        let keys = MasterKey::of_entropy(&derived(seed, "market coins"), Network::Regtest)?;
        let mut wallet = Wallet::open(&dir.join("market-coins.jsonl"), &keys, None)?;
        let info = BitcoinInfo {
            network: Network::Regtest.to_string(),
            address: wallet.payout_address()?.to_string(),
            oracles: vec![OracleInfo {
                key: oracle.public_key().to_string(),
                urls: vec![format!("http://{}", server.address())],
            }],
            threshold: 1,
        };
        Ok(Self {
            chain,
            info,
            dir: dir.to_owned(),
            seed,
            oracle,
            auditor,
            _oracle_server: server,
            client: None,
            work: JoinSet::new(),
        })
    }

    /// What a market is founded with whose days this chain's blocks open.
    pub(super) async fn rule(&self) -> Result<ChainRule> {
        let (founded, rule) = (clock::now(), Rule { lead: Span(0), depth: DAY_DEPTH });
        let schedule = beacon::Schedule { founded, every: DAY_EVERY, rule };
        Ok(beacon::found(&self.chain, &schedule).await?)
    }

    /// Where the market reads the blocks.
    pub(super) fn headers(&self) -> Arc<dyn HeaderSource> {
        Arc::new(Here(self.chain.clone()))
    }

    /// The auditor follows the market from now on.
    pub(super) fn follow(&mut self, market: &market_server::Handle) -> Result<()> {
        let market = speaks(market, &self.auditor)?;
        let rule = Attesting::alone(self.oracle.public_key());
        let folder = self.dir.join("auditor").join("oracle");
        let following = (self.oracle.clone(), rule);
        let mut follower = oracle::follow::Follower::open(following, &folder, market.market())?;
        self.work.spawn(async move {
            loop {
                if let Err(error) = follower.round(&market).await {
                    tracing::warn!(%error, "the auditor cannot read the market's list");
                }
                tokio::time::sleep(EVERY).await;
            }
        });
        Ok(())
    }

    /// A provider's treasurer, with coins and at work: what its node must know of it, and what ends it.
    pub(super) async fn provider(
        &mut self,
        number: u16,
        market: &market_server::Handle,
        key: &SecretKey,
    ) -> Result<(Settlement, AbortHandle)> {
        let name = format!("provider {number} coins");
        let folder = self.dir.join(format!("provider-{number}-coins"));
        let treasurer = self.treasurer(&name, folder, (key.did(), market.did())).await?;
        let (fundings, consents) = (treasurer.fundings(), treasurer.consents());
        let treasurer = Arc::new(Mutex::new(treasurer));
        let oracles = || HttpOracles::new(PlainHttp::LoopbackOnly);
        let market = speaks(market, key)?;
        let chain = Arc::new(self.chain.clone());
        let routes = serve::router(treasurer.clone(), market, oracles(), chain).await;
        let gate = Arc::new(Escrows::new(fundings, consents, key.did()));
        let (chain, oracles) = (self.chain.clone(), oracles());
        let work = self.work.spawn(async move {
            loop {
                if let Err(error) = serve::tend(&treasurer, &chain, &oracles).await {
                    tracing::warn!(%error, "a provider's treasurer is held up");
                }
                tokio::time::sleep(EVERY).await;
            }
        });
        Ok((Settlement { routes, gate }, work))
    }

    /// The client's treasurer, with coins and at work.
    pub(super) async fn client(&mut self, client: &client_node::Client) -> Result<()> {
        let parties = (client.did(), client.market().market());
        let folder = self.dir.join("client-coins");
        let treasurer = self.treasurer("client coins", folder, parties).await?;
        let treasurer = Arc::new(Mutex::new(treasurer));
        self.client = Some(treasurer.clone());
        let peers = HttpPeers::new(client.signer(), PlainHttp::LoopbackOnly);
        let (chain, market) = (self.chain.clone(), client.market().clone());
        let oracles = HttpOracles::new(PlainHttp::LoopbackOnly);
        self.work.spawn(async move {
            loop {
                let round = treasurer.lock().await.round(&chain, &market, &peers, &oracles).await;
                match round {
                    Ok(round) => {
                        for reason in round.waiting {
                            tracing::debug!(%reason, "the client's treasurer waits");
                        }
                    }
                    Err(error) => tracing::warn!(%error, "the client's treasurer is held up"),
                }
                tokio::time::sleep(EVERY).await;
            }
        });
        Ok(())
    }

    /// Blocks come by themselves from now on, and everybody's coins can be spent.
    pub(super) async fn run(&mut self) -> Result<()> {
        self.mine(MATURITY, ScriptBuf::from(vec![0x51]).to_p2wsh()).await?;
        let chain = self.chain.clone();
        self.work.spawn(async move {
            let mut ticks = tokio::time::interval(BLOCK_TIME);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let script = ScriptBuf::from(vec![0x51]).to_p2wsh();
                let (chain, mining) = (chain.clone(), Mining { script, time: seconds() });
                if let Ok(Err(error)) =
                    tokio::task::spawn_blocking(move || chain.mine(&mining)).await
                {
                    tracing::warn!(%error, "no block is mined");
                }
            }
        });
        Ok(())
    }

    /// What the client's treasurer has seen of its escrows.
    pub(super) async fn escrows(&self) -> Vec<EscrowLine> {
        match &self.client {
            Some(treasurer) => treasurer.lock().await.escrows(),
            None => Vec::new(),
        }
    }

    /// A treasurer whose words follow from the seed, with a block's coins of its own.
    async fn treasurer(
        &self,
        name: &str,
        folder: PathBuf,
        (party, market): (Did, Did),
    ) -> Result<Treasurer> {
        let keys = MasterKey::of_entropy(&derived(self.seed, name), Network::Regtest)?;
        let usual = Manner::new(market);
        let manner = Manner {
            confirmations: const { NonZeroU32::new(2).unwrap() },
            refund_blocks: REFUND_BLOCKS,
            block_time: None,
            close_blocks: 4,
            ..usual
        };
        let open = move || -> Result<_> {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("{} cannot be made", folder.display()))?;
            let mut treasurer = Treasurer::open(&folder, keys, party, manner, None)?;
            let script = treasurer.address()?.script_pubkey();
            Ok((treasurer, script))
        };
        let (treasurer, script) = tokio::task::spawn_blocking(open).await??;
        self.mine(1, script).await?;
        Ok(treasurer)
    }

    async fn mine(&self, count: u32, script: ScriptBuf) -> Result<()> {
        let (chain, mining) = (self.chain.clone(), Mining { script, time: seconds() });
        tokio::task::spawn_blocking(move || chain.mine_blocks(count, &mining)).await??;
        Ok(())
    }
}

/// A party's word at the market.
fn speaks(market: &market_server::Handle, key: &SecretKey) -> Result<MarketClient> {
    let endpoint = Endpoint::parse(market.url(), PlainHttp::LoopbackOnly)?;
    let http = HttpClient::new(endpoint, ClientOptions::default());
    Ok(MarketClient::new(http, market.did(), Arc::new(key.clone())))
}

/// Seconds since 1970.
fn seconds() -> u32 {
    u32::try_from(clock::now().0 / 1_000_000).unwrap_or(u32::MAX)
}
