//! Sharing with another party: what is covered, the key to it sealed to that party, and the list of what is there.
//!
//! An owner shares a [`Scope`] under a [`ShareKey`] that follows from its words and the grant's number. Both go,
//! sealed, into the grant; the objects go, with their keys wrapped anew, into a list sealed by the key that the
//! market keeps beside the grant. The market learns neither names nor keys. Where the guest may write, it writes the
//! list too, and [`joint`] brings list and catalogue together.

pub mod joint;

use crate::catalogue::{Catalogue, CatalogueError};
use crate::keys::{BucketKey, Key, KeyError, Keys, NONCE_BYTES};
use crate::name::ObjectName;
use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519};
use serde::{Deserialize, Serialize};
use types::{ContractId, Did, SecretKey};
use zeroize::Zeroizing;

/// What the sealed key is derived under.
const SEAL: &[u8] = b"bondstore 2026 share seal";

/// Why something shared does not open, or cannot be shared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// The grantee's name is no key.
    #[error("{0} is no key that something can be sealed to; check the name")]
    NoKey(Did),
    /// Sealed to somebody else, or altered.
    #[error(
        "the grant of {0} does not open with this key: it was sealed to another party, or altered"
    )]
    Sealed(Did),
    /// The list was sealed under another key, or altered.
    #[error(
        "what {0} shares does not open: it was sealed for another grant, or altered; ask it to share anew"
    )]
    Contents(Did),
    /// The list opens and makes no sense.
    #[error("what is shared: {0}")]
    Catalogue(#[from] CatalogueError),
    /// An object's key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What a grant covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One object.
    Object(ObjectName),
    /// Every object of a bucket whose name begins so, those stored later too.
    Prefix(ObjectName),
}

impl Scope {
    /// Whether it covers the object `name`.
    pub fn covers(&self, name: &ObjectName) -> bool {
        match self {
            Self::Object(only) => only == name,
            Self::Prefix(prefix) => {
                prefix.bucket == name.bucket && name.name.starts_with(&prefix.name)
            }
        }
    }

    /// As bytes, to be sealed.
    ///
    /// # Panics
    /// Never: names can be written.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("names can be written")
    }

    /// What [`Scope::encode`] wrote; nothing where these bytes are something else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Object(name) => name.fmt(f),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

/// The key to what one grant shares.
#[derive(Clone, PartialEq, Eq)]
pub struct ShareKey(pub(crate) Key);

impl std::fmt::Debug for ShareKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShareKey(secret)")
    }
}

impl ShareKey {
    /// Seals it, and the `scope` that it is for, to `grantee`: X25519 with the one-time secret `ephemeral`,
    /// HKDF-SHA256, AES-256-GCM.
    ///
    /// # Errors
    /// [`ShareError::NoKey`].
    pub fn seal_to(
        &self,
        (owner, grantee): (Did, Did),
        scope: &Scope,
        ephemeral: &[u8; 32],
    ) -> Result<Vec<u8>, ShareError> {
        let theirs = types::PublicKey::of(&grantee).ok_or(ShareError::NoKey(grantee))?.agreement();
        let refused = || ShareError::NoKey(grantee);
        let secret = PrivateKey::from_private_key(&X25519, ephemeral).map_err(|_| refused())?;
        let ours = secret.compute_public_key().map_err(|_| refused())?;
        let key = agreed(&secret, &theirs, &[ours.as_ref(), &theirs]).ok_or_else(refused)?;
        let plain = Zeroizing::new([self.0.0.as_slice(), &scope.encode()].concat());
        // The key is used once, so its nonce may be fixed.
        let sealed = key.seal([0; NONCE_BYTES], &parties(owner, grantee), &plain);
        Ok([ours.as_ref(), &sealed].concat())
    }

    /// Opens what was sealed to `secret`'s party. Older grants say no scope.
    ///
    /// # Errors
    /// [`ShareError::Sealed`].
    pub fn open(
        owner: Did,
        secret: &SecretKey,
        sealed: &[u8],
    ) -> Result<(Self, Option<Scope>), ShareError> {
        let opened = || {
            let (theirs, sealed) = sealed.split_first_chunk::<32>()?;
            let own = PrivateKey::from_private_key(&X25519, &*secret.agreement()).ok()?;
            let ours = own.compute_public_key().ok()?;
            let key = agreed(&own, theirs, &[theirs, ours.as_ref()])?;
            let plain = key.open(&parties(owner, types::Signer::did(secret)), sealed)?;
            let (key, scope) = plain.split_first_chunk::<32>()?;
            let scope = if scope.is_empty() { None } else { Some(Scope::decode(scope)?) };
            Some((Self(Key(*key)), scope))
        };
        opened().ok_or(ShareError::Sealed(owner))
    }

    /// Wraps and unwraps the keys of the shared objects of a bucket.
    pub fn bucket(&self, name: &str) -> BucketKey {
        BucketKey::shared(name, self.0.clone())
    }

    /// Seals the list of what is shared, as its version `generation`. The nonce must be fresh.
    pub fn seal_contents(
        &self,
        generation: u64,
        nonce: [u8; NONCE_BYTES],
        contents: &Catalogue,
    ) -> Vec<u8> {
        self.0.seal(nonce, &binding(generation), &contents.encode())
    }

    /// Opens the list of what `owner` shares.
    ///
    /// # Errors
    /// [`ShareError::Contents`] where it is another's or another version's.
    pub fn open_contents(
        &self,
        owner: Did,
        generation: u64,
        sealed: &[u8],
    ) -> Result<Catalogue, ShareError> {
        let plain = self.0.open(&binding(generation), sealed).ok_or(ShareError::Contents(owner))?;
        Ok(Catalogue::decode(&plain)?)
    }
}

/// What of `catalogue` a grant to read shares: the objects in `scope`, under `only` where one contract is named, each with
/// its key wrapped by `key`. `fresh` gives nonces.
///
/// # Errors
/// Where an object's own key does not open.
pub fn contents(
    keys: &Keys,
    catalogue: &Catalogue,
    (scope, only): (&Scope, Option<ContractId>),
    key: &ShareKey,
    mut fresh: impl FnMut() -> [u8; NONCE_BYTES],
) -> Result<Catalogue, ShareError> {
    let mut shared = Catalogue::default();
    let covered = catalogue.live().filter(|object| scope.covers(&object.name));
    for object in covered.filter(|object| only.is_none_or(|only| only == object.contract)) {
        let (bucket, name) = (&object.name.bucket, &object.name.name);
        let own = keys.bucket(bucket).unwrap(name, &object.wrapped)?;
        let wrapped = key.bucket(bucket).wrap(name, &own, fresh());
        shared.put_object(crate::ObjectRecord { wrapped, ..object.clone() });
        if let Some(contract) = catalogue.contracts.get(&object.contract) {
            let paid = std::collections::BTreeMap::new();
            shared.put_contract(crate::ContractRecord { paid, ..contract.value.clone() });
        }
    }
    Ok(shared)
}

fn agreed(secret: &PrivateKey, theirs: &[u8], info: &[&[u8]]) -> Option<Key> {
    let theirs = UnparsedPublicKey::new(&X25519, theirs);
    let info: Vec<&[u8]> = [SEAL].into_iter().chain(info.iter().copied()).collect();
    agreement::agree(secret, theirs, (), |shared| Ok(Key::stretch(shared, &info))).ok()
}

fn parties(owner: Did, grantee: Did) -> Vec<u8> {
    [owner.0, grantee.0].concat()
}

fn binding(generation: u64) -> Vec<u8> {
    [b"bondstore shared\0".as_slice(), &generation.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests;
