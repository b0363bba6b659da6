//! From plain bytes to shards: compress, seal, cut, code and hash, in one pass and in constant memory.

mod cutter;

use crate::compress::Compressor;
use crate::error::Error;
use crate::layout::{ObjectLayout, SegmentLayout};
use crate::seal::{Cipher, ObjectKey};
use crate::segment::Segment;
use crate::shape::Shape;
use cutter::Cutter;

/// Encodes one object. It holds one segment, and keeps a few buffers of segments that were dropped.
///
/// ```
/// use shards::{Cipher, Encoder, ObjectKey, Shape};
///
/// let key = ObjectKey::new([1; 32]); // 32 fresh random bytes, in earnest
/// let mut encoder = Encoder::new(Shape::default(), Cipher::for_this_cpu(), &key, false)?;
/// let mut segments = encoder.push(b"hello")?;
/// let end = encoder.finish()?;
/// segments.extend(end.segments);
/// assert_eq!(segments.len(), 1);
/// assert_eq!(segments[0].shards.len(), 6);
/// assert_eq!(end.layout.plain_bytes, 5);
/// # Ok::<(), shards::Error>(())
/// ```
#[derive(Debug)]
pub struct Encoder {
    cutter: Cutter,
    compressor: Option<Compressor>,
    packed: Vec<u8>,
    shape: Shape,
    cipher: Cipher,
    plain_bytes: u64,
    segments: Vec<SegmentLayout>,
}

/// What the end of an object gives.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The last segments; mostly one.
    pub segments: Vec<Segment>,
    /// How to read the object again.
    pub layout: ObjectLayout,
}

impl Encoder {
    /// Begins an object. The key must never have been used; [`crate::compress::pays`] says when to
    /// compress.
    ///
    /// # Errors
    /// The shape is outside the limits of [`Shape::new`].
    pub fn new(
        shape: Shape,
        cipher: Cipher,
        key: &ObjectKey,
        compress: bool,
    ) -> Result<Self, Error> {
        Ok(Self {
            cutter: Cutter::new(shape, cipher, key)?,
            compressor: compress.then(Compressor::new),
            packed: Vec::new(),
            shape,
            cipher,
            plain_bytes: 0,
            segments: Vec::new(),
        })
    }

    /// Takes the next bytes of the object and gives the segments they completed: none, as a rule, or
    /// about one for each k shards' worth of input, so that memory is the caller's to bound.
    ///
    /// # Errors
    /// [`Error::Compression`], where zstd fails.
    pub fn push(&mut self, plain: &[u8]) -> Result<Vec<Segment>, Error> {
        let mut out = Vec::new();
        self.plain_bytes += plain.len() as u64;
        match &mut self.compressor {
            None => self.cutter.push(plain, &mut out),
            Some(compressor) => {
                self.packed.clear();
                compressor.push(plain, &mut self.packed)?;
                self.cutter.push(&self.packed, &mut out);
            }
        }
        self.segments.extend(out.iter().map(Segment::layout));
        Ok(out)
    }

    /// Ends the object.
    ///
    /// # Errors
    /// [`Error::Compression`], where zstd fails.
    pub fn finish(mut self) -> Result<Encoded, Error> {
        let mut out = Vec::new();
        let compressed = self.compressor.is_some();
        if let Some(compressor) = self.compressor {
            self.packed.clear();
            compressor.finish(&mut self.packed)?;
            self.cutter.push(&self.packed, &mut out);
        }
        let stored_bytes = self.cutter.finish(&mut out);
        self.segments.extend(out.iter().map(Segment::layout));
        let layout = ObjectLayout {
            plain_bytes: self.plain_bytes,
            stored_bytes,
            compressed,
            cipher: self.cipher,
            shape: self.shape,
            segments: self.segments,
        };
        Ok(Encoded { segments: out, layout })
    }

    /// How many plain bytes were taken.
    pub fn plain_bytes(&self) -> u64 {
        self.plain_bytes
    }
}
