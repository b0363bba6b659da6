//! The name of a shard: its BLAKE3 root.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// The BLAKE3 hash of a shard's bytes. Text formats carry it as 64 hex digits, binary ones as 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Root(pub [u8; 32]);

impl Root {
    /// The root of a whole shard.
    ///
    /// ```
    /// let root = shards::Root::of(b"abc");
    /// assert!(root.to_string().starts_with("6437b3ac"));
    /// ```
    pub fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes).into())
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root({self})")
    }
}

/// A text is not the root of a shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a root: 64 hex digits are")]
pub struct RootError(String);

impl FromStr for Root {
    type Err = RootError;

    fn from_str(text: &str) -> Result<Self, RootError> {
        blake3::Hash::from_hex(text)
            .map(|hash| Self(hash.into()))
            .map_err(|_| RootError(text.chars().take(80).collect()))
    }
}

impl Serialize for Root {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() { to.collect_str(self) } else { self.0.serialize(to) }
    }
}

impl<'de> Deserialize<'de> for Root {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            String::deserialize(from)?.parse().map_err(de::Error::custom)
        } else {
            <[u8; 32]>::deserialize(from).map(Self)
        }
    }
}

/// Hashes a shard piece by piece, as it arrives.
#[derive(Clone, Debug, Default)]
pub struct RootHasher(blake3::Hasher);

impl RootHasher {
    /// Nothing hashed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece. Pieces of 16 KiB and more are the fastest.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// How many bytes were taken.
    pub fn bytes(&self) -> u64 {
        self.0.count()
    }

    /// The root of all pieces together.
    pub fn root(&self) -> Root {
        Root(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_the_blake3_hash_whole_or_in_pieces() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|i| i.to_le_bytes()[0]).collect();
        let mut hasher = RootHasher::new();
        bytes.chunks(7_777).for_each(|piece| hasher.update(piece));
        assert_eq!(Root::of(&bytes).0, *blake3::hash(&bytes).as_bytes());
        assert_eq!(hasher.root(), Root::of(&bytes));
        assert_eq!(hasher.bytes(), 100_000);
    }

    #[test]
    fn the_empty_root_is_the_published_one() {
        let published = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(Root::of(b"").to_string(), published);
    }

    #[test]
    fn a_root_is_hex_in_json_and_32_bytes_in_postcard() -> Result<(), Box<dyn std::error::Error>> {
        let root = Root::of(b"x");
        let json = serde_json::to_string(&root)?;
        assert_eq!(json, format!("\"{root}\""));
        assert_eq!(serde_json::from_str::<Root>(&json)?, root);
        let binary = postcard::to_stdvec(&root)?;
        assert_eq!(binary, root.0);
        assert_eq!(postcard::from_bytes::<Root>(&binary)?, root);
        Ok(())
    }

    #[test]
    fn a_root_that_is_not_hex_is_named() {
        let refused = "zz".parse::<Root>().map_err(|error| error.to_string());
        assert_eq!(refused, Err("\"zz\" is not a root: 64 hex digits are".to_owned()));
    }
}
