//! dlcspecs' oracle messages as TLV bytes (Oracle.md and Messaging.md there), and the rules that what is read must keep.
//!
//! Everything here is checked when it is made, so that what exists can be encoded, and what was decoded encodes to the same bytes.
//! Reading is strict: numbers in their shortest form, lengths that fit exactly, nothing behind the end, points that are on the curve,
//! texts in UTF-8 and in Unicode's composed form (NFC), in which dlcspecs has outcomes hashed. A text in another form is refused, never
//! rewritten: a signature is over bytes, and a rewritten name would be another event's.

mod bytes;
mod error;

pub use error::MessageError;

use bitcoin::secp256k1::XOnlyPublicKey;
use bitcoin::secp256k1::schnorr::Signature;
use bytes::{Reader, put_count, put_text, put_tlv};
use std::collections::BTreeSet;

/// The type of an oracle's announcement.
pub const ANNOUNCEMENT: u64 = 55_332;
/// The type of the event inside an announcement.
pub const EVENT: u64 = 55_330;
/// The type of the description of an event with named outcomes.
pub const ENUMERATED: u64 = 55_302;
/// The type of the description of an event whose outcome is a number, digit by digit.
pub const DIGITS: u64 = 55_306;
/// The type of an oracle's attestation.
pub const ATTESTATION: u64 = 55_400;

/// How an event's outcome is written as a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digits {
    /// In which base; at least 2. A `u16`, as the published vectors have it.
    pub base: u16,
    /// Whether a sign (`+` or `-`) is attested before the digits.
    pub is_signed: bool,
    /// Of what the number is a count.
    pub unit: String,
    /// The power of `base` that the number is to be multiplied by.
    pub precision: i32,
    /// How many digits, at least one, most significant first.
    pub count: u16,
}

/// What an event's outcome can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Descriptor {
    /// One of these.
    Enumerated(Vec<String>),
    /// A number.
    Digits(Digits),
}

impl Descriptor {
    /// How many nonces attest it.
    pub fn nonces(&self) -> usize {
        match self {
            Self::Enumerated(_) => 1,
            Self::Digits(digits) => usize::from(digits.count) + usize::from(digits.is_signed),
        }
    }

    fn check(&self) -> Result<(), MessageError> {
        match self {
            Self::Enumerated(outcomes) => {
                let distinct: BTreeSet<&String> = outcomes.iter().collect();
                if outcomes.is_empty() || distinct.len() != outcomes.len() {
                    return Err(MessageError::Outcomes);
                }
                counted(outcomes.len())?;
                outcomes.iter().try_for_each(|outcome| normalised(outcome))
            }
            Self::Digits(Digits { base, count, .. }) if *base < 2 || *count == 0 => {
                Err(MessageError::Base { base: *base, count: *count })
            }
            Self::Digits(digits) => normalised(&digits.unit),
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        match self {
            Self::Enumerated(outcomes) => {
                put_count(&mut body, outcomes.len());
                for outcome in outcomes {
                    put_text(&mut body, outcome);
                }
                put_tlv(out, ENUMERATED, &body);
            }
            Self::Digits(digits) => {
                body.extend(digits.base.to_be_bytes());
                body.push(u8::from(digits.is_signed));
                put_text(&mut body, &digits.unit);
                body.extend(digits.precision.to_be_bytes());
                body.extend(digits.count.to_be_bytes());
                put_tlv(out, DIGITS, &body);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, MessageError> {
        let (kind, mut body) = reader.tlv()?;
        let read = match kind {
            ENUMERATED => Self::Enumerated(body.list(Reader::text)?),
            DIGITS => Self::Digits(Digits {
                base: body.u16()?,
                is_signed: body.flag()?,
                unit: body.text()?,
                precision: body.i32()?,
                count: body.u16()?,
            }),
            other => return Err(MessageError::Descriptor(other)),
        };
        body.end()?;
        Ok(read)
    }
}

/// What will be attested: when, in which form, under which nonces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    nonces: Vec<XOnlyPublicKey>,
    maturity: u32,
    descriptor: Descriptor,
    id: String,
}

impl Event {
    /// The event `id` whose outcome is attested from `maturity` (seconds since 1970) on.
    ///
    /// # Errors
    /// Where nonces do not fit the descriptor or repeat, or a text is not in normal form C.
    pub fn new(
        id: String,
        maturity: u32,
        descriptor: Descriptor,
        nonces: Vec<XOnlyPublicKey>,
    ) -> Result<Self, MessageError> {
        descriptor.check()?;
        normalised(&id)?;
        counted(nonces.len())?;
        let (expected, found) = (descriptor.nonces(), nonces.len());
        if expected != found {
            return Err(MessageError::Nonces { expected, found });
        }
        if nonces.iter().collect::<BTreeSet<_>>().len() != found {
            return Err(MessageError::NonceTwice);
        }
        Ok(Self { nonces, maturity, descriptor, id })
    }

    /// A nonce for each signature of the attestation, in order.
    pub fn nonces(&self) -> &[XOnlyPublicKey] {
        &self.nonces
    }

    /// From when on it is attested, in seconds since 1970.
    pub fn maturity(&self) -> u32 {
        self.maturity
    }

    /// What the outcome can be.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// What the oracle calls it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// As a TLV of its own: what an announcement signs.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        put_count(&mut body, self.nonces.len());
        self.nonces.iter().for_each(|nonce| body.extend(nonce.serialize()));
        body.extend(self.maturity.to_be_bytes());
        self.descriptor.put(&mut body);
        put_text(&mut body, &self.id);
        let mut out = Vec::new();
        put_tlv(&mut out, EVENT, &body);
        out
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, MessageError> {
        let mut body = reader.tlv_of(EVENT)?;
        let nonces = body.list(Reader::point)?;
        let (maturity, descriptor) = (body.u32()?, Descriptor::read(&mut body)?);
        let id = body.text()?;
        body.end()?;
        Self::new(id, maturity, descriptor, nonces)
    }
}

/// An oracle's signed word that it will attest an event. Whether the signature holds is
/// [`points::verify_announcement`](super::points::verify_announcement)'s to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The oracle's, over the event.
    pub signature: Signature,
    /// Whose it is.
    pub oracle: XOnlyPublicKey,
    /// What is announced.
    pub event: Event,
}

impl Announcement {
    /// As a TLV.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = self.signature.serialize().to_vec();
        body.extend(self.oracle.serialize());
        body.extend(self.event.encode());
        let mut out = Vec::new();
        put_tlv(&mut out, ANNOUNCEMENT, &body);
        out
    }

    /// Reads one that fills `bytes` exactly.
    ///
    /// # Errors
    /// [`MessageError`], at the first thing that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(bytes);
        let mut body = reader.tlv_of(ANNOUNCEMENT)?;
        let (signature, oracle) = (body.signature()?, body.point()?);
        let event = Event::read(&mut body)?;
        body.end()?;
        reader.end()?;
        Ok(Self { signature, oracle, event })
    }
}

