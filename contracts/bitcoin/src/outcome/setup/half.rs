//! What one side signs, as it is sent and stored: 64 bytes, and 65 for each adaptor signature.

use crate::outcome::adaptor::BYTES;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bitcoin::secp256k1::schnorr;
use serde::{Deserialize, Serialize};

/// Why bytes are no half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HalfError {
    /// Not base64.
    #[error("it is not base64 without padding")]
    Text,
    /// Not so many signatures.
    #[error("{0} bytes; a half has 64 and 65 for each adaptor signature")]
    Length(usize),
}

/// One side's signatures of a contract. Its text is base64 without padding.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Half {
    pub(super) refund: schnorr::Signature,
    pub(super) adaptors: Vec<[u8; BYTES]>,
}

impl Half {
    /// The refund's signature, then every adaptor signature.
    pub fn to_bytes(&self) -> Vec<u8> {
        let adaptors = self.adaptors.iter().flatten();
        self.refund.as_ref().iter().chain(adaptors).copied().collect()
    }

    /// The half of these bytes. Whether its signatures hold is asked of [`Setup::verify`](super::Setup::verify).
    ///
    /// # Errors
    /// Where the length is none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HalfError> {
        let wrong = HalfError::Length(bytes.len());
        let (refund, adaptors) = bytes.split_at_checked(64).ok_or(wrong)?;
        let refund = schnorr::Signature::from_slice(refund).map_err(|_| wrong)?;
        let (adaptors, rest) = adaptors.as_chunks::<BYTES>();
        if !rest.is_empty() {
            return Err(wrong);
        }
        Ok(Self { refund, adaptors: adaptors.to_vec() })
    }
}

impl std::fmt::Debug for Half {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Half {{ adaptors: {} }}", self.adaptors.len())
    }
}

impl From<Half> for String {
    fn from(half: Half) -> Self {
        STANDARD_NO_PAD.encode(half.to_bytes())
    }
}

impl TryFrom<String> for Half {
    type Error = HalfError;

    fn try_from(text: String) -> Result<Self, HalfError> {
        Self::from_bytes(&STANDARD_NO_PAD.decode(text).map_err(|_| HalfError::Text)?)
    }
}
