//! Whose question it is: a client's, or with `--provider` a provider's.

use crate::client::ClientArgs;
use crate::provider::NodeArgs;
use anyhow::Result;
use clap::Args;
use network::market_api::MarketClient;
use std::path::PathBuf;

/// A client, or a provider, by its data directory.
#[derive(Args)]
pub(crate) struct PartyArgs {
    /// Ask as the provider in this data directory.
    #[arg(long, value_name = "DIR", conflicts_with = "data")]
    provider: Option<PathBuf>,
    #[command(flatten)]
    client: ClientArgs,
}

impl PartyArgs {
    /// The market, spoken to in the party's name.
    pub(crate) async fn market(self) -> Result<MarketClient> {
        let Some(data) = self.provider else {
            return Ok(self.client.open().await?.market().clone());
        };
        let ClientArgs { password_file, insecure_http, .. } = self.client;
        let node = NodeArgs { data, password_file, insecure_http };
        Ok(node.market().await?.0)
    }
}
