//! The provider's side: what to read, and the proof that comes of it.

use super::chunk::{self, CHUNK_BYTES};
use super::pick::Pick;
use crate::hash::Root;
use crate::outboard::GROUP_BYTES;
use crate::slot::{Entry, Node, SlotList};
use bytes::Bytes;

/// A provider's answer to one pick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The shard is lost, or cannot be read.
    Missing,
    /// The chunk, with what leads from it to the slot's root.
    Proof(Box<Proof>),
}

/// A chunk and its way up to a slot's root; about 1.9 KB for shards of 1 MiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The shard's number in the slot.
    pub place: u64,
    /// The shard.
    pub entry: Entry,
    /// The siblings from the shard up to the slot's root.
    pub slot_path: Vec<Node>,
    /// The chunk's bytes.
    pub chunk: Bytes,
    /// The siblings from the chunk up to the shard's root.
    pub chunk_path: Vec<[u8; 32]>,
}

/// What must be read to answer a pick: 16 KiB of a shard, and the shard's outboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The shard to read of.
    pub root: Root,
    /// Its length in bytes.
    pub shard_bytes: u32,
    /// From which byte of it.
    pub start: u32,
    /// How many bytes.
    pub len: u32,
    place: usize,
    chunk: usize,
}

impl Need {
    /// What a pick of this slot needs; `None` where the slot has no such byte.
    pub fn of(pick: Pick, slot: &SlotList) -> Option<Self> {
        let (place, within) = slot.locate(pick.offset)?;
        let Entry { root, bytes: shard_bytes } = *slot.entries().get(place)?;
        let group = u32::try_from(GROUP_BYTES).ok()?;
        let start = within / group * group;
        let len = group.min(shard_bytes - start);
        Some(Self { root, shard_bytes, start, len, place, chunk: within as usize / CHUNK_BYTES })
    }

    /// The answer, from the bytes that were needed and the shard's outboard. Where either has the wrong
    /// length, the shard cannot be proven, and the answer says so.
    pub fn answer(&self, slot: &SlotList, group: &Bytes, outboard: &[u8]) -> Answer {
        self.proof(slot, group, outboard)
            .map_or(Answer::Missing, |proof| Answer::Proof(proof.into()))
    }

    fn proof(&self, slot: &SlotList, group: &Bytes, outboard: &[u8]) -> Option<Proof> {
        let entry = *slot.entries().get(self.place)?;
        if group.len() != self.len as usize {
            return None;
        }
        let start = self.chunk * CHUNK_BYTES - self.start as usize;
        Some(Proof {
            place: self.place as u64,
            entry,
            slot_path: slot.path(self.place),
            chunk: group.slice(start..group.len().min(start + CHUNK_BYTES)),
            chunk_path: chunk::path(group, outboard, self.shard_bytes, self.chunk)?,
        })
    }
}

/// Where a provider keeps its shards.
pub trait ReadShard {
    /// `len` bytes of a shard from byte `start`; `None` where they are lost.
    fn read(&self, root: &Root, start: u32, len: u32) -> Option<Bytes>;

    /// A shard's outboard (see [`crate::outboard::of`]); `None` where it is lost.
    fn outboard(&self, root: &Root) -> Option<Bytes>;
}

/// Answers a pick. Where reading must not block, use [`Need::of`] and [`Need::answer`] around it.
pub fn answer(pick: Pick, slot: &SlotList, shards: &impl ReadShard) -> Answer {
    let read = || {
        let need = Need::of(pick, slot)?;
        let group = shards.read(&need.root, need.start, need.len)?;
        let outboard = shards.outboard(&need.root)?;
        Some(need.answer(slot, &group, &outboard))
    };
    read().unwrap_or(Answer::Missing)
}
