//! `bondstore receipt`: what shows that a document is in the market's journal.

use crate::output::Output;
use crate::party::PartyArgs;
use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use types::DocId;

/// Fetch the receipt of a document: `bondstore verify` checks it, with nothing but the file and the market's key.
#[derive(Args)]
pub(crate) struct Receipt {
    /// The document's name: the BLAKE3 hash of its JWS. A contract is named by its acceptance.
    #[arg(required_unless_present = "consistency")]
    document: Option<DocId>,
    /// Instead of a receipt: the proof that the journal of the first size is the beginning of that of the second.
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"], conflicts_with = "document")]
    consistency: Option<Vec<u64>>,
    /// Where to write it.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    party: PartyArgs,
}

impl Receipt {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        let market = self.party.market().await?;
        if let Some([from, to]) = self.consistency.as_deref() {
            let proof = market.consistency(*from, *to).await?;
            write(&self.out, &proof)?;
            let place = self.out.display();
            output.result(&proof, || format!("from {from} to {to} entries: {place}"));
            return Ok(());
        }
        let document = self.document.context("a document or --consistency is needed")?;
        let receipt = market.receipt(document).await?;
        // What the market cannot prove is not worth keeping.
        let proven = receipt.verify(Some(market.market()))?;
        write(&self.out, &receipt)?;
        let value = json!({
            "document": proven.document, "typ": proven.typ, "entry": receipt.inclusion.leaf,
            "head": proven.head, "file": self.out,
        });
        output.result(&value, || {
            let (leaf, size) = (receipt.inclusion.leaf, proven.head.size);
            let place = self.out.display();
            format!("{} {} is entry {leaf} of {size}: {place}", proven.typ, proven.document)
        });
        Ok(())
    }
}

fn write(file: &Path, value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}
