//! `bondstore verify`: checks receipts with nothing but the files, the market's key and, for anchors, Bitcoin's block headers.

pub(crate) mod blocks;
mod stamp;

use crate::output::Output;
use anyhow::{Context, Result, bail};
use blocks::Blocks;
use clap::Args;
use contracts_bitcoin::anchor::{Anchored, Trusted, receipt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use types::documents::Receipt;
use types::documents::evidence::Proven;
use types::tree::ConsistencyProof;
use types::{Did, utc};

/// Check what a receipt proves. Nothing is asked of anyone: the files, the market's key and block headers are enough.
#[derive(Args)]
pub(crate) struct Verify {
    /// A receipt, or two of one market; or a timestamp proof (.ots), with the file that it is of beside it.
    #[arg(required = true, num_args = 1..=2, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The market's key, as you know it; without it the key in the receipt is shown, and it is yours to compare.
    #[arg(long, value_name = "DID")]
    market: Option<Did>,
    /// Of two receipts: the proof that the earlier one's journal is the beginning of the later one's.
    #[arg(long, value_name = "FILE")]
    consistency: Option<PathBuf>,
    /// Of one receipt with an anchor: write what was anchored here, and its timestamp proof beside it (.ots).
    #[arg(long, value_name = "FILE")]
    statement: Option<PathBuf>,
    #[command(flatten)]
    blocks: Blocks,
}

/// What one receipt proves.
struct Checked {
    file: String,
    receipt: Receipt,
    proven: Proven,
    anchored: Option<Anchored>,
}

impl Verify {
    pub(crate) fn run(self, output: &Output) -> Result<()> {
        let trusted = self.blocks.trusted()?;
        let (stamps, receipts): (Vec<_>, Vec<_>) =
            self.files.iter().partition(|file| stamp::is_one(file));
        let stamps = stamps.into_iter().map(|file| stamp::check(file, trusted.as_ref()));
        let stamps = stamps.collect::<Result<Vec<_>>>()?;
        let checked = receipts.into_iter().map(|file| self.check(file, trusted.as_ref()));
        let checked = checked.collect::<Result<Vec<_>>>()?;
        let between = self.between(&checked)?;
        let written = self.statement.as_deref().map(|file| stamp::write(file, &checked));
        let written = written.transpose()?;
        let value = json!({
            "ok": true,
            "receipts": checked.iter().map(Checked::value).collect::<Vec<_>>(),
            "stamps": stamps,
            "consistent": between.is_some(),
        });
        output.result(&value, || {
            let receipts = checked.iter().map(|checked| self.words(checked));
            let texts = receipts.chain(stamps.iter().map(ToString::to_string));
            texts.chain(between).chain(written).collect::<Vec<_>>().join("\n")
        });
        Ok(())
    }

    fn check(&self, file: &Path, trusted: Option<&Trusted>) -> Result<Checked> {
        let receipt: Receipt = read(file)?;
        let nothing = || format!("{} proves nothing", file.display());
        let proven = receipt.verify(self.market).with_context(nothing)?;
        let anchored = trusted
            .map(|trusted| receipt::verify(receipt.anchor.as_ref(), &proven.head, trusted))
            .transpose()
            .with_context(|| format!("{} proves no anchor", file.display()))?;
        Ok(Checked { file: file.display().to_string(), receipt, proven, anchored })
    }

    /// What the proof between two receipts says, where there is one.
    fn between(&self, checked: &[Checked]) -> Result<Option<String>> {
        let heads: Vec<_> = checked.iter().map(|checked| &checked.proven.head).collect();
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
    fn words(&self, checked: &Checked) -> String {
        let Proven { document, typ, signer, command, at, head } = &checked.proven;
        let leaf = checked.receipt.inclusion.leaf;
        let market = match self.market {
            Some(market) => format!("  by the market that you named, {market}"),
            None => format!(
                "  by {}; name it with --market once you know that it is your market's key",
                head.market
            ),
        };
        [
            checked.file.clone(),
            format!("  proven: document {document}"),
            format!("  is a {typ} signed by {signer}"),
            format!("  and was taken as {command} at {}", utc::format(*at)),
            format!(
                "  in entry {leaf} of a journal of {} entries, whose root {}",
                head.size, head.root
            ),
            format!("  was signed at block {}, {}", head.block, utc::format(head.time)),
            market,
            checked.anchor_words(),
        ]
        .join("\n")
    }
}

impl Checked {
    fn value(&self) -> Value {
        let Self { file, receipt, proven, anchored } = self;
        json!({
            "file": file, "document": proven.document, "typ": proven.typ, "signer": proven.signer,
            "command": proven.command, "at": proven.at, "entry": receipt.inclusion.leaf, "head": proven.head,
            "anchored": anchored,
        })
    }

    /// What is known of its anchor.
    fn anchor_words(&self) -> String {
        match (&self.anchored, &self.receipt.anchor) {
            (Some(anchored), _) => blocks::words(anchored),
            (None, Some(anchor)) => format!(
                "  not checked: its anchor in block {} of {}; give --headers or --block for that",
                anchor.proof.height, anchor.proof.network
            ),
            (None, None) => "  not anchored in Bitcoin, or not when it was written".into(),
        }
    }
}

fn read<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let place = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("{place} cannot be read"))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{place} is not what is needed here: a file that `bondstore receipt` or the market's API wrote"))
}
