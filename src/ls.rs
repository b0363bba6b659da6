//! `bondstore ls`: what the catalogue has.

use crate::client::ClientArgs;
use crate::output::{Output, table};
use anyhow::Result;
use clap::Args;
use serde_json::json;

#[derive(Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    client: ClientArgs,
}

impl Ls {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        let objects = self.client.open().await?.ls().await?;
        let line = |o: &::client::catalogue::ObjectRecord| {
            json!({
                "bucket": o.name.bucket, "name": o.name.name, "bytes": o.layout.plain_bytes,
                "contract": o.contract, "blake3": o.hash, "stored_at": o.stored_at,
            })
        };
        output.result(&objects.iter().map(line).collect::<Vec<_>>(), || {
            let rows = objects.iter().map(|o| {
                [
                    o.name.name.clone(),
                    types::Bytes(o.layout.plain_bytes).to_string(),
                    o.contract.short(),
                    o.hash.short(),
                ]
            });
            table(["name", "size", "contract", "blake3"], rows)
        });
        Ok(())
    }
}
