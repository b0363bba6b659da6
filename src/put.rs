//! `bondstore put`: a file under a bonded contract, one with room or a new one.

use crate::arguments;
use crate::client::{ClientArgs, show};
use crate::output::Output;
use crate::wish::WishArgs;
use ::client::{Housing, ObjectName};
use anyhow::{Context, Result};
use clap::Args;
use client_node::Source;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use types::{Bytes, ContractId, Did, Span};

/// Under which contract.
#[derive(Args)]
struct HousingArgs {
    /// Put it into this contract.
    #[arg(long = "in", value_name = "CONTRACT", conflicts_with_all = ["own", "grow", "room"])]
    contract: Option<ContractId>,
    /// Make a contract for it alone, even where another has room.
    #[arg(long, conflicts_with = "grow")]
    own: bool,
    /// Let a contract that is as wished but full grow, rather than make a new one.
    #[arg(long)]
    grow: bool,
    /// Where a new contract is made, give it room for so much, for later objects.
    #[arg(long, value_name = "SIZE", value_parser = arguments::size)]
    room: Option<Bytes>,
}

impl HousingArgs {
    fn housing(&self) -> Housing {
        match self.contract {
            Some(contract) => Housing::In(contract),
            None if self.own => Housing::Own,
            None if self.grow => Housing::Growing,
            None => Housing::Shared,
        }
    }
}

#[derive(Args)]
pub(crate) struct Put {
    /// The file to store.
    file: PathBuf,
    /// What to call it; the file's own name where nothing is said.
    name: Option<String>,
    /// Store it with this party, in the contract that it lets you write to: at its cost, for as long as that lasts.
    #[arg(long, value_name = "DID", conflicts_with_all = ["contract", "own", "grow", "room"])]
    to: Option<Did>,
    #[command(flatten)]
    housing: HousingArgs,
    /// With --rail bitcoin: how long to wait for escrows that providers see deep enough. Run again, it goes on waiting.
    #[arg(long, value_name = "DURATION", default_value = "2h", value_parser = arguments::span)]
    fund_within: Span,
    #[command(flatten)]
    wish: WishArgs,
    #[command(flatten)]
    client: ClientArgs,
}

impl Put {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        let mut wish = self.wish.wish(Bytes(1))?;
        (wish.housing, wish.room) = (self.housing.housing(), self.housing.room);
        if wish.room.is_some() {
            wish.capacity = None;
        }
        let client = self.client.open_patient(self.fund_within).await?;
        let name = name_of(self.name.as_deref(), &self.file)?;
        let bar = output.bar("storing", None);
        let progress = Arc::new(show(bar.clone()));
        let source = Source::file(&self.file);
        let put = match self.to {
            Some(owner) => client.put_to(owner, source, &name, progress).await?,
            None => client.put(source, &name, &wish, progress).await?,
        };
        bar.finish_and_clear();
        let value = json!({
            "name": put.name.name, "contract": put.contract, "revision": put.revision, "bytes": put.bytes,
            "blake3": put.hash, "stored": put.stored, "sent": put.sent, "backup": put.backup,
            "slots": put.slots.iter().map(|s| json!({ "slot": s.slot, "provider": s.provider })).collect::<Vec<_>>(),
        });
        output.result(&value, || {
            format!(
                "{} is stored: {} in {} slots under contract {}\nblake3 {}",
                put.name.name,
                put.bytes,
                put.slots.len(),
                put.contract,
                put.hash
            )
        });
        Ok(())
    }
}

/// The name given, or the file's.
pub(crate) fn name_of(given: Option<&str>, file: &Path) -> Result<ObjectName> {
    let own = file.file_name().and_then(|name| name.to_str());
    let name = given.or(own).with_context(|| {
        format!("{} has no name that is text; give one after the file", file.display())
    })?;
    Ok(ObjectName::new(name)?)
}
