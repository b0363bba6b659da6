//! The way back: any k shards of each segment, in order, give the object's bytes.

mod window;

use crate::code::{ErasureCode, ReedSolomon};
use crate::compress::Decompressor;
use crate::error::Error;
use crate::layout::{ObjectLayout, Shard};
use crate::seal::{CHUNK_BYTES, ObjectKey, Opener, SEALED_CHUNK_BYTES};
use std::io::Write;
use std::ops::Range;
use window::{Window, to_len};

/// Decodes one object, or a range of one. It holds a chunk, and the data shards that it had to compute.
#[derive(Debug)]
pub struct Decoder {
    layout: ObjectLayout,
    code: ReedSolomon,
    opener: Opener,
    decompressor: Option<Decompressor>,
    window: Window,
    /// The segment that comes next.
    segment: u64,
    /// How many bytes of the sealed stream to pass over before the first chunk that is wanted.
    skip_sealed: u64,
    opened: Vec<u8>,
    rebuilt: Vec<Vec<u8>>,
    failed: Option<Error>,
}

impl Decoder {
    /// The whole object.
    ///
    /// # Errors
    /// [`Error::Layout`] and its like, where the layout contradicts itself.
    pub fn new(layout: ObjectLayout, key: &ObjectKey) -> Result<Self, Error> {
        Self::starting_at(layout, key, 0)
    }

    /// The object from byte `offset` to its end.
    ///
    /// # Errors
    /// As [`Decoder::new`].
    pub fn starting_at(layout: ObjectLayout, key: &ObjectKey, offset: u64) -> Result<Self, Error> {
        Self::of_range(layout, key, offset..u64::MAX)
    }

    /// The bytes of a range, as far as the object has them, without what precedes and follows it
    /// (a compressed object has to be read from its beginning all the same).
    /// [`Decoder::next_segment`] says which segment to fetch first.
    ///
    /// # Errors
    /// As [`Decoder::new`].
    pub fn of_range(
        layout: ObjectLayout,
        key: &ObjectKey,
        range: Range<u64>,
    ) -> Result<Self, Error> {
        layout.check()?;
        let code = ReedSolomon::new(layout.shape)?;
        let wanted = range.start.min(layout.plain_bytes)..range.end.min(layout.plain_bytes);
        let last = layout.stored_bytes.div_ceil(SEALED_CHUNK_BYTES as u64).saturating_sub(1);
        let chunk = if layout.compressed { 0 } else { wanted.start / CHUNK_BYTES as u64 };
        let chunk = chunk.min(last);
        let sealed = chunk * SEALED_CHUNK_BYTES as u64;
        Ok(Self {
            code,
            opener: Opener::at_chunk(layout.cipher, key, layout.stored_bytes, chunk),
            decompressor: layout.compressed.then(|| Decompressor::new(layout.plain_bytes)),
            window: Window::new(chunk * CHUNK_BYTES as u64, wanted),
            segment: sealed / layout.shape.segment_bytes(),
            skip_sealed: sealed % layout.shape.segment_bytes(),
            opened: Vec::new(),
            rebuilt: Vec::new(),
            failed: None,
            layout,
        })
    }

    /// The segment whose shards [`Decoder::push`] takes next; `None` when no more is wanted. Whoever wants
    /// the object's end gets its last segment too, so that an object cut short cannot pass for whole.
    pub fn next_segment(&self) -> Option<u64> {
        let enough = self.window.end() < self.layout.plain_bytes && self.window.is_past();
        let more = self.segment < self.layout.segments.len() as u64;
        (more && !enough).then_some(self.segment)
    }

    /// The layout that is being decoded.
    pub fn layout(&self) -> &ObjectLayout {
        &self.layout
    }

    /// Takes any k verified shards of the next segment, and writes the wanted plain bytes they complete to
    /// `plain`, some 100 KiB at a time: a small segment of a compressed object may give gigabytes. Data
    /// shards, numbered below k, save the work of decoding.
    ///
    /// # Errors
    /// [`Error::TooFewShards`] names the segment and its missing shards, [`Error::ForeignShard`] one that
    /// does not belong there; then nothing was written, and the call may be repeated with others.
    /// [`Error::Tampered`] and [`Error::Compression`] where what was decoded does not open, and
    /// [`Error::Output`] where `plain` does not take it, are final: what was written before is right, and
    /// every later call gives the same error.
    pub fn push(&mut self, shards: &[Shard], plain: &mut impl Write) -> Result<(), Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let segment = self.layout.segment(self.segment)?;
        let row = segment.row(shards)?;
        let shard_bytes = segment.layout.shard_bytes as usize;
        let rebuilt = self.rebuild_lost(&row, shard_bytes)?;
        let mut spare = rebuilt.iter();
        let data = row.iter().take(self.code.data_shards());
        let data: Vec<&[u8]> = data
            .map(|shard| shard.or_else(|| spare.next().map(Vec::as_slice)).unwrap_or_default())
            .collect();
        let opened = self.open(&data, plain);
        self.rebuilt = rebuilt;
        self.segment += 1;
        self.failed = opened.clone().err();
        opened
    }

    /// Ends the object: everything that was wanted came, and where that includes its end, it has the
    /// length its layout declares.
    ///
    /// # Errors
    /// [`Error::PlainTooShort`] or [`Error::PlainTooLong`], or what failed before.
    pub fn finish(self) -> Result<(), Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let (got, want, whole) = (self.window.at(), self.window.end(), self.layout.plain_bytes);
        let is_end_there = want < whole || self.opener.is_done();
        if !(self.window.is_past() && is_end_there) {
            return Err(Error::PlainTooShort { got, want });
        }
        if got > whole { Err(Error::PlainTooLong { want: whole }) } else { Ok(()) }
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
        for shard in &mut rebuilt {
            shard.resize(shard_bytes, 0);
        }
        if !lost.is_empty() {
            let mut out: Vec<&mut [u8]> = rebuilt.iter_mut().map(Vec::as_mut_slice).collect();
            self.code.rebuild(row, &lost, &mut out)?;
        }
        Ok(rebuilt)
    }

    /// Opens what this segment holds of the sealed stream, chunk by chunk.
    fn open(&mut self, data: &[&[u8]], plain: &mut impl Write) -> Result<(), Error> {
        let mut left = self.layout.shape.used_bytes(self.layout.stored_bytes, self.segment);
        for shard in data {
            let used = &shard[..to_len(left, shard.len())];
            left -= used.len() as u64;
            let skipped = to_len(self.skip_sealed, used.len());
            self.skip_sealed -= skipped as u64;
            let mut sealed = &used[skipped..];
            while !sealed.is_empty() {
                let (piece, rest) = sealed.split_at(sealed.len().min(self.opener.missing()?));
                self.opened.clear();
                self.opener.push(piece, &mut self.opened)?;
                match &mut self.decompressor {
                    None => self.window.pass(&self.opened, plain)?,
                    Some(zstd) => {
                        zstd.push(&self.opened, |piece| self.window.pass(piece, plain))?;
                    }
                }
                sealed = rest;
            }
        }
        Ok(())
    }
}
