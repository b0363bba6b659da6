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
//!
//! # The way of an object
//!
//! A client stores it: [`compress::pays`] on the first 64 KiB, then [`Encoder::push`] for each piece that
//! was read and [`Encoder::finish`]; either gives [`Segment`]s, whose shard i goes to slot i. The object's
//! [`ObjectLayout`] goes into the catalogue, its segments into the [`ContractLayout`], whose
//! [`hash`](ContractLayout::hash) and [`slot_summary`](ContractLayout::slot_summary) go into the revision.
//!
//! ```
//! use shards::{Cipher, ContractLayout, Decoder, Encoder, ObjectKey, Shape, compress};
//!
//! let object = b"every promise is bonded. ".repeat(1_000);
//! let key = ObjectKey::new([7; 32]); // 32 fresh random bytes, in earnest
//! let pays = compress::pays(&object);
//! let mut encoder = Encoder::new(Shape::default(), Cipher::for_this_cpu(), &key, pays)?;
//! let mut segments = Vec::new();
//! for piece in object.chunks(4_096) {
//!     segments.extend(encoder.push(piece)?);
//! }
//! let end = encoder.finish()?;
//! segments.extend(end.segments);
//! let mut contract = ContractLayout::default();
//! let place = contract.append(end.layout.segments.iter().cloned())?;
//! assert_eq!((place, contract.slots()), (0..1, Some(6)));
//!
//! // The client fetches it: any four shards of each segment, each verified against its root.
//! let mut decoder = Decoder::new(end.layout, &key)?;
//! let mut plain = Vec::new();
//! while let Some(next) = decoder.next_segment() {
//!     let stored = &segments[usize::try_from(next)?];
//!     let segment = decoder.layout().segment(next)?;
//!     let shards = [1, 3, 4, 5].map(|i| segment.verify_shard(i, stored.shards[usize::from(i)].clone()));
//!     let shards = shards.into_iter().collect::<Result<Vec<_>, _>>()?;
//!     decoder.push(&shards, &mut plain)?;
//! }
//! decoder.finish()?;
//! assert_eq!(plain, object);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Decoder::starting_at`] and [`Decoder::of_range`] read a part. A decoder writes to whatever takes
//! bytes ([`std::io::Write`]): a file, not a vector, where memory must stay small. A provider that takes
//! a lost slot over decodes the [`ContractLayout`], verifies k other shards of each segment and calls
//! [`SegmentRef::rebuild_shard`].
//!
//! # The way of an audit
//!
//! A provider keeps each shard with its outboard, and of each slot the [`SlotList`]. The market draws picks
//! from a seed; the provider answers them; the market judges by the slot's [`SlotSummary`] alone.
//!
//! ```
//! use shards::{Entry, SlotList, outboard, prove};
//!
//! let shard = bytes::Bytes::from(vec![5; 100_000]);
//! let (root, outboard) = outboard::of(&shard);
//! let slot = SlotList::new(vec![Entry { root, bytes: 100_000 }]);
//! let summary = slot.summary();
//!
//! for pick in prove::picks([9; 32], &summary, 10) {
//!     let need = prove::Need::of(pick, &slot).ok_or("no such byte")?;
//!     let (start, end) = (need.start as usize, (need.start + need.len) as usize);
//!     let answer = need.answer(&slot, &shard.slice(start..end), &outboard);
//!     let received = prove::decode(&prove::encode(&[answer]))?;
//!     prove::verify(pick, &summary, &received[0])?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![expect(
    clippy::missing_panics_doc,
    reason = "an `expect` here says why it cannot fail; what can panic has its section"
)]

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
