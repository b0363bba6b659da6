//! The oracle itself: announces, attests once and for all, and remembers both before it shows either.

mod agreeing;

use super::agree::{AgreeError, Agreement};
use super::book::{Book, BookError, Entry, Record};
use super::messages::{Announcement, Attestation, Descriptor, Digits, Event, MessageError};
use super::nonces::{Nonces, Origin};
use super::points::{SECP, announcement_message, attestation_message, tagged};
use super::rule::{EventName, Rule, SCORE_MAX};
use crate::keys::{Key, KeyError, MasterKey};
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::secp256k1::{Message, XOnlyPublicKey};
use hkdf::Hkdf;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use types::{ContractId, Hash, Timestamp};
use zeroize::Zeroizing;

/// How many binary digits a score has.
pub const SCORE_DIGITS: u16 = 10;
/// What a score is a count of.
const UNIT: &str = "permille";

/// The salt of what is derived of an auditor's secret.
const SEED_SALT: &[u8] = b"bondstore 2026 auditor";
/// What the oracle's seed is derived for.
const SEED_INFO: &[u8] = b"bitcoin seed";

/// The seed of an auditor's [`MasterKey`], of the secret in its keystore, which has no words: HKDF-SHA256 (RFC 5869) with the salt
/// `bondstore 2026 auditor` and the info `bitcoin seed`, 64 bytes.
pub fn seed_of(secret: &[u8; 32]) -> Zeroizing<[u8; 64]> {
    let mut seed = Zeroizing::new([0; 64]);
    Hkdf::<Sha256>::new(Some(SEED_SALT), secret)
        .expand(SEED_INFO, &mut *seed)
        .expect("HKDF-SHA256 gives up to 8160 bytes");
    seed
}

/// Why an oracle does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum OracleError {
    /// Its memory cannot be used.
    #[error(transparent)]
    Book(#[from] BookError),
    /// A key cannot be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What would be announced is no message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The system has no randomness.
    #[error("no randomness: {0}")]
    Randomness(String),
    /// The rule does not name this oracle.
    #[error("the rule names {0} auditors and this oracle is none of them")]
    NotNamed(usize),
    /// The event was announced with another maturity.
    #[error(
        "{event} was announced to mature at {announced}, not at {asked}; that cannot be changed"
    )]
    OtherMaturity {
        /// Which event.
        event: String,
        /// As it was announced, in seconds since 1970.
        announced: u32,
        /// As it was asked for.
        asked: u32,
    },
    /// There is no such event.
    #[error("{0} was not announced here")]
    Unknown(String),
    /// Nothing is attested of it any more.
    #[error(
        "{0} was given up when this oracle's folder was adopted: attesting it could give the key away"
    )]
    GivenUp(String),
    /// Scores end at 1000.
    #[error("{0} is no score; 0 to 1000 are")]
    Score(u16),
    /// The event is not over.
    #[error("{event} matures at {maturity}, and it is {now} (seconds since 1970)")]
    Early {
        /// Which event.
        event: String,
        /// From when on it is attested.
        maturity: u32,
        /// The time.
        now: i64,
    },
    /// It has said something else, which stands.
    #[error("{event} is attested as {attested}; another outcome is never signed")]
    Attested {
        /// Which event.
        event: String,
        /// What stands.
        attested: u16,
        /// What was asked for.
        asked: u16,
    },
    /// It has reported something else, which stands.
    #[error("this oracle has reported that {event} is {reported}; it reports nothing else")]
    Reported {
        /// Which event.
        event: String,
        /// What stands.
        reported: u16,
        /// What was asked for.
        asked: u16,
    },
    /// Others must agree first.
    #[error("{0} is attested when its auditors have agreed; report a score instead")]
    Shared(String),
    /// What another auditor says is refused.
    #[error(transparent)]
    Agree(#[from] AgreeError),
    /// The numbers do not allow it: once in 2^127.
    #[error("no signature can be made under this event's nonces")]
    Unsignable,
}

/// An event, as the oracle that announced it knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// What it is called.
    pub event: String,
    /// From when on it is attested, in seconds since 1970.
    pub maturity: u32,
    /// How its auditors come to one number.
    pub rule: Rule,
    /// What it is for ever, once that is decided.
    pub outcome: Option<u16>,
    /// What the oracle has reported to its fellow auditors.
    pub report: Option<u16>,
    /// What the oracle has voted for.
    pub vote: Option<u16>,
    /// Whether it will never be attested here.
    pub given_up: bool,
}

