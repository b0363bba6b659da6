//! How it is shown that bytes are kept: challenge, proof, verdict, confession.

use super::{SlotSize, document};
use crate::{ContractId, Did, DocId, Epoch, Hash, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why an audit is held.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AuditKind {
    /// Every epoch's.
    Routine,
    /// After a failed proof: 256 challenges that estimate the lost fraction.
    Intensified,
}

/// One slot's part of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SlotChallenge {
    /// Which contract.
    pub contract: ContractId,
    /// Which slot.
    pub slot: u16,
    /// What it must hold.
    pub size: SlotSize,
    /// How many chunks are asked for.
    pub count: u32,
}

impl SlotChallenge {
    /// The seed of the picks: BLAKE3 of beacon, contract, slot, epoch and the kind of audit.
    pub fn seed(&self, beacon: &Hash, epoch: Epoch, kind: AuditKind) -> [u8; 32] {
        let kind = match kind {
            AuditKind::Routine => [0],
            AuditKind::Intensified => [1],
        };
        let parts: [&[u8]; 5] =
            [&beacon.0, &self.contract.0, &self.slot.to_le_bytes(), &epoch.0.to_le_bytes(), &kind];
        Hash::derive("bondstore 2026 challenge seed", &parts).0
    }
}

/// The market asks a provider for proof, for several of its slots at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    /// Who audits.
    pub auditor: Did,
    /// Who must answer.
    pub provider: Did,
    /// In which epoch.
    pub epoch: Epoch,
    /// That epoch's public randomness.
    pub beacon: Hash,
    /// Why.
    pub kind: AuditKind,
    /// About what.
    pub slots: Vec<SlotChallenge>,
    /// When the answer must be there.
    pub answer_by: Timestamp,
}
document!(Challenge, "bondstore.challenge", auditor);

/// The provider answers a challenge; the chunks and paths travel beside this document, in binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Who answers.
    pub provider: Did,
    /// Which challenge.
    pub challenge: DocId,
    /// The BLAKE3 hash of the answers' bytes.
    pub answers: Hash,
}
document!(Proof, "bondstore.proof", provider);

/// What an audit found in one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SlotVerdict {
    /// Which contract.
    pub contract: ContractId,
    /// Which slot.
    pub slot: u16,
    /// How many chunks were asked for.
    pub challenges: u32,
    /// How many were proven.
    pub passed: u32,
    /// Whether an answer came at all.
    pub answered: bool,
    /// How long the answer took, in milliseconds.
    pub latency_ms: u32,
}

impl SlotVerdict {
    /// Whether everything that was asked for was proven.
    pub fn is_pass(&self) -> bool {
        self.answered && self.passed == self.challenges
    }
}

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Who judged.
    pub auditor: Did,
    /// Whom.
    pub provider: Did,
    /// For which epoch.
    pub epoch: Epoch,
    /// In which kind of audit.
    pub kind: AuditKind,
    /// The challenge.
    pub challenge: DocId,
    /// The answer, where one came.
    pub proof: Option<DocId>,
    /// Slot by slot.
    pub slots: Vec<SlotVerdict>,
}
document!(Verdict, "bondstore.verdict", auditor);

/// A provider reports its own loss.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confession {
    /// Who confesses.
    pub provider: Did,
    /// Which contract.
    pub contract: ContractId,
    /// Which slot.
    pub slot: u16,
    /// At which revision.
    pub revision: u64,
    /// How many of the slot's bytes are lost.
    pub lost_bytes: u64,
}
document!(Confession, "bondstore.confession", provider);

/// A provider announces that it will be out of reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// Who.
    pub provider: Did,
    /// The first epoch of it; one that has not begun.
    pub from: Epoch,
    /// How many epochs.
    pub epochs: u32,
    /// What for, in one sentence.
    pub reason: String,
}
document!(Maintenance, "bondstore.maintenance", provider);

/// A provider contests a verdict: the answers to the verdict's challenge travel beside this document, in binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Dispute {
    /// Who contests.
    pub provider: Did,
    /// Which verdict.
    pub verdict: DocId,
    /// The proof that the verdict names; any proof for its challenge, where it names none.
    pub proof: DocId,
}
document!(Dispute, "bondstore.dispute", provider);

/// A provider answers an auditor that asks whether it is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// Who is there.
    pub provider: Did,
    /// What the auditor drew for this question alone, so that no older answer does.
    pub nonce: Hash,
}
document!(Presence, "bondstore.presence", provider);

/// What an auditor measured of a provider from where it stands, in one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// Who measured: the market, or an auditor that the market's genesis names.
    pub auditor: Did,
    /// From where, in the auditor's words (for example `eu-west`).
    pub vantage: String,
    /// Whom.
    pub provider: Did,
    /// In which epoch.
    pub epoch: Epoch,
    /// How many probes were sent.
    pub probes: u32,
    /// How many were answered.
    pub answered: u32,
    /// The 95th percentile of the time to first byte of those answered, in milliseconds.
    pub first_byte_ms: u32,
    /// The 5th percentile of what a read delivered, in bytes per second; zero where nothing was read.
    pub throughput: u64,
}
document!(Measurement, "bondstore.measurement", auditor);
