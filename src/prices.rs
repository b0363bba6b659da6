//! `bondstore prices`: what providers ask, for clients that wonder what to offer and providers that wonder what to ask.

use crate::client::ClientArgs;
use crate::output::{Output, table};
use anyhow::Result;
use clap::Args;
use network::api::PricesView;
use network::client::{ClientOptions, HttpClient};
use network::endpoint::{Endpoint, PlainHttp};

/// Show what providers ask, tier by tier and region by region.
#[derive(Args)]
pub(crate) struct Prices {
    /// Ask the market at this address, as anybody may; the client's own market where nothing is said.
    #[arg(long, value_name = "URL")]
    market: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
}

impl Prices {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        let prices = match &self.market {
            Some(url) => {
                let insecure = self.client.insecure_http;
                let plain = if insecure { PlainHttp::Anywhere } else { PlainHttp::LoopbackOnly };
                let endpoint = Endpoint::parse(url, plain)?;
                let http = HttpClient::new(endpoint, ClientOptions::default());
                network::market_api::prices(&http).await?
            }
            None => self.client.open().await?.market().prices().await?,
        };
        output.result(&prices, || text(&prices));
        Ok(())
    }
}

fn text(prices: &PricesView) -> String {
    let mechanism = match prices.mechanism.as_str() {
        "pay_as_bid" => "a reverse auction, paid as bid",
        "clearing_price" => "a reverse auction, paid the clearing price",
        _ => "posted asks",
    };
    let all = format!(
        "{mechanism}; {} of {} are sold; usually {} msat per GB and day on the hot tier",
        prices.sold, prices.capacity, prices.reference
    );
    let rows = prices.items.iter().map(|line| {
        let region = line.region.clone().unwrap_or_else(|| "(all)".to_owned());
        let [low, middle, high] = [line.low, line.middle, line.high].map(|price| price.to_string());
        [
            line.tier.name().to_owned(),
            region,
            line.asks.to_string(),
            line.free.to_string(),
            low,
            middle,
            high,
        ]
    });
    let head =
        ["tier", "region", "asks", "free", "a quarter for", "half for", "three quarters for"];
    format!("{all}\n{}", table(head, rows))
}
