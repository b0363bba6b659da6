//! Compression where it pays: zstd at level -1, judged by the first 64 KiB.

use crate::error::Error;
use std::fmt;
use zstd::stream::raw::{
    DParameter, Decoder as ZstdDecoder, Encoder as ZstdEncoder, InBuffer, Operation, OutBuffer,
};

/// How many bytes of an object are enough to judge whether compression pays.
pub const PROBE_BYTES: usize = 64 << 10;
/// The zstd level: faster than 1, and better than lz4.
const LEVEL: i32 = -1;
/// Compression must save one part in so many to be worth its time.
const SAVING_SHARE_MIN: usize = 10;
/// The largest window a stream may ask for, as a power of two: 8 MiB.
const WINDOW_LOG_MAX: u32 = 23;
/// How many bytes are compressed or decompressed at a time.
const STEP_BYTES: usize = 128 << 10;

/// Whether compression saves at least a tenth of `sample`, of which the first [`PROBE_BYTES`] are tried.
///
/// ```
/// assert!(shards::compress::pays(&[b'a'; 4096]));
/// assert!(!shards::compress::pays(b""));
/// ```
pub fn pays(sample: &[u8]) -> bool {
    let sample = &sample[..sample.len().min(PROBE_BYTES)];
    let tried = zstd::bulk::compress(sample, LEVEL);
    tried.is_ok_and(|packed| packed.len() + sample.len() / SAVING_SHARE_MIN < sample.len())
}

/// Compresses a stream piece by piece.
pub struct Compressor {
    zstd: ZstdEncoder<'static>,
    step: Vec<u8>,
}

impl Compressor {
    /// Begins a stream.
    pub fn new() -> Self {
        let zstd = ZstdEncoder::new(LEVEL).expect("zstd knows level -1 and needs no dictionary");
        Self { zstd, step: vec![0; STEP_BYTES] }
    }

    /// Takes the next piece, and appends what is compressed by now to `packed`.
    ///
    /// # Errors
    /// [`Error::Compression`], where zstd fails.
    pub fn push(&mut self, plain: &[u8], packed: &mut Vec<u8>) -> Result<(), Error> {
        let mut input = InBuffer::around(plain);
        while input.pos < plain.len() {
            let mut output = OutBuffer::around(self.step.as_mut_slice());
            self.zstd.run(&mut input, &mut output).map_err(failed)?;
            packed.extend_from_slice(output.as_slice());
        }
        Ok(())
    }

    /// Ends the stream, and appends the rest of it to `packed`.
    ///
    /// # Errors
    /// [`Error::Compression`], where zstd fails.
    pub fn finish(mut self, packed: &mut Vec<u8>) -> Result<(), Error> {
        loop {
            let mut output = OutBuffer::around(self.step.as_mut_slice());
            let left = self.zstd.finish(&mut output, true).map_err(failed)?;
            packed.extend_from_slice(output.as_slice());
            if left == 0 {
                return Ok(());
            }
        }
    }
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compressor")
    }
}

/// Decompresses a stream piece by piece, and never to more bytes than declared.
pub struct Decompressor {
    zstd: ZstdDecoder<'static>,
    step: Vec<u8>,
    plain_bytes: u64,
    done: u64,
}

