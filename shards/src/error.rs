//! What can be wrong with bytes on their way to shards and back.

use crate::hash::Root;
use std::{fmt, io};
use thiserror::Error;

/// Why bytes could not be cut, opened, decoded or rebuilt.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// k is out of range.
    #[error("{got} data shards are not possible: choose 1 to {max}")]
    DataShards {
        /// What was asked for.
        got: u16,
        /// The most there can be.
        max: u16,
    },
    /// m is out of range.
    #[error("{got} parity shards are not possible: choose 1 to {max}")]
    ParityShards {
        /// What was asked for.
        got: u16,
        /// The most there can be.
        max: u16,
    },
    /// The size of a shard is out of range.
    #[error("shards of {got} bytes are not possible: choose {min} to {max}, a multiple of {step}")]
    ShardBytes {
        /// What was asked for.
        got: u32,
        /// The smallest.
        min: u32,
        /// The largest.
        max: u32,
        /// What the size must be a multiple of.
        step: u32,
    },
    /// An erasure code was handed another number of shards than it works on.
    #[error("{got} shards were given where the code works on {want}")]
    ShardCount {
        /// How many came.
        got: usize,
        /// How many there must be.
        want: usize,
    },
    /// A shard is longer or shorter than its segment's shards are.
    #[error("shard {index} has {got} bytes; the shards of its segment have {want}")]
    ShardLength {
        /// Which shard.
        index: usize,
        /// Its length.
        got: usize,
        /// The right length.
        want: usize,
    },
    /// An erasure code was handed fewer shards than it takes.
    #[error("{have} shards cannot be rebuilt from: it takes {need}")]
    CannotRebuild {
        /// How many came.
        have: usize,
        /// How many it takes.
        need: usize,
    },
    /// There is no shard of that number.
    #[error("there is no shard {index}: they are numbered 0 to {last}")]
    NoSuchShard {
        /// Which was asked for.
        index: usize,
        /// The last there is.
        last: usize,
    },
    /// There is no segment of that number.
    #[error("there is no segment {segment}: the object has {segments}, numbered from 0")]
    NoSuchSegment {
        /// Which was asked for.
        segment: u64,
        /// How many there are.
        segments: u64,
    },
    /// There is no slot of that number.
    #[error("there is no slot {slot}: the contract has {slots}, numbered from 0")]
    NoSuchSlot {
        /// Which was asked for.
        slot: u16,
        /// How many there are.
        slots: u16,
    },
    /// A shard came where one of another segment, or of another object, belongs.
    #[error("shard {index} of segment {got} came where the shards of segment {want} belong")]
    ForeignShard {
        /// Which shard.
        index: u16,
        /// The segment it was verified for.
        got: u64,
        /// The segment that is being decoded.
        want: u64,
    },
    /// A shard's bytes are not those its root names.
    #[error(
        "shard {index} of segment {segment} is not what was stored: its root is {got}, not {want}"
    )]
    WrongShard {
        /// Which segment.
        segment: u64,
        /// Which shard.
        index: u16,
        /// The root of what came.
        got: Root,
        /// The root it must have.
        want: Root,
    },
    /// Fewer than k shards of a segment are there.
    #[error(
        "segment {segment} needs {need} of its shards and {have} are there; missing: {missing}"
    )]
    TooFewShards {
        /// Which segment.
        segment: u64,
        /// How many are there.
        have: usize,
        /// How many it takes.
        need: usize,
        /// Those that are not there.
        missing: Indices,
    },
    /// A sealed chunk does not authenticate.
    #[error(
        "sealed chunk {chunk} does not open: the key is another object's, or the bytes were altered, \
         reordered or cut short"
    )]
    Tampered {
        /// Which chunk, counted from 0.
        chunk: u64,
    },
    /// A sealed stream goes on after its last chunk.
    #[error("the sealed stream goes on after its {want} bytes")]
    SealedTooLong {
        /// Its declared length.
        want: u64,
    },
    /// What was opened is not a zstd stream.
    #[error("the opened bytes do not decompress: {0}")]
    Compression(String),
    /// Decompression gives more than was declared.
    #[error("the object holds more than the {want} bytes its layout declares")]
    PlainTooLong {
        /// The declared length.
        want: u64,
    },
    /// The object ended early.
    #[error("the object ended after {got} of the {want} bytes its layout declares")]
    PlainTooShort {
        /// What came.
        got: u64,
        /// The declared length.
        want: u64,
    },
    /// Who takes the plain bytes refused them.
    #[error("the decoded bytes cannot be written: {text}")]
    Output {
        /// Of what kind the refusal is.
        kind: io::ErrorKind,
        /// The reason.
        text: String,
    },
    /// A layout contradicts itself.
    #[error("the layout is not valid: {what} is {got}, and would have to be {want}")]
    Layout {
        /// Which figure.
        what: &'static str,
        /// What it says.
        got: u64,
        /// What it would have to say.
        want: u64,
    },
    /// Bytes are not a contract's layout.
    #[error("the layout cannot be read at byte {at}: {what} belongs there")]
    LayoutBytes {
        /// Where reading stopped.
        at: usize,
        /// What was expected there.
        what: &'static str,
    },
    /// A contract has more segments than a layout can name.
    #[error(
        "the layout takes {got} bytes, and {max} are allowed: use another contract, or larger shards"
    )]
    LayoutTooLong {
        /// Its length.
        got: usize,
        /// The most there can be.
        max: usize,
    },
}

impl Error {
    /// A stable name for the wire and for scripts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DataShards { .. } => "data_shards",
            Self::ParityShards { .. } => "parity_shards",
            Self::ShardBytes { .. } => "shard_bytes",
            Self::ShardCount { .. } => "shard_count",
            Self::ShardLength { .. } => "shard_length",
            Self::CannotRebuild { .. } => "cannot_rebuild",
            Self::NoSuchShard { .. } => "no_such_shard",
            Self::NoSuchSegment { .. } => "no_such_segment",
            Self::NoSuchSlot { .. } => "no_such_slot",
            Self::ForeignShard { .. } => "foreign_shard",
            Self::WrongShard { .. } => "wrong_shard",
            Self::TooFewShards { .. } => "too_few_shards",
            Self::Tampered { .. } => "tampered",
            Self::SealedTooLong { .. } => "sealed_too_long",
            Self::Compression(_) => "compression",
            Self::PlainTooLong { .. } => "plain_too_long",
            Self::PlainTooShort { .. } => "plain_too_short",
            Self::Output { .. } => "output",
            Self::Layout { .. } => "layout",
            Self::LayoutBytes { .. } => "layout_bytes",
            Self::LayoutTooLong { .. } => "layout_too_long",
        }
    }
}

/// Numbers of shards, printed as a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indices(pub Vec<u16>);

impl fmt::Display for Indices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, index) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{index}")?;
        }
        Ok(())
    }
}
