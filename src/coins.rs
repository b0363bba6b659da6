//! `bondstore coins`: a party's own coins, and its escrows on Bitcoin, kept by its treasurer.

use crate::client::ClientArgs;
use crate::folder::{CoinsFolder, Owner};
use crate::node::{ChainAccess, ChainArgs, Node};
use crate::output::{Output, table};
use crate::runtime::asked_to_end;
use crate::treasury::{MannerArgs, Notes, Shown};
use anyhow::{Context, Result};
use bitcoin::address::NetworkUnchecked;
use bitcoin::{Address, Amount, FeeRate};
use clap::{Args, Subcommand};
use client_node::Client;
use contracts_bitcoin::chain::{Chain, WITHIN_BLOCKS};
use contracts_bitcoin::treasurer::client::HttpPeers;
use contracts_bitcoin::treasurer::oracles::HttpOracles;
use contracts_bitcoin::treasurer::{EndedBy, EscrowLine, EscrowState, Role, Treasurer};
use network::endpoint::PlainHttp;
use network::identity::Keystore;
use serde_json::json;
use std::path::PathBuf;
use types::Did;

#[derive(Args)]
pub(crate) struct CoinsArgs {
    /// The treasurer's own directory: its words, and what it must not forget.
    #[arg(long = "coins", default_value = "bondstore-my-coins", value_name = "DIR")]
    folder: PathBuf,
    /// A file whose first line is the password of the treasurer's words (else `BONDSTORE_PASSWORD`, else a prompt).
    #[arg(long, value_name = "FILE")]
    coins_password_file: Option<PathBuf>,
}

impl CoinsArgs {
    fn folder(self) -> CoinsFolder {
        let (path, password_file) = (self.folder, self.coins_password_file);
        CoinsFolder { path, password_file, owner: Owner::Treasurer }
    }
}

/// Whose coins they are.
#[derive(Args)]
pub(crate) struct PartyArgs {
    #[command(flatten)]
    client: ClientArgs,
    /// A provider's data directory, where the coins are a provider's.
    #[arg(long, value_name = "DIR")]
    provider: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum CoinsCommand {
    /// Make the words that a client's or provider's coins hang on, or bring them back.
    Init {
        #[command(flatten)]
        coins: CoinsArgs,
        /// A file with 24 words to bring back; else new ones are made, and shown once.
        #[arg(long, value_name = "FILE")]
        words_file: Option<PathBuf>,
    },
    /// Make, fund, follow and close the escrows of a client's contracts on Bitcoin, until Ctrl-C. A provider's are kept by
    /// `bondstore provider run --coins`.
    Run {
        #[command(flatten)]
        coins: CoinsArgs,
        #[command(flatten)]
        client: ClientArgs,
        #[command(flatten)]
        chain: ChainArgs,
        #[command(flatten)]
        manner: MannerArgs,
    },
    /// Where to send coins for the treasurer: always the same address.
    Address(Box<Opening>),
    /// What there is, and every escrow, as the treasurer has seen it last.
    Show {
        #[command(flatten)]
        coins: CoinsArgs,
    },
    /// Take coins out. The treasurer must not be running.
    Send {
        /// Where to.
        to: Address<NetworkUnchecked>,
        /// How many satoshis; the fee is taken from them.
        #[arg(value_parser = satoshis)]
        amount: Amount,
        /// The fee, in satoshis per virtual byte; what the chain's node estimates where nothing is said.
        #[arg(long, value_name = "RATE", value_parser = clap::value_parser!(u32).range(1..=500))]
        fee_rate: Option<u32>,
        #[command(flatten)]
        opening: Box<Opening>,
    },
}

/// What a treasurer is opened with.
#[derive(Args)]
pub(crate) struct Opening {
    #[command(flatten)]
    coins: CoinsArgs,
    #[command(flatten)]
    party: PartyArgs,
    /// Where a bitcoind answers, such as `http://127.0.0.1:8332`; or an Esplora server, as `esplora+https://host/api`.
    #[arg(long, env = "BONDSTORE_CHAIN", value_name = "URL")]
    chain: Option<String>,
    #[command(flatten)]
    access: ChainAccess,
    #[command(flatten)]
    manner: MannerArgs,
}

impl CoinsCommand {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Init { coins, words_file } => {
                coins.folder().init(words_file.as_deref(), output).await
            }
            Self::Run { coins, client, chain, manner } => {
                let (plain, client) = (client.plain(), client.open().await?);
                let node = chain.connect().await?;
                let folder = coins.folder();
                let parties = (client.did(), client.market().market());
                let treasurer = open(&folder, parties, (&node, &manner)).await?;
                let running = Running { client, node, folder: folder.path, plain, manner };
                running.run(treasurer, output).await
            }
            Self::Address(opening) => address(*opening, output).await,
            Self::Show { coins } => {
                let path = coins.folder;
                let shown = Shown::read(&path)?.with_context(|| {
                    let place = path.display();
                    format!("no treasurer has worked in {place} yet; run `bondstore coins run --coins {place}`, or `provider run --coins`")
                })?;
                output.result(&shown, || text(&shown));
                Ok(())
            }
            Self::Send { to, amount, fee_rate, opening } => {
                send(*opening, to, (amount, fee_rate), output).await
            }
        }
    }
}

