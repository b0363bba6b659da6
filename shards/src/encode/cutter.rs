//! Seals a stream straight into segment buffers, and cuts it.

use crate::code::ReedSolomon;
use crate::error::Error;
use crate::pool::{Buffer, Pool};
use crate::seal::{CHUNK_BYTES, Cipher, ObjectKey, SEALED_CHUNK_BYTES, Sealer, TAG_BYTES};
use crate::segment::{Room, Segment};
use crate::shape::Shape;

/// Takes the bytes to be sealed, gives segments. Each byte is written once, where it stays.
#[derive(Debug)]
pub(super) struct Cutter {
    room: Room,
    code: ReedSolomon,
    sealer: Sealer,
    pool: Pool,
    buffer: Buffer,
    /// How many sealed bytes the buffer begins with.
    sealed: usize,
    /// How many plain bytes of the next chunk follow them.
    open: usize,
    segments: u64,
}

impl Cutter {
    pub(super) fn new(shape: Shape, cipher: Cipher, key: &ObjectKey) -> Result<Self, Error> {
        let code = ReedSolomon::new(shape)?;
        let room = Room::new(shape);
        let pool = Pool::new(room.buffer_bytes());
        let (sealer, buffer) = (Sealer::new(cipher, key), pool.take());
        Ok(Self { room, code, sealer, pool, buffer, sealed: 0, open: 0, segments: 0 })
    }

    /// Takes more of the stream. Which chunk is the last is not known yet, so a full one waits open.
    pub(super) fn push(&mut self, mut input: &[u8], out: &mut Vec<Segment>) {
        while !input.is_empty() {
            if self.open == CHUNK_BYTES {
                self.seal_open(false, out);
            } else if self.open == 0 && input.len() > CHUNK_BYTES {
                let (chunk, rest) = input.split_at(CHUNK_BYTES);
                let end = self.sealed + SEALED_CHUNK_BYTES;
                let place = &mut self.buffer.as_mut()[self.sealed..end];
                self.sealer.seal_into(chunk, place, false);
                self.advance(SEALED_CHUNK_BYTES, out);
                input = rest;
            } else {
                let (head, rest) = input.split_at(input.len().min(CHUNK_BYTES - self.open));
                let start = self.sealed + self.open;
                self.buffer.as_mut()[start..start + head.len()].copy_from_slice(head);
                self.open += head.len();
                input = rest;
            }
        }
    }

    /// Ends the stream; gives the rest of the segments and the length of the sealed stream.
    pub(super) fn finish(mut self, out: &mut Vec<Segment>) -> u64 {
        self.seal_open(true, out);
        let full = self.segments * self.room.data_bytes as u64;
        let stored = full + self.sealed as u64;
        if self.sealed > 0 {
            out.push(self.room.finish(self.segments, self.buffer, self.sealed, &self.code));
        }
        stored
    }

    fn seal_open(&mut self, last: bool, out: &mut Vec<Segment>) {
        let end = self.sealed + self.open;
        let buffer = self.buffer.as_mut();
        let tag = self.sealer.seal_in_place(&mut buffer[self.sealed..end], last);
        buffer[end..end + TAG_BYTES].copy_from_slice(&tag);
        let bytes = std::mem::take(&mut self.open) + TAG_BYTES;
        self.advance(bytes, out);
    }

    /// Counts what was sealed; a full segment leaves, and what lies beyond its end begins the next.
    fn advance(&mut self, bytes: usize, out: &mut Vec<Segment>) {
        self.sealed += bytes;
        let full = self.room.data_bytes;
        if self.sealed < full {
            return;
        }
        let mut next = self.pool.take();
        let beyond = self.sealed - full;
        next.as_mut()[..beyond].copy_from_slice(&self.buffer.as_ref()[full..self.sealed]);
        let buffer = std::mem::replace(&mut self.buffer, next);
        out.push(self.room.finish(self.segments, buffer, full, &self.code));
        self.segments += 1;
        self.sealed = beyond;
    }
}
