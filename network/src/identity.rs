//! A party's secret on disk: sealed by a password, with its name in clear.

mod keystore;
mod password;

pub use keystore::{Keystore, KeystoreError};
pub use password::{PASSWORD_ENV, Password, PasswordError, Prompt};

use serde::{Deserialize, Serialize};
use types::{Did, SecretKey, Signer};
use zeroize::Zeroizing;

/// What kind of secret a keystore holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretKind {
    /// The 32-byte seed of an Ed25519 key (RFC 8032): markets and providers.
    Seed,
    /// The entropy behind BIP-39 words, from which every key is derived: clients.
    Entropy,
}

/// A secret and the party it makes. Wiped when dropped.
#[derive(Clone)]
pub struct Secret {
    kind: SecretKind,
    did: Did,
    bytes: Zeroizing<Vec<u8>>,
}

impl Secret {
    /// The seed of a key.
    pub fn seed(seed: &[u8; 32]) -> Self {
        let did = SecretKey::from_seed(seed).did();
        Self { kind: SecretKind::Seed, did, bytes: Zeroizing::new(seed.to_vec()) }
    }

    /// A seed from the operating system's randomness.
    ///
    /// # Errors
    /// Where the system has none to give.
    pub fn generate() -> Result<Self, KeystoreError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|e| KeystoreError::Randomness(e.to_string()))?;
        Ok(Self::seed(&seed))
    }

    /// BIP-39 entropy, from which the key of `did` is derived.
    pub fn entropy(entropy: &[u8], did: Did) -> Self {
        Self { kind: SecretKind::Entropy, did, bytes: Zeroizing::new(entropy.to_vec()) }
    }

    /// What kind of secret it is.
    pub fn kind(&self) -> SecretKind {
        self.kind
    }

    /// The party it makes.
    pub fn did(&self) -> Did {
        self.did
    }

    /// The secret itself.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The key, where the secret is a seed.
    pub fn key(&self) -> Option<SecretKey> {
        let seed: &[u8; 32] = self.bytes.as_slice().try_into().ok()?;
        (self.kind == SecretKind::Seed).then(|| SecretKey::from_seed(seed))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({:?} of {})", self.kind, self.did)
    }
}

#[cfg(test)]
mod tests;
