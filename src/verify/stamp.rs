//! Timestamp proofs (`.ots`): checked by `bondstore verify`, and written from a receipt's anchor for other clients.

use super::{Checked, blocks::when};
use anyhow::{Context, Result, bail};
use bitcoin::BlockHash;
use bitcoin::hashes::{Hash as _, sha256};
use contracts_bitcoin::anchor::ots::{Existed, Ots};
use contracts_bitcoin::anchor::{AnchorProof, Statement, Trusted};
use serde::Serialize;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// What these files' names end with.
const ENDING: &str = "ots";

/// What a proof says of the file beside it.
#[derive(Serialize)]
pub(super) struct Stamped {
    file: String,
    sha256: String,
    height: u32,
    block: BlockHash,
    time: u32,
    /// Where the file states a journal: its text.
    statement: Option<String>,
}

/// Whether a file is such a proof, by its name.
pub(super) fn is_one(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == ENDING)
}

/// What a proof says of the file beside it.
pub(super) fn check(proof: &Path, trusted: Option<&Trusted>) -> Result<Stamped> {
    let shown = proof.display();
    let Some(Trusted::Headers(headers)) = trusted else {
        bail!("{shown} names a block by its height alone; give --headers that have it");
    };
    let file = proof.with_extension("");
    let [stamp, content] = [proof, &file].map(|file| {
        std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
    });
    let (stamp, content) = (stamp?, content?);
    let digest = sha256::Hash::hash(&content);
    let nothing = || format!("{shown} proves nothing of {}", file.display());
    let stamp = Ots::read(&stamp).with_context(nothing)?;
    let Existed { height, block, time } = stamp.verify(digest, headers).with_context(nothing)?;
    let statement = String::from_utf8(content).ok();
    let statement = statement.filter(|text| Statement::read(text).is_ok());
    let (file, sha256) = (file.display().to_string(), digest.to_string());
    Ok(Stamped { file, sha256, height, block, time, statement })
}

impl fmt::Display for Stamped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, sha256, height, block, time, statement } = self;
        writeln!(f, "{file}")?;
        writeln!(f, "  proven: SHA-256 {sha256} was known when block {height}, {block}, was made")?;
        write!(f, "  at {} by its miner's clock, an hour or two off at most", when(*time))?;
        match statement {
            Some(text) => write!(f, "\n  it states: {}", text.trim_end().replace('\n', "; ")),
            None => Ok(()),
        }
    }
}

/// Writes what was anchored with the only receipt's journal, and its proof beside it; says so.
pub(super) fn write(file: &Path, checked: &[Checked]) -> Result<String> {
    let [Checked { receipt, proven, .. }] = checked else {
        bail!("--statement is of one receipt; name one");
    };
    let anchor = receipt.anchor.as_ref();
    let anchor = anchor.context("the receipt has no anchor whose statement could be written")?;
    let proof = AnchorProof::try_from(anchor.proof.clone())?;
    let (market, entries, root) = (proven.head.market, anchor.size, anchor.root);
    let statement = Statement { market, entries, root };
    let stamp = Ots::of_journal(&statement, &proof)?.to_bytes();
    let beside = beside(file);
    for (file, bytes) in [(file, statement.text().as_bytes()), (&beside, stamp.as_slice())] {
        std::fs::write(file, bytes)
            .with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(format!("written: {}, and its OpenTimestamps proof, {}", file.display(), beside.display()))
}

/// `statement.txt` → `statement.txt.ots`.
fn beside(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".");
    name.push(ENDING);
    PathBuf::from(name)
}
