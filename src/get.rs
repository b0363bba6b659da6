//! `bondstore get`: an object from any k of its slots.

use crate::client::{ClientArgs, show};
use crate::output::Output;
use ::client::ObjectName;
use anyhow::Result;
use clap::Args;
use client_node::Target;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use types::Did;

#[derive(Args)]
pub(crate) struct Get {
    /// The object.
    name: String,
    /// Where to write it; its own name in this directory where nothing is said.
    file: Option<PathBuf>,
    /// Fetch what this party shares with you, paid from your account; or what it has put where you let it write.
    #[arg(long, value_name = "DID")]
    from: Option<Did>,
    #[command(flatten)]
    client: ClientArgs,
}

impl Get {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        let client = self.client.open().await?;
        let name = ObjectName::new(&self.name)?;
        let own = || PathBuf::from(self.name.rsplit('/').next().unwrap_or(&self.name));
        let file = self.file.clone().unwrap_or_else(own);
        let bar = output.bar("fetching", None);
        let (target, progress) = (Target::file(&file), Arc::new(show(bar.clone())));
        let got = match self.from {
            Some(owner) => client.get_from(owner, &name, target, progress).await?,
            None => client.get(&name, target, progress).await?,
        };
        bar.finish_and_clear();
        let value = json!({
            "name": self.name, "file": file, "contract": got.contract, "bytes": got.bytes, "blake3": got.hash,
            "slots": got.slots.iter().map(|s| json!({ "slot": s.slot, "bytes": s.bytes })).collect::<Vec<_>>(),
        });
        output.result(&value, || format!("{}: {}, blake3 {}", file.display(), got.bytes, got.hash));
        Ok(())
    }
}
