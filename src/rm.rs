//! `bondstore rm`: an object leaves its contract, and its key is forgotten.

use crate::client::{ClientArgs, show};
use crate::output::Output;
use ::client::ObjectName;
use anyhow::Result;
use clap::Args;
use client_node::Removed;
use serde_json::json;
use types::Did;

#[derive(Args)]
pub(crate) struct Rm {
    /// The object.
    name: String,
    /// End the contract too, where the object was its last; its early-exit fee is paid.
    #[arg(long, conflicts_with = "forget")]
    end: bool,
    /// Ask nobody: forget the key alone. The object's room is free only when its contract ends.
    #[arg(long)]
    forget: bool,
    /// Remove it from the contract that this party lets you write to.
    #[arg(long, value_name = "DID", conflicts_with_all = ["end", "forget"])]
    from: Option<Did>,
    #[command(flatten)]
    client: ClientArgs,
}

impl Rm {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        let client = self.client.open().await?;
        let (bar, name) = (output.bar("removing", None), ObjectName::new(&self.name)?);
        if self.forget {
            client.forget(&name, &show(bar.clone())).await?;
            bar.finish_and_clear();
            output.result(&json!({ "removed": self.name, "room": null, "ended": false }), || {
                format!("{} is forgotten; its room is free when its contract ends", self.name)
            });
            return Ok(());
        }
        let removed = match self.from {
            Some(owner) => client.rm_from(owner, &name, &show(bar.clone())).await?,
            None => client.rm(&name, &show(bar.clone())).await?,
        };
        let ends = self.end && removed.is_empty && removed.room.is_some();
        if ends {
            client.end(removed.contract).await?;
        }
        bar.finish_and_clear();
        let value = json!({
            "removed": self.name, "contract": removed.contract, "room": removed.room, "empty": removed.is_empty,
            "ended": ends,
        });
        output.result(&value, || text(&self.name, &removed, (ends, self.from)));
        Ok(())
    }
}

fn text(name: &str, removed: &Removed, (ends, from): (bool, Option<Did>)) -> String {
    let contract = removed.contract.short();
    if let (Some(owner), Some(room)) = (from, removed.room) {
        return format!("{name} is removed; with {owner} there is room for {room} now");
    }
    match removed.room {
        None => format!("{name} is removed; its contract {contract} is over already"),
        Some(_) if ends => format!("{name} is removed, and its contract {contract} is ended"),
        Some(room) if removed.is_empty => format!(
            "{name} is removed; contract {contract} holds nothing now and has room for {room}; `bondstore contract end` ends it"
        ),
        Some(room) => format!("{name} is removed; contract {contract} has room for {room} now"),
    }
}
