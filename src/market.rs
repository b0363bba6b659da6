//! `bondstore market`: run one, and book what its operator received.

use crate::arguments;
use crate::founding::{Founding, Schedule};
use crate::node::{ChainAccess, Named};
use crate::output::{Output, table};
use crate::runtime::asked_to_end;
use crate::settings::{self, Setting};
use crate::settlement::SettlementArgs;
use anyhow::{Context, Result};
use clap::{ArgAction, Args, CommandFactory, Subcommand};
use market_server::{ADDRESS_FILE, Config, HeaderSource, KEY_FILE, OpenError, Place};
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
    /// The market's PostgreSQL database; its data directory holds an SQLite database where none is named.
    #[arg(long, env = "BONDSTORE_DATABASE", value_name = "URL", hide_env_values = true)]
    database: Option<String>,
    /// A file whose first line is the password (else `BONDSTORE_PASSWORD`, else a prompt).
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl MarketArgs {
    fn place(&self) -> Place {
        self.database.clone().map_or_else(|| Place::from(&self.data), Place::Postgres)
    }

    /// The market in `data`.
    pub(crate) const fn of(data: PathBuf, password_file: Option<PathBuf>) -> Self {
        Self { data, password_file, database: None }
    }

    /// Speaks to the running market as its operator.
    pub(crate) async fn client(&self) -> Result<MarketClient> {
        operator(self, self.operator_key().await?)
    }

    /// The same, with the key that [`MarketArgs::operator_key`] gave.
    pub(crate) fn client_of(&self, key: SecretKey) -> Result<MarketClient> {
        operator(self, key)
    }

    /// The market's key.
    pub(crate) async fn operator_key(&self) -> Result<SecretKey> {
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
        #[command(flatten)]
        founding: Founding,
        /// How often an epoch really opens; as often as it stands for where nothing is said.
        #[arg(long, value_name = "DURATION", value_parser = arguments::span)]
        epoch_every: Option<Span>,
        /// Replay the whole journal at start instead of trusting the last snapshot.
        #[arg(long)]
        full_check: bool,
        /// Measure every provider from here, by a few reads or a question an epoch; `--measure=false` leaves that to the
        /// market's auditors, and newcomers New until they have a slot.
        #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, value_name = "YES",
            default_value_t = true, default_missing_value = "true")]
        measure: bool,
        /// Never write: read along with whoever writes to the same database.
        #[arg(long, requires = "database")]
        read_only: bool,
        /// Where others reach this process, if that is not where it listens.
        #[arg(long, value_name = "URL")]
        public_url: Option<String>,
        /// Where figures for Prometheus are served, under /metrics; to everyone who reaches it.
        #[arg(long, value_name = "ADDR")]
        metrics: Option<String>,
        #[command(flatten)]
        settlement: Box<SettlementArgs>,
        /// The chain whose blocks open the epochs beside the hash chain: a bitcoind, such as `http://127.0.0.1:8332`, or an Esplora server,
        /// as `esplora+https://host/api`. Whether there is one is fixed when the market is founded.
        #[arg(long, value_name = "URL")]
        chain: Option<String>,
        #[command(flatten)]
        access: Box<ChainAccess>,
    },
    /// Show what the settings of `market run` come to, and where each comes from. Nothing is started.
    Config {
        /// Show them.
        #[arg(long, required = true)]
        show: bool,
    },
    /// Write the market's whole database to a file, also while it runs. The key is not in it.
    Backup {
        #[command(flatten)]
        market: MarketArgs,
        /// The new file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Put a backup back where no market is yet, and verify its journal.
    Restore {
        /// The backup.
        file: PathBuf,
        #[command(flatten)]
        market: MarketArgs,
    },
    /// Change an older program's database to this program's layout.
    Migrate {
        #[command(flatten)]
        market: MarketArgs,
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
            Self::Run {
                market,
                listen,
                founding,
                epoch_every,
                full_check,
                measure,
                read_only,
                public_url,
                metrics,
                settlement,
                chain,
                access,
            } => {
                let bitcoin = settlement.info()?;
                let chain = chain.map(|chain| Arc::new(Named::new(chain, *access)));
                let schedule = Schedule { epoch_every, chain: chain.clone() };
                found_if_new(&market, (&founding, &schedule)).await?;
                let place = market.place();
                let genesis = blocking(move || Ok(market_server::genesis(place)?)).await?;
                founding.holds_of(&genesis)?;
                let every = schedule.holds_of(&genesis, read_only)?;
                let key = market.operator_key().await?;
                let config = Config {
                    full_check,
                    measures: measure,
                    read_only,
                    public_url,
                    metrics,
                    bitcoin,
                    database: market.database.clone(),
                    epoch_every: Some(every.as_duration()),
                    chain: chain.map(|chain| chain as Arc<dyn HeaderSource>),
                    ..Config::new(&market.data, listen, key)
                };
                serve(config, output).await
            }
            Self::Config { .. } => {
                show_settings(output);
                Ok(())
            }
            Self::Backup { market, out } => back_up(&market, out, output).await,
            Self::Restore { file, market } => restore(file, &market, output).await,
            Self::Migrate { market } => migrate(&market, output).await,
            Self::Credit { party, amount, reference, out, market } => {
                let key = market.operator_key().await?;
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

/// Brings the database up to this program's schema.
async fn migrate(market: &MarketArgs, output: &Output) -> Result<()> {
    let place = market.place();
    let (from, to) = blocking(move || Ok(market_server::migrate(place)?)).await?;
    output.result(&json!({ "from": from, "to": to }), || {
        if from == to {
            format!("the database has schema {to} already")
        } else {
            format!("the database was changed from schema {from} to schema {to}")
        }
    });
    Ok(())
}

/// The settings of `market run`, each with its origin.
fn show_settings(output: &Output) {
    let shown = settings::shown(&crate::Cli::command(), "market", &crate::words());
    let value = |s: &Setting| if s.list { json!(s.values) } else { json!(s.values.first()) };
    let value: serde_json::Map<String, serde_json::Value> = shown
        .iter()
        .map(|s| (s.key.clone(), json!({ "value": value(s), "origin": s.origin })))
        .collect();
    output.result(&value, || {
        let text = |values: &[String]| match values {
            [] => "(not set)".to_owned(),
            values => values.join(", "),
        };
        let rows = shown.iter().map(|s| [s.key.clone(), text(&s.values), s.origin.clone()]);
        table(["setting", "value", "from"], rows)
    });
}

/// Serves a market until it is asked to end.
async fn serve(config: Config, output: &Output) -> Result<()> {
    network::server::raise_open_files();
    let (data, running) = (config.data.clone(), market_server::start(config).await?);
    let info = running.info();
    let writes = running.role().is_writer();
    let value = json!({ "market": info.market, "url": running.url(), "data": data, "epoch": info.epoch, "writes": writes, "metrics": running.metrics_address() });
    output.result(&value, || {
        let every =
            info.epoch_every.map_or_else(String::new, |every| format!(", one every {every}"));
        let role = if writes { "" } else { "\nanother process writes; this one reads along" };
        format!(
            "market {} at {}\nepochs of {}{every}; Ctrl-C ends it{role}",
            info.market,
            running.url(),
            info.epoch
        )
    });
    asked_to_end().await?;
    running.shutdown().await;
    Ok(())
}

async fn back_up(market: &MarketArgs, out: PathBuf, output: &Output) -> Result<()> {
    let (place, file) = (market.place(), out.clone());
    let rows = blocking(move || Ok(market_server::back_up(place, &file)?)).await?;
    output.result(&json!({ "file": out, "rows": rows }), || {
        format!("{rows} rows are in {}; keep the market's key beside it", out.display())
    });
    Ok(())
}

async fn restore(file: PathBuf, market: &MarketArgs, output: &Output) -> Result<()> {
    let place = market.place();
    let report = blocking(move || Ok(market_server::restore(&file, place)?)).await?;
    output.result(&serde_json::to_value(report)?, || {
        format!(
            "{} blocks with {} events are restored and verified; the journal ends with {}",
            report.blocks, report.events, report.head
        )
    });
    if !market.data.join(KEY_FILE).exists() {
        output.say(format!(
            "put the market's {KEY_FILE} into {} before it runs",
            market.data.display()
        ));
    }
    Ok(())
}

/// Founds the market where there is none yet.
async fn found_if_new(
    market: &MarketArgs,
    (founding, schedule): (&Founding, &Schedule),
) -> Result<()> {
    let place = market.place();
    let there = blocking(move || Ok(market_server::genesis(place))).await?;
    match there {
        Err(OpenError::NotFounded(_)) => {}
        // What else is wrong is found when it is opened.
        _ => return Ok(()),
    }
    let kept = market.data.join(KEY_FILE).exists();
    let prompt = if kept { Prompt::Existing } else { Prompt::New };
    let password = Password::obtain(market.password_file.as_deref(), prompt)?;
    let (place, data, founding) = (market.place(), market.data.clone(), founding.clone());
    let chain = schedule.found(&founding).await?;
    blocking(move || {
        let key = market_server::obtain_key(&data, &password, None)?;
        Ok(market_server::found(place, &key, |did, anchor| founding.genesis((did, anchor), chain))?)
    })
    .await
}

/// Does what waits for a disk or a database on a thread that may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await?
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
