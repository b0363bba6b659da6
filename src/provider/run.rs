//! `bondstore provider run`: the node in a data directory, until it is asked to end; with its treasurer, where it has one.

use super::NodeArgs;
use super::coins::{CoinsArgs, Treasury};
use crate::output::Output;
use crate::pricing::PricingArgs;
use crate::runtime::asked_to_end;
use anyhow::Result;
use clap::Args;
use provider_node::{Config, Handle};
use serde_json::json;
use types::Signer;

#[derive(Args)]
pub(crate) struct Run {
    #[command(flatten)]
    node: NodeArgs,
    /// Where to listen, instead of where `init` said.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Where figures for Prometheus are served, under /metrics; to everyone who reaches it.
    #[arg(long, value_name = "ADDR")]
    metrics: Option<String>,
    #[command(flatten)]
    pricing: Box<PricingArgs>,
    #[command(flatten)]
    coins: Box<CoinsArgs>,
}

impl Run {
    pub(super) async fn run(self, output: &Output) -> Result<()> {
        let Self { node, listen, metrics, pricing, coins } = self;
        let pricing = pricing.pricing()?;
        let (key, plain) = (node.key().await?, node.plain());
        let market = node.market_of(&key)?;
        let treasury = coins.open((key.did(), market.market()), plain).await?;
        let settlement = match &treasury {
            Some(treasury) => Some(treasury.settlement(market).await),
            None => None,
        };
        let config =
            Config { listen, plain, pricing, metrics, settlement, ..Config::new(&node.data, key) };
        let running = provider_node::start(config).await?;
        tell(&node, &running, treasury.as_ref(), output)?;
        let work = async {
            match treasury {
                Some(treasury) => treasury.work().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = work => {}
            ended = asked_to_end() => ended?,
        }
        running.shutdown().await;
        Ok(())
    }
}

/// Says who runs, where, and with which coins.
fn tell(
    node: &NodeArgs,
    running: &Handle,
    treasury: Option<&Treasury>,
    output: &Output,
) -> Result<()> {
    let shown = treasury.map(Treasury::shown).transpose()?.flatten();
    let coins = shown.as_ref().map(|shown| {
        json!({ "network": shown.network, "address": shown.address, "balance_sat": shown.balance_sat })
    });
    let value = json!({
        "provider": running.did(), "url": running.url(), "data": node.data, "metrics": running.metrics_address(), "coins": coins,
    });
    output.result(&value, || {
        let coins = shown.map_or_else(String::new, |shown| {
            format!(
                "\nit settles on {} with {} sat; coins for its bonds go to {}",
                shown.network, shown.balance_sat, shown.address
            )
        });
        let (did, url, used) = (running.did(), running.url(), running.used());
        format!("provider {did} at {url}{coins}\n{used} kept; Ctrl-C ends it")
    });
    Ok(())
}
