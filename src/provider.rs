//! `bondstore provider`: set up a node, run it.

use crate::arguments;
use crate::output::Output;
use crate::runtime::asked_to_end;
use anyhow::Result;
use clap::{Args, Subcommand};
use network::endpoint::PlainHttp;
use network::identity::{Password, Prompt};
use provider::Offer;
use provider_node::{Config, Settings};
use serde_json::json;
use std::path::PathBuf;
use types::{Bytes, GbPrice, Price, Span, Tier};

#[derive(Args)]
pub(crate) struct NodeArgs {
    /// The provider's data directory.
    #[arg(long, default_value = "bondstore-provider", value_name = "DIR")]
    data: PathBuf,
    /// A file whose first line is the password (else `BONDSTORE_PASSWORD`, else a prompt).
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Allow plain HTTP beyond this machine.
    #[arg(long)]
    insecure_http: bool,
}

impl NodeArgs {
    const fn plain(&self) -> PlainHttp {
        if self.insecure_http { PlainHttp::Anywhere } else { PlainHttp::LoopbackOnly }
    }
}

#[derive(Subcommand)]
pub(crate) enum Provider {
    /// Make a new provider: its key, its offer.
    Init(Box<Init>),
    /// Run the provider in a data directory.
    Run {
        #[command(flatten)]
        node: NodeArgs,
        /// Where to listen, instead of where `init` said.
        #[arg(long, value_name = "ADDR")]
        listen: Option<String>,
    },
}

#[derive(Args)]
pub(crate) struct Init {
    #[command(flatten)]
    node: NodeArgs,
    /// Where the market answers.
    #[arg(long, value_name = "URL")]
    market: String,
    /// Where to listen; anything but loopback speaks TLS.
    #[arg(long, default_value = "127.0.0.1:7800", value_name = "ADDR")]
    listen: String,
    /// How clients reach it, where that is another address.
    #[arg(long, value_name = "URL")]
    advertise: Option<String>,
    /// All it offers: `10GB`, `2TiB`.
    #[arg(long, value_name = "SIZE", value_parser = arguments::size)]
    capacity: Bytes,
    /// For keeping a GB for a day on the hot tier, in msat.
    #[arg(long, default_value = "100", value_name = "MSAT")]
    price: Price,
    /// For sending a GB out, in msat.
    #[arg(long, default_value = "10", value_name = "MSAT")]
    egress: GbPrice,
    /// For taking a GB in, in msat.
    #[arg(long, default_value = "0", value_name = "MSAT")]
    ingress: GbPrice,
    /// A slot is charged as if at least this much were kept in it.
    #[arg(long, default_value = "64MiB", value_name = "SIZE")]
    minimum_use: Bytes,
    /// The longest contract it signs.
    #[arg(long, default_value = "1y", value_name = "DURATION", value_parser = arguments::span)]
    longest: Span,
    /// Tiers it serves; all where none is named.
    #[arg(long, value_name = "TIER")]
    tier: Vec<Tier>,
    /// Where its disks are, in your words.
    #[arg(long, default_value = "unknown")]
    region: String,
    /// Who runs it; the same for all of your nodes. The node itself where nothing is said.
    #[arg(long)]
    operator: Option<String>,
}

impl Provider {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Init(init) => init.run(output).await,
            Self::Run { node, listen } => {
                let password = Password::obtain(node.password_file.as_deref(), Prompt::Existing)?;
                let data = node.data.clone();
                let key =
                    tokio::task::spawn_blocking(move || provider_node::open_key(&data, &password))
                        .await??;
                let config = Config { listen, plain: node.plain(), ..Config::new(&node.data, key) };
                let running = provider_node::start(config).await?;
                let value =
                    json!({ "provider": running.did(), "url": running.url(), "data": node.data });
                output.result(&value, || {
                    format!(
                        "provider {} at {}\n{} kept; Ctrl-C ends it",
                        running.did(),
                        running.url(),
                        running.used()
                    )
                });
                asked_to_end().await?;
                running.shutdown().await;
                Ok(())
            }
        }
    }
}

impl Init {
    async fn run(self, output: &Output) -> Result<()> {
        let (market, market_key) = provider_node::discover(&self.market, self.node.plain()).await?;
        let password = Password::obtain(self.node.password_file.as_deref(), Prompt::New)?;
        let operator = self
            .operator
            .clone()
            .unwrap_or_else(|| format!("operator of {}", self.node.data.display()));
        let offer = Offer {
            egress: self.egress,
            ingress: self.ingress,
            tiers: if self.tier.is_empty() { Tier::ALL.to_vec() } else { self.tier },
            minimum_use: self.minimum_use.min(self.capacity),
            duration_max: self.longest,
            region: self.region,
            ..Offer::new(self.capacity, self.price, operator)
        };
        let (listen, advertise) = (self.listen, self.advertise);
        let settings = Settings { market, market_key, listen, advertise, offer };
        let (data, made) = (self.node.data.clone(), settings.clone());
        let made = move || provider_node::init(&data, &password, None, &made);
        let did = tokio::task::spawn_blocking(made).await??;
        let value = json!({ "did": did, "data": self.node.data, "offer": settings.offer });
        output.result(&value, || {
            let place = self.node.data.display();
            format!(
                "provider {did} in {place}\nIt locks a bond for every slot, so it needs money: have the market's operator credit it.\nThen: bondstore provider run --data {place}"
            )
        });
        Ok(())
    }
}
