//! `bondstore auditor oracle`: the auditor as a DLC oracle, by hand, over HTTP, or as a market needs it.

mod run;

use super::AuditorArgs;
use crate::output::Output;
use anyhow::{Context, Result};
use bitcoin::Network;
use bitcoin::secp256k1::XOnlyPublicKey;
use clap::{Args, Subcommand};
use contracts_bitcoin::keys::MasterKey;
use contracts_bitcoin::oracle::api::{EventView, Order};
use contracts_bitcoin::oracle::client::{OracleClient, Wanted};
use contracts_bitcoin::oracle::points::Outcome;
use contracts_bitcoin::oracle::rule::Rule;
use contracts_bitcoin::oracle::serve::obey;
use contracts_bitcoin::oracle::{BookError, Oracle, OracleError, seed_of};
use network::auth::Sessions;
use network::client::{ClientOptions, HttpClient};
use network::endpoint::{Endpoint, PlainHttp};
use run::FollowArgs;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use types::{ContractId, SecretKey, Signer};

/// The oracle's folder in the auditor's data directory.
const FOLDER: &str = "oracle";
/// Says where a running oracle answers.
const URL_FILE: &str = "url";
/// The longest answer to an order.
const ANSWER_BYTES_MAX: usize = 64 << 10;

#[derive(Args)]
pub(crate) struct OracleArgs {
    #[command(flatten)]
    auditor: AuditorArgs,
    /// Whose coins the contracts are in; it is part of the keys' paths.
    #[arg(long, value_name = "NETWORK", default_value = "regtest")]
    network: Network,
}

/// Who has a say in an event.
#[derive(Args)]
pub(crate) struct RuleArgs {
    /// The key of another auditor that has a say in it; several may be given.
    #[arg(long = "with", value_name = "KEY")]
    others: Vec<XOnlyPublicKey>,
    /// How many auditors must agree; more than half, and all where nothing is said.
    #[arg(long, value_name = "N")]
    threshold: Option<u16>,
}

impl RuleArgs {
    /// The rule by which this and the other auditors come to one number.
    pub(super) fn rule(self, own: XOnlyPublicKey) -> Result<Rule> {
        let auditors: Vec<_> = std::iter::once(own).chain(self.others).collect();
        let all = u16::try_from(auditors.len()).context("too many auditors")?;
        Ok(Rule::new(self.threshold.unwrap_or(all), auditors)?)
    }
}

#[derive(Subcommand)]
pub(crate) enum OracleCommand {
    /// Serve announcements and attestations, and agree with other auditors, until Ctrl-C.
    Run {
        #[command(flatten)]
        oracle: OracleArgs,
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:7780", value_name = "ADDR")]
        listen: String,
        /// Another auditor's oracle to agree with; several may be given.
        #[arg(long, value_name = "URL")]
        peer: Vec<String>,
        #[command(flatten)]
        follow: FollowArgs,
        /// Allow plain HTTP beyond this machine.
        #[arg(long)]
        insecure_http: bool,
    },
    /// Announce the final compliance of a contract's slot.
    Announce {
        /// `<contract>.<slot>`.
        #[arg(value_parser = slot)]
        event: (ContractId, u16),
        /// From when on it is attested, in seconds since 1970.
        #[arg(long, value_name = "TIME")]
        matures: u32,
        #[command(flatten)]
        rule: RuleArgs,
        #[command(flatten)]
        oracle: OracleArgs,
    },
    /// Attest a score; where other auditors have a say, report it to them.
    Attest {
        /// The event's name, or `<contract>.<slot>`.
        event: String,
        /// The compliance, 0 to 1000.
        #[arg(value_parser = clap::value_parser!(u16).range(..=1000))]
        score: u16,
        #[command(flatten)]
        oracle: OracleArgs,
    },
    /// Fetch and verify what any oracle has announced and attested.
    Fetch {
        /// The event's name.
        event: String,
        /// The oracle's key.
        #[arg(long, value_name = "KEY")]
        oracle: XOnlyPublicKey,
        /// Where it answers; several may be given, and are held against each other.
        #[arg(long, value_name = "URL", required = true)]
        from: Vec<String>,
        /// Allow plain HTTP beyond this machine.
        #[arg(long)]
        insecure_http: bool,
    },
    /// Go on in a folder that was copied, brought back from a backup or damaged: every event that is still open in it is given up.
    Adopt {
        #[command(flatten)]
        oracle: OracleArgs,
    },
}

