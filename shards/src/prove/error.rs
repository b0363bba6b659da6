//! What can be wrong with an answer to an audit.

use thiserror::Error;

/// Why an answer does not prove possession.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The provider says itself that it does not have the chunk.
    #[error("the provider does not have the chunk")]
    Missing,
    /// The pick is not of this slot.
    #[error("byte {offset} is beyond the slot's {bytes}")]
    BeyondSlot {
        /// Which byte was asked for.
        offset: u64,
        /// How many the slot has.
        bytes: u64,
    },
    /// The shard's number or its path does not fit a slot of so many shards.
    #[error("the answer's path does not lead from shard {place} to the root of {shards} shards")]
    SlotPath {
        /// The shard it names.
        place: u64,
        /// How many the slot has.
        shards: u64,
    },
    /// The shard's path leads to another root, or to another number of bytes.
    #[error("the answer's shard is not in the slot's list")]
    SlotRoot,
    /// The shard is in the slot, but the byte that was asked for is not in the shard.
    #[error(
        "byte {offset} was asked for; the answer's shard has bytes {start} to {end} of the slot"
    )]
    OtherShard {
        /// Which byte was asked for.
        offset: u64,
        /// The first of the shard.
        start: u64,
        /// The first behind the shard.
        end: u64,
    },
    /// The chunk is longer or shorter than it should be.
    #[error("the answer's chunk has {got} bytes, and would have to have {want}")]
    ChunkBytes {
        /// Its length.
        got: usize,
        /// The right length.
        want: usize,
    },
    /// The chunk's path is longer or shorter than a shard of this length has.
    #[error("the answer's path from chunk to shard does not fit the shard's length")]
    ChunkPath,
    /// The chunk and its path give another root than the shard's.
    #[error("the answer's chunk is not what was stored")]
    ChunkRoot,
    /// Bytes are not a list of answers.
    #[error("the answers cannot be read at byte {at}: {what}")]
    Malformed {
        /// Where reading stopped.
        at: usize,
        /// What was expected there.
        what: &'static str,
    },
}

impl ProofError {
    /// A stable name for the wire and for scripts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::BeyondSlot { .. } => "beyond_slot",
            Self::SlotPath { .. } => "slot_path",
            Self::SlotRoot => "slot_root",
            Self::OtherShard { .. } => "other_shard",
            Self::ChunkBytes { .. } => "chunk_bytes",
            Self::ChunkPath => "chunk_path",
            Self::ChunkRoot => "chunk_root",
            Self::Malformed { .. } => "malformed",
        }
    }
}
