//! Objects that were encoded, and the way back from what is left of them.

use shards::{Cipher, Decoder, Encoder, Error, ObjectKey, ObjectLayout, Segment, Shape, Shard};

/// Small shards, so that a few megabytes are several segments.
pub(crate) fn shape(data: u16, parity: u16) -> Result<Shape, Error> {
    Shape::new(data, parity, 256 << 10)
}

pub(crate) fn key() -> ObjectKey {
    ObjectKey::new([42; 32])
}

pub(crate) fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut out = vec![0; bytes];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

/// An object as its providers keep it.
pub(crate) struct Stored {
    pub(crate) segments: Vec<Segment>,
    pub(crate) layout: ObjectLayout,
}

pub(crate) fn store(
    plain: &[u8],
    shape: Shape,
    piece: usize,
    compress: bool,
) -> Result<Stored, Error> {
    store_with(plain, shape, Cipher::for_this_cpu(), (piece, compress))
}

pub(crate) fn store_with(
    plain: &[u8],
    shape: Shape,
    cipher: Cipher,
    (piece, compress): (usize, bool),
) -> Result<Stored, Error> {
    let mut encoder = Encoder::new(shape, cipher, &key(), compress)?;
    let mut segments = Vec::new();
    for piece in plain.chunks(piece) {
        segments.extend(encoder.push(piece)?);
    }
    let end = encoder.finish()?;
    segments.extend(end.segments);
    Ok(Stored { segments, layout: end.layout })
}

impl Stored {
    /// The shards of a segment but the lost ones, verified.
    pub(crate) fn shards(&self, segment: &Segment, lost: &[u16]) -> Result<Vec<Shard>, Error> {
        let layout = self.layout.segment(segment.index)?;
        (0..)
            .zip(&segment.shards)
            .filter(|(index, _)| !lost.contains(index))
            .map(|(index, bytes)| layout.verify_shard(index, bytes.clone()))
            .collect()
    }

    pub(crate) fn fetch(&self, lost: &[u16], offset: u64) -> Result<Vec<u8>, Error> {
        let mut decoder = Decoder::starting_at(self.layout.clone(), &key(), offset)?;
        let mut plain = Vec::new();
        while let Some(next) = decoder.next_segment() {
            let segment = &self.segments[usize::try_from(next).unwrap_or(usize::MAX)];
            decoder.push(&self.shards(segment, lost)?, &mut plain)?;
        }
        decoder.finish()?;
        Ok(plain)
    }
}
