//! `bondstore cashier`: holds a market's coins: books deposits from a chain, and pays withdrawals on it.

mod books;

use crate::arguments;
use crate::folder::{CoinsFolder, Owner};
use crate::market::MarketArgs;
use crate::node::{ChainArgs, Node};
use crate::output::Output;
use crate::runtime::asked_to_end;
use anyhow::{Context, Result};
use books::Journal;
use clap::{Args, Subcommand};
use contracts_bitcoin::anchor::Rule;
use contracts_bitcoin::cashier::serve::router;
use contracts_bitcoin::cashier::{Cashier, Manner, Round};
use contracts_bitcoin::chain::Chain;
use network::server::{ServeOptions, bind, serve};
use network::{clock, tls};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use types::{SecretKey, Signer, Span};

/// Where the running cashier's address is written.
const ADDRESS_FILE: &str = "address";

#[derive(Args)]
pub(crate) struct CashierArgs {
    /// The cashier's own directory: its words, and what it must not forget.
    #[arg(long = "coins", default_value = "bondstore-coins", value_name = "DIR")]
    folder: PathBuf,
    /// A file whose first line is the password of the cashier's words (else `BONDSTORE_PASSWORD`, else a prompt).
    #[arg(long, value_name = "FILE")]
    coins_password_file: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum CashierCommand {
    /// Make the words that a market's coins hang on, or bring them back.
    Init {
        #[command(flatten)]
        cashier: CashierArgs,
        /// A file with 24 words to bring back; else new ones are made, and shown once.
        #[arg(long, value_name = "FILE")]
        words_file: Option<PathBuf>,
    },
    /// Book deposits and pay withdrawals, until Ctrl-C.
    Run {
        #[command(flatten)]
        cashier: CashierArgs,
        #[command(flatten)]
        market: MarketArgs,
        #[command(flatten)]
        chain: ChainArgs,
        /// Where parties ask for their address; anything but loopback speaks TLS.
        #[arg(long, default_value = "127.0.0.1:7790", value_name = "ADDR")]
        listen: String,
        /// After how many blocks a deposit is booked, and a payment no longer broadcast.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000), value_name = "BLOCKS")]
        confirmations: u32,
        /// How often the chain and the books are looked at.
        #[arg(long, default_value = "10s", value_parser = arguments::span, value_name = "DURATION")]
        every: Span,
        /// How often the journal is anchored in the chain, where it has grown; sooner, once a tenth of a bitcoin has been posted.
        #[arg(long, default_value = "6h", value_parser = arguments::span, value_name = "DURATION")]
        anchor_every: Span,
        /// Anchor nothing.
        #[arg(long, conflicts_with = "anchor_every")]
        no_anchors: bool,
        /// Look for coins from the chain's beginning, as for words that are brought back; else from now on.
        #[arg(long)]
        from_beginning: bool,
    },
}

impl CashierCommand {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Init { cashier, words_file } => {
                cashier.folder().init(words_file.as_deref(), output).await
            }
            Self::Run {
                cashier,
                market,
                chain,
                listen,
                confirmations,
                every,
                anchor_every,
                no_anchors,
                from_beginning,
            } => {
                let node = chain.connect().await?;
                let cashier = cashier.folder();
                let keys = cashier.keys(node.network()).await?;
                let birthday = if from_beginning { None } else { Some(node.tip().await?) };
                let key = market.operator_key().await?;
                let rule = Rule { interval: anchor_every, ..Rule::default() };
                let anchors = (!no_anchors).then_some(rule);
                let manner = Manner { market: key.did(), confirmations, anchors };
                let opened = Cashier::open(&cashier.path, keys, manner, birthday)?;
                let running = Running { node, market, key, folder: cashier.path, listen, every };
                running.run(opened, output).await
            }
        }
    }
}

impl CashierArgs {
    fn folder(self) -> CoinsFolder {
        let (path, password_file) = (self.folder, self.coins_password_file);
        CoinsFolder { path, password_file, owner: Owner::Cashier }
    }
}

/// What a running cashier stands between.
struct Running {
    node: Node,
    market: MarketArgs,
    key: SecretKey,
    folder: PathBuf,
    listen: String,
    every: Span,
}

impl Running {
    async fn run(self, mut cashier: Cashier, output: &Output) -> Result<()> {
        let key = self.key;
        let market = key.did();
        let mut journal = Journal::new(self.market.client_of(key.clone())?, key.clone());
        // Whoever asks for an address is answered by a cashier that has caught up.
        let first = cashier.round(&self.node, &mut journal, clock::now()).await?;
        tell(&first, &[]);
        let left = first.elsewhere.len();
        let own = cashier.deposit_address(market)?;
        let cashier = Arc::new(tokio::sync::Mutex::new(cashier));
        let listener = bind(&self.listen).await?;
        let local = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
        let signer: Arc<dyn Signer> = Arc::new(key);
        let tls = if local { None } else { Some(tls::server_config(signer)?) };
        let options = ServeOptions { tls, ..ServeOptions::default() };
        let server = serve(listener, router(market, cashier.clone()), options)?;
        let scheme = if local { "http" } else { "https" };
        let url = format!("{scheme}://{}", server.address());
        std::fs::write(self.folder.join(ADDRESS_FILE), &url)
            .with_context(|| format!("{} cannot be written", self.folder.display()))?;
        let (network, balance) = {
            let cashier = cashier.lock().await;
            (cashier.network(), cashier.balance())
        };
        let value = json!({
            "url": url, "market": market, "network": network, "balance_sat": balance.to_sat(), "own_address": own.to_string(),
            "left_to_operator": left,
        });
        output.result(&value, || {
            format!(
                "cashier of {market} on {network} at {url}, with {balance}; coins for anchors go to {own}; {left} withdrawals are left to the operator; Ctrl-C ends it"
            )
        });
        let rounds = async {
            let mut waited = Vec::new();
            loop {
                tokio::time::sleep(self.every.as_duration()).await;
                let mut cashier = cashier.lock().await;
                match cashier.round(&self.node, &mut journal, clock::now()).await {
                    Ok(round) => {
                        tell(&round, &waited);
                        waited = round.waiting;
                    }
                    Err(error) => tracing::warn!(%error, "the round ended early; trying again"),
                }
            }
        };
        tokio::select! {
            () = rounds => {}
            ended = asked_to_end() => ended?,
        }
        server.shutdown().await;
        Ok(())
    }
}

/// Logs what a round has done, and what waits that did not wait before.
fn tell(round: &Round, waited: &[String]) {
    if round.booked > 0 {
        tracing::info!(deposits = round.booked, "booked");
    }
    if let Some(txid) = round.paid {
        tracing::info!(%txid, "withdrawals are paid");
    }
    if let Some(txid) = round.anchored {
        tracing::info!(%txid, "the journal is anchored");
    }
    for reason in round.waiting.iter().filter(|reason| !waited.contains(reason)) {
        tracing::warn!(%reason, "something waits");
    }
}
