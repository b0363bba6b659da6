//! Names: 32-byte hashes, and parties by the `did:key` of their Ed25519 key.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_bytes::ByteArray;
use std::cmp::Ordering;
use std::{fmt, str::FromStr};

/// Why a name could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not 64 hexadecimal digits.
    #[error("{0:?} is not a hash: 64 hexadecimal digits are needed")]
    NotAHash(String),
    /// Not a did:key of an Ed25519 key.
    #[error(
        "{0:?} is not a party's name: a did:key of an Ed25519 key is needed, as in did:key:z6Mk…"
    )]
    NotADid(String),
}

/// A BLAKE3 hash, shown as 64 hexadecimal digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

/// The hash of a signed document's compact serialisation; names the document.
pub type DocId = Hash;
/// Names a contract: the hash of the acceptance that made it.
pub type ContractId = Hash;

impl Hash {
    /// The BLAKE3 hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The BLAKE3 hash of several parts, each preceded by its length, under a `domain` (BLAKE3's key derivation context).
    pub fn derive(domain: &str, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(domain);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// The first eight hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Hash {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bad = || IdError::NotAHash(text.to_owned());
        if text.len() != 64 || !text.is_ascii() {
            return Err(bad());
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| bad())?;
        }
        Ok(Self(bytes))
    }
}

/// A party: the 32 bytes of its Ed25519 public key, shown as `did:key:z6Mk…` (W3C did:key method).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Did(pub [u8; 32]);

/// The multicodec prefix of an Ed25519 public key.
const ED25519: [u8; 2] = [0xed, 0x01];

impl Did {
    /// The last six characters of the name, for people.
    pub fn short(&self) -> String {
        let text = self.to_string();
        text[text.len() - 6..].to_owned()
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.base58();
        f.write_str("did:key:z")?;
        f.write_str(str::from_utf8(&digits[DIGITS_ZERO..]).map_err(|_| fmt::Error)?)
    }
}

/// Bitcoin's alphabet, as in multibase's base58btc.
const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Base58 digits in a group: as many as a division by a 32-bit number gives.
const GROUP: usize = 5;
/// Ten groups hold 34 bytes.
const DIGITS: usize = 50;
/// An Ed25519 key behind its prefix is a number of 47 digits.
const DIGITS_ZERO: usize = 3;

impl Did {
    /// The key behind its prefix in base58, with leading zeros.
    ///
    /// Names are written in every journal entry, and `bs58`, which goes digit by digit, took a fifth of the writer's
    /// time; this divides by 58⁵.
    #[expect(clippy::cast_possible_truncation, reason = "both quotients are below 2³²")]
    fn base58(&self) -> [u8; DIGITS] {
        let mut limbs = [0u32; 9];
        limbs[0] = u32::from(u16::from_be_bytes(ED25519));
        for (limb, bytes) in limbs[1..].iter_mut().zip(self.0.as_chunks().0) {
            *limb = u32::from_be_bytes(*bytes);
        }
        let mut digits = [b'1'; DIGITS];
        for group in digits.rchunks_exact_mut(GROUP) {
            let mut rest = 0u64;
            for limb in &mut limbs {
                let value = (rest << 32) | u64::from(*limb);
                (*limb, rest) = ((value / 58u64.pow(5)) as u32, value % 58u64.pow(5));
            }
            for digit in group.iter_mut().rev() {
                (*digit, rest) = (ALPHABET[(rest % 58) as usize], rest / 58);
            }
        }
        digits
    }
}

impl fmt::Debug for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Did {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bad = || IdError::NotADid(text.chars().take(80).collect());
        let encoded = text.strip_prefix("did:key:z").filter(|e| e.len() <= 64).ok_or_else(bad)?;
        let bytes = bs58::decode(encoded).into_vec().map_err(|_| bad())?;
        let key = bytes.strip_prefix(&ED25519).ok_or_else(bad)?;
        Ok(Self(key.try_into().map_err(|_| bad())?))
    }
}

/// A name as numbers that are in order as its bytes are.
#[inline]
fn words(name: &[u8; 32]) -> [u64; 4] {
    let words = name.as_chunks::<8>().0;
    std::array::from_fn(|at| u64::from_be_bytes(words[at]))
}

/// By their bytes, the first one that differs; a word at a time, since the first words of two names nearly always differ and maps
/// of names are searched more than anything else.
macro_rules! ordered_by_words {
    ($name:ident) => {
        impl Ord for $name {
            #[inline]
            fn cmp(&self, other: &Self) -> Ordering {
                words(&self.0).cmp(&words(&other.0))
            }
        }

        impl PartialOrd for $name {
            #[inline]
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
    };
}

ordered_by_words!(Hash);
ordered_by_words!(Did);

/// Text where a person may read it, bytes where only programs do.
macro_rules! serde_as_text_or_bytes {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    // As bytes: an array would be written and read byte by byte.
                    serializer.serialize_bytes(&self.0)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
                } else {
                    ByteArray::deserialize(deserializer).map(|bytes| Self(bytes.into_array()))
                }
            }
        }
    };
}

serde_as_text_or_bytes!(Hash);
serde_as_text_or_bytes!(Did);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_did_matches_the_published_example() {
        // The first Ed25519 vector of the did:key test suite.
        let did: Did = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp".parse().unwrap();
        assert_eq!(
            Hash(did.0).to_string(),
            "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
        );
    }

    #[test]
    fn foreign_names_are_refused() {
        for text in [
            "",
            "did:key:",
            "did:web:example.org",
            "did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc",
        ] {
            assert!(text.parse::<Did>().is_err(), "{text}");
        }
        assert!("abc".parse::<Hash>().is_err());
        assert!("é".repeat(32).parse::<Hash>().is_err());
    }

    fn as_bs58_writes(did: Did) -> String {
        format!("did:key:z{}", bs58::encode([&ED25519[..], &did.0].concat()).into_string())
    }

    #[test]
    fn the_smallest_and_the_largest_key_have_names_of_the_same_length() {
        for key in [[0; 32], [255; 32]] {
            assert_eq!(Did(key).to_string(), as_bs58_writes(Did(key)));
            assert_eq!(Did(key).to_string().len(), "did:key:z".len() + DIGITS - DIGITS_ZERO);
        }
    }

    proptest! {
        #[test]
        fn names_are_ordered_as_their_bytes_are(one in any::<[u8; 32]>(), at in 0usize..32, byte: u8) {
            let mut other = one;
            other[at] = byte;
            prop_assert_eq!(Hash(one).cmp(&Hash(other)), one.cmp(&other));
            prop_assert_eq!(Did(one).cmp(&Did(other)), one.cmp(&other));
            prop_assert_eq!(Did(one).partial_cmp(&Did(other)), one.partial_cmp(&other));
        }

        #[test]
        fn names_survive_text_json_and_binary(bytes in any::<[u8; 32]>()) {
            let (did, hash) = (Did(bytes), Hash(bytes));
            prop_assert_eq!(did.to_string().parse::<Did>().unwrap(), did);
            prop_assert_eq!(did.to_string(), as_bs58_writes(did));
            prop_assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
            let json = serde_json::to_string(&(did, hash)).unwrap();
            prop_assert_eq!(serde_json::from_str::<(Did, Hash)>(&json).unwrap(), (did, hash));
            let binary = postcard::to_stdvec(&(did, hash)).unwrap();
            prop_assert_eq!(binary.len(), 66);
            prop_assert_eq!(postcard::from_bytes::<(Did, Hash)>(&binary).unwrap(), (did, hash));
        }
    }
}
