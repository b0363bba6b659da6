//! What is wanted of the plain stream.

use crate::error::Error;
use std::io::Write;
use std::ops::Range;

/// Lets the wanted bytes of a stream through.
#[derive(Debug)]
pub(super) struct Window {
    /// How many bytes of the object came so far, or were never fetched.
    at: u64,
    wanted: Range<u64>,
}

impl Window {
    /// Of a stream that begins at byte `at` of the object, `wanted` is wanted.
    pub(super) fn new(at: u64, wanted: Range<u64>) -> Self {
        Self { at, wanted }
    }

    /// Takes the next bytes of the stream, and writes those that are wanted.
    pub(super) fn pass(&mut self, plain: &[u8], to: &mut impl Write) -> Result<(), Error> {
        let start = to_len(self.wanted.start.saturating_sub(self.at), plain.len());
        let end = to_len(self.wanted.end.saturating_sub(self.at), plain.len());
        self.at += plain.len() as u64;
        let Some(wanted) = plain.get(start..end).filter(|wanted| !wanted.is_empty()) else {
            return Ok(());
        };
        to.write_all(wanted)
            .map_err(|error| Error::Output { kind: error.kind(), text: error.to_string() })
    }

    /// How many bytes of the object came so far, or were never fetched.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The first byte that is not wanted.
    pub(super) fn end(&self) -> u64 {
        self.wanted.end
    }

    /// Whether all that is wanted has come.
    pub(super) fn is_past(&self) -> bool {
        self.wanted.is_empty() || self.at >= self.wanted.end
    }
}

/// As many of `len` as `bytes` allows.
pub(super) fn to_len(bytes: u64, len: usize) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX).min(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wanted_bytes_pass_whatever_the_pieces() -> Result<(), Error> {
        let stream: Vec<u8> = (10..60).collect();
        for piece in [1, 3, 7, 50] {
            for (start, end) in [(10, 60), (10, 11), (12, 40), (59, 60), (30, 30), (60, 60)] {
                let mut window = Window::new(10, start..end);
                let mut out = Vec::new();
                stream.chunks(piece).try_for_each(|piece| window.pass(piece, &mut out))?;
                let want: Vec<u8> =
                    (start..end).filter_map(|byte| u8::try_from(byte).ok()).collect();
                assert_eq!(out, want, "{start} to {end} by {piece}");
                assert_eq!((window.at(), window.is_past()), (60, true));
            }
        }
        Ok(())
    }

    #[test]
    fn a_writer_that_refuses_is_an_error_with_its_reason() {
        let mut room = [0_u8; 4];
        let refused = Window::new(0, 0..9).pass(&[1; 5], &mut room.as_mut_slice());
        assert_eq!(refused.map_err(|error| error.code()), Err("output"));
    }
}
