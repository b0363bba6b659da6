//! `bondstore session`: a few minutes' leave to speak to the market's API in a party's name, for other programs.

use crate::client::ClientArgs;
use crate::market::MarketArgs;
use crate::output::Output;
use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Signs a session; it goes into `Authorization: Bearer`.
#[derive(Args)]
pub(crate) struct Session {
    #[command(flatten)]
    client: ClientArgs,
    /// Sign as the operator of the market in this directory, instead of as a client.
    #[arg(long, value_name = "DIR")]
    operator: Option<PathBuf>,
}

impl Session {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        let market = match self.operator {
            None => self.client.open().await?.market().clone(),
            Some(data) => MarketArgs::of(data, self.client.password_file()).client().await?,
        };
        let session = market.sessions().document();
        let value = json!({
            "session": session,
            "party": market.party(),
            "market": market.market(),
            "url": market.http().endpoint().to_string(),
        });
        output.result(&value, || session.0.clone());
        Ok(())
    }
}
