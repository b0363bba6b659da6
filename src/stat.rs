//! `bondstore stat`: an object, its contract, its slots.

use crate::client::ClientArgs;
use crate::contract;
use crate::output::Output;
use ::client::ObjectName;
use anyhow::Result;
use clap::Args;
use serde_json::json;
use types::Bytes;

#[derive(Args)]
pub(crate) struct Stat {
    /// The object.
    name: String,
    #[command(flatten)]
    client: ClientArgs,
}

impl Stat {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        let client = self.client.open().await?;
        let stat = client.stat(&ObjectName::new(&self.name)?).await?;
        let (object, record) = (&stat.object, &stat.contract);
        let value = json!({
            "bucket": object.name.bucket, "name": object.name.name, "bytes": object.layout.plain_bytes,
            "blake3": object.hash, "stored_at": object.stored_at, "segments": object.layout.segments.len(),
            "contract": record.id, "revision": record.revision, "view": stat.view,
        });
        output.result(&value, || {
            let size = Bytes(object.layout.plain_bytes);
            let head = format!(
                "{}: {size}, blake3 {}, contract {}",
                object.name.name, object.hash, record.id
            );
            let slots = stat.view.as_ref().map_or_else(
                || "the market does not answer; the catalogue knows no more".to_owned(),
                contract::text,
            );
            format!("{head}\n{slots}")
        });
        Ok(())
    }
}
