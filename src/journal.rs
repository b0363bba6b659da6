//! `bondstore journal`: what happened, replayed.

use crate::output::Output;
use anyhow::{Result, bail};
use clap::Subcommand;
use serde_json::json;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum Journal {
    /// Replay a market's journal from its first block, and check every hash, document and invariant.
    Verify {
        /// The market's data directory.
        #[arg(long, default_value = "bondstore-market", value_name = "DIR")]
        data: PathBuf,
    },
}

impl Journal {
    pub(crate) fn run(self, output: &Output) -> Result<()> {
        let Self::Verify { data } = self;
        let report = market_server::verify_journal(&data)?;
        let value = json!({
            "blocks": report.blocks, "events": report.events, "documents": report.documents,
            "head": report.head, "replayed_head": report.replayed_head, "state_root": report.replayed_root,
            "ok": report.is_sound(),
        });
        if !report.is_sound() {
            bail!("the journal's head is {}, replayed it is {}", report.head, report.replayed_head);
        }
        output.result(&value, || {
            format!(
                "{} blocks, {} events and {} documents replayed; every hash and invariant holds\nhead {}\nstate root {}",
                report.blocks, report.events, report.documents, report.head, report.replayed_root
            )
        });
        Ok(())
    }
}
