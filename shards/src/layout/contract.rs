//! What all slots of one contract hold together: the segments of its objects, one behind the other.

use super::{SegmentLayout, SegmentRef, agree};
use crate::error::Error;
use crate::shape::{DATA_MAX, PARITY_MAX, SHARD_BYTES_MAX, SHARD_BYTES_STEP, Shape};
use crate::slot::{Entry, SlotList, SlotSummary};
use std::ops::Range;

/// The longest encoding of a contract's layout, in bytes: some 250,000 segments of 4 + 2 shards, 1 TiB.
pub const LAYOUT_BYTES_MAX: usize = 48 << 20;

/// The segments of a contract, in order. Slot i holds shard i of each, in the same order.
///
/// Every segment has the same number of shards, and every shard a possible length: nothing else can be
/// made, decoded or appended. A contract that holds nothing has a layout without segments.
///
/// ```
/// use shards::{ContractLayout, Root, SegmentLayout};
///
/// let segment = SegmentLayout { shard_bytes: 64, roots: vec![Root::of(b"a"), Root::of(b"b")] };
/// let layout = ContractLayout::new(vec![segment])?;
/// assert_eq!(ContractLayout::decode(&layout.encode())?, layout);
/// assert_eq!(layout.slot_summary(1)?.bytes, 64);
/// # Ok::<(), shards::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContractLayout {
    segments: Vec<SegmentLayout>,
    /// How long the encodings of the segments are together.
    encoded_bytes: usize,
}

impl ContractLayout {
    /// The layout of a contract that holds these segments.
    ///
    /// # Errors
    /// As [`ContractLayout::append`].
    pub fn new(segments: Vec<SegmentLayout>) -> Result<Self, Error> {
        let mut layout = Self::default();
        layout.append(segments)?;
        Ok(layout)
    }

    /// Adds an object's segments at the end and gives their place; where one does not fit, nothing is added.
    ///
    /// # Errors
    /// [`Error::Layout`] where a segment has another number of shards than the others, or impossible ones;
    /// [`Error::LayoutTooLong`] where the contract would hold more than [`LAYOUT_BYTES_MAX`] can name.
    pub fn append(
        &mut self,
        segments: impl IntoIterator<Item = SegmentLayout>,
    ) -> Result<Range<usize>, Error> {
        let start = self.segments.len();
        let encoded_bytes = self.encoded_bytes;
        for segment in segments {
            if let Err(error) = self.push(segment) {
                self.segments.truncate(start);
                self.encoded_bytes = encoded_bytes;
                return Err(error);
            }
        }
        Ok(start..self.segments.len())
    }

    /// Takes an object's segments out; those behind them move up.
    ///
    /// # Errors
    /// [`Error::NoSuchSegment`] where the range ends behind the last segment, or before it begins.
    pub fn remove(&mut self, range: Range<usize>) -> Result<Vec<SegmentLayout>, Error> {
        if range.start > range.end || range.end > self.segments.len() {
            let segment = range.end.max(range.start).saturating_sub(1) as u64;
            return Err(Error::NoSuchSegment { segment, segments: self.segments.len() as u64 });
        }
        let removed: Vec<SegmentLayout> = self.segments.drain(range).collect();
        self.encoded_bytes -= removed.iter().map(encoded_len).sum::<usize>();
        Ok(removed)
    }

    /// The segments, in order.
    pub fn segments(&self) -> &[SegmentLayout] {
        &self.segments
    }

