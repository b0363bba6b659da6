//! `bondstore provider`: set up a node, run it.

pub(crate) mod coins;
mod run;

use crate::arguments;
use crate::output::{Output, table};
use anyhow::{Result, anyhow, bail};
use clap::{Args, Subcommand};
use network::api::VerdictLine;
use network::client::{ClientOptions, HttpClient};
use network::endpoint::{Endpoint, PlainHttp};
use network::identity::{Password, Prompt};
use network::market_api::MarketClient;
use provider::Offer;
use provider_node::{Settings, objections};
use run::Run;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use types::documents::{Departure, Discount, Maintenance, TopUp, Withdrawal};
use types::{
    Bytes, ContractId, DocId, Epoch, GbPrice, Msat, Price, SecretKey, Signer, Span, Tier, Verified,
};

#[derive(Args)]
pub(crate) struct NodeArgs {
    /// The provider's data directory.
    #[arg(long, default_value = "bondstore-provider", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// A file whose first line is the password (else `BONDSTORE_PASSWORD`, else a prompt).
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Allow plain HTTP beyond this machine.
    #[arg(long)]
    pub(crate) insecure_http: bool,
}

impl NodeArgs {
    /// The market this node deals in, and the node's key.
    pub(crate) async fn market(&self) -> Result<(MarketClient, SecretKey)> {
        let key = self.key().await?;
        Ok((self.market_of(&key)?, key))
    }

    /// The node's key.
    async fn key(&self) -> Result<SecretKey> {
        let password = Password::obtain(self.password_file.as_deref(), Prompt::Existing)?;
        let data = self.data.clone();
        let opened = tokio::task::spawn_blocking(move || provider_node::open_key(&data, &password));
        Ok(opened.await??)
    }

    /// The market, in the name of the node whose key it is.
    fn market_of(&self, key: &SecretKey) -> Result<MarketClient> {
        let settings = provider_node::settings::read(&self.data)?;
        let endpoint =
            Endpoint::parse(&settings.market, self.plain())?.pinned(settings.market_key)?;
        let http = HttpClient::new(endpoint, ClientOptions::default());
        Ok(MarketClient::new(http, settings.market_key, Arc::new(key.clone())))
    }

    const fn plain(&self) -> PlainHttp {
        if self.insecure_http { PlainHttp::Anywhere } else { PlainHttp::LoopbackOnly }
    }
}

