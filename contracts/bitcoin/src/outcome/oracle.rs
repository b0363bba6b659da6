//! Auditors as oracles: what they announced, the points that their attestations will open, and attestations that are theirs.
//!
//! An auditor's attestation signs each binary digit of the compliance, most significant first, with the nonce that it announced for
//! that digit (dlcspecs, digit decomposition). A digit's signature `s` is known beforehand as a point: `s·G = R + H(R‖P‖m)·P`.

mod announced;
mod quorum;

use super::prefix::{DIGITS, HIGHEST, digits};
use crate::escrow::curve;
use crate::oracle::points::{VerifyError, attestation_message};
use bitcoin::secp256k1::{Message, XOnlyPublicKey, schnorr};
use musig2::secp::{MaybePoint, MaybeScalar, Point, Scalar};

pub use quorum::{COMBINATIONS_MAX, Quorum};

/// Why auditors or their words are of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OracleError {
    /// Nobody, everybody and one more, or too many.
    #[error(
        "{threshold} of {auditors} auditors; take 1 to all of them, in at most 100 combinations"
    )]
    Threshold {
        /// How many must agree.
        threshold: usize,
        /// How many there are.
        auditors: usize,
    },
    /// One who counts twice.
    #[error("auditor {0} has another's key; each auditor counts once")]
    SameKey(usize),
    /// A nonce that signs twice gives its auditor's key away.
    #[error("auditor {auditor} repeats a nonce at digit {digit}; every digit needs one of its own")]
    SameNonce {
        /// Whose.
        auditor: usize,
        /// At which digit.
        digit: usize,
    },
    /// Points that cancel out: nobody's word would be needed.
    #[error("the auditors' announcements cancel out; take other announcements")]
    Cancelled,
    /// There is no such auditor.
    #[error("there is no auditor {0} in this contract")]
    NoAuditor(usize),
    /// Ten digits reach no further.
    #[error("a value of {0}; ten binary digits reach 1023")]
    Value(u16),
    /// Too few or too many signatures.
    #[error("{0} signatures; an attestation has one for each of ten digits")]
    Digits(usize),
    /// An announcement or an attestation that is not to be believed.
    #[error(transparent)]
    Message(#[from] VerifyError),
    /// It is announced otherwise than compliance is attested.
    #[error("event {0:?} is no compliance; one has ten binary digits without a sign")]
    NoScore(String),
    /// Signed by another, for another contract, or of another digit.
    #[error(
        "the signature of digit {digit} is not auditor {auditor}'s announced one for this value"
    )]
    Foreign {
        /// Whose it should be.
        auditor: usize,
        /// Which digit's.
        digit: usize,
    },
}

/// What an auditor announced for one contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auditor {
    /// Its attestation key.
    pub key: XOnlyPublicKey,
    /// A nonce for each digit, most significant first.
    pub nonces: [XOnlyPublicKey; DIGITS],
}

/// An auditor's attested value, checked against its announcement: [`Quorum::attestation`] alone makes one.
#[derive(Clone, PartialEq, Eq)]
pub struct Attestation {
    auditor: usize,
    value: u16,
    secrets: [MaybeScalar; DIGITS],
}

impl std::fmt::Debug for Attestation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attestation {{ auditor: {}, value: {} }}", self.auditor, self.value)
    }
}

impl Attestation {
    /// Whose it is, by its number in the quorum.
    pub fn auditor(&self) -> usize {
        self.auditor
    }

    /// What it attests.
    pub fn value(&self) -> u16 {
        self.value
    }
}

/// What an auditor signs for a digit.
pub fn digit_message(digit: bool) -> [u8; 32] {
    *attestation_message(if digit { "1" } else { "0" }).as_ref()
}

impl Auditor {
    /// The point that the signature of `digit` at `place` will open.
    fn point(&self, place: usize, digit: bool) -> MaybePoint {
        signature_point(self.key, self.nonces[place], &digit_message(digit))
    }

    /// The secrets of its signatures for `value`, each checked against its point.
    fn secrets(
        &self,
        value: u16,
        signatures: &[schnorr::Signature],
    ) -> Result<[MaybeScalar; DIGITS], usize> {
        let mut secrets = [MaybeScalar::Zero; DIGITS];
        for (place, (digit, signature)) in digits(value).into_iter().zip(signatures).enumerate() {
            let (nonce, secret) = curve::halves(signature).ok_or(place)?;
            let message = Message::from_digest(digit_message(digit));
            let signed = curve::SECP.verify_schnorr(signature, &message, &self.key);
            if nonce != self.nonces[place].serialize() || signed.is_err() {
                return Err(place);
            }
            secrets[place] = secret;
        }
        Ok(secrets)
    }
}

impl Quorum {
    /// What auditor number `auditor` attests by `signatures` of the digits of `value`, most significant first.
    ///
    /// # Errors
    /// Where a signature is not the announced one.
    pub fn attestation(
        &self,
        auditor: usize,
        value: u16,
        signatures: &[schnorr::Signature],
    ) -> Result<Attestation, OracleError> {
        let announced = self.auditors().get(auditor).ok_or(OracleError::NoAuditor(auditor))?;
        if value > HIGHEST {
            return Err(OracleError::Value(value));
        }
        if signatures.len() != DIGITS {
            return Err(OracleError::Digits(signatures.len()));
        }
        let secrets = announced.secrets(value, signatures);
        let secrets = secrets.map_err(|digit| OracleError::Foreign { auditor, digit })?;
        Ok(Attestation { auditor, value, secrets })
    }
}

/// What a BIP-340 signature of `message` with `nonce` will open.
fn signature_point(key: XOnlyPublicKey, nonce: XOnlyPublicKey, message: &[u8; 32]) -> MaybePoint {
    let (key, r) = (curve::point(key), nonce.serialize());
    let challenge: MaybeScalar = musig2::compute_challenge_hash_tweak(&r, &key, message);
    curve::point(nonce) + challenge * key
}

fn whole(point: MaybePoint) -> Result<Point, OracleError> {
    point.not_inf().map_err(|_| OracleError::Cancelled)
}

fn whole_scalar(scalar: MaybeScalar) -> Result<Scalar, OracleError> {
    scalar.not_zero().map_err(|_| OracleError::Cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Vector {
        inputs: Inputs,
        pub_key: String,
        pub_nonce: String,
        signature: String,
        sig_point: String,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Inputs {
        msg_hash: String,
    }

    #[test]
    fn what_a_signature_will_open_is_what_dlcspecs_publish() {
        let Ok(folder) = std::env::var("BONDSTORE_VECTORS") else {
            println!("skipped: BONDSTORE_VECTORS names no folder of vectors");
            return;
        };
        let path = std::path::Path::new(&folder).join("dlcspecs/dlc_schnorr_test.json");
        let vectors: Vec<Vector> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert!(!vectors.is_empty());
        for vector in vectors {
            let key = |hex: &str| hex.parse::<XOnlyPublicKey>().unwrap();
            let message: [u8; 32] =
                hex::decode(&vector.inputs.msg_hash).unwrap().try_into().unwrap();
            let point = signature_point(key(&vector.pub_key), key(&vector.pub_nonce), &message);
            assert_eq!(hex::encode(point.serialize()), vector.sig_point);
            let signature = vector.signature.parse::<schnorr::Signature>().unwrap();
            let (nonce, secret) = curve::halves(&signature).unwrap();
            assert_eq!(hex::encode(nonce), vector.pub_nonce);
            assert_eq!(secret * musig2::secp::G, point);
        }
    }
}
