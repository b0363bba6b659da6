//! `bondstore market`: run one, and book what its operator received.

use crate::arguments;
use crate::output::Output;
use crate::runtime::asked_to_end;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use market::Genesis;
use market_server::{ADDRESS_FILE, Config, KEY_FILE};
use network::client::{ClientOptions, HttpClient};
use network::endpoint::{Endpoint, PlainHttp};
use network::identity::{Password, Prompt};
use network::market_api::MarketClient;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use types::{Did, Msat, SecretKey, Signer, Span};

#[derive(Args)]
pub(crate) struct MarketArgs {
    /// The market's data directory.
    #[arg(long, default_value = "bondstore-market", value_name = "DIR")]
    data: PathBuf,
    /// A file whose first line is the password (else `BONDSTORE_PASSWORD`, else a prompt).
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl MarketArgs {
    async fn key(&self) -> Result<SecretKey> {
        let password = Password::obtain(self.password_file.as_deref(), Prompt::Existing)?;
        let data = self.data.clone();
        Ok(tokio::task::spawn_blocking(move || market_server::open_key(&data, &password)).await??)
    }
}

#[derive(Subcommand)]
pub(crate) enum Market {
    /// Run the market in a data directory; the first run founds it.
    Run {
        #[command(flatten)]
        market: MarketArgs,
        /// Where to listen; anything but loopback speaks TLS.
        #[arg(long, default_value = "127.0.0.1:7700", value_name = "ADDR")]
        listen: String,
        /// What an epoch stands for in prices and terms: fixed when the market is founded, 1h where nothing is said.
        #[arg(long, value_name = "DURATION", value_parser = arguments::span)]
        epoch: Option<Span>,
        /// How often an epoch really opens; as often as it stands for where nothing is said.
        #[arg(long, value_name = "DURATION", value_parser = arguments::span)]
        epoch_every: Option<Span>,
        /// Replay the whole journal at start instead of trusting the last snapshot.
        #[arg(long)]
        full_check: bool,
    },
    /// Book money that the operator received for a party.
    Credit {
        /// For whom.
        party: Did,
        /// How many msat.
        #[arg(allow_negative_numbers = true, value_parser = arguments::amount)]
        amount: i64,
        /// What was received, in the operator's own books; each reference counts once.
        #[arg(long, value_name = "TEXT")]
        reference: Option<String>,
        /// Write the signed deposit to a file for the party to present, instead of sending it.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        market: MarketArgs,
    },
}

impl Market {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Run { market, listen, epoch, epoch_every, full_check } => {
                found_if_new(&market, epoch.unwrap_or(Span::HOUR)).await?;
                let founded = market_server::genesis(&market.data)?.epoch;
                if let Some(wanted) = epoch.filter(|wanted| *wanted != founded) {
                    bail!(
                        "this market was founded with epochs of {founded}, not {wanted}; leave --epoch out, or found another in a new directory"
                    );
                }
                let key = market.key().await?;
                let mut config = Config::new(&market.data, listen, key);
                config.full_check = full_check;
                let running = start(config, epoch_every).await?;
                let info = running.info();
                let value = json!({ "market": info.market, "url": running.url(), "data": market.data, "epoch": info.epoch });
                output.result(&value, || {
                    let every = info
                        .epoch_every
                        .map_or_else(String::new, |every| format!(", one every {every}"));
                    format!(
                        "market {} at {}\nepochs of {}{every}; Ctrl-C ends it",
                        info.market,
                        running.url(),
                        info.epoch
                    )
                });
                asked_to_end().await?;
                running.shutdown().await;
                Ok(())
            }
            Self::Credit { party, amount, reference, out, market } => {
                let key = market.key().await?;
                let reference = reference.map_or_else(random_reference, Ok)?;
                let deposit = market_server::deposit(&key, party, Msat(amount), &reference);
                if let Some(out) = out {
                    std::fs::write(&out, &deposit.signed().0)
                        .with_context(|| format!("{} cannot be written", out.display()))?;
                    output.result(&json!({ "document": deposit.id(), "file": out }), || {
                        format!("deposit {} is in {}", deposit.id(), out.display())
                    });
                    return Ok(());
                }
                let client = operator(&market, key)?;
                let accepted = client.deposit(deposit.signed()).await?;
                let value = json!({ "document": accepted.document, "party": party, "amount": amount, "reference": reference });
                output.result(&value, || {
                    format!("{} booked for {party}, reference {reference:?}", Msat(amount))
                });
                Ok(())
            }
        }
    }
}

/// Founds the market where there is none yet.
async fn found_if_new(market: &MarketArgs, epoch: Span) -> Result<()> {
    if market.data.join(KEY_FILE).exists() {
        return Ok(());
    }
    let password = Password::obtain(market.password_file.as_deref(), Prompt::New)?;
    let data = market.data.clone();
    let found = move || {
        market_server::init(&data, &password, None, |did, anchor| {
            Genesis::standard(did, epoch, anchor)
        })
    };
    tokio::task::spawn_blocking(found).await??;
    Ok(())
}

/// Starts it with epochs as long as they stand for, or as `every` says.
async fn start(mut config: Config, every: Option<Span>) -> Result<market_server::Handle> {
    let genesis = market_server::genesis(&config.data)?;
    config.epoch_every = Some(every.unwrap_or(genesis.epoch).as_duration());
    Ok(market_server::start(config).await?)
}

/// A client of the running market with its operator's key.
fn operator(market: &MarketArgs, key: SecretKey) -> Result<MarketClient> {
    let path = market.data.join(ADDRESS_FILE);
    let address = std::fs::read_to_string(&path).with_context(|| {
        format!(
            "{} is not there; run `bondstore market run --data {}` first",
            path.display(),
            market.data.display()
        )
    })?;
    let endpoint = Endpoint::parse(address.trim(), PlainHttp::LoopbackOnly)?;
    let did = key.did();
    Ok(MarketClient::new(HttpClient::new(endpoint, ClientOptions::default()), did, Arc::new(key)))
}

fn random_reference() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
    Ok(format!("credit {}", types::Hash::of(&bytes).short()))
}
