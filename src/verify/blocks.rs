//! Which blocks `bondstore verify` takes for true, and what an anchor in one of them says.

use anyhow::{Context, Result};
use bitcoin::{BlockHash, Network};
use clap::Args;
use contracts_bitcoin::anchor::{Anchored, Headers, Trusted};
use std::path::PathBuf;
use types::{Timestamp, utc};

/// Whose blocks.
#[derive(Args)]
pub(crate) struct Blocks {
    /// Block headers that you trust, 80 bytes each, one after the other: from your own node, best from the first block on.
    #[arg(long, value_name = "FILE")]
    headers: Option<PathBuf>,
    /// The height of the first of them.
    #[arg(long, value_name = "HEIGHT", default_value_t = 0, requires = "headers")]
    headers_from: u32,
    /// Instead of headers: the name of the one block that you trust.
    #[arg(long, value_name = "HASH", conflicts_with = "headers")]
    block: Option<BlockHash>,
    /// Whose blocks: bitcoin, testnet, testnet4, signet or regtest. Only bitcoin's are dear to make.
    #[arg(long, value_name = "NAME", default_value_t = Network::Bitcoin)]
    network: Network,
}

impl Blocks {
    /// What is trusted, where anything is.
    pub(crate) fn trusted(&self) -> Result<Option<Trusted>> {
        let network = self.network;
        let Some(file) = &self.headers else {
            return Ok(self.block.map(|hash| Trusted::Block { hash, network }));
        };
        let place = file.display();
        let bytes = std::fs::read(file).with_context(|| format!("{place} cannot be read"))?;
        let headers = Headers::read(&bytes, self.headers_from, network);
        let headers = headers.with_context(|| format!("{place} has no chain of {network}"))?;
        Ok(Some(Trusted::Headers(headers)))
    }
}

/// What an anchor says, in words.
pub(super) fn words(anchored: &Anchored) -> String {
    let Anchored { network, block, height, time, transaction, confirmations } = anchored;
    let depth = confirmations.map_or_else(
        || "the one that you named".into(),
        |depth| format!("which has {depth} from itself on in your headers"),
    );
    [
        format!(
            "  anchored: that journal, or one that continues it, is in transaction {transaction}"
        ),
        format!("  of block {height} of {network}, {block}, {depth}"),
        format!("  made at {} by its miner's clock, an hour or two off at most", when(*time)),
    ]
    .join("\n")
}

/// A block's time, in UTC.
pub(super) fn when(seconds: u32) -> String {
    utc::format(Timestamp(i64::from(seconds) * 1_000_000))
}
