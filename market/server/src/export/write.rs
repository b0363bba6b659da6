//! Writing a journal out of a database.

use super::{DOCUMENT, ENTRY, End, Ending, Seal, Sealed, beginning};
use crate::error::OpenError;
use crate::journal::{Block, Head};
use crate::progress::Progress;
use crate::replay::{Evidence, read_genesis, replay};
use crate::store::{Place, Store};
use crate::verify::Documents;
use std::io::{BufWriter, Write};

/// Why a journal was not written out.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The market's database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file.
    #[error("the file cannot be written: {0}; check that there is room and that it may be written")]
    File(#[from] std::io::Error),
}

/// Writes the journal in a database to `out`; where the journal ends. The market may be running meanwhile: what
/// is written is one moment of it.
///
/// # Errors
/// [`ExportError`]; what was written by then is no journal, and fails verification.
pub fn export_journal(place: impl Into<Place>, out: impl Write) -> Result<Head, ExportError> {
    let store = Store::open_for_reading(&place.into())?;
    store.freeze()?;
    let (genesis, origin) = read_genesis(&store)?;
    // The whole chain is checked before anything is written.
    store.walk(origin, |_| Ok(()))?;
    let replayed = replay(&store, false, &Progress::default())?;
    let mut lines = Lines { out: BufWriter::new(out), failed: None };
    let (before, behind) = beginning(&genesis.market);
    lines.put(&[&before, &store.genesis()?, behind]);
    let mut evidence = Evidence::of(&store);
    store.walk(origin, |block| {
        let documents = evidence.of_block(block.seq)?;
        lines.block(block, &documents);
        Ok(())
    })?;
    let head = store.tree_head().map_err(OpenError::Database)?;
    lines.json(&Ending { end: End { head, state_root: replayed.market.root() } });
    lines.finish()?;
    Ok(replayed.head)
}

/// Lines on their way to the file, up to the first that cannot be written.
struct Lines<W: Write> {
    out: BufWriter<W>,
    failed: Option<std::io::Error>,
}

impl<W: Write> Lines<W> {
    fn put(&mut self, parts: &[&str]) {
        if self.failed.is_some() {
            return;
        }
        let written = parts.iter().try_for_each(|part| self.out.write_all(part.as_bytes()));
        self.failed = written.and_then(|()| self.out.write_all(b"\n")).err();
    }

    fn json(&mut self, line: &impl serde::Serialize) {
        let text = serde_json::to_string(line).expect("lines have only text as keys");
        self.put(&[&text]);
    }

    fn block(&mut self, block: &Block, documents: &Documents) {
        for document in documents.values() {
            self.put(&[DOCUMENT.0, &document.0, DOCUMENT.1]);
        }
        for text in block.texts() {
            self.put(&[ENTRY.0, text, ENTRY.1]);
        }
        self.json(&Seal { block: Sealed::of(block) });
    }

    fn finish(mut self) -> std::io::Result<()> {
        self.failed.map_or(Ok(()), Err)?;
        self.out.flush()
    }
}