#[derive(Subcommand)]
pub(crate) enum Provider {
    /// Make a new provider: its key, its offer.
    Init(Box<Init>),
    /// Show what a provider has and has earned, and what the market thinks of it.
    Show {
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Take earnings out.
    Withdraw {
        /// How many msat.
        #[arg(value_parser = arguments::amount)]
        amount: i64,
        /// Where the operator should pay it.
        #[arg(long, value_name = "WHERE")]
        to: String,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Leave a slot early: the early-exit fee is paid, and the node serves the slot until another has rebuilt it.
    Leave {
        /// Of which contract.
        contract: ContractId,
        /// Which slot.
        slot: u16,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Fill a slot's bond up again that penalties have worn down.
    TopUp {
        /// Of which contract.
        contract: ContractId,
        /// Which slot.
        slot: u16,
        /// What the bond should hold then, in msat.
        #[arg(value_parser = arguments::amount)]
        amount: i64,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Contest a verdict with the proof that the node wrote down when the verdict came. A running node does this by itself.
    Dispute {
        /// Which verdict.
        verdict: DocId,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// List the verdicts against this provider that can be disputed still.
    Verdicts {
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Announce that the provider will be out of reach.
    Maintenance {
        /// The first epoch of it; one that has not begun.
        #[arg(long, value_name = "EPOCH")]
        from: u64,
        /// How many epochs.
        #[arg(long, value_name = "N")]
        epochs: u32,
        /// What for, in one sentence.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Run the provider in a data directory.
    Run(Box<Run>),
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
    /// Cheaper for larger slots, `100GB=5%`: so much off from this slot size on; repeatable, rising.
    #[arg(long, value_name = "SIZE=PERCENT", value_parser = arguments::volume_discount)]
    volume_discount: Vec<Discount<Bytes>>,
    /// Cheaper for longer contracts, `90d=10%`: so much off from this duration on; repeatable, rising.
    #[arg(long, value_name = "DURATION=PERCENT", value_parser = arguments::duration_discount)]
    duration_discount: Vec<Discount<Span>>,
    /// What it says of itself, `ssd`: clients may ask for tags; repeatable.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// How much of each bond may be held back from its earnings, in percent, rather than locked at once.
    #[arg(long, default_value = "0", value_name = "PERCENT", value_parser = arguments::permille)]
    held_bond: u16,
}

impl Provider {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Init(init) => init.run(output).await,
            Self::Show { node } => show(&node, output).await,
            Self::Withdraw { amount, to, node } => {
                let (market, key) = node.market().await?;
                // The market takes rising nonces alone.
                let nonce = u64::try_from(network::clock::now().0).unwrap_or(0);
                let withdrawal = Withdrawal { party: key.did(), amount: Msat(amount), to, nonce };
                let signed = Verified::sign(withdrawal, &key)?;
                let accepted = market.withdraw(signed.signed()).await?;
                output.result(&accepted, || format!("withdrawal {} is booked", accepted.document));
                Ok(())
            }
            Self::Leave { contract, slot, node } => leave((contract, slot), &node, output).await,
            Self::TopUp { contract, slot, amount, node } => {
                top_up((contract, slot), Msat(amount), &node, output).await
            }
            Self::Dispute { verdict, node } => dispute(verdict, &node, output).await,
            Self::Verdicts { node } => verdicts(&node, output).await,
            Self::Maintenance { from, epochs, reason, node } => {
                let (market, key) = node.market().await?;
                let from = Epoch(from);
                let notice = Maintenance { provider: key.did(), from, epochs, reason };
                let signed = Verified::sign(notice, &key)?;
                let accepted = market.announce(signed.signed()).await?;
                output.result(&accepted, || {
                    format!("maintenance is announced: {epochs} epochs from epoch {from} on")
                });
                Ok(())
            }
            Self::Run(run) => run.run(output).await,
        }
    }
}

/// Gives a slot up.
async fn leave(
    (contract, slot): (ContractId, u16),
    node: &NodeArgs,
    output: &Output,
) -> Result<()> {
    let (market, key) = node.market().await?;
    let leaving = Departure { provider: key.did(), contract, slot };
    let signed = Verified::sign(leaving, &key)?;
    market.depart(contract, signed.signed()).await?;
    let value = json!({ "document": signed.id(), "contract": contract, "slot": slot });
    output.result(&value, || {
        format!("slot {slot} of contract {} is given up; keep the node running until another has rebuilt it", contract.short())
    });
    Ok(())
}

/// Fills a bond up to `bond`.
async fn top_up(
    (contract, slot): (ContractId, u16),
    bond: Msat,
    node: &NodeArgs,
    output: &Output,
) -> Result<()> {
    let (market, key) = node.market().await?;
    let view = market.contract(contract).await?;
    let held = view.slots.iter().find(|held| held.slot == slot);
    let slashed = held
        .map(|held| held.slashed)
        .ok_or_else(|| anyhow!("contract {contract} has no slot {slot}"))?;
    let top_up = TopUp { provider: key.did(), contract, slot, slashed, bond };
    let signed = Verified::sign(top_up, &key)?;
    market.top_up(contract, signed.signed()).await?;
    let value =
        json!({ "document": signed.id(), "contract": contract, "slot": slot, "bond": bond });
    output.result(&value, || {
        format!("the bond of slot {slot} of contract {} holds {bond}", contract.short())
    });
    Ok(())
}

/// Sends what the node wrote down against a verdict.
async fn dispute(verdict: DocId, node: &NodeArgs, output: &Output) -> Result<()> {
    let (market, _) = node.market().await?;
    let data = node.data.clone();
    let read = tokio::task::spawn_blocking(move || objections::read(&data, &verdict)).await??;
    let Some(objection) = read else {
        bail!(
            "nothing is written down against verdict {verdict}: either this node cannot prove what it denies, or the verdict never reached it; run the node, and `bondstore provider verdicts` lists what can be disputed"
        );
    };
    let accepted = market.dispute(&objection).await?;
    output.result(&accepted, || format!("dispute {} is judged", accepted.document));
    Ok(())
}

/// What is held against the provider.
async fn verdicts(node: &NodeArgs, output: &Output) -> Result<()> {
    let (market, key) = node.market().await?;
    let lines = market.verdicts(key.did()).await?;
    output.result(&lines, || {
        let row = |line: &VerdictLine| {
            let penalty = if line.penalised { "a penalty rests on it" } else { "no penalty yet" };
            let state = line.disputed.map_or("not disputed", |_| "disputed");
            let until = format!("until epoch {}", line.until);
            [line.id.to_string(), until, penalty.to_owned(), state.to_owned()]
        };
        table(["verdict", "can be disputed", "penalty", "state"], lines.iter().map(row))
    });
    Ok(())
}

/// Money, room, score.
async fn show(node: &NodeArgs, output: &Output) -> Result<()> {
    let (market, key) = node.market().await?;
    let account = market.account(key.did()).await?;
    let providers = market.providers().await?;
    let line = providers.into_iter().find(|line| line.provider == key.did());
    let value = json!({ "provider": key.did(), "account": account, "market": line });
    output.result(&value, || {
        let money = [
            ("available", account.available),
            ("in bonds", account.bonds),
            ("earned, not yet posted", account.accrued),
        ];
        let money = table(["account", "amount"], money.map(|(name, sum)| [name.to_owned(), sum.to_string()]));
        let standing = line.map_or_else(
            || "the market has no ask of it: run it once".to_owned(),
            |line| {
                let (score, ask) = (line.score, line.ask);
                let online = if line.online { "connected" } else { "not connected" };
                let [possession, availability, latency, honesty] = score.bounds;
                format!(
                    "{online}; {} of {} are committed\n{:?}, {} points; sure to keep at least {possession}, answer {availability}, in time {latency}, honest {honesty} of 1000",
                    line.committed, ask.capacity, score.standing, score.points
                )
            },
        );
        format!("provider {}\n{money}\n{standing}", key.did())
    });
    Ok(())
}

fn random_seed() -> Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| anyhow!("the system gives no randomness: {error}"))?;
    Ok(seed)
}

/// Nobody can reach `0.0.0.0`: such a node must say how it is reached.
fn refuse_unreachable(listen: &str, advertise: Option<&str>, plain: PlainHttp) -> Result<()> {
    if let Some(url) = advertise {
        Endpoint::parse(url, plain)?;
        return Ok(());
    }
    let address: Option<std::net::SocketAddr> = listen.parse().ok();
    if address.is_some_and(|address| address.ip().is_unspecified()) {
        bail!(
            "{listen} is every address of this machine; say with --advertise https://HOST:PORT how clients reach it"
        );
    }
    Ok(())
}

impl Init {
    async fn run(self, output: &Output) -> Result<()> {
        let (market, market_key) = provider_node::discover(&self.market, self.node.plain()).await?;
        let password = Password::obtain(self.node.password_file.as_deref(), Prompt::New)?;
        let seed = random_seed()?;
        let own = SecretKey::from_seed(&seed).did().to_string();
        let operator = self.operator.clone().unwrap_or(own);
        refuse_unreachable(&self.listen, self.advertise.as_deref(), self.node.plain())?;
        let offer = Offer {
            egress: self.egress,
            ingress: self.ingress,
            tiers: if self.tier.is_empty() { Tier::ALL.to_vec() } else { self.tier },
            minimum_use: self.minimum_use.min(self.capacity),
            duration_max: self.longest,
            region: self.region,
            volume_discounts: self.volume_discount,
            duration_discounts: self.duration_discount,
            tags: self.tag,
            held_bond_permille: self.held_bond,
            ..Offer::new(self.capacity, self.price, operator)
        };
        let offer = offer.validated()?;
        let (listen, advertise) = (self.listen, self.advertise);
        let settings = Settings { market, market_key, listen, advertise, offer };
        let (data, made) = (self.node.data.clone(), settings.clone());
        let made = move || provider_node::init(&data, &password, Some(seed), &made);
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
