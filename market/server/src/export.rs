//! A journal as one file, for whoever wants to check a market without asking it.
//!
//! One JSON object to a line, each exactly as this module writes it: the journal's beginning, then for every block
//! the documents its entries name (by rising name), its entries, and its seal; at the end the market's signed
//! tree head and the root of the state. `docs/evidence.md` describes every field.

mod read;
mod write;

pub use read::{ExportReport, verify_export};
pub use write::{ExportError, export_journal};

use crate::journal::Block;
use serde::{Deserialize, Serialize};
use types::tree::Tip;
use types::{Did, Hash, Signed, Timestamp};

/// The version of the format.
pub const FORMAT: u32 = 1;

/// What the lines begin and end with, around text that is kept byte for byte.
const DOCUMENT: (&str, &str) = ("{\"document\":\"", "\"}");
const ENTRY: (&str, &str) = ("{\"entry\":", "}");

/// The first line, around the genesis: its version and its market.
fn beginning(market: &Did) -> (String, &'static str) {
    (format!("{{\"journal\":{{\"format\":{FORMAT},\"market\":\"{market}\",\"genesis\":"), "}}")
}

/// The line behind a block's entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    block: Sealed,
}

/// A block but for its entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    seq: u64,
    time: Timestamp,
    term: u64,
    tree: Tip,
    prev: Hash,
    hash: Hash,
}

impl Sealed {
    fn of(block: &Block) -> Self {
        let Block { seq, time, term, tree, prev, hash, .. } = *block;
        Self { seq, time, term, tree, prev, hash }
    }

    fn with(self, entries: String) -> Block {
        let Self { seq, time, term, tree, prev, hash } = self;
        Block { seq, time, term, entries, tree, prev, hash }
    }
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ending {
    end: End,
}

/// What the market says that it has come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    /// The signed tree head; nothing before the first block.
    head: Option<Signed>,
    /// The root of the state.
    state_root: Hash,
}