/// Opens the treasurer of `party` in `market` whose folder it is.
pub(crate) async fn open(
    folder: &CoinsFolder,
    (party, market): (Did, Did),
    (node, manner): (&Node, &MannerArgs),
) -> Result<Treasurer> {
    let keys = folder.keys(node.network()).await?;
    let (path, birthday) = (folder.path.clone(), manner.birthday(node).await?);
    let manner = manner.manner(market, node.network())?;
    let opened =
        tokio::task::spawn_blocking(move || Treasurer::open(&path, keys, party, manner, birthday));
    Ok(opened.await??)
}

impl PartyArgs {
    /// Whose coins they are, and in which market.
    async fn parties(&self) -> Result<(Did, Did)> {
        if let Some(data) = &self.provider {
            let settings = provider_node::settings::read(data)?;
            return Ok((Keystore::did(&data.join(provider_node::KEY_FILE))?, settings.market_key));
        }
        let client = self.client.open().await?;
        Ok((client.did(), client.market().market()))
    }
}

impl Opening {
    async fn open(self) -> Result<(Treasurer, Node)> {
        let chain = self.chain.context("a treasurer follows a chain: give --chain URL too")?;
        let (parties, node) = (self.party.parties().await?, self.access.connect(&chain).await?);
        let treasurer = open(&self.coins.folder(), parties, (&node, &self.manner)).await?;
        Ok((treasurer, node))
    }
}

/// The address, from the folder where a treasurer works or has worked in it.
async fn address(opening: Opening, output: &Output) -> Result<()> {
    let (address, network) = if let Some(shown) = Shown::read(&opening.coins.folder)? {
        (shown.address, shown.network)
    } else {
        let (mut treasurer, _) = opening.open().await?;
        (treasurer.address()?.to_string(), treasurer.network())
    };
    output.result(&json!({ "address": address, "network": network }), || address.clone());
    Ok(())
}

async fn send(
    opening: Opening,
    to: Address<NetworkUnchecked>,
    (amount, fee_rate): (Amount, Option<u32>),
    output: &Output,
) -> Result<()> {
    let (mut treasurer, node) = opening.open().await?;
    let network = treasurer.network();
    let to = to.require_network(network).with_context(|| {
        format!("these coins are on {network}; give an address of that network")
    })?;
    let manner = treasurer.manner();
    let rate = match fee_rate {
        Some(rate) => FeeRate::from_sat_per_vb_u32(rate),
        None => node.fee_rate(WITHIN_BLOCKS).await?.clamp(manner.rate_min, manner.rate_max),
    };
    let txid = treasurer.send(&node, &to, (amount, rate)).await?;
    output.result(&json!({ "txid": txid, "to": to.to_string(), "amount_sat": amount.to_sat() }), || {
        format!("{amount} are on their way to {to} in {txid}, less the fee; the treasurer's rounds see to it until it is deep enough")
    });
    Ok(())
}

