//! `bondstore contract`: the client's contracts as the market has them.

use crate::client::ClientArgs;
use crate::output::{Output, table};
use anyhow::Result;
use clap::Subcommand;
use network::api::ContractView;
use types::ContractId;

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
