//! `bondstore journal`: what happened, written out and replayed.

use crate::output::Output;
use crate::verify::blocks::Blocks;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use contracts_bitcoin::anchor::Trusted;
use contracts_bitcoin::beacon;
use market_server::Place;
use market_server::export::ExportReport;
use market_server::verify::Opened;
use serde_json::json;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use types::Did;

/// Where a market's database is.
#[derive(Args)]
pub(crate) struct PlaceArgs {
    /// The market's data directory.
    #[arg(long, default_value = "bondstore-market", value_name = "DIR")]
    data: PathBuf,
    /// The market's PostgreSQL database, where it has one.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

impl PlaceArgs {
    fn place(self) -> Place {
        self.database.map_or_else(|| Place::from(&self.data), Place::Postgres)
    }
}

#[derive(Subcommand)]
pub(crate) enum Journal {
    /// Write a market's journal into one file that anybody can verify. The market may be running meanwhile.
    Export {
        #[command(flatten)]
        place: PlaceArgs,
        /// The file; it must not exist yet.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Decide everything in a market's journal again, from its first block, and check every hash, signature,
    /// balance and score on the way.
    Verify {
        /// A file that `journal export` wrote.
        #[arg(conflicts_with_all = ["data", "database"])]
        file: Option<PathBuf>,
        #[command(flatten)]
        place: PlaceArgs,
        /// Whose journal it must be.
        #[arg(long, value_name = "DID")]
        market: Option<Did>,
        #[command(flatten)]
        blocks: Blocks,
    },
}

impl Journal {
    pub(crate) fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Export { place, out } => export(place.place(), &out, output),
            Self::Verify { file: Some(file), market, blocks, .. } => {
                verify_file(&file, market, &blocks, output)
            }
            Self::Verify { file: None, place, market, blocks } => {
                if blocks.trusted()?.is_some() {
                    bail!(
                        "blocks are checked in a journal that was written out: `bondstore journal export`, then verify the file"
                    );
                }
                verify_database(&place.place(), market, output)
            }
        }
    }
}

fn export(from: Place, out: &Path, output: &Output) -> Result<()> {
    let place = out.display();
    let file = File::create_new(out).with_context(|| format!("{place} cannot be made anew"))?;
    let head = market_server::export::export_journal(from, &file)
        .and_then(|head| file.sync_all().map(|()| head).map_err(Into::into));
    let head = match head {
        Ok(head) => head,
        Err(error) => {
            // Half a journal is none. That it is gone matters less than why.
            let _ = std::fs::remove_file(out);
            return Err(error.into());
        }
    };
    let value = json!({ "blocks": head.blocks, "head": head.hash, "file": out });
    output.result(&value, || {
        format!(
            "{} blocks in {place}; check them with `bondstore journal verify {place}`",
            head.blocks
        )
    });
    Ok(())
}

fn verify_file(path: &Path, market: Option<Did>, blocks: &Blocks, output: &Output) -> Result<()> {
    let place = path.display();
    let trusted = blocks.trusted()?;
    let file = File::open(path).with_context(|| format!("{place} cannot be read"))?;
    let report = market_server::export::verify_export(BufReader::new(file), market)?;
    let epochs = in_chain(&report, trusted.as_ref())?;
    let mut value = serde_json::to_value(&report)?;
    value["ok"] = true.into();
    value["epochs"] =
        json!({ "opened_by_blocks": report.opened.len(), "in_chain": trusted.is_some() });
    output.result(&value, || {
        let counted = report.counted;
        format!(
            "market {}\n{} blocks: {} commands decided again, with {} events and {} signed documents; every one holds\nhead {}\ntree root {}\nstate root {}{epochs}",
            report.market, report.blocks, counted.entries, counted.events, counted.documents, report.head,
            report.tree_root, report.state_root
        )
    });
    Ok(())
}

/// Whether the blocks that opened epochs are in the chain that is trusted; what is to be said of it.
fn in_chain(report: &ExportReport, trusted: Option<&Trusted>) -> Result<String> {
    let count = report.opened.len();
    let Some(network) = report.chain else {
        return Ok("\nits epochs were opened by its hash chain alone".to_owned());
    };
    let headers = match trusted {
        Some(Trusted::Headers(headers)) => headers,
        Some(Trusted::Block { .. }) => {
            bail!(
                "{count} epochs were opened by as many blocks; give --headers, which have them all"
            )
        }
        None => {
            return Ok(format!(
                "\n{count} epochs were opened by blocks, each the right one by the headers in the journal; give --headers to see whether your chain has them"
            ));
        }
    };
    let opened = report.opened.iter().map(|one| {
        let Opened { epoch, height, hash } = *one;
        beacon::Opened { epoch, height, hash }
    });
    beacon::check(&network, &opened.collect::<Vec<_>>(), headers)?;
    Ok(format!("\n{count} epochs were opened by blocks, and your headers have every one of them"))
}

fn verify_database(place: &Place, market: Option<Did>, output: &Output) -> Result<()> {
    if let Some(expected) = market {
        let found = market_server::genesis(place)?.market;
        if found != expected {
            bail!(
                "it is the journal of {found}, not of {expected}; name that market, or its database"
            );
        }
    }
    let report = market_server::verify_journal(place)?;
    let value = json!({
        "blocks": report.blocks, "entries": report.entries, "events": report.events,
        "documents": report.documents, "head": report.head, "replayed_head": report.replayed_head,
        "tree_root": report.tree_root, "state_root": report.replayed_root, "ok": report.is_sound(),
    });
    if !report.is_sound() {
        bail!("the journal's head is {}, replayed it is {}", report.head, report.replayed_head);
    }
    output.result(&value, || {
        format!(
            "{} blocks, {} events and {} documents replayed; every decision, hash and invariant holds\nhead {}\ntree root {}\nstate root {}",
            report.blocks, report.events, report.documents, report.head, report.tree_root, report.replayed_root
        )
    });
    Ok(())
}