fn satoshis(text: &str) -> Result<Amount, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("{text:?} is no amount; give whole satoshis above zero")),
        Ok(satoshis) => Ok(Amount::from_sat(satoshis)),
    }
}

/// A client's treasurer at work.
struct Running {
    client: Client,
    node: Node,
    folder: PathBuf,
    plain: PlainHttp,
    manner: MannerArgs,
}

impl Running {
    async fn run(self, mut treasurer: Treasurer, output: &Output) -> Result<()> {
        let peers = HttpPeers::new(self.client.signer(), self.plain);
        let (oracles, market) = (HttpOracles::new(self.plain), self.client.market());
        let mut notes = Notes::default();
        let round = treasurer.round(&self.node, market, &peers, &oracles).await?;
        notes.take(&self.folder, &mut treasurer, &round);
        let shown = Shown::of(&mut treasurer, &round)?;
        output.result(&shown, || format!("{}\nCtrl-C ends it", text(&shown)));
        let rounds = async {
            loop {
                tokio::time::sleep(self.manner.every()).await;
                match treasurer.round(&self.node, market, &peers, &oracles).await {
                    Ok(round) => notes.take(&self.folder, &mut treasurer, &round),
                    Err(error) => Notes::fail(&error),
                }
            }
        };
        tokio::select! {
            () = rounds => {}
            ended = asked_to_end() => ended?,
        }
        Ok(())
    }
}

/// What a treasurer has seen, as people read it.
fn text(shown: &Shown) -> String {
    let Shown { party, network, address, height, balance_sat, .. } = shown;
    let balance = Amount::from_sat(*balance_sat);
    let head = format!(
        "coins of {party} on {network}, as of block {height}: {balance} outside escrows\ncoins for it go to {address}"
    );
    let rules = shown.rules.map(|rules| format!("\nits market settles by the rules {rules}"));
    let refused = shown.refused.iter().map(|reason| format!("\nrefused: {reason}"));
    let waiting = shown.waiting.iter().map(|reason| format!("\nwaits: {reason}"));
    let head = head + &rules.into_iter().chain(refused).chain(waiting).collect::<String>();
    if shown.escrows.is_empty() {
        return head;
    }
    let titles =
        ["contract", "slot", "provider", "as", "sat of client", "sat of provider", "state"];
    format!("{head}\n{}", table(titles, shown.escrows.iter().map(row)))
}

fn row(line: &EscrowLine) -> [String; 7] {
    let role = match line.party {
        Role::Client => "client",
        Role::Provider => "provider",
    };
    [
        line.contract.short(),
        line.slot.to_string(),
        line.provider.short(),
        role.to_owned(),
        line.client_sat.to_string(),
        line.provider_sat.to_string(),
        state(line),
    ]
}

fn state(line: &EscrowLine) -> String {
    let paid = || {
        let split = line.payout.as_ref()?;
        let (client, provider, pool) = (split.client, split.provider, split.pool);
        Some(format!(": {client} to the client, {provider} to the provider, {pool} to the pool"))
    };
    let ended = |how: &str| {
        let deep = if line.is_final { "" } else { ", not final yet" };
        format!("{how}{}{deep}", paid().unwrap_or_default())
    };
    match &line.state {
        EscrowState::Negotiating => "being agreed on".to_owned(),
        EscrowState::Unfunded => "signed, in no block yet".to_owned(),
        EscrowState::Open { confirmations } => format!("open, {confirmations} blocks deep"),
        EscrowState::Ended(EndedBy::Agreed) => ended("closed by both"),
        EscrowState::Ended(EndedBy::Outcome) => ended("paid by the auditors' word"),
        EscrowState::Ended(EndedBy::Refund) => ended("refunded"),
        EscrowState::Ended(EndedBy::Respent) => ended("went on in a later escrow"),
        EscrowState::Ended(EndedBy::Arbiter) => ended("ended by the arbiter"),
        EscrowState::GivenUp { reason } => format!("given up: {reason}"),
    }
}
