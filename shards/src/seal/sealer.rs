//! Seals chunk after chunk.

use super::{Cipher, ObjectKey, TAG_BYTES, nonce};
use aws_lc_rs::aead::{Aad, LessSafeKey};

/// Seals the chunks of one object, in order. Every chunk but the last has [`super::CHUNK_BYTES`].
#[derive(Debug)]
pub struct Sealer {
    key: LessSafeKey,
    chunk: u64,
}

impl Sealer {
    /// Begins an object. The key must never have sealed anything else.
    pub fn new(cipher: Cipher, key: &ObjectKey) -> Self {
        Self { key: cipher.keyed(key), chunk: 0 }
    }

    /// How many chunks were sealed.
    pub fn chunks(&self) -> u64 {
        self.chunk
    }

    /// Seals a chunk where it lies and returns its tag, which belongs right behind it.
    pub fn seal_in_place(&mut self, chunk: &mut [u8], last: bool) -> [u8; TAG_BYTES] {
        let nonce = nonce(self.chunk, last);
        self.chunk += 1;
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::empty(), chunk);
        let tag = tag.expect("a chunk of 64 KiB is far below what a nonce may seal");
        tag.as_ref().try_into().expect("both ciphers have 16-byte tags")
    }

    /// Seals `plain` into `sealed`, which is [`TAG_BYTES`] longer.
    ///
    /// # Panics
    /// `sealed` has another length.
    pub fn seal_into(&mut self, plain: &[u8], sealed: &mut [u8], last: bool) {
        assert_eq!(sealed.len(), plain.len() + TAG_BYTES, "the sealed chunk is one tag longer");
        let nonce = nonce(self.chunk, last);
        self.chunk += 1;
        let (body, tag) = sealed.split_at_mut(plain.len());
        self.key
            .seal_out_of_place_scatter(nonce, Aad::empty(), plain, body, &[], tag)
            .expect("the lengths match, and 64 KiB is far below what a nonce may seal");
    }
}
