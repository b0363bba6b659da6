//! Why a market cannot be founded, opened or verified.

use crate::store::{Place, StoreError};
use std::path::PathBuf;

/// A market's data directory that cannot be used. Nothing in it has been changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no market in the directory.
    #[error(
        "there is no market in {0}; found one with `bondstore market run {option} {0}`, or name another place", option = .0.option()
    )]
    NotFounded(Place),
    /// There is one already.
    #[error("there is a market in {0} already; name an empty place to found another")]
    AlreadyFounded(Place),
    /// Another process runs it.
    #[error("another process runs the market in {0}; stop it first, or name another directory")]
    InUse(PathBuf),
    /// The directory cannot be read or written.
    #[error("{path}: {source}; check that the directory exists and may be written")]
    Directory {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The database file is damaged, or is none.
    #[error(
        "the database {path} is corrupted: {reason}; nothing was changed, restore it from a copy"
    )]
    CorruptDatabase {
        /// Which.
        path: String,
        /// What was found.
        reason: String,
    },
    /// It was written by another version.
    #[error(
        "the database has schema {found}, this program starts on schema {expected}; {}",
        if found > expected { "run a newer program" }
        else { "run `bondstore market migrate` first: older programs that run go on reading, and write no more" }
    )]
    Schema {
        /// The database's.
        found: u64,
        /// This program's.
        expected: u64,
    },
    /// A block is not as it was sealed.
    #[error(
        "journal block {block} is corrupted: {reason}; nothing was changed, restore the journal from a copy"
    )]
    CorruptBlock {
        /// Which.
        block: u64,
        /// What was found.
        reason: String,
    },
    /// A snapshot is not the state that its block left.
    #[error(
        "the snapshot at block {block} is corrupted: {reason}; nothing was changed, start with a full check to do without it"
    )]
    CorruptSnapshot {
        /// At which block.
        block: u64,
        /// What was found.
        reason: String,
    },
    /// An invariant does not hold in the state that the journal gives.
    #[error(
        "the journal's state breaks a rule: {0}; nothing was changed, and the market does not start on it"
    )]
    Breach(String),
    /// The key is not the one the market was founded with.
    #[error(
        "the key in the directory is {found}, the market was founded by {expected}; restore its key.json"
    )]
    OtherKey {
        /// The key's.
        found: types::Did,
        /// The genesis's.
        expected: types::Did,
    },
    /// The clock shows an earlier time than the journal's newest block.
    #[error(
        "this machine's clock is {by} behind the journal's newest block; set the clock right, then start again"
    )]
    ClockBehind {
        /// How far.
        by: types::Span,
    },
    /// The database refuses.
    #[error("the database cannot be used: {0}")]
    Database(#[from] StoreError),
}

/// What a verified journal that does not hold means for a database.
impl From<crate::verify::VerifyError> for OpenError {
    fn from(error: crate::verify::VerifyError) -> Self {
        use crate::verify::VerifyError;
        match error {
            VerifyError::Genesis(reason) => Self::CorruptBlock { block: 0, reason },
            VerifyError::Block { block, reason } | VerifyError::End { block, reason } => {
                Self::CorruptBlock { block, reason }
            }
        }
    }
}