/// An auditor's oracle, with its folder locked. It shows nothing of its keys.
///
/// Every call that writes returns when the disk has it; run it where blocking is allowed.
pub struct Oracle {
    master: MasterKey,
    key: Key,
    book: Mutex<Book>,
    /// What is being agreed on, by event.
    agreements: Mutex<BTreeMap<String, Agreement>>,
}

impl Oracle {
    /// Opens the oracle of `master` whose memory is in `folder`; a new one where there is none.
    ///
    /// # Errors
    /// Where the folder is another oracle's, is in use, was copied or is damaged.
    pub fn open(folder: &Path, master: MasterKey) -> Result<Self, OracleError> {
        let key = master.oracle()?;
        let book = Book::open(folder, key.x_only_public_key().0)?;
        Ok(Self { master, key, book: Mutex::new(book), agreements: Mutex::default() })
    }

    /// Opens a folder that was copied, brought back from a backup or damaged, and gives up every event that is not attested in it. No
    /// other copy may sign any more. Says how many were given up.
    ///
    /// # Errors
    /// As [`Oracle::open`], save for what it is there to mend.
    pub fn adopt(folder: &Path, master: MasterKey) -> Result<(Self, usize), OracleError> {
        let key = master.oracle()?;
        let (book, given_up) = Book::adopt(folder, key.x_only_public_key().0)?;
        let agreements = Mutex::default();
        Ok((Self { master, key, book: Mutex::new(book), agreements }, given_up))
    }

    /// Whose signatures are this oracle's.
    pub fn public_key(&self) -> XOnlyPublicKey {
        self.key.x_only_public_key().0
    }

    /// Announces the final compliance of a contract's slot, from `maturity` (seconds since 1970) on. The same again gives the
    /// same bytes.
    ///
    /// # Errors
    /// Where the rule does not name this oracle, or the event was announced with another maturity.
    pub fn announce(
        &self,
        (contract, slot): (ContractId, u16),
        maturity: u32,
        rule: &Rule,
    ) -> Result<Announcement, OracleError> {
        if !rule.auditors().contains(&self.public_key()) {
            return Err(OracleError::NotNamed(rule.auditors().len()));
        }
        let event = EventName::new(contract, slot, rule).to_string();
        let mut book = self.book();
        if let Some(entry) = book.entry(&event) {
            let announced = entry.maturity;
            if entry.given_up {
                return Err(OracleError::GivenUp(event));
            }
            if announced == maturity {
                return announcement(entry);
            }
            return Err(OracleError::OtherMaturity { event, announced, asked: maturity });
        }
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(|e| OracleError::Randomness(e.to_string()))?;
        let index = book.next_index();
        let origin = Origin { index, salt: &salt, event: &event, maturity };
        let nonces = Nonces::derive(&self.master, origin, SCORE_DIGITS)?.public();
        let announced = self.sign_event(Event::new(event.clone(), maturity, score(), nonces)?);
        book.append(&Record::Announced(Box::new(Entry {
            event,
            index,
            salt: Hash(salt),
            maturity,
            rule: rule.clone(),
            announcement: hex::encode(announced.encode()),
            report: None,
            vote: None,
            outcome: None,
            given_up: false,
        })))?;
        Ok(announced)
    }

    /// Attests `score` of an event that no other auditor has a say in. The same score again gives the same bytes, another one is
    /// refused for ever.
    ///
    /// # Errors
    /// Where the event is unknown, given up, shared or not over at `now`, or has another outcome.
    pub fn attest(
        &self,
        event: &str,
        score: u16,
        now: Timestamp,
    ) -> Result<Attestation, OracleError> {
        if self.known(event)?.rule.is_shared() {
            return Err(OracleError::Shared(event.to_owned()));
        }
        self.conclude(event, score, now)
    }

    /// Attests what the auditors have agreed on.
    fn conclude(
        &self,
        event: &str,
        score: u16,
        now: Timestamp,
    ) -> Result<Attestation, OracleError> {
        let mut book = self.book();
        let entry = open(&book, event, score)?;
        match entry.outcome {
            Some(attested) if attested == score => {}
            Some(attested) => {
                let event = event.to_owned();
                return Err(OracleError::Attested { event, attested, asked: score });
            }
            None => {
                ripe(entry, now)?;
                book.append(&Record::Attested { event: event.to_owned(), score })?;
            }
        }
        let entry = book.entry(event).ok_or_else(|| OracleError::Unknown(event.to_owned()))?;
        self.sign_outcome(entry, score)
    }

