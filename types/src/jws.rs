//! Signed documents: JWS compact serialisation (RFC 7515) with `EdDSA` (RFC 8037), and nothing else.
//!
//! The header is exactly `{"alg":"EdDSA","kid":<did>,"typ":<document>}`; a verifier accepts no other
//! algorithm, no further header and no signer but the one that the payload names.

use crate::{Did, DocId, Hash, PublicKey, Signer};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The longest compact serialisation a verifier looks at.
pub const JWS_BYTES_MAX: usize = 4 << 20;

/// A payload that one party signs.
pub trait Document: Serialize + DeserializeOwned {
    /// What the `typ` header says.
    const TYP: &'static str;
    /// The party whose signature makes the document valid.
    fn signer(&self) -> Did;
}

/// Why a signed document is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Not three base64url parts, or too long.
    #[error(
        "not a signed document: header.payload.signature in base64url is needed, of at most {JWS_BYTES_MAX} bytes"
    )]
    Malformed,
    /// The header is not the one that this kind of document has.
    #[error(
        "the header is not that of a {expected}: alg EdDSA, typ {expected} and a did:key as kid are needed"
    )]
    Header {
        /// The `typ` that was expected.
        expected: &'static str,
    },
    /// The signature does not verify under the key that `kid` names.
    #[error("the signature is not {0}'s over this document; sign it again with that party's key")]
    Signature(Did),
    /// The payload names another party than the one that signed.
    #[error("signed by {signed_by}, but it speaks for {speaks_for}; only that party may sign it")]
    ForeignSigner {
        /// Whose signature it carries.
        signed_by: Did,
        /// Who the payload says it is from.
        speaks_for: Did,
    },
    /// The payload is not a document of this kind.
    #[error("the payload is not a {typ}: {reason}")]
    Payload {
        /// The kind expected.
        typ: &'static str,
        /// What the decoder found.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: Did,
    typ: String,
}

/// A document in its compact serialisation, not yet verified.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Signed(pub String);

impl Signed {
    /// The document's name: the hash of its serialisation.
    pub fn id(&self) -> DocId {
        Hash::of(self.0.as_bytes())
    }

    /// Checks header, signature and payload, and gives what only this check can give.
    pub fn verify<T: Document>(&self) -> Result<Verified<T>, JwsError> {
        let (signer, payload) = self.opened(T::TYP, |typ| typ == T::TYP)?;
        let document: T = serde_json::from_slice(&payload)
            .map_err(|error| JwsError::Payload { typ: T::TYP, reason: error.to_string() })?;
        if document.signer() != signer {
            return Err(JwsError::ForeignSigner {
                signed_by: signer,
                speaks_for: document.signer(),
            });
        }
        Ok(Verified { document, id: self.id(), signed: self.clone() })
    }

    /// Checks header and signature of a document of any kind: enough to show who signed it, not to act on it.
    ///
    /// # Errors
    /// As [`Signed::verify`], but for the payload, which is not looked into.
    pub fn authenticate(&self) -> Result<Authentic, JwsError> {
        let (signer, payload) = self.opened("signed document", |typ| !typ.is_empty())?;
        Ok(Authentic { signer, typ: self.typ().unwrap_or_default(), payload })
    }

    /// The signer and the payload, once the header is that of an allowed kind and the signature holds.
    fn opened(
        &self,
        expected: &'static str,
        allowed: impl FnOnce(&str) -> bool,
    ) -> Result<(Did, Vec<u8>), JwsError> {
        let (header, payload, signature) = self.parts()?;
        let header: Header = decode(header).ok_or(JwsError::Header { expected })?;
        if header.alg != "EdDSA" || !allowed(&header.typ) {
            return Err(JwsError::Header { expected });
        }
        let signature: [u8; 64] = BASE64
            .decode(signature)
            .ok()
            .and_then(|s| s.try_into().ok())
            .ok_or(JwsError::Malformed)?;
        let signed = &self.0.as_bytes()[..self.0.rfind('.').unwrap_or(0)];
        let key = PublicKey::of(&header.kid).ok_or(JwsError::Header { expected })?;
        if !key.verifies(signed, &signature) {
            return Err(JwsError::Signature(header.kid));
        }
        Ok((header.kid, BASE64.decode(payload).map_err(|_| JwsError::Malformed)?))
    }

