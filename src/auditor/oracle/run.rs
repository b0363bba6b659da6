//! `bondstore auditor oracle run`: the oracle over HTTP, its talk with other auditors, and the market that it follows.

use super::{OracleArgs, RuleArgs, URL_FILE};
use crate::arguments;
use crate::output::Output;
use crate::runtime::asked_to_end;
use anyhow::{Result, anyhow, bail};
use clap::Args;
use contracts_bitcoin::oracle::Oracle;
use contracts_bitcoin::oracle::client::OracleClient;
use contracts_bitcoin::oracle::exchange::Exchange;
use contracts_bitcoin::oracle::follow::{Followed, Follower};
use contracts_bitcoin::oracle::serve::router;
use network::client::{ClientOptions, HttpClient};
use network::endpoint::{Endpoint, PlainHttp};
use network::market_api::MarketClient;
use network::server::{ServeOptions, bind, serve};
use serde_json::json;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use types::{SecretKey, Signer, Span};

/// How often auditors tell each other what they have heard.
const TELL: Duration = Duration::from_secs(2);

/// Which market's escrows are announced and attested.
#[derive(Args)]
pub(crate) struct FollowArgs {
    /// Announce every escrow of this market, and attest what it came to: `URL#KEY` with the market's own key; on this machine `URL` does.
    #[arg(long, value_name = "URL")]
    market: Option<String>,
    /// How often the market is asked for them.
    #[arg(long, default_value = "10s", value_parser = arguments::span, value_name = "DURATION")]
    every: Span,
    #[command(flatten)]
    rule: RuleArgs,
}

/// A market that is followed.
struct Following {
    market: MarketClient,
    follower: Follower,
    every: Duration,
}

impl FollowArgs {
    /// The market to follow, once it has answered.
    async fn market(
        self,
        (oracle, key): (&Arc<Oracle>, &SecretKey),
        (folder, plain): (&Path, PlainHttp),
    ) -> Result<Option<Following>> {
        let rule = self.rule.rule(oracle.public_key())?;
        let Some(url) = self.market else { return Ok(None) };
        let endpoint = Endpoint::parse(&url, plain)?;
        let here = endpoint.host().parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if endpoint.pin().is_none() && !here {
            bail!(
                "what is attested stands for ever, so the market must be the right one: give --market {url}#KEY, with its key as `bondstore market run` says it"
            );
        }
        let http = HttpClient::new(endpoint, ClientOptions::default());
        let (market, _) = MarketClient::discover(http, Arc::new(key.clone())).await?;
        let follower = Follower::open((oracle.clone(), rule), folder, market.market())?;
        let every = self.every.as_duration();
        Ok(Some(Following { market, follower, every }))
    }
}

/// Does what the market's list asks for, again and again; nothing, for ever, where no market is followed.
async fn keep_following(following: Option<Following>) {
    let Some(Following { market, mut follower, every }) = following else {
        return std::future::pending().await;
    };
    loop {
        match follower.round(&market).await {
            Ok(Followed { announced: 0, said: 0, .. }) => {}
            Ok(Followed { announced, said, .. }) => {
                tracing::info!(announced, said, "escrows are announced, and outcomes said");
            }
            Err(error) => tracing::warn!(%error, "the market cannot be followed now"),
        }
        tokio::time::sleep(every).await;
    }
}

/// Serves the oracle until it is asked to end, and follows a market where one is named.
pub(super) async fn run(
    args: &OracleArgs,
    listen: &str,
    (peers, plain): (Vec<String>, PlainHttp),
    follow: FollowArgs,
    output: &Output,
) -> Result<()> {
    let key = args.auditor.key().await?;
    let parsed = peers.iter().map(|url| Endpoint::parse(url, plain));
    let peers = parsed
        .map(|peer| Ok(HttpClient::new(peer?, OracleClient::options())))
        .collect::<Result<Vec<_>>>()?;
    let oracle = Arc::new(args.open(&key).await??);
    let market = follow.market((&oracle, &key), (&args.folder(), plain)).await?;
    let listener = bind(listen).await?;
    let address = listener.local_addr()?;
    let signer: Arc<SecretKey> = Arc::new(key.clone());
    let tls = (!address.ip().is_loopback()).then(|| network::tls::server_config(signer));
    let tls = tls.transpose().map_err(|error| anyhow!("no TLS: {error}"))?;
    let url = format!("{}://{address}", if tls.is_some() { "https" } else { "http" });
    let options = ServeOptions { tls, ..ServeOptions::default() };
    let server = serve(listener, router(oracle.clone(), key.did()), options)?;
    tokio::fs::write(args.folder().join(URL_FILE), &url).await?;
    let (public, auditor) = (oracle.public_key(), key.did());
    let followed = market.as_ref().map(|following| following.market.market());
    let value = json!({ "oracle": public, "auditor": auditor, "url": url, "market": followed });
    output.result(&value, || {
        let follows = followed.map_or_else(String::new, |market| {
            format!("; it announces and attests the escrows of market {market}")
        });
        format!("oracle {public} of auditor {auditor} answers at {url}{follows}; Ctrl-C ends it")
    });
    let telling = async {
        let mut exchange = Exchange::default();
        loop {
            exchange.round(&oracle, &peers).await;
            tokio::time::sleep(TELL).await;
        }
    };
    tokio::select! {
        () = telling => {}
        () = keep_following(market) => {}
        ended = asked_to_end() => ended?,
    }
    server.shutdown().await;
    Ok(())
}
