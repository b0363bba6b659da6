//! `bondstore rm`: an object's key is forgotten.

use crate::client::{ClientArgs, show};
use crate::output::Output;
use ::client::ObjectName;
use anyhow::Result;
use clap::Args;
use serde_json::json;

#[derive(Args)]
pub(crate) struct Rm {
    /// The object.
    name: String,
    #[command(flatten)]
    client: ClientArgs,
}

impl Rm {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        let client = self.client.open().await?;
        let bar = output.bar("removing", None);
        client.rm(&ObjectName::new(&self.name)?, &show(bar.clone())).await?;
        bar.finish_and_clear();
        output.result(&json!({ "removed": self.name }), || {
            format!(
                "{} is removed; its contract runs to its end and its bytes can no longer be read",
                self.name
            )
        });
        Ok(())
    }
}
