//! Ed25519 keys, and the trait behind which a hardware key can stand.

use crate::Did;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

/// Whoever can sign as a party: a key in memory, a keystore, a hardware module.
pub trait Signer: Send + Sync {
    /// The party that signs.
    fn did(&self) -> Did;
    /// The Ed25519 signature (RFC 8032) over `message`.
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

/// A private key held in memory, wiped when dropped.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key whose RFC 8032 seed is `seed`.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed, to be kept where only its owner can read it.
    pub fn seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.0.to_bytes())
    }
}

impl SecretKey {
    /// The X25519 secret (RFC 7748) that belongs to this key, to open what is sealed to
    /// [`PublicKey::agreement`].
    pub fn agreement(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.0.to_scalar_bytes())
    }
}

impl Signer for SecretKey {
    fn did(&self) -> Did {
        Did(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey({})", self.did())
    }
}

/// A party's public key, decoded and ready to verify.
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key that `did` names, or nothing where its bytes are no point of the curve.
    pub fn of(did: &Did) -> Option<Self> {
        VerifyingKey::from_bytes(&did.0).ok().map(Self)
    }

    /// The X25519 public key (RFC 7748) on the same curve, to seal something to this party.
    pub fn agreement(&self) -> [u8; 32] {
        self.0.to_montgomery().to_bytes()
    }

    /// Whether `signature` is this key's over `message`, by the strict rule (no small-order points, canonical scalars).
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}
