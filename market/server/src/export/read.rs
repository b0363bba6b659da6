//! Verifying a journal that was written out, with nothing else at hand.

use super::{DOCUMENT, ENTRY, Ending, Seal, beginning};
use crate::journal;
use crate::verify::{Counted, Documents, Opened, Verifier, VerifyError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::io::BufRead;
use types::documents::evidence::EntryNames;
use types::{Did, Hash, Signed};

/// The longest line that is read.
const LINE_BYTES_MAX: u64 = 256 << 20;

/// What a line begins with that seals a block, and the last one.
const SEAL: &str = "{\"block\":";
const END: &str = "{\"end\":";

/// What was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportReport {
    /// Whose journal it is.
    pub market: Did,
    /// How many blocks.
    pub blocks: u64,
    /// How much they hold.
    #[serde(flatten)]
    pub counted: Counted,
    /// The newest block's hash.
    pub head: Hash,
    /// The Merkle root over every entry, which the market signed.
    pub tree_root: Hash,
    /// The root of the state that the journal gives: every balance, score and contract.
    pub state_root: Hash,
    /// The first block of the chain whose blocks opened its epochs; nothing in a market without a chain.
    pub chain: Option<Hash>,
    /// Those blocks.
    #[serde(skip)]
    pub opened: Vec<Opened>,
}

/// Reads a journal from `file` and verifies all of it; `market` says whose it must be.
///
/// Memory grows with the market's state and one block, not with the journal.
///
/// # Errors
/// [`VerifyError`] names the block that does not hold, block 0 where that is the beginning, or the end.
pub fn verify_export(file: impl BufRead, market: Option<Did>) -> Result<ExportReport, VerifyError> {
    let mut lines = Lines { file, number: 0, joined: false };
    let mut verifier = begin(&mut lines, market)?;
    let mut block = Pending::default();
    let root = loop {
        let at = verifier.head().blocks + 1;
        let broken = |reason| VerifyError::Block { block: at, reason };
        let line = match lines.next() {
            Ok(Some(line)) => line,
            Ok(None) => {
                let reason = format!("the file ends before line {}, without an end", lines.number);
                return Err(lines.blame(at, &block, reason));
            }
            Err(reason) => return Err(lines.blame(at, &block, reason)),
        };
        if let Some(document) = within(&line, DOCUMENT).filter(|_| block.entries.is_empty()) {
            block.documents.push(Signed(document.to_owned()));
        } else if let Some(entry) = within(&line, ENTRY) {
            block.entries.push(entry.to_owned());
        } else if line.starts_with(SEAL) {
            let Seal { block: sealed } = exact(&line, lines.number).map_err(broken)?;
            let (entries, documents) = std::mem::take(&mut block).taken().map_err(broken)?;
            verifier.block(&sealed.with(entries), &documents)?;
        } else if line.starts_with(END) {
            break end(&verifier, &block, &line, lines.number)?;
        } else {
            let reason = lines.unknown(&line);
            return Err(lines.blame(at, &block, reason));
        }
    };
    let reason = |reason| VerifyError::End { block: verifier.head().blocks, reason };
    if lines.next().map_err(reason)?.is_some() {
        return Err(reason(format!("line {} is behind the end", lines.number)));
    }
    Ok(ExportReport {
        market: verifier.market().genesis().market,
        blocks: verifier.head().blocks,
        counted: verifier.counted(),
        head: verifier.head().hash,
        tree_root: verifier.tree().tip().root,
        state_root: root,
        chain: verifier.market().genesis().chain.map(|rule| rule.network),
        opened: verifier.opened().to_vec(),
    })
}

/// Reads the first line.
fn begin<R: BufRead>(lines: &mut Lines<R>, market: Option<Did>) -> Result<Verifier, VerifyError> {
    let wrong = VerifyError::Genesis;
    let line = lines.next().map_err(wrong)?.ok_or_else(|| wrong("the file is empty".into()))?;
    let genesis = line.split_once("\"genesis\":").map(|(_, rest)| rest);
    let genesis = genesis.and_then(|rest| rest.strip_suffix("}}"));
    let genesis =
        genesis.ok_or_else(|| wrong(format!("line 1 is no journal's: {}", shown(&line))))?;
    let verifier = Verifier::new(genesis)?;
    let founder = verifier.market().genesis().market;
    let (before, behind) = beginning(&founder);
    if line.strip_prefix(&before).and_then(|rest| rest.strip_suffix(behind)) != Some(genesis) {
        return Err(wrong(format!("line 1 does not begin with {before}")));
    }
    match market {
        Some(expected) if expected != founder => Err(wrong(format!(
            "it is the journal of {founder}, not of {expected}; name that market, or take its journal"
        ))),
        _ => Ok(verifier),
    }
}