impl OracleCommand {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Run { oracle, listen, peer, follow, insecure_http } => {
                let plain = plain(insecure_http);
                run::run(&oracle, &listen, (peer, plain), follow, output).await
            }
            Self::Announce { event: (contract, slot), matures, rule, oracle } => {
                let key = oracle.auditor.key().await?;
                let rule = rule.rule(oracle.master(&key)?.oracle()?.x_only_public_key().0)?;
                let order = Order::Announce { contract, slot, maturity: matures, rule };
                let done = oracle.order(key, order).await?;
                output.result(&done, || format!("announced {}", done.event));
                Ok(())
            }
            Self::Attest { event, score, oracle } => {
                let key = oracle.auditor.key().await?;
                let done = oracle.order(key, Order::Score { event, score }).await?;
                output.result(&done, || match done.outcome {
                    Some(score) => format!("attested {} as {score}", done.event),
                    None => format!("reported {} as {score} to its auditors", done.event),
                });
                Ok(())
            }
            Self::Fetch { event, oracle, from, insecure_http } => {
                fetch(&event, oracle, (&from, plain(insecure_http)), output).await
            }
            Self::Adopt { oracle } => {
                let key = oracle.auditor.key().await?;
                let (folder, master) = (oracle.folder(), oracle.master(&key)?);
                let adopted = tokio::task::spawn_blocking(move || Oracle::adopt(&folder, master));
                let (_, given_up) = adopted.await??;
                output.result(&json!({ "given_up": given_up }), || {
                    format!("adopted; {given_up} open events were given up")
                });
                Ok(())
            }
        }
    }
}

impl OracleArgs {
    fn folder(&self) -> PathBuf {
        self.auditor.data.join(FOLDER)
    }

    fn master(&self, key: &SecretKey) -> Result<MasterKey> {
        Ok(MasterKey::new(&*seed_of(&key.seed()), self.network)?)
    }

    async fn open(&self, key: &SecretKey) -> Result<Result<Oracle, OracleError>> {
        let (folder, master) = (self.folder(), self.master(key)?);
        Ok(tokio::task::spawn_blocking(move || Oracle::open(&folder, master)).await?)
    }

    /// Has an order followed: here, or by the process that runs the oracle.
    async fn order(&self, key: SecretKey, order: Order) -> Result<EventView> {
        match self.open(&key).await? {
            Ok(oracle) => Ok(tokio::task::spawn_blocking(move || obey(&oracle, order)).await??),
            Err(OracleError::Book(BookError::InUse(_))) => self.ask(key, &order).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn ask(&self, key: SecretKey, order: &Order) -> Result<EventView> {
        let path = self.folder().join(URL_FILE);
        let url = tokio::fs::read_to_string(&path).await;
        let url = url.with_context(|| {
            format!("another process has the oracle open and does not say in {} where it answers; try again", path.display())
        })?;
        let audience = key.did();
        // The key is pinned over TLS; without, it is this machine's own process.
        let endpoint = Endpoint::parse(&url, PlainHttp::LoopbackOnly)?.pinned(audience)?;
        let http = HttpClient::new(endpoint, ClientOptions::default());
        let sessions = Sessions::new(Arc::new(key), audience);
        let call = http.post("/v1/oracle/orders").authorised(sessions.header()).json(order);
        Ok(call.read_json(ANSWER_BYTES_MAX).await?)
    }
}

async fn fetch(
    event: &str,
    oracle: XOnlyPublicKey,
    (from, plain): (&[String], PlainHttp),
    output: &Output,
) -> Result<()> {
    let endpoints = from.iter().map(|url| Endpoint::parse(url, plain));
    let endpoints = endpoints.collect::<Result<Vec<_>, _>>()?;
    let client = OracleClient::new(oracle, endpoints, OracleClient::options());
    let announcement = client.announcement(Wanted::score(event)).await?;
    let attested = client.attestation(&announcement).await?;
    let outcome = attested.as_ref().and_then(|(_, outcome)| match outcome {
        Outcome::Number(number) => u16::try_from(*number).ok(),
        Outcome::Named(_) => None,
    });
    let maturity = announcement.event.maturity();
    let value = json!({
        "event": event,
        "oracle": oracle,
        "maturity": maturity,
        "outcome": outcome,
        "announcement": hex::encode(announcement.encode()),
        "attestation": attested.as_ref().map(|(attestation, _)| hex::encode(attestation.encode())),
    });
    output.result(&value, || match outcome {
        Some(outcome) => format!("{event} is attested as {outcome}"),
        None => format!("{event} is announced, to be attested from {maturity} on"),
    });
    Ok(())
}

const fn plain(insecure_http: bool) -> PlainHttp {
    if insecure_http { PlainHttp::Anywhere } else { PlainHttp::LoopbackOnly }
}

/// `<contract>.<slot>`.
fn slot(text: &str) -> Result<(ContractId, u16), String> {
    let read = text
        .split_once('.')
        .and_then(|(contract, slot)| Some((contract.parse().ok()?, slot.parse().ok()?)));
    read.ok_or_else(|| {
        format!(
            "{text:?} names no slot; write <contract>.<slot>, the contract as 64 hexadecimal digits"
        )
    })
}