/// An oracle's signatures of an outcome, one a digit. Whether they hold is
/// [`points::verify_attestation`](super::points::verify_attestation)'s to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    event: String,
    oracle: XOnlyPublicKey,
    signatures: Vec<Signature>,
    outcomes: Vec<String>,
}

impl Attestation {
    /// The attestation of `signed` outcomes of `event`.
    ///
    /// # Errors
    /// Where there are too many, or a text is not in normal form C.
    pub fn new(
        event: String,
        oracle: XOnlyPublicKey,
        signed: Vec<(Signature, String)>,
    ) -> Result<Self, MessageError> {
        let (signatures, outcomes) = signed.into_iter().unzip();
        Self::of(event, oracle, signatures, outcomes)
    }

    fn of(
        event: String,
        oracle: XOnlyPublicKey,
        signatures: Vec<Signature>,
        outcomes: Vec<String>,
    ) -> Result<Self, MessageError> {
        if signatures.len() != outcomes.len() || signatures.is_empty() {
            let (signatures, outcomes) = (signatures.len(), outcomes.len());
            return Err(MessageError::Unequal { signatures, outcomes });
        }
        counted(signatures.len())?;
        normalised(&event)?;
        outcomes.iter().try_for_each(|outcome| normalised(outcome))?;
        Ok(Self { event, oracle, signatures, outcomes })
    }

    /// Which event's outcome it is.
    pub fn event(&self) -> &str {
        &self.event
    }

    /// Whose it is.
    pub fn oracle(&self) -> XOnlyPublicKey {
        self.oracle
    }

    /// One signature an outcome, in order.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// What is signed: of a number its digits, most significant first.
    pub fn outcomes(&self) -> &[String] {
        &self.outcomes
    }

    /// As a TLV.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        put_text(&mut body, &self.event);
        body.extend(self.oracle.serialize());
        put_count(&mut body, self.signatures.len());
        self.signatures.iter().for_each(|signature| body.extend(signature.serialize()));
        put_count(&mut body, self.outcomes.len());
        self.outcomes.iter().for_each(|outcome| put_text(&mut body, outcome));
        let mut out = Vec::new();
        put_tlv(&mut out, ATTESTATION, &body);
        out
    }

    /// Reads one that fills `bytes` exactly.
    ///
    /// # Errors
    /// [`MessageError`], at the first thing that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(bytes);
        let mut body = reader.tlv_of(ATTESTATION)?;
        let (event, oracle) = (body.text()?, body.point()?);
        let signatures = body.list(Reader::signature)?;
        let outcomes = body.list(Reader::text)?;
        body.end()?;
        reader.end()?;
        Self::of(event, oracle, signatures, outcomes)
    }
}

fn normalised(text: &str) -> Result<(), MessageError> {
    if unicode_normalization::is_nfc(text) {
        return Ok(());
    }
    Err(MessageError::Unnormalised(text.chars().take(80).collect()))
}

fn counted(count: usize) -> Result<(), MessageError> {
    u16::try_from(count).map(drop).map_err(|_| MessageError::Many(count))
}

#[cfg(test)]
mod tests;