/// Checks the last line; the state's root.
fn end(verifier: &Verifier, block: &Pending, line: &str, number: u64) -> Result<Hash, VerifyError> {
    let wrong = |reason| VerifyError::End { block: verifier.head().blocks, reason };
    let Ending { end } = exact(line, number).map_err(wrong)?;
    if !block.is_empty() {
        let reason = format!("line {number} ends the journal before the block is sealed");
        return Err(VerifyError::Block { block: verifier.head().blocks + 1, reason });
    }
    let root = verifier.finish(end.head.as_ref())?;
    if root != end.state_root {
        let reason = format!("the journal gives state root {root}, it says {}", end.state_root);
        return Err(wrong(reason));
    }
    Ok(root)
}

/// What has been read of a block that is not sealed yet.
#[derive(Default)]
struct Pending {
    documents: Vec<Signed>,
    entries: Vec<String>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.documents.is_empty() && self.entries.is_empty()
    }

    /// The block's entries and documents: exactly those that the entries name, by rising name.
    fn taken(self) -> Result<(String, Documents), String> {
        let mut named = Vec::new();
        for entry in &self.entries {
            let entry = EntryNames::read(entry).map_err(|error| error.to_string())?;
            named.extend(entry.documents());
        }
        named.sort_unstable();
        named.dedup();
        let there: Vec<Hash> = self.documents.iter().map(Signed::id).collect();
        let found: BTreeSet<&Hash> = there.iter().collect();
        if let Some(missing) = named.iter().find(|id| !found.contains(id)) {
            return Err(format!("document {missing}, on which it rests, is missing or changed"));
        }
        if there != named {
            return Err(
                "it has documents that none of its entries names, or not by rising name".into()
            );
        }
        let entries = journal::join(self.entries.iter().map(String::as_str));
        Ok((entries, there.into_iter().zip(self.documents).collect()))
    }
}

/// The text between what a line begins and ends with.
fn within<'a>(line: &'a str, (before, behind): (&str, &str)) -> Option<&'a str> {
    line.strip_prefix(before)?.strip_suffix(behind)
}

/// A line that is written exactly as it is written by this program.
fn exact<T: Serialize + DeserializeOwned>(line: &str, number: u64) -> Result<T, String> {
    let read: T = serde_json::from_str(line)
        .map_err(|error| format!("line {number} cannot be read: {error}"))?;
    if serde_json::to_string(&read).ok().as_deref() == Some(line) {
        return Ok(read);
    }
    Err(format!("line {number} is not written as a journal's lines are"))
}

/// The start of a line, for people.
fn shown(line: &str) -> String {
    format!("{:?}", line.chars().take(40).collect::<String>())
}

/// Whether a seal is anywhere in a line.
fn holds_seal(line: &[u8]) -> bool {
    line.windows(SEAL.len()).any(|part| part == SEAL.as_bytes())
}

struct Lines<R> {
    file: R,
    number: u64,
    /// Whether the line that is blamed has a seal inside: what ended the line before that is gone.
    joined: bool,
}

impl<R: BufRead> Lines<R> {
    /// The next line without its end, if there is one.
    fn next(&mut self) -> Result<Option<String>, String> {
        let Some(line) = self.bytes()? else { return Ok(None) };
        let number = self.number;
        String::from_utf8(line).map(Some).map_err(|error| {
            self.joined = holds_seal(error.as_bytes());
            format!("line {number} is not text")
        })
    }

    fn bytes(&mut self) -> Result<Option<Vec<u8>>, String> {
        use std::io::Read;
        self.number += 1;
        let number = self.number;
        let mut line = Vec::new();
        let read = (&mut self.file).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        read.map_err(|error| format!("line {number} cannot be read: {error}"))?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.pop() != Some(b'\n') {
            return Err(format!("line {number} does not end; the file is cut off"));
        }
        Ok(Some(line))
    }

    /// What is wrong with a line that says of itself neither that it is a block's nor that it is the end: it belongs to
    /// block `at` where that has begun or is sealed further on, else to the end.
    fn blame(&mut self, at: u64, begun: &Pending, reason: String) -> VerifyError {
        if !begun.is_empty() || self.joined || self.has_seal() {
            return VerifyError::Block { block: at, reason };
        }
        VerifyError::End { block: at - 1, reason }
    }

    /// Whether any line that is left seals a block.
    fn has_seal(&mut self) -> bool {
        while let Ok(Some(line)) = self.bytes() {
            if line.starts_with(SEAL.as_bytes()) {
                return true;
            }
        }
        false
    }

    fn unknown(&mut self, line: &str) -> String {
        self.joined = holds_seal(line.as_bytes());
        format!("line {} is none of a journal's: {}", self.number, shown(line))
    }
}
