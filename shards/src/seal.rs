//! Sealing: an object's bytes encrypted and authenticated in chunks of 64 KiB.
//!
//! The construction is STREAM (Hoang, Reyhanitabar, Rogaway and Vizár, "Online Authenticated-Encryption
//! and its Nonce-Reuse Misuse-Resistance", 2015): a chunk's nonce is its number and whether it is the last,
//! so a chunk that is altered, moved, left out or cut off does not open. Nonces never repeat, because
//! every object has a key of its own.

mod opener;
mod sealer;

pub use opener::{ChunkOpener, Opener};
pub use sealer::Sealer;

use aws_lc_rs::aead::{AES_256_GCM, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// How many plain bytes a full chunk holds.
pub const CHUNK_BYTES: usize = 64 << 10;
/// How many bytes sealing adds to a chunk.
pub const TAG_BYTES: usize = 16;
/// How many bytes a full chunk takes when sealed.
pub const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;

/// How long `plain_bytes` are when sealed: 16 bytes more for each chunk begun, and at least one chunk.
///
/// ```
/// assert_eq!(shards::seal::sealed_len(0), 16);
/// assert_eq!(shards::seal::sealed_len(65_537), 65_537 + 32);
/// ```
pub const fn sealed_len(plain_bytes: u64) -> u64 {
    plain_bytes.saturating_add(TAG_BYTES as u64 * chunks(plain_bytes, CHUNK_BYTES as u64))
}

/// How many chunks a stream is cut into; an empty one has one too.
const fn chunks(bytes: u64, chunk_bytes: u64) -> u64 {
    let chunks = bytes.div_ceil(chunk_bytes);
    if chunks == 0 { 1 } else { chunks }
}

/// Which cipher sealed an object; its layout records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cipher {
    /// AES-256-GCM: the fastest where the CPU has AES instructions.
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439): the fastest where it has none.
    ChaCha20Poly1305,
}

impl Cipher {
    /// The faster of the two on this CPU.
    pub fn for_this_cpu() -> Self {
        if cpu_has_aes() { Self::Aes256Gcm } else { Self::ChaCha20Poly1305 }
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Aes256Gcm => &AES_256_GCM,
            Self::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        }
    }

    fn keyed(self, key: &ObjectKey) -> LessSafeKey {
        let key =
            UnboundKey::new(self.algorithm(), &key.0).expect("both ciphers take 32-byte keys");
        LessSafeKey::new(key)
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
fn cpu_has_aes() -> bool {
    std::is_x86_feature_detected!("aes") && std::is_x86_feature_detected!("pclmulqdq")
}

#[cfg(target_arch = "aarch64")]
fn cpu_has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64")))]
fn cpu_has_aes() -> bool {
    false
}

/// The key of one object: 32 random bytes, used for that object alone and wiped when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ObjectKey([u8; 32]);

impl ObjectKey {
    /// A key from 32 fresh random bytes. Sealing two objects with one key would betray both.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be wrapped by the key above this one.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ObjectKey(secret)")
    }
}

/// The nonce of a chunk: its number in 11 bytes, most significant first, and 1 for the last, else 0.
fn nonce(chunk: u64, last: bool) -> Nonce {
    let mut bytes = [0; 12];
    bytes[3..11].copy_from_slice(&chunk.to_be_bytes());
    bytes[11] = u8::from(last);
    Nonce::assume_unique_for_key(bytes)
}