    /// Segment number `index` of the contract, to verify and rebuild its shards. Of `shape`, only k and m
    /// count.
    ///
    /// # Errors
    /// [`Error::NoSuchSegment`], or [`Error::Layout`] where the segment has not k + m shards.
    pub fn segment(&self, shape: Shape, index: u64) -> Result<SegmentRef<'_>, Error> {
        let segments = self.segments.len() as u64;
        let layout = usize::try_from(index).ok().and_then(|at| self.segments.get(at));
        let layout = layout.ok_or(Error::NoSuchSegment { segment: index, segments })?;
        agree("the number of roots", layout.roots.len() as u64, shape.shards().into())?;
        Ok(SegmentRef { shape, index, layout })
    }

    /// How many slots the contract is spread over; `None` while it holds nothing.
    pub fn slots(&self) -> Option<u16> {
        self.segments.first().and_then(|segment| u16::try_from(segment.roots.len()).ok())
    }

    /// The shards of slot `slot`, in order, with the tree over them. While the contract holds nothing,
    /// every slot is empty.
    ///
    /// # Errors
    /// [`Error::NoSuchSlot`].
    pub fn slot_list(&self, slot: u16) -> Result<SlotList, Error> {
        let slots = self.slots().unwrap_or(u16::MAX);
        if slot >= slots {
            return Err(Error::NoSuchSlot { slot, slots });
        }
        let entry = |segment: &SegmentLayout| {
            let root = *segment.roots.get(usize::from(slot))?;
            Some(Entry { root, bytes: segment.shard_bytes })
        };
        Ok(self.segments.iter().filter_map(entry).collect())
    }

    /// What a revision says of slot `slot`: root, bytes and number of shards.
    ///
    /// # Errors
    /// [`Error::NoSuchSlot`].
    pub fn slot_summary(&self, slot: u16) -> Result<SlotSummary, Error> {
        Ok(self.slot_list(slot)?.summary())
    }

    /// The layout's bytes: postcard's encoding of the list of segments. One layout has one encoding.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.segments).expect("numbers and arrays always encode")
    }

    /// The BLAKE3 hash of [`ContractLayout::encode`], which a revision names.
    pub fn hash(&self) -> [u8; 32] {
        blake3::hash(&self.encode()).into()
    }

    /// Reads what [`ContractLayout::encode`] wrote, and nothing else. What it allocates is bounded by the
    /// length of `bytes`.
    ///
    /// # Errors
    /// [`Error::LayoutBytes`] says where reading stopped; else as [`ContractLayout::append`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > LAYOUT_BYTES_MAX {
            return Err(Error::LayoutTooLong { got: bytes.len(), max: LAYOUT_BYTES_MAX });
        }
        let at = |rest: &[u8]| bytes.len() - rest.len();
        let stopped = |at, what| Error::LayoutBytes { at, what };
        let (count, mut rest) = postcard::take_from_bytes::<u64>(bytes)
            .map_err(|_| stopped(0, "the number of segments"))?;
        let mut layout = Self::default();
        for _ in 0..count {
            let (segment, behind) = postcard::take_from_bytes::<SegmentLayout>(rest)
                .map_err(|_| stopped(at(rest), "a segment"))?;
            layout.push(segment)?;
            rest = behind;
        }
        if !rest.is_empty() {
            return Err(stopped(at(rest), "the end of the layout"));
        }
        let ours = layout.encode();
        let other = ours.iter().zip(bytes).take_while(|(ours, theirs)| ours == theirs).count();
        if ours.len() == bytes.len() && other == ours.len() {
            return Ok(layout);
        }
        Err(stopped(other, "a number in its shortest form"))
    }

    fn push(&mut self, segment: SegmentLayout) -> Result<(), Error> {
        let step = u64::from(SHARD_BYTES_STEP);
        let bytes = u64::from(segment.shard_bytes);
        let possible =
            bytes.div_ceil(step).saturating_mul(step).clamp(step, SHARD_BYTES_MAX.into());
        agree("the length of a shard", bytes, possible)?;
        let roots = segment.roots.len() as u64;
        let most = u64::from(DATA_MAX.saturating_add(PARITY_MAX));
        agree("the number of roots", roots, self.slots().map_or(roots.clamp(2, most), u64::from))?;
        let encoded_bytes = self.encoded_bytes + encoded_len(&segment);
        let got = encoded_bytes + varint_len(self.segments.len() + 1);
        if got > LAYOUT_BYTES_MAX {
            return Err(Error::LayoutTooLong { got, max: LAYOUT_BYTES_MAX });
        }
        self.encoded_bytes = encoded_bytes;
        self.segments.push(segment);
        Ok(())
    }
}

/// How long a segment's encoding is: two numbers and the roots.
fn encoded_len(segment: &SegmentLayout) -> usize {
    let roots = segment.roots.len();
    varint_len(segment.shard_bytes as usize) + varint_len(roots) + 32 * roots
}

/// How long a number is in postcard: seven bits a byte.
fn varint_len(number: usize) -> usize {
    let bits = usize::BITS - number.leading_zeros();
    bits.div_ceil(7).max(1) as usize
}
