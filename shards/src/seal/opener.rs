//! Opens chunk after chunk.

use super::{Cipher, ObjectKey, SEALED_CHUNK_BYTES, TAG_BYTES, chunks, nonce};
use crate::error::Error;
use aws_lc_rs::aead::{Aad, LessSafeKey};

/// Opens single chunks, in any order.
#[derive(Debug)]
pub struct ChunkOpener {
    key: LessSafeKey,
}

impl ChunkOpener {
    /// Opens what was sealed with this cipher and key.
    pub fn new(cipher: Cipher, key: &ObjectKey) -> Self {
        Self { key: cipher.keyed(key) }
    }

    /// Opens chunk number `chunk` and appends what it holds to `plain`.
    ///
    /// # Errors
    /// [`Error::Tampered`]; then nothing is appended.
    pub fn open(
        &self,
        chunk: u64,
        last: bool,
        sealed: &[u8],
        plain: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let tampered = Error::Tampered { chunk };
        let Some(bytes) = sealed.len().checked_sub(TAG_BYTES) else { return Err(tampered) };
        let (body, tag) = sealed.split_at(bytes);
        let start = plain.len();
        plain.resize(start + bytes, 0);
        let nonce = nonce(chunk, last);
        self.key.open_separate_gather(nonce, Aad::empty(), body, tag, &mut plain[start..]).map_err(
            |_| {
                plain.truncate(start);
                tampered
            },
        )
    }
}

/// Opens a sealed stream that arrives in pieces of any length.
#[derive(Debug)]
pub struct Opener {
    chunks: ChunkOpener,
    stored_bytes: u64,
    next: u64,
    carry: Vec<u8>,
}

impl Opener {
    /// Begins a sealed stream of `stored_bytes`.
    pub fn new(cipher: Cipher, key: &ObjectKey, stored_bytes: u64) -> Self {
        Self::at_chunk(cipher, key, stored_bytes, 0)
    }

    /// Begins in the middle of a sealed stream of `stored_bytes`, where chunk number `chunk` begins.
    pub fn at_chunk(cipher: Cipher, key: &ObjectKey, stored_bytes: u64, chunk: u64) -> Self {
        Self { chunks: ChunkOpener::new(cipher, key), stored_bytes, next: chunk, carry: Vec::new() }
    }

    /// Takes the next piece of the stream and appends what can be opened by now to `plain`.
    ///
    /// # Errors
    /// [`Error::Tampered`] where a chunk does not authenticate, [`Error::SealedTooLong`] where the
    /// stream goes on after its declared length.
    pub fn push(&mut self, mut sealed: &[u8], plain: &mut Vec<u8>) -> Result<(), Error> {
        while !sealed.is_empty() {
            let want = self.next_len()?;
            if self.carry.is_empty() && sealed.len() >= want {
                let (chunk, rest) = sealed.split_at(want);
                self.open(chunk, plain)?;
                sealed = rest;
                continue;
            }
            let (head, rest) = sealed.split_at(sealed.len().min(want - self.carry.len()));
            self.carry.extend_from_slice(head);
            sealed = rest;
            if self.carry.len() == want {
                let mut chunk = std::mem::take(&mut self.carry);
                self.open(&chunk, plain)?;
                chunk.clear();
                self.carry = chunk;
            }
        }
        Ok(())
    }

    /// Whether the last chunk was opened.
    pub fn is_done(&self) -> bool {
        self.next == self.count()
    }

    /// How many bytes of the stream complete the chunk that is next to be opened.
    ///
    /// # Errors
    /// [`Error::SealedTooLong`] where there is no other chunk.
    pub(crate) fn missing(&self) -> Result<usize, Error> {
        Ok(self.next_len()? - self.carry.len())
    }

    fn open(&mut self, sealed: &[u8], plain: &mut Vec<u8>) -> Result<(), Error> {
        let last = self.next + 1 == self.count();
        self.chunks.open(self.next, last, sealed, plain)?;
        self.next += 1;
        Ok(())
    }

    fn count(&self) -> u64 {
        chunks(self.stored_bytes, SEALED_CHUNK_BYTES as u64)
    }

