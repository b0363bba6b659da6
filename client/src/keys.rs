//! From one master key to all others: master → HKDF-SHA256 (RFC 5869) → identity, backup key, bucket keys;
//! a bucket key wraps the keys of its objects.
//!
//! Nothing here draws randomness: an object's key and every nonce are arguments.

use crate::sharing::ShareKey;
use crate::words::Master;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use shards::ObjectKey;
use types::SecretKey;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The bucket that is used where none is named.
pub const DEFAULT_BUCKET: &str = "default";
/// The length of the nonces that wrapping and sealing take.
pub const NONCE_BYTES: usize = NONCE_LEN;
/// The salt of every derivation.
const SALT: &[u8] = b"bondstore 2026 client";
const TAG_BYTES: usize = 16;

/// Why something sealed by a client's key does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// An object's wrapped key belongs to another name, bucket or master.
    #[error(
        "the key of {bucket}/{name} does not open: it was wrapped under another name, another bucket or other words"
    )]
    Wrapped {
        /// The bucket it was looked for in.
        bucket: String,
        /// The name it was looked for under.
        name: String,
    },
    /// A backup was sealed under other words, or altered.
    #[error(
        "the catalogue's backup of generation {0} does not open: it was sealed under other words, or altered"
    )]
    Backup(u64),
}

/// A key of 32 bytes, wiped when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Key(pub(crate) [u8; 32]);

impl Key {
    fn derive(master: &Master, info: &[&[u8]]) -> Self {
        Self::stretch(master.as_bytes(), info)
    }

    /// A key from other secret bytes.
    pub(crate) fn stretch(secret: &[u8], info: &[&[u8]]) -> Self {
        let mut key = Self([0; 32]);
        Hkdf::<Sha256>::new(Some(SALT), secret)
            .expand_multi_info(info, &mut key.0)
            .expect("HKDF-SHA256 gives up to 8160 bytes");
        key
    }

    fn cipher(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.0).expect("the key has 32 bytes"))
    }

    /// nonce ‖ ciphertext ‖ tag.
    pub(crate) fn seal(&self, nonce: [u8; NONCE_BYTES], bound_to: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(NONCE_BYTES + plain.len() + TAG_BYTES);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = self
            .cipher()
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(bound_to),
                &mut sealed[NONCE_BYTES..],
            )
            .expect("AES-GCM seals up to 64 GiB");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    pub(crate) fn open(&self, bound_to: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let mut body = Zeroizing::new(body.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self.cipher().open_in_place(nonce, Aad::from(bound_to), &mut body).ok()?.len();
        body.truncate(plain);
        Some(body)
    }
}

/// An object's key as the catalogue keeps it: nonce, ciphertext and tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WrappedKey(pub Vec<u8>);

/// The keys that follow from a master key.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    master: Master,
    backup: Key,
}

impl Keys {
    /// The keys of `master`.
    pub fn of(master: Master) -> Self {
        let backup = Key::derive(&master, &[b"backup"]);
        Self { master, backup }
    }

    /// The client's identity in the market.
    pub fn identity(&self) -> SecretKey {
        SecretKey::from_seed(&Key::derive(&self.master, &[b"identity"]).0)
    }

    /// The key under which this client shares by its grant number `nonce`.
    pub fn share(&self, nonce: u64) -> ShareKey {
        ShareKey(Key::derive(&self.master, &[b"share\0", &nonce.to_be_bytes()]))
    }

    /// Seals what only this client should read later: the scope of its grant number `nonce`. The nonce must be fresh.
    pub fn seal_memo(&self, number: u64, nonce: [u8; NONCE_BYTES], plain: &[u8]) -> Vec<u8> {
        self.backup.seal(nonce, &memo_binding(number), plain)
    }

    /// Opens what [`Keys::seal_memo`] sealed; nothing where it is another's.
    pub fn open_memo(&self, number: u64, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.backup.open(&memo_binding(number), sealed)
    }

    /// The key that wraps the keys of the objects in the bucket `name`.
    pub fn bucket(&self, name: &str) -> BucketKey {
        BucketKey {
            name: name.to_owned(),
            key: Key::derive(&self.master, &[b"bucket\0", name.as_bytes()]),
        }
    }

    /// Seals the catalogue's backup of this `generation`. The nonce must be fresh.
    pub fn seal_backup(&self, generation: u64, nonce: [u8; NONCE_BYTES], plain: &[u8]) -> Vec<u8> {
        self.backup.seal(nonce, &backup_binding(generation), plain)
    }

    /// Opens a backup that says it is of this `generation`.
    ///
    /// # Errors
    /// [`KeyError::Backup`] where it was sealed under other words, as another generation, or altered.
    pub fn open_backup(
        &self,
        generation: u64,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let binding = backup_binding(generation);
        self.backup.open(&binding, sealed).ok_or(KeyError::Backup(generation))
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(secret)")
    }
}

fn memo_binding(number: u64) -> Vec<u8> {
    [b"bondstore memo\0".as_slice(), &number.to_be_bytes()].concat()
}

fn backup_binding(generation: u64) -> Vec<u8> {
    [b"bondstore backup\0".as_slice(), &generation.to_be_bytes()].concat()
}

/// Wraps and unwraps the keys of one bucket's objects.
#[derive(Clone, PartialEq, Eq)]
pub struct BucketKey {
    name: String,
    key: Key,
}

impl BucketKey {
    /// Wraps, for a guest, the keys of the objects of the bucket `name`.
    pub(crate) fn shared(name: &str, key: Key) -> Self {
        Self { name: name.to_owned(), key }
    }

    /// Wraps an object's key, so that it opens under this object's name only. The nonce must be fresh.
    pub fn wrap(&self, object: &str, key: &ObjectKey, nonce: [u8; NONCE_BYTES]) -> WrappedKey {
        WrappedKey(self.key.seal(nonce, &object_binding(&self.name, object), key.as_bytes()))
    }

    /// The object's key.
    ///
    /// # Errors
    /// [`KeyError::Wrapped`] where it was wrapped under another name, in another bucket, or by other words.
    pub fn unwrap(&self, object: &str, wrapped: &WrappedKey) -> Result<ObjectKey, KeyError> {
        self.key
            .open(&object_binding(&self.name, object), &wrapped.0)
            .and_then(|plain| <[u8; 32]>::try_from(plain.as_slice()).ok())
            .map(ObjectKey::new)
            .ok_or_else(|| KeyError::Wrapped { bucket: self.name.clone(), name: object.to_owned() })
    }
}

impl std::fmt::Debug for BucketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BucketKey({}, secret)", self.name)
    }
}

/// Unambiguous: the bucket's name is preceded by its length.
fn object_binding(bucket: &str, object: &str) -> Vec<u8> {
    let length = (bucket.len() as u64).to_be_bytes();
    [b"bondstore object key\0".as_slice(), &length, bucket.as_bytes(), object.as_bytes()].concat()
}

#[cfg(test)]
mod tests;