impl Decompressor {
    /// Begins a stream that holds `plain_bytes`.
    pub fn new(plain_bytes: u64) -> Self {
        let mut zstd = ZstdDecoder::new().expect("zstd needs no dictionary");
        zstd.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))
            .expect("a window of 8 MiB is within what zstd allows");
        Self { zstd, step: vec![0; STEP_BYTES], plain_bytes, done: 0 }
    }

    /// Takes the next piece, and gives what it decompresses to, 128 KiB at a time: a few bytes may give
    /// gigabytes.
    ///
    /// # Errors
    /// [`Error::PlainTooLong`] where there is more than declared, [`Error::Compression`] where the
    /// stream is not zstd's, or what `give` refuses with.
    pub fn push(
        &mut self,
        packed: &[u8],
        mut give: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut input = InBuffer::around(packed);
        loop {
            let mut output = OutBuffer::around(self.step.as_mut_slice());
            self.zstd.run(&mut input, &mut output).map_err(failed)?;
            let got = output.as_slice();
            self.done += got.len() as u64;
            if self.done > self.plain_bytes {
                return Err(Error::PlainTooLong { want: self.plain_bytes });
            }
            let full = got.len() == STEP_BYTES;
            give(got)?;
            if input.pos == packed.len() && !full {
                return Ok(());
            }
        }
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// [`Error::PlainTooShort`], where less came than declared.
    pub fn finish(&self) -> Result<(), Error> {
        if self.done == self.plain_bytes {
            return Ok(());
        }
        Err(Error::PlainTooShort { got: self.done, want: self.plain_bytes })
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decompressor({} of {} bytes)", self.done, self.plain_bytes)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands the error over by value")]
fn failed(error: std::io::Error) -> Error {
    Error::Compression(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|i| b"bonded "[(i * i / 7) % 7]).collect()
    }

    fn packed(plain: &[u8], piece: usize) -> Result<Vec<u8>, Error> {
        let mut compressor = Compressor::new();
        let mut packed = Vec::new();
        plain.chunks(piece).try_for_each(|piece| compressor.push(piece, &mut packed))?;
        compressor.finish(&mut packed)?;
        Ok(packed)
    }

    fn unpacked(packed: &[u8], piece: usize, plain_bytes: u64) -> Result<Vec<u8>, Error> {
        let mut decompressor = Decompressor::new(plain_bytes);
        let mut plain = Vec::new();
        let mut give = |piece: &[u8]| {
            assert!(piece.len() <= STEP_BYTES);
            plain.extend_from_slice(piece);
            Ok(())
        };
        packed.chunks(piece).try_for_each(|piece| decompressor.push(piece, &mut give))?;
        decompressor.finish()?;
        Ok(plain)
    }

    #[test]
    fn what_was_compressed_comes_back_whatever_the_pieces() -> Result<(), Error> {
        for bytes in [0, 1, 1_000, STEP_BYTES, 3 * STEP_BYTES + 7] {
            let plain = text(bytes);
            for piece in [999, 1 << 20] {
                let packed = packed(&plain, piece)?;
                assert_eq!(unpacked(&packed, piece, bytes as u64)?, plain);
            }
        }
        Ok(())
    }

    #[test]
    fn a_small_stream_that_grows_without_end_is_stopped_at_the_declared_length() -> Result<(), Error>
    {
        let bomb = packed(&vec![0; 64 << 20], 1 << 20)?;
        assert!(bomb.len() < 64 << 10);
        assert_eq!(unpacked(&bomb, bomb.len(), 1_000), Err(Error::PlainTooLong { want: 1_000 }));
        Ok(())
    }

    #[test]
    fn a_stream_that_ends_early_is_told_apart() -> Result<(), Error> {
        let packed = packed(&text(5_000), 5_000)?;
        let short = unpacked(&packed, 100, 5_001);
        assert_eq!(short, Err(Error::PlainTooShort { got: 5_000, want: 5_001 }));
        Ok(())
    }

    #[test]
    fn other_bytes_are_not_a_stream() {
        let refused = unpacked(b"not zstd at all", 100, 10);
        assert_eq!(refused.map_err(|error| error.code()), Err("compression"));
    }

    #[test]
    fn compression_pays_for_text_and_not_for_what_is_already_dense() -> Result<(), Error> {
        assert!(pays(&text(PROBE_BYTES)));
        let dense = crate::hash::Root::of(b"seed");
        let mut noise = vec![0; PROBE_BYTES];
        blake3::Hasher::new().update(&dense.0).finalize_xof().fill(&mut noise);
        assert!(!pays(&noise));
        assert!(!pays(&packed(&text(1 << 20), 1 << 20)?[..100]));
        Ok(())
    }
}
