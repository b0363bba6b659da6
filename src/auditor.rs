//! `bondstore auditor`: an independent vantage point that measures providers and signs what it finds, and an oracle that attests it.

mod oracle;

use crate::output::Output;
use crate::runtime::asked_to_end;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use futures_util::{StreamExt, TryStreamExt, stream};
use network::api::ProbeLine;
use network::client::{ClientOptions, HttpClient};
use network::endpoint::{Endpoint, PlainHttp};
use network::identity::{Keystore, Password, Prompt, Secret};
use network::market_api::MarketClient;
use network::probe::Vantage;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use types::{Epoch, SecretKey, Signer, Verified};

/// The key's file in a data directory.
const KEY_FILE: &str = "key.json";
/// How often the market is asked whether another epoch has opened.
const LOOK: Duration = Duration::from_secs(2);
/// How many providers are measured at a time.
const AT_ONCE: usize = 32;

#[derive(Args)]
pub(crate) struct AuditorArgs {
    /// The auditor's data directory.
    #[arg(long, default_value = "bondstore-auditor", value_name = "DIR")]
    data: PathBuf,
    /// A file whose first line is the password (else `BONDSTORE_PASSWORD`, else a prompt).
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum Auditor {
    /// Make an auditor's key, and print the name that the market must be founded with.
    Init {
        #[command(flatten)]
        auditor: AuditorArgs,
    },
    /// Measure every provider once an epoch, until Ctrl-C.
    Run {
        #[command(flatten)]
        auditor: AuditorArgs,
        /// Where the market answers.
        #[arg(long, value_name = "URL")]
        market: String,
        /// What this place is called.
        #[arg(long, value_name = "NAME")]
        vantage: String,
        /// Allow plain HTTP beyond this machine.
        #[arg(long)]
        insecure_http: bool,
    },
    /// Announce and attest contracts' final compliance, as a DLC oracle.
    #[command(subcommand)]
    Oracle(oracle::OracleCommand),
}

impl AuditorArgs {
    async fn key(&self) -> Result<SecretKey> {
        let password = Password::obtain(self.password_file.as_deref(), Prompt::Existing)?;
        let path = self.data.join(KEY_FILE);
        let shown = self.data.display().to_string();
        let opened = move || Keystore::open(&path, &password).map(|secret| secret.key());
        let key = tokio::task::spawn_blocking(opened).await?;
        let key = key.with_context(|| {
            format!("no auditor can be opened in {shown}; make one with `bondstore auditor init --data {shown}`")
        })?;
        key.with_context(|| format!("the key in {shown} is no auditor's"))
    }
}

impl Auditor {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Init { auditor } => init(&auditor, output).await,
            Self::Oracle(command) => command.run(output).await,
            Self::Run { auditor, market, vantage, insecure_http } => {
                let plain =
                    if insecure_http { PlainHttp::Anywhere } else { PlainHttp::LoopbackOnly };
                let signer: Arc<dyn Signer> = Arc::new(auditor.key().await?);
                let endpoint = Endpoint::parse(&market, plain)?;
                let http = HttpClient::new(endpoint, ClientOptions::default());
                let (market, info) = MarketClient::discover(http, signer.clone()).await?;
                let vantage = Vantage { signer, name: vantage, plain };
                let value = json!({ "auditor": vantage.auditor(), "market": info.market, "vantage": vantage.name });
                output.result(&value, || {
                    format!(
                        "auditor {} measures from {}; Ctrl-C ends it",
                        vantage.auditor(),
                        vantage.name
                    )
                });
                // A market that does not know this auditor says so at once.
                market.probes().await?;
                tokio::select! {
                    () = keep_measuring(&market, &vantage) => {}
                    ended = asked_to_end() => ended?,
                }
                Ok(())
            }
        }
    }
}

async fn init(auditor: &AuditorArgs, output: &Output) -> Result<()> {
    let password = Password::obtain(auditor.password_file.as_deref(), Prompt::New)?;
    let (data, path) = (auditor.data.clone(), auditor.data.join(KEY_FILE));
    let made = move || -> Result<_> {
        std::fs::create_dir_all(&data)
            .with_context(|| format!("{} cannot be made", data.display()))?;
        let secret = Secret::generate()?;
        Keystore::create(&path, &secret, &password)?;
        Ok(secret.did())
    };
    let did = tokio::task::spawn_blocking(made).await??;
    output.result(&json!({ "did": did, "data": auditor.data }), || {
        format!("auditor {did} in {}\nA market takes its measurements if it is founded with --auditor {did}", auditor.data.display())
    });
    Ok(())
}

/// Measures everybody as soon as another epoch has opened.
async fn keep_measuring(market: &MarketClient, vantage: &Vantage) {
    let mut measured: Option<Epoch> = None;
    loop {
        match market.info().await {
            Ok(info) if measured != Some(info.current_epoch) => {
                match measure(market, vantage).await {
                    Ok(count) => {
                        tracing::info!(epoch = %info.current_epoch, count, "measured");
                        measured = Some(info.current_epoch);
                    }
                    Err(error) => tracing::warn!(%error, "nothing was measured; trying again"),
                }
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the market does not answer; trying again"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Measures everybody once; says how many.
async fn measure(market: &MarketClient, vantage: &Vantage) -> Result<usize> {
    let lines = stream::iter(market.probes().await?);
    let taken = lines.map(|line| measure_one(market, vantage, line)).buffer_unordered(AT_ONCE);
    taken.try_fold(0, async |count, taken| Ok(count + usize::from(taken))).await
}

/// Measures one provider; whether the market has taken it.
async fn measure_one(market: &MarketClient, vantage: &Vantage, line: ProbeLine) -> Result<bool> {
    let Some(measurement) = vantage.measure(&line).await else { return Ok(false) };
    let signed = Verified::sign(measurement, &*vantage.signer)?;
    let taken = market.measured(signed.signed()).await;
    if let Err(error) = &taken {
        tracing::warn!(provider = %line.provider, %error, "not taken");
    }
    Ok(taken.is_ok())
}