    /// How long the next chunk is when sealed.
    fn next_len(&self) -> Result<usize, Error> {
        let too_long = Error::SealedTooLong { want: self.stored_bytes };
        let before = self.next.checked_mul(SEALED_CHUNK_BYTES as u64).ok_or(too_long.clone())?;
        match self.stored_bytes.checked_sub(before) {
            None | Some(0) => Err(too_long),
            Some(left) => Ok(usize::try_from(left).unwrap_or(usize::MAX).min(SEALED_CHUNK_BYTES)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CHUNK_BYTES, Sealer, sealed_len};
    use super::*;

    fn key() -> ObjectKey {
        ObjectKey::new([7; 32])
    }

    fn sealed(cipher: Cipher, plain: &[u8]) -> Vec<Vec<u8>> {
        let mut sealer = Sealer::new(cipher, &key());
        let count = plain.len().div_ceil(CHUNK_BYTES).max(1);
        let mut chunks = plain.chunks(CHUNK_BYTES);
        (1..=count)
            .map(|number| {
                let mut chunk = chunks.next().unwrap_or_default().to_vec();
                let tag = sealer.seal_in_place(&mut chunk, number == count);
                chunk.extend(tag);
                chunk
            })
            .collect()
    }

    fn opened(cipher: Cipher, sealed: &[u8], piece: usize) -> Result<Vec<u8>, Error> {
        let mut opener = Opener::new(cipher, &key(), sealed.len() as u64);
        let mut plain = Vec::new();
        sealed.chunks(piece).try_for_each(|piece| opener.push(piece, &mut plain))?;
        assert!(opener.is_done());
        Ok(plain)
    }

    #[test]
    fn what_was_sealed_opens_whatever_the_pieces() -> Result<(), Error> {
        for bytes in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let plain: Vec<u8> =
                (0..bytes).map(|i| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect();
            for cipher in [Cipher::Aes256Gcm, Cipher::ChaCha20Poly1305] {
                let sealed = sealed(cipher, &plain).concat();
                assert_eq!(sealed.len() as u64, sealed_len(bytes as u64));
                for piece in [1_000, SEALED_CHUNK_BYTES, usize::MAX] {
                    assert_eq!(opened(cipher, &sealed, piece)?, plain);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn sealing_in_place_and_into_another_buffer_agree() {
        let plain = vec![3; 1_000];
        let mut out = vec![0; 1_000 + TAG_BYTES];
        Sealer::new(Cipher::Aes256Gcm, &key()).seal_into(&plain, &mut out, true);
        assert_eq!(out, sealed(Cipher::Aes256Gcm, &plain).concat());
    }

    #[test]
    fn a_moved_repeated_or_missing_chunk_does_not_open() {
        let cipher = Cipher::for_this_cpu();
        let chunks = sealed(cipher, &vec![1; 3 * CHUNK_BYTES]);
        let refused = |order: &[usize]| {
            let stream: Vec<u8> = order.iter().flat_map(|&i| chunks[i].clone()).collect();
            opened(cipher, &stream, usize::MAX)
        };
        assert_eq!(refused(&[1, 0, 2]), Err(Error::Tampered { chunk: 0 }));
        assert_eq!(refused(&[0, 2]), Err(Error::Tampered { chunk: 1 }));
        assert_eq!(refused(&[0, 1]), Err(Error::Tampered { chunk: 1 }));
        assert_eq!(refused(&[0, 1, 2, 2]), Err(Error::Tampered { chunk: 2 }));
        assert_eq!(refused(&[0, 0, 2]), Err(Error::Tampered { chunk: 1 }));
    }

    #[test]
    fn a_changed_bit_or_another_key_does_not_open() {
        let cipher = Cipher::for_this_cpu();
        let mut stream = sealed(cipher, b"hello").concat();
        let mut opener = Opener::new(cipher, &ObjectKey::new([8; 32]), stream.len() as u64);
        let mut plain = Vec::new();
        assert_eq!(opener.push(&stream, &mut plain), Err(Error::Tampered { chunk: 0 }));
        assert!(plain.is_empty());
        stream[2] ^= 1;
        assert_eq!(opened(cipher, &stream, 5), Err(Error::Tampered { chunk: 0 }));
        assert_eq!(opened(cipher, &stream[..3], 5), Err(Error::Tampered { chunk: 0 }));
    }

    #[test]
    fn bytes_behind_the_end_are_refused() {
        let cipher = Cipher::for_this_cpu();
        let stream = sealed(cipher, b"hello").concat();
        let mut opener = Opener::new(cipher, &key(), stream.len() as u64);
        let longer = [stream.as_slice(), b"!"].concat();
        let refused = opener.push(&longer, &mut Vec::new());
        assert_eq!(refused, Err(Error::SealedTooLong { want: 21 }));
    }

    #[test]
    fn a_first_chunk_under_the_zero_key_is_the_published_one() {
        // Test cases 13 and 14 of "The Galois/Counter Mode of Operation" (McGrew and Viega, 2005).
        for (plain, published) in [
            ("", "530f8afbc74536b9a963b4f1c4cb738b"),
            (
                "00000000000000000000000000000000",
                "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
            ),
        ] {
            let plain = vec![0; plain.len() / 2];
            let mut out = vec![0; plain.len() + TAG_BYTES];
            let mut sealer = Sealer::new(Cipher::Aes256Gcm, &ObjectKey::new([0; 32]));
            sealer.seal_into(&plain, &mut out, false);
            let digits = out.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let hex: String = digits.filter_map(|d| char::from_digit(d.into(), 16)).collect();
            assert_eq!(hex, published);
            assert_eq!(sealer.chunks(), 1);
        }
    }

    #[test]
    fn a_key_does_not_print_itself() {
        assert_eq!(format!("{:?}", key()), "ObjectKey(secret)");
    }
}
