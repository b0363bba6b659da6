//! Cutting, coding, sealing, hashing and proving bytes.
//!
//! In reading order. [`compress`] judges whether compression pays, and does it. [`seal`] encrypts the
//! stream in 64 KiB chunks. [`shape`] says how a sealed stream is cut into segments of k + m shards, and
//! [`code`] computes the m from the k and back. [`hash`] names a shard by its BLAKE3 root. [`encode`] is
//! all of that in one pass, from plain bytes to shards and their [`layout`]; [`decode`] is the way back,
//! and [`rebuild`] makes one lost shard again.
//!
//! The other half is possession. [`slot`] commits to everything one provider holds of a contract,
//! [`outboard`] is what it keeps beside a shard to prove quickly, and [`prove`] draws an audit's picks,
//! answers them and judges the answers.
//!
//! Pure: no clock, no operating-system randomness, no files, no sockets. Keys are arguments, and bytes
//! come and go as slices.

pub mod code;
pub mod compress;
pub mod decode;
pub mod encode;
mod error;
pub mod hash;
pub mod layout;
pub mod outboard;
mod pool;
pub mod prove;
pub mod rebuild;
pub mod seal;
pub mod segment;
pub mod shape;
pub mod slot;

pub use code::{ErasureCode, ReedSolomon};
pub use decode::Decoder;
pub use encode::{Encoded, Encoder};
pub use error::Error;
pub use hash::{Root, RootHasher};
pub use layout::{ContractLayout, ObjectLayout, SegmentLayout, SegmentRef, Shard};
pub use prove::{Answer, Pick, ProofError};
pub use seal::{Cipher, ObjectKey};
pub use segment::Segment;
pub use shape::Shape;
pub use slot::{Entry, SlotList, SlotSummary};
