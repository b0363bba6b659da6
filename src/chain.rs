//! `bondstore chain`: a chain for development, behind the ports that Bitcoin's tools know.

use crate::arguments;
use crate::output::Output;
use crate::runtime::asked_to_end;
use anyhow::{Context, Result, bail};
use bitcoin::address::NetworkUnchecked;
use bitcoin::{Address, Network, ScriptBuf};
use clap::{Args, Subcommand};
use contracts_bitcoin::chain::devchain::{Devchain, Mining};
use contracts_bitcoin::chain::serve::{Cookie, ESPLORA, Service, router};
use network::server::{ServeOptions, bind, serve};
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use types::Span;

/// What a settings file of ours begins with; any other is a bitcoind's.
const OURS: &str =
    "# Written by `bondstore chain dev run`: a development chain, whose coins are worth nothing.\n";

#[derive(Subcommand)]
pub(crate) enum ChainCommand {
    /// A chain with Bitcoin's rules on this machine alone. Its coins are worth nothing.
    #[command(subcommand)]
    Dev(Dev),
}

#[derive(Subcommand)]
pub(crate) enum Dev {
    /// Run a development chain until Ctrl-C: bitcoind's JSON-RPC at /, Esplora's HTTP under /esplora.
    Run(Run),
}

#[derive(Args)]
pub(crate) struct Run {
    /// Where to listen; an address of this machine alone.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:18443")]
    listen: String,
    /// The chain's data directory.
    #[arg(long, value_name = "DIR", default_value = "bondstore-devchain")]
    data: PathBuf,
    /// Mine a block so often, such as 10s; else only when `generatetoaddress` asks for one.
    #[arg(long, value_name = "TIME", value_parser = arguments::span)]
    block_time: Option<Span>,
    /// The regtest address that blocks mined by time pay; else a script that anyone may spend.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Address<NetworkUnchecked>>,
}

impl ChainCommand {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        let Self::Dev(Dev::Run(run)) = self;
        run.run(output).await
    }
}

impl Run {
    async fn run(self, output: &Output) -> Result<()> {
        let script = self.script()?;
        let listener = bind(&self.listen).await?;
        let address = listener.local_addr().context("the system does not say where it listens")?;
        if !address.ip().is_loopback() {
            bail!(
                "a development chain answers this machine alone; listen on 127.0.0.1, not on {address}"
            );
        }
        let place = Place { data: self.data, address };
        let (chain, cookie) = tokio::task::spawn_blocking({
            let place = place.clone();
            move || place.open()
        })
        .await??;
        let service = Service { chain: chain.clone(), cookie, clock };
        let server = serve(listener, router(service), ServeOptions::default())?;
        place.tell(&chain, output);
        let mined = async {
            match self.block_time {
                Some(every) => keep_mining(&chain, every, &script).await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            failed = mined => failed,
            ended = asked_to_end() => ended,
        };
        server.shutdown().await;
        ended
    }

    fn script(&self) -> Result<ScriptBuf> {
        let Some(address) = self.to.clone() else {
            // P2WSH of OP_TRUE.
            return Ok(ScriptBuf::from(vec![0x51]).to_p2wsh());
        };
        let address = address.require_network(Network::Regtest);
        Ok(address
            .context("blocks pay a regtest address, which begins with bcrt1")?
            .script_pubkey())
    }
}

/// Where a chain lives and answers.
#[derive(Clone)]
struct Place {
    data: PathBuf,
    address: SocketAddr,
}

impl Place {
    /// Where bitcoind's tools look for the cookie.
    fn cookie(&self) -> PathBuf {
        self.data.join("regtest").join(".cookie")
    }

    /// Opens the chain, and writes what bitcoind's tools need to find it: a cookie and a settings file.
    fn open(&self) -> Result<(Devchain, Cookie)> {
        let settings = self.data.join("bitcoin.conf");
        let shown = self.data.display();
        if std::fs::read_to_string(&settings).is_ok_and(|text| !text.starts_with(OURS)) {
            bail!("{shown} has a bitcoin.conf that is not ours; choose another folder with --data");
        }
        let chain = Devchain::open(&self.data.join("devchain"))?;
        let cookie = Cookie::fresh().context("the system gives no randomness")?;
        let path = self.cookie();
        let folder = path.parent().unwrap_or(Path::new("."));
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| cookie.write(&path))
            .and_then(|()| std::fs::write(&settings, self.settings()));
        written.with_context(|| format!("{shown} cannot be written"))?;
        Ok((chain, cookie))
    }

    fn settings(&self) -> String {
        let (host, port) = (self.address.ip(), self.address.port());
        format!("{OURS}regtest=1\n[regtest]\nrpcconnect={host}\nrpcport={port}\n")
    }

    fn tell(&self, chain: &Devchain, output: &Output) {
        let (top, rpc) = (chain.top(), format!("http://{}", self.address));
        let value = json!({
            "kind": "development chain",
            "network": "regtest",
            "rpc": rpc,
            "esplora": format!("{rpc}{ESPLORA}"),
            "cookie": self.cookie(),
            "data": self.data,
            "height": top.height,
            "tip": top.hash,
        });
        output.result(&value, || {
            format!(
                "a development chain at height {}, its coins are worth nothing\n  \
                 RPC      {rpc}, cookie in {}\n  Esplora  {rpc}{ESPLORA}\nCtrl-C ends it",
                top.height,
                self.cookie().display()
            )
        });
    }
}

/// Mines a block each time that much time is over.
async fn keep_mining(chain: &Devchain, every: Span, script: &ScriptBuf) -> Result<()> {
    let mut ticks = tokio::time::interval(every.as_duration());
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let (chain, mining) = (chain.clone(), Mining { script: script.clone(), time: clock() });
        let tip = tokio::task::spawn_blocking(move || chain.mine(&mining)).await??;
        tracing::info!(height = tip.height, hash = %tip.hash, "mined");
    }
}

/// Seconds since 1970.
fn clock() -> u32 {
    u32::try_from(network::clock::now().0 / 1_000_000).unwrap_or(u32::MAX)
}
