//! `bondstore contract`: the client's contracts as the market has them; renewing, growing and ending them.

use crate::arguments;
use crate::client::ClientArgs;
use crate::output::{Output, table};
use anyhow::Result;
use clap::Subcommand;
use network::api::ContractView;
use types::terms::Renewal;
use types::{Bytes, ContractId, Span};

#[derive(Subcommand)]
pub(crate) enum Contract {
    /// All of them.
    List {
        #[command(flatten)]
        client: ClientArgs,
    },
    /// One of them, slot by slot.
    Show {
        /// Its name.
        id: ContractId,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Let one run longer, at the prices it was agreed at, where its providers' asks still cover that.
    Renew {
        /// Its name.
        id: ContractId,
        /// How much longer; as long again as it was made for where nothing is said.
        #[arg(long = "for", value_name = "DURATION", value_parser = arguments::span)]
        longer: Option<Span>,
        /// Let it renew itself at its end from now on.
        #[arg(long, conflicts_with = "manual")]
        automatic: bool,
        /// Let it end at its end, renewed only by hand; with no --for, nothing else changes.
        #[arg(long)]
        manual: bool,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Give one more room, at the prices it was agreed at.
    Grow {
        /// Its name.
        id: ContractId,
        /// Room for so much more.
        #[arg(value_parser = arguments::size)]
        by: Bytes,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// End one early: free of charge while nothing is stored, else for its early-exit fee. What it holds is lost.
    End {
        /// Its name.
        id: ContractId,
        #[command(flatten)]
        client: ClientArgs,
    },
}

impl Contract {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::List { client } => {
                let lines = client.open().await?.contracts().await?;
                output.result(&lines, || {
                    let rows = lines.iter().map(|line| {
                        let ends = line
                            .ends
                            .map_or_else(|| "-".to_owned(), |epoch| format!("epoch {epoch}"));
                        let kept = format!("{} of {}", line.kept, line.capacity);
                        [
                            line.id.to_string(),
                            line.state.clone(),
                            kept,
                            line.escrow.to_string(),
                            ends,
                        ]
                    });
                    table(["contract", "state", "kept", "escrow", "ends"], rows)
                });
            }
            Self::Show { id, client } => {
                let view = client.open().await?.contract(id).await?;
                output.result(&view, || text(&view));
            }
            Self::Renew { id, longer, automatic, manual, client } => {
                let client = client.open().await?;
                let view = client.contract(id).await?;
                let longer = longer.or_else(|| (!manual).then_some(view.terms.duration));
                let epoch = client.market().info().await?.epoch.0.max(1);
                let more = longer.map_or(0, |span| span.0.div_ceil(epoch));
                let automatic = automatic || (view.terms.renewal == Renewal::Automatic && !manual);
                let view = client.renew(id, view.epochs.saturating_add(more), automatic).await?;
                output.result(&view, || text(&view));
            }
            Self::Grow { id, by, client } => {
                let client = client.open().await?;
                let view = client.contract(id).await?;
                let more = ::client::wish::stored_bytes_max(by.0);
                let capacity = Bytes(view.terms.capacity.0.saturating_add(more));
                let view = client.grow(id, capacity).await?;
                output.result(&view, || text(&view));
            }
            Self::End { id, client } => {
                let view = client.open().await?.end(id).await?;
                output.result(&view, || text(&view));
            }
        }
        Ok(())
    }
}

/// A contract as people read it.
pub(crate) fn text(view: &ContractView) -> String {
    let head = format!(
        "contract {} is {}: {} for {}, {}+{}, revision {}, {} in escrow",
        view.id.short(),
        view.state,
        view.terms.capacity,
        view.terms.duration,
        view.terms.redundancy.data,
        view.terms.redundancy.parity,
        view.revision,
        view.escrow,
    );
    let end = view.ends.map_or_else(String::new, |epoch| format!(", up to epoch {epoch}"));
    let then = match view.terms.renewal {
        _ if view.left => "; its client has left it",
        Renewal::Automatic => "; it renews itself then",
        Renewal::Manual => "",
    };
    let head = format!("{head}\nit runs for {} epochs{end}{then}", view.epochs);
    let rows = view.slots.iter().map(|slot| {
        let online = if slot.online { "yes" } else { "no" };
        let kept = types::Bytes(slot.size.bytes).to_string();
        let who = slot.provider.short();
        [
            slot.slot.to_string(),
            slot.state.clone(),
            who,
            online.into(),
            kept,
            slot.earned.to_string(),
            slot.bond.to_string(),
        ]
    });
    let slots = table(["slot", "state", "provider", "online", "kept", "earned", "bond"], rows);
    format!("{head}\n{slots}")
}