    /// The announcement of an event, where there is one.
    ///
    /// # Errors
    /// [`OracleError::Unknown`].
    pub fn announcement(&self, event: &str) -> Result<Announcement, OracleError> {
        let book = self.book();
        announcement(book.entry(event).ok_or_else(|| OracleError::Unknown(event.to_owned()))?)
    }

    /// The attestation of an event, once its outcome is decided.
    ///
    /// # Errors
    /// [`OracleError::Unknown`].
    pub fn attestation(&self, event: &str) -> Result<Option<Attestation>, OracleError> {
        let book = self.book();
        let entry = book.entry(event).ok_or_else(|| OracleError::Unknown(event.to_owned()))?;
        entry.outcome.map(|score| self.sign_outcome(entry, score)).transpose()
    }

    /// What is known of an event.
    ///
    /// # Errors
    /// [`OracleError::Unknown`].
    pub fn known(&self, event: &str) -> Result<Announced, OracleError> {
        let book = self.book();
        let entry = book.entry(event).ok_or_else(|| OracleError::Unknown(event.to_owned()))?;
        Ok(Announced::of(entry))
    }

    /// Everything that was announced, by name.
    pub fn events(&self) -> Vec<Announced> {
        self.book().entries().map(Announced::of).collect()
    }

    /// Signs something between auditors under this oracle's key. `tag` keeps it apart from everything else that is signed.
    fn sign(&self, tag: &str, parts: &[&[u8]]) -> Signature {
        let message = Message::from_digest(*tagged(tag, parts).as_ref());
        SECP.sign_schnorr_no_aux_rand(&message, &self.key)
    }

    fn sign_event(&self, event: Event) -> Announcement {
        let message = announcement_message(&event);
        let signature = SECP.sign_schnorr_no_aux_rand(&message, &self.key);
        Announcement { signature, oracle: self.public_key(), event }
    }

    /// Signs an outcome that stands in the book.
    fn sign_outcome(&self, entry: &Entry, score: u16) -> Result<Attestation, OracleError> {
        let Entry { event, index, maturity, salt, .. } = entry;
        let origin = Origin { index: *index, salt: &salt.0, event, maturity: *maturity };
        let nonces = Nonces::derive(&self.master, origin, SCORE_DIGITS)?;
        let digits = digits_of(score);
        let messages: Vec<_> = digits.iter().map(|digit| attestation_message(digit)).collect();
        let signatures = nonces.sign(&self.key, &messages).ok_or(OracleError::Unsignable)?;
        let signed = signatures.into_iter().zip(digits).collect();
        Ok(Attestation::new(event.clone(), self.public_key(), signed)?)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Oracle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oracle({})", self.public_key())
    }
}

impl Announced {
    fn of(entry: &Entry) -> Self {
        Self {
            event: entry.event.clone(),
            maturity: entry.maturity,
            rule: entry.rule.clone(),
            outcome: entry.outcome,
            report: entry.report.as_ref().map(|report| report.score),
            vote: entry.vote.as_ref().map(|vote| vote.score),
            given_up: entry.given_up,
        }
    }
}

/// How a score is announced.
pub(super) fn score() -> Descriptor {
    let (base, is_signed, precision, count) = (2, false, 0, SCORE_DIGITS);
    Descriptor::Digits(Digits { base, is_signed, unit: UNIT.to_owned(), precision, count })
}

/// A score's binary digits as they are signed, most significant first.
pub fn digits_of(score: u16) -> Vec<String> {
    (0..SCORE_DIGITS).rev().map(|bit| (score >> bit & 1).to_string()).collect()
}

fn announcement(entry: &Entry) -> Result<Announcement, OracleError> {
    let bytes = hex::decode(&entry.announcement).unwrap_or_default();
    Ok(Announcement::decode(&bytes)?)
}

/// The entry of an event for which `score` may be signed.
fn open<'a>(book: &'a Book, event: &str, score: u16) -> Result<&'a Entry, OracleError> {
    if score > SCORE_MAX {
        return Err(OracleError::Score(score));
    }
    let entry = book.entry(event).ok_or_else(|| OracleError::Unknown(event.to_owned()))?;
    if entry.given_up { Err(OracleError::GivenUp(event.to_owned())) } else { Ok(entry) }
}

fn ripe(entry: &Entry, now: Timestamp) -> Result<(), OracleError> {
    let (event, maturity, now) = (entry.event.clone(), entry.maturity, now.0 / 1_000_000);
    if now < i64::from(maturity) {
        return Err(OracleError::Early { event, maturity, now });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
