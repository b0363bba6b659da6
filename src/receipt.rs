//! `bondstore receipt`: what shows that a document is in the market's journal.

use crate::output::Output;
use crate::party::PartyArgs;
use anyhow::{Context, Result};
use clap::Args;
use contracts_bitcoin::cashier::client::CashierClient;
use network::endpoint::PlainHttp;
use network::market_api::MarketClient;
use serde_json::json;
use std::path::{Path, PathBuf};
use types::DocId;
use types::documents::Receipt as SomeReceipt;

/// Fetch the receipt of a document: `bondstore verify` checks it, with nothing but the file and the market's key.
#[derive(Args)]
pub(crate) struct Receipt {
    /// The document's name: the BLAKE3 hash of its JWS. A contract is named by its acceptance.
    #[arg(required_unless_present_any = ["consistency", "anchor"])]
    document: Option<DocId>,
    /// Instead of a receipt: the proof that the journal of the first size is the beginning of that of the second.
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"], conflicts_with = "document")]
    consistency: Option<Vec<u64>>,
    /// Instead of a receipt: this one, with the proof that its journal was anchored in Bitcoin since.
    #[arg(long, value_name = "RECEIPT", requires = "cashier", conflicts_with_all = ["document", "consistency"])]
    anchor: Option<PathBuf>,
    /// Where the market's cashier answers, which anchors the journal.
    #[arg(long, env = "BONDSTORE_CASHIER", value_name = "URL")]
    cashier: Option<String>,
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
        if let (Some(file), Some(cashier)) = (&self.anchor, &self.cashier) {
            let anchored = anchored(&market, file, cashier).await?;
            write(&self.out, &anchored)?;
            let anchor = anchored.anchor.as_ref().context("it was added")?;
            let (size, height, network) = (anchor.size, anchor.proof.height, &anchor.proof.network);
            let value =
                json!({ "entries": size, "height": height, "network": network, "file": self.out });
            let place = self.out.display();
            output.result(&value, || {
                format!("the journal of {size} entries is in block {height} of {network}: {place}")
            });
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

/// The receipt in `file` with its journal's anchor.
async fn anchored(market: &MarketClient, file: &Path, cashier: &str) -> Result<SomeReceipt> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    let mut receipt: SomeReceipt =
        serde_json::from_str(&text).with_context(|| format!("{} is no receipt", file.display()))?;
    let head = receipt.verify(Some(market.market()))?.head;
    let cashier = CashierClient::new(cashier, market.market(), PlainHttp::LoopbackOnly)?;
    let mut anchor = cashier.anchor(head.size).await?;
    if anchor.size != head.size {
        anchor.consistency = Some(market.consistency(head.size, anchor.size).await?);
    }
    receipt.anchor = Some(anchor);
    // What does not belong together is not worth keeping.
    receipt.verify(Some(market.market()))?;
    Ok(receipt)
}

fn write(file: &Path, value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}
