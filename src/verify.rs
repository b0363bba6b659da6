//! `bondstore verify`: checks receipts with nothing but the files and the market's key.

use crate::output::Output;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::path::{Path, PathBuf};
use types::documents::Receipt;
use types::documents::evidence::Proven;
use types::tree::ConsistencyProof;
use types::{Did, utc};

/// Check what a receipt proves. Nothing is asked of anyone: the files and the market's key are enough.
#[derive(Args)]
pub(crate) struct Verify {
    /// A receipt, or two of one market.
    #[arg(required = true, num_args = 1..=2, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The market's key, as you know it; without it the key in the receipt is shown, and it is yours to compare.
    #[arg(long, value_name = "DID")]
    market: Option<Did>,
    /// Of two receipts: the proof that the earlier one's journal is the beginning of the later one's.
    #[arg(long, value_name = "FILE")]
    consistency: Option<PathBuf>,
}

impl Verify {
    pub(crate) fn run(self, output: &Output) -> Result<()> {
        let mut proven = Vec::new();
        for file in &self.files {
            let receipt: Receipt = read(file)?;
            let checked = receipt.verify(self.market);
            let checked = checked.with_context(|| format!("{} proves nothing", file.display()))?;
            proven.push((file.display().to_string(), receipt.inclusion.leaf, checked));
        }
        let between = self.between(&proven)?;
        let value = json!({
            "ok": true,
            "receipts": proven.iter().map(|(file, leaf, proven)| json!({
                "file": file, "document": proven.document, "typ": proven.typ, "signer": proven.signer,
                "command": proven.command, "at": proven.at, "entry": leaf, "head": proven.head,
            })).collect::<Vec<_>>(),
            "consistent": between.is_some(),
        });
        output.result(&value, || {
            let texts = proven
                .iter()
                .map(|(file, leaf, proven)| format!("{file}\n{}", self.words(*leaf, proven)));
            texts.chain(between).collect::<Vec<_>>().join("\n")
        });
        Ok(())
    }

    /// What the proof between two receipts says, where there is one.
    fn between(&self, proven: &[(String, u64, Proven)]) -> Result<Option<String>> {
        let heads: Vec<_> = proven.iter().map(|(_, _, proven)| &proven.head).collect();
        let Some(file) = &self.consistency else { return Ok(None) };
        let [one, other] = heads[..] else {
            bail!("a consistency proof is between two receipts; name both files");
        };
        if one.market != other.market {
            bail!(
                "the receipts are of {} and {}; two of one market are needed",
                one.market,
                other.market
            );
        }
        let (earlier, later) = if one.size <= other.size { (one, other) } else { (other, one) };
        let proof: ConsistencyProof = read(file)?;
        proof.verify(&earlier.tip(), &later.tip()).with_context(|| {
            format!("{} does not show that one journal continues the other", file.display())
        })?;
        Ok(Some(format!(
            "consistent: the journal of {} entries is the beginning of that of {}; nothing in it was changed since",
            earlier.size, later.size
        )))
    }

    /// What a receipt proves, in words.
    fn words(&self, leaf: u64, proven: &Proven) -> String {
        let Proven { document, typ, signer, command, at, head } = proven;
        let market = match self.market {
            Some(market) => format!("  by the market that you named, {market}"),
            None => format!(
                "  by {}; name it with --market once you know that it is your market's key",
                head.market
            ),
        };
        [
            format!("  proven: document {document}"),
            format!("  is a {typ} signed by {signer}"),
            format!("  and was taken as {command} at {}", utc::format(*at)),
            format!(
                "  in entry {leaf} of a journal of {} entries, whose root {}",
                head.size, head.root
            ),
            format!("  was signed at block {}, {}", head.block, utc::format(head.time)),
            market,
        ]
        .join("\n")
    }
}

fn read<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let place = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("{place} cannot be read"))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{place} is not what is needed here: a file that `bondstore receipt` or the market's API wrote"))
}
