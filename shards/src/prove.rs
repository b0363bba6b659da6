//! Audits: which chunks are asked for, how a provider answers, how the answer is judged.
//!
//! [`picks`] draws byte offsets of a slot, each standing for the 1 KiB chunk it lies in. The provider
//! [`Need::of`] each pick learns which 16 KiB to read, and [`Need::answer`] makes the proof: the chunk,
//! its path to the shard's root, and the shard's path to the slot's root. [`verify`] needs the
//! [`SlotSummary`](crate::SlotSummary) alone. [`encode`] and [`decode`] carry answers over the wire.

mod answer;
mod chunk;
mod error;
mod pick;
mod verify;
mod wire;

pub use answer::{Answer, Need, Proof, ReadShard, answer};
pub use chunk::CHUNK_BYTES;
pub use error::ProofError;
pub use pick::{Pick, picks};
pub use verify::verify;
pub use wire::{ANSWERS_MAX, decode, decode_first, encode};
