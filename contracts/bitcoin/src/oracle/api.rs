//! What an oracle and whoever asks it say to each other in JSON.

use super::messages::{Announcement, Attestation};
use super::rule::{Rule, SCORE_MAX};
use super::{Announced, SCORE_DIGITS};
use bitcoin::secp256k1::XOnlyPublicKey;
use serde::{Deserialize, Serialize};
use types::{ContractId, Did};

/// Who the oracle is, and how its numbers come about: `GET /v1/oracle`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OracleInfo {
    /// The key that announces and attests.
    pub oracle: XOnlyPublicKey,
    /// The auditor whose it is.
    pub auditor: Did,
    /// How several auditors come to one number: `median`, as [`agree`](super::agree) has it. How many of which auditors must agree stands
    /// in each event's name and with its announcement.
    pub rule: String,
    /// How many binary digits an outcome has.
    pub digits: u16,
    /// The largest outcome.
    pub score_max: u16,
}

impl OracleInfo {
    /// Of an auditor's oracle.
    pub fn new(oracle: XOnlyPublicKey, auditor: Did) -> Self {
        let (rule, digits, score_max) = ("median".to_owned(), SCORE_DIGITS, SCORE_MAX);
        Self { oracle, auditor, rule, digits, score_max }
    }
}

/// An announcement: `GET /v1/oracle/announcements/{event}` where JSON is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncementView {
    /// What the event is called.
    pub event: String,
    /// Whose announcement it is.
    pub oracle: XOnlyPublicKey,
    /// From when on it is attested, in seconds since 1970.
    pub maturity: u32,
    /// Which auditors come to one number, and how many of them must. Its hash stands in the event's name, which is signed.
    pub rule: Rule,
    /// dlcspecs' TLV, in hexadecimal. It alone is signed.
    pub announcement: String,
}

impl AnnouncementView {
    /// Of what was announced.
    pub fn new(announcement: &Announcement, rule: Rule) -> Self {
        Self {
            event: announcement.event.id().to_owned(),
            oracle: announcement.oracle,
            maturity: announcement.event.maturity(),
            rule,
            announcement: hex::encode(announcement.encode()),
        }
    }
}

/// An attestation: `GET /v1/oracle/attestations/{event}` where JSON is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttestationView {
    /// Of which event.
    pub event: String,
    /// Whose attestation it is.
    pub oracle: XOnlyPublicKey,
    /// The digits that are signed, most significant first.
    pub outcomes: Vec<String>,
    /// dlcspecs' TLV, in hexadecimal.
    pub attestation: String,
}

impl AttestationView {
    /// Of what was attested.
    pub fn new(attestation: &Attestation) -> Self {
        Self {
            event: attestation.event().to_owned(),
            oracle: attestation.oracle(),
            outcomes: attestation.outcomes().to_vec(),
            attestation: hex::encode(attestation.encode()),
        }
    }
}

/// What the oracle's own auditor asks of it while it runs: `POST /v1/oracle/orders`, with a session that the auditor has signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// Announce an event.
    Announce {
        /// Of which contract.
        contract: ContractId,
        /// Of which slot.
        slot: u16,
        /// From when on it is attested, in seconds since 1970.
        maturity: u32,
        /// Who must agree.
        rule: Rule,
    },
    /// Say what was measured: attest it, or report it where others must agree.
    Score {
        /// Of which event: its whole name, or `<contract>.<slot>` where that names one.
        event: String,
        /// The compliance, 0 to 1000.
        score: u16,
    },
}

/// What an oracle knows of an event, for its operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventView {
    /// What it is called.
    pub event: String,
    /// The oracle.
    pub oracle: XOnlyPublicKey,
    /// From when on it is attested, in seconds since 1970.
    pub maturity: u32,
    /// Who must agree.
    pub rule: Rule,
    /// What this oracle has reported to the others.
    pub report: Option<u16>,
    /// What this oracle has voted for.
    pub vote: Option<u16>,
    /// What is attested.
    pub outcome: Option<u16>,
    /// Whether it will never be attested from here.
    pub given_up: bool,
    /// dlcspecs' TLV, in hexadecimal.
    pub announcement: String,
    /// dlcspecs' TLV, in hexadecimal, once there is one.
    pub attestation: Option<String>,
}

impl EventView {
    /// Of what the oracle knows.
    pub fn new(
        known: Announced,
        announcement: &Announcement,
        attestation: Option<&Attestation>,
    ) -> Self {
        Self {
            event: known.event,
            oracle: announcement.oracle,
            maturity: known.maturity,
            rule: known.rule,
            report: known.report,
            vote: known.vote,
            outcome: known.outcome,
            given_up: known.given_up,
            announcement: hex::encode(announcement.encode()),
            attestation: attestation.map(|attestation| hex::encode(attestation.encode())),
        }
    }
}