    /// What the header calls this document, unverified: enough to choose which kind to verify it as.
    pub fn typ(&self) -> Option<String> {
        let (header, _, _) = self.parts().ok()?;
        decode::<Header>(header).map(|h| h.typ)
    }

    fn parts(&self) -> Result<(&str, &str, &str), JwsError> {
        let mut parts = self.0.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(h), Some(p), Some(s), None) if self.0.len() <= JWS_BYTES_MAX => Ok((h, p, s)),
            _ => Err(JwsError::Malformed),
        }
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&BASE64.decode(part).ok()?).ok()
}

/// A document of any kind whose signature has been checked, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authentic {
    /// Who signed it.
    pub signer: Did,
    /// What its header calls it.
    pub typ: String,
    /// What is signed, as JSON.
    pub payload: Vec<u8>,
}

/// A document whose signature and signer have been checked. `decide` takes nothing less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T> {
    document: T,
    id: DocId,
    signed: Signed,
}

impl<T: Document> Verified<T> {
    /// Signs `document` with `signer`, whose document it must be.
    ///
    /// # Errors
    /// [`JwsError::ForeignSigner`] when the document speaks for someone else.
    pub fn sign(document: T, signer: &dyn Signer) -> Result<Self, JwsError> {
        if document.signer() != signer.did() {
            return Err(JwsError::ForeignSigner {
                signed_by: signer.did(),
                speaks_for: document.signer(),
            });
        }
        let header = Header { alg: "EdDSA".into(), kid: signer.did(), typ: T::TYP.into() };
        let payload =
            |e: serde_json::Error| JwsError::Payload { typ: T::TYP, reason: e.to_string() };
        let header = BASE64.encode(serde_json::to_vec(&header).map_err(payload)?);
        let mut compact =
            header + "." + &BASE64.encode(serde_json::to_vec(&document).map_err(payload)?);
        let signature = signer.sign(compact.as_bytes());
        compact.push('.');
        BASE64.encode_string(signature, &mut compact);
        let signed = Signed(compact);
        Ok(Self { id: signed.id(), document, signed })
    }

    /// Takes a document as if it had been verified: for simulated parties, whose signatures nobody could forge.
    ///
    /// Its serialisation has an empty signature, so it passes nowhere else for a signed document.
    pub fn simulated(document: T) -> Self {
        let payload = serde_json::to_vec(&document).expect("documents have only string keys");
        let signed = Signed(format!("{}.{}.", T::TYP, BASE64.encode(payload)));
        Self { id: signed.id(), document, signed }
    }
}

impl<T> Verified<T> {
    /// The document's name.
    pub fn id(&self) -> DocId {
        self.id
    }

    /// Its serialisation, for keeping and for sending on.
    pub fn signed(&self) -> &Signed {
        &self.signed
    }

    /// The document itself.
    pub fn into_inner(self) -> T {
        self.document
    }
}

/// The field in which a command that is written down has the document's name, and one that is read the document.
pub(crate) const NAME: &str = "signed";

/// Written down, a document is its name: `{"signed": <hash>}`. The document itself is kept beside.
impl<T> Serialize for Verified<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut named = serializer.serialize_struct("Verified", 1)?;
        named.serialize_field(NAME, &self.id)?;
        named.end()
    }
}

/// Read back, the document stands where its name was ([`crate::documents::evidence::resolve`]) and is verified.
impl<'de, T: Document> Deserialize<'de> for Verified<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Resolved {
            signed: Signed,
        }
        let Resolved { signed } = Resolved::deserialize(deserializer)?;
        signed.verify().map_err(serde::de::Error::custom)
    }
}

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.document
    }
}

#[cfg(test)]
mod tests;
