//! How an object was cut, and the root of every shard: what a client keeps of it besides its key. The
//! segments of all objects of a contract together are the contract's layout.

mod contract;

pub use contract::{ContractLayout, LAYOUT_BYTES_MAX};

use crate::error::Error;
use crate::hash::Root;
use crate::seal::{Cipher, TAG_BYTES, sealed_len};
use crate::shape::Shape;
use crate::slot::Entry;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One stored object. With its key, and any k shards of each segment, it can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectLayout {
    /// The object's length, in bytes.
    pub plain_bytes: u64,
    /// The length of the sealed stream that was cut, in bytes, without padding and parity.
    pub stored_bytes: u64,
    /// Whether it was compressed before it was sealed.
    pub compressed: bool,
    /// What sealed it.
    pub cipher: Cipher,
    /// How it was cut.
    pub shape: Shape,
    /// Its segments, in order; at least one.
    pub segments: Vec<SegmentLayout>,
}

/// One segment of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentLayout {
    /// The length of each of its shards, in bytes.
    pub shard_bytes: u32,
    /// The roots of its k + m shards; shard i is in slot i.
    pub roots: Vec<Root>,
}

impl ObjectLayout {
    /// Whether the figures agree with each other. What was deserialised has not been checked.
    ///
    /// # Errors
    /// Names the first figure that does not fit the others.
    pub fn check(&self) -> Result<(), Error> {
        let shape = self.shape.check()?;
        agree(
            "the number of segments",
            self.segments.len() as u64,
            shape.segments(self.stored_bytes),
        )?;
        if self.compressed {
            let want = self.stored_bytes.max(TAG_BYTES as u64);
            agree("the stored length", self.stored_bytes, want)?;
        } else {
            agree("the stored length", self.stored_bytes, sealed_len(self.plain_bytes))?;
        }
        for (index, segment) in (0..).zip(&self.segments) {
            let used = shape.used_bytes(self.stored_bytes, index);
            let bytes = shape.shard_bytes_for(used);
            agree("the length of a shard", segment.shard_bytes.into(), bytes.into())?;
            agree("the number of roots", segment.roots.len() as u64, shape.shards().into())?;
        }
        Ok(())
    }

    /// Segment number `index`.
    ///
    /// # Errors
    /// [`Error::NoSuchSegment`].
    pub fn segment(&self, index: u64) -> Result<SegmentRef<'_>, Error> {
        let segments = self.segments.len() as u64;
        usize::try_from(index)
            .ok()
            .and_then(|at| self.segments.get(at))
            .map(|layout| SegmentRef { shape: self.shape, index, layout })
            .ok_or(Error::NoSuchSegment { segment: index, segments })
    }

    /// What slot `slot` holds of this object, in order: shard `slot` of every segment.
    pub fn slot_entries(&self, slot: u16) -> impl Iterator<Item = Entry> + '_ {
        self.segments.iter().filter_map(move |segment| {
            let root = *segment.roots.get(usize::from(slot))?;
            Some(Entry { root, bytes: segment.shard_bytes })
        })
    }
}

fn agree(what: &'static str, got: u64, want: u64) -> Result<(), Error> {
    if got == want { Ok(()) } else { Err(Error::Layout { what, got, want }) }
}

/// A segment with what it takes to check, decode and rebuild its shards.
#[derive(Clone, Copy, Debug)]
pub struct SegmentRef<'a> {
    /// How the object was cut.
    pub shape: Shape,
    /// Which segment this is.
    pub index: u64,
    /// Its shards' length and roots.
    pub layout: &'a SegmentLayout,
}

impl SegmentRef<'_> {
    /// Takes bytes as shard number `index`, if they are.
    ///
    /// # Errors
    /// [`Error::WrongShard`] names the segment, the shard and both roots.
    pub fn verify_shard(&self, index: u16, bytes: Bytes) -> Result<Shard, Error> {
        let got = Root::of(&bytes);
        self.accept_shard(index, bytes, got)
    }

    /// As [`SegmentRef::verify_shard`], where `got` was computed while the bytes arrived
    /// (see [`crate::RootHasher`]).
    ///
    /// # Errors
    /// [`Error::WrongShard`].
    pub fn accept_shard(&self, index: u16, bytes: Bytes, got: Root) -> Result<Shard, Error> {
        let last = self.layout.roots.len().saturating_sub(1);
        let place = usize::from(index);
        let Some(&want) = self.layout.roots.get(place) else {
            return Err(Error::NoSuchShard { index: place, last });
        };
        let want_bytes = self.layout.shard_bytes as usize;
        if bytes.len() != want_bytes {
            return Err(Error::ShardLength { index: place, got: bytes.len(), want: want_bytes });
        }
        if got != want {
            return Err(Error::WrongShard { segment: self.index, index, got, want });
        }
        Ok(Shard { segment: self.index, index, root: want, bytes })
    }
}

/// A shard whose bytes match its root. Only verification makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    segment: u64,
    index: u16,
    root: Root,
    bytes: Bytes,
}

impl Shard {
    /// The segment it belongs to.
    pub fn segment(&self) -> u64 {
        self.segment
    }

    /// Its number in the segment, which is the slot it is kept in.
    pub fn index(&self) -> u16 {
        self.index
    }

    /// Its root.
    pub fn root(&self) -> Root {
        self.root
    }

    /// Its bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Its bytes, given away.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}
