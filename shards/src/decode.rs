//! The way back: any k shards of each segment, in order, give the object's bytes.

use crate::code::{ErasureCode, ReedSolomon};
use crate::compress::Decompressor;
use crate::error::Error;
use crate::layout::{ObjectLayout, Shard};
use crate::seal::{CHUNK_BYTES, ObjectKey, Opener, SEALED_CHUNK_BYTES};

/// Decodes one object, or the end of one.
#[derive(Debug)]
pub struct Decoder {
    layout: ObjectLayout,
    code: ReedSolomon,
    opener: Opener,
    decompressor: Option<Decompressor>,
    /// The segment that comes next.
    segment: u64,
    /// How many bytes of the sealed stream to pass over before the first chunk that is wanted.
    skip_sealed: u64,
    /// How many plain bytes to pass over before the first that is wanted.
    skip_plain: u64,
    /// How many plain bytes came out, or were passed over.
    plain_bytes: u64,
    opened: Vec<u8>,
    rebuilt: Vec<Vec<u8>>,
}

impl Decoder {
    /// Begins at the object's beginning.
    ///
    /// # Errors
    /// [`Error::Layout`] and its like, where the layout contradicts itself.
    pub fn new(layout: ObjectLayout, key: &ObjectKey) -> Result<Self, Error> {
        Self::starting_at(layout, key, 0)
    }

    /// Begins at byte `offset` of the object, so that a range can be read without what precedes it
    /// (a compressed object has to be read from its beginning all the same).
    /// [`Decoder::next_segment`] says which segment to fetch first.
    ///
    /// # Errors
    /// As [`Decoder::new`].
    pub fn starting_at(layout: ObjectLayout, key: &ObjectKey, offset: u64) -> Result<Self, Error> {
        layout.check()?;
        let code = ReedSolomon::new(layout.shape)?;
        let offset = offset.min(layout.plain_bytes);
        let last = layout.stored_bytes.div_ceil(SEALED_CHUNK_BYTES as u64).saturating_sub(1);
        let chunk = if layout.compressed { 0 } else { (offset / CHUNK_BYTES as u64).min(last) };
        let sealed = chunk * SEALED_CHUNK_BYTES as u64;
        let plain_bytes = chunk * CHUNK_BYTES as u64;
        Ok(Self {
            code,
            opener: Opener::at_chunk(layout.cipher, key, layout.stored_bytes, chunk),
            decompressor: layout.compressed.then(|| Decompressor::new(layout.plain_bytes)),
            segment: sealed / layout.shape.segment_bytes(),
            skip_sealed: sealed % layout.shape.segment_bytes(),
            skip_plain: offset - plain_bytes,
            plain_bytes,
            opened: Vec::new(),
            rebuilt: Vec::new(),
            layout,
        })
    }

    /// The segment whose shards [`Decoder::push`] takes next; `None` when there are no more.
    pub fn next_segment(&self) -> Option<u64> {
        (self.segment < self.layout.segments.len() as u64).then_some(self.segment)
    }

    /// The layout that is being decoded.
    pub fn layout(&self) -> &ObjectLayout {
        &self.layout
    }

    /// Takes any k verified shards of the next segment, and appends the plain bytes they complete to
    /// `plain`. Data shards, numbered below k, save the work of decoding.
    ///
    /// # Errors
    /// [`Error::TooFewShards`] names the segment and its missing shards, and the call may be repeated
    /// with more; [`Error::Tampered`] where what was decoded does not open.
    pub fn push(&mut self, shards: &[Shard], plain: &mut Vec<u8>) -> Result<(), Error> {
        let segment = self.layout.segment(self.segment)?;
        let row = segment.row(shards)?;
        let shard_bytes = segment.layout.shard_bytes as usize;
        let rebuilt = self.rebuild_lost(&row, shard_bytes)?;
        let mut spare = rebuilt.iter();
        let data = row.iter().take(self.code.data_shards());
        let data: Vec<&[u8]> = data
            .map(|shard| shard.or_else(|| spare.next().map(Vec::as_slice)).unwrap_or_default())
            .collect();
        let start = plain.len();
        match self.decompressor.take() {
            None => self.open(&data, plain)?,
            Some(mut decompressor) => {
                let mut opened = std::mem::take(&mut self.opened);
                opened.clear();
                self.open(&data, &mut opened)?;
                decompressor.push(&opened, plain)?;
                self.opened = opened;
                self.decompressor = Some(decompressor);
            }
        }
        self.rebuilt = rebuilt;
        self.segment += 1;
        let got = plain.len() - start;
        let skipped = to_len(self.skip_plain, got);
        plain.drain(start..start + skipped);
        self.skip_plain -= skipped as u64;
        self.plain_bytes += got as u64;
        Ok(())
    }

    /// Ends the object: every segment came, and it has the length its layout declares.
    ///
    /// # Errors
    /// [`Error::PlainTooShort`] or [`Error::PlainTooLong`].
    pub fn finish(self) -> Result<(), Error> {
        let (got, want) = (self.plain_bytes, self.layout.plain_bytes);
        if got < want || !self.opener.is_done() {
            return Err(Error::PlainTooShort { got, want });
        }
        if got > want { Err(Error::PlainTooLong { want }) } else { Ok(()) }
    }

    /// The data shards that are not in `row`, in order, in buffers used before.
    fn rebuild_lost(
        &mut self,
        row: &[Option<&[u8]>],
        shard_bytes: usize,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let data = 0..self.code.data_shards();
        let lost: Vec<usize> = data.filter(|&index| row[index].is_none()).collect();
        let mut rebuilt = std::mem::take(&mut self.rebuilt);
        rebuilt.resize_with(lost.len(), Vec::new);
        rebuilt.iter_mut().for_each(|shard| shard.resize(shard_bytes, 0));
        if !lost.is_empty() {
            let mut out: Vec<&mut [u8]> = rebuilt.iter_mut().map(Vec::as_mut_slice).collect();
            self.code.rebuild(row, &lost, &mut out)?;
        }
        Ok(rebuilt)
    }

    /// Opens what this segment holds of the sealed stream.
    fn open(&mut self, data: &[&[u8]], target: &mut Vec<u8>) -> Result<(), Error> {
        let mut left = self.layout.shape.used_bytes(self.layout.stored_bytes, self.segment);
        for shard in data {
            let used = &shard[..to_len(left, shard.len())];
            let skipped = to_len(self.skip_sealed, used.len());
            self.opener.push(&used[skipped..], target)?;
            self.skip_sealed -= skipped as u64;
            left -= used.len() as u64;
        }
        Ok(())
    }
}

/// As many of `len` as `bytes` allows.
fn to_len(bytes: u64, len: usize) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX).min(len)
}
