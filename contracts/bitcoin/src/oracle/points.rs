//! What oracles hash and sign, and the point that an outcome's signature will open (dlcspecs' Oracle.md, BIP-340).

use super::messages::{Announcement, Attestation, Descriptor, Event};
use crate::escrow::curve;
use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::{All, Message, Parity, PublicKey, Scalar, Secp256k1, XOnlyPublicKey};
use std::sync::LazyLock;

/// The tag of what an announcement signs.
const ANNOUNCEMENT_TAG: &str = "DLC/oracle/announcement/v0";
/// The tag of what an attestation signs.
const ATTESTATION_TAG: &str = "DLC/oracle/attestation/v0";
/// The tag of a Schnorr signature's challenge.
const CHALLENGE_TAG: &str = "BIP0340/challenge";

/// Tables for everything that oracles compute.
pub(super) static SECP: LazyLock<Secp256k1<All>> = LazyLock::new(Secp256k1::new);

/// Why an oracle's message is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The announcement's signature is not by the key that it names.
    #[error("the announcement of {0:?} is not signed by the oracle that it names")]
    Announcement(String),
    /// The attestation is another oracle's or another event's.
    #[error("this attests {found:?}, not {expected:?} by the oracle that announced it")]
    Foreign {
        /// What was announced.
        expected: String,
        /// What is attested.
        found: String,
    },
    /// It has more or fewer signatures than were announced.
    #[error("{found} signatures attest an outcome of {expected} digits")]
    Count {
        /// How many nonces were announced.
        expected: usize,
        /// How many signatures there are.
        found: usize,
    },
    /// A signature is not under its announced nonce.
    #[error("digit {0} of the attestation is signed under a nonce that was not announced for it")]
    Nonce(usize),
    /// A signature does not hold.
    #[error("digit {0} of the attestation is not signed by the oracle")]
    Signature(usize),
    /// What is signed is no outcome that was announced.
    #[error("{0:?} is no outcome of this event")]
    Outcome(String),
}

/// What an event came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// One of the named outcomes.
    Named(String),
    /// A number, as so many of its unit at the announced precision.
    Number(i128),
}

/// SHA256(SHA256(tag) ‖ SHA256(tag) ‖ parts).
pub(super) fn tagged(tag: &str, parts: &[&[u8]]) -> sha256::Hash {
    sha256::Hash::from_byte_array(curve::tagged(tag, parts))
}

/// What the announcement of `event` signs: the event's whole TLV, hashed.
pub fn announcement_message(event: &Event) -> Message {
    Message::from_digest(tagged(ANNOUNCEMENT_TAG, &[&event.encode()]).to_byte_array())
}

/// What an attestation of `outcome` (of a number one digit, as text) signs.
pub fn attestation_message(outcome: &str) -> Message {
    Message::from_digest(tagged(ATTESTATION_TAG, &[outcome.as_bytes()]).to_byte_array())
}

/// BIP-340's challenge, as it is in the equation s = k + e·d. Nothing where the hash is beyond the group's order or
/// zero: once in 2^127.
pub(super) fn challenge(
    nonce: &XOnlyPublicKey,
    oracle: &XOnlyPublicKey,
    message: &Message,
) -> Option<Scalar> {
    let parts: [&[u8]; 3] = [&nonce.serialize(), &oracle.serialize(), message.as_ref()];
    let scalar = Scalar::from_be_bytes(tagged(CHALLENGE_TAG, &parts).to_byte_array()).ok()?;
    (scalar != Scalar::ZERO).then_some(scalar)
}

/// The point s·G of the signature that `oracle` will give for `message` under `nonce`: R + e·P. Nothing where there is none,
/// which only crafted keys can bring about.
pub fn signature_point(
    oracle: &XOnlyPublicKey,
    nonce: &XOnlyPublicKey,
    message: &Message,
) -> Option<PublicKey> {
    let challenge = challenge(nonce, oracle, message)?;
    let key = oracle.public_key(Parity::Even).mul_tweak(&SECP, &challenge).ok()?;
    nonce.public_key(Parity::Even).combine(&key).ok()
}

/// [`signature_point`] of an outcome: of a number, of the digit "0" or "1" under that digit's nonce.
pub fn attestation_point(
    oracle: &XOnlyPublicKey,
    nonce: &XOnlyPublicKey,
    outcome: &str,
) -> Option<PublicKey> {
    signature_point(oracle, nonce, &attestation_message(outcome))
}

/// Checks that an announcement is by the oracle that it names.
///
/// # Errors
/// [`VerifyError::Announcement`].
pub fn verify_announcement(announcement: &Announcement) -> Result<(), VerifyError> {
    let Announcement { signature, oracle, event } = announcement;
    SECP.verify_schnorr(signature, &announcement_message(event), oracle)
        .map_err(|_| VerifyError::Announcement(event.id().to_owned()))
}

/// Checks that `attestation` keeps what `announcement` said, and gives the outcome.
///
/// # Errors
/// [`VerifyError`], at the first thing that is wrong. The announcement's own signature is not looked at.
pub fn verify_attestation(
    attestation: &Attestation,
    announcement: &Announcement,
) -> Result<Outcome, VerifyError> {
    let event = &announcement.event;
    if attestation.event() != event.id() || attestation.oracle() != announcement.oracle {
        let (expected, found) = (event.id().to_owned(), attestation.event().to_owned());
        return Err(VerifyError::Foreign { expected, found });
    }
    let (expected, found) = (event.nonces().len(), attestation.signatures().len());
    if expected != found {
        return Err(VerifyError::Count { expected, found });
    }
    let signed = attestation.signatures().iter().zip(attestation.outcomes());
    for (at, ((signature, outcome), nonce)) in signed.zip(event.nonces()).enumerate() {
        if signature.serialize()[..32] != nonce.serialize() {
            return Err(VerifyError::Nonce(at));
        }
        SECP.verify_schnorr(signature, &attestation_message(outcome), &announcement.oracle)
            .map_err(|_| VerifyError::Signature(at))?;
    }
    outcome(event.descriptor(), attestation.outcomes())
}

/// What signed texts say under a descriptor.
fn outcome(descriptor: &Descriptor, texts: &[String]) -> Result<Outcome, VerifyError> {
    let refused = || VerifyError::Outcome(texts.join(" ").chars().take(80).collect());
    match descriptor {
        Descriptor::Enumerated(outcomes) => {
            let known = texts.first().filter(|text| outcomes.contains(text));
            known.cloned().map(Outcome::Named).ok_or_else(refused)
        }
        Descriptor::Digits(digits) => {
            let (sign, texts) = match texts.split_first() {
                Some((sign, rest)) if digits.is_signed => match sign.as_str() {
                    "+" => (1, rest),
                    "-" => (-1, rest),
                    _ => return Err(refused()),
                },
                _ => (1, texts),
            };
            let base = i128::from(digits.base);
            let number = texts.iter().try_fold(0_i128, |number, text| {
                let digit: u16 = text.parse().ok()?;
                if digit.to_string() != *text || digit >= digits.base {
                    return None;
                }
                number.checked_mul(base)?.checked_add(i128::from(digit))
            });
            number.map(|number| Outcome::Number(sign * number)).ok_or_else(refused)
        }
    }
}
