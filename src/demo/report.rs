//! What the demo found, as one object.

use super::settled::OnChain;
use serde::Serialize;
use std::collections::BTreeMap;
use types::{ContractId, Hash, Msat};

/// Everything `demo --json` prints.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) file: Content,
    pub(super) quote: Price,
    pub(super) contract: Agreed,
    pub(super) audits: Audits,
    pub(super) killed_provider: String,
    pub(super) violation: Violation,
    pub(super) penalty: Penalty,
    pub(super) repair: Repair,
    pub(super) fetched: Content,
    /// What each party has more or less than at its beginning, in msat.
    pub(super) settlement: BTreeMap<String, i64>,
    pub(super) books: Books,
    /// What the chain has of a contract on Bitcoin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bitcoin: Option<OnChain>,
    pub(super) journal: Journal,
    pub(super) ok: bool,
    /// What is not as it must be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) wrong: Vec<String>,
}

#[derive(Debug, Default, Serialize, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) bytes: u64,
    pub(super) blake3: Hash,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Price {
    pub(super) lines: BTreeMap<&'static str, Msat>,
    pub(super) total_msat: Msat,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Agreed {
    pub(super) id: ContractId,
    /// The provider of each slot, by its name in the demo.
    pub(super) slots: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Audits {
    pub(super) challenges: u64,
    pub(super) passed: u64,
    pub(super) failed: u64,
    /// Slots that did not answer at all.
    pub(super) unanswered: u64,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Violation {
    pub(super) slot: u16,
    pub(super) cause: &'static str,
    pub(super) evidence: Hash,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Penalty {
    #[serde(rename = "slashed_msat")]
    pub(super) slashed: Msat,
    #[serde(rename = "to_client_msat")]
    pub(super) to_client: Msat,
    #[serde(rename = "to_pool_msat")]
    pub(super) to_pool: Msat,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Repair {
    pub(super) slot: u16,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) seconds: f64,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Books {
    pub(super) debits_msat: String,
    pub(super) credits_msat: String,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Journal {
    pub(super) blocks: u64,
    pub(super) head: Hash,
    pub(super) replayed_head: Hash,
}

impl Report {
    /// Notes what is not as it must be.
    pub(super) fn expect(&mut self, holds: bool, otherwise: &str) {
        if !holds {
            self.wrong.push(otherwise.to_owned());
        }
    }

    /// The last line of the story.
    pub(super) fn verdict(&self) -> String {
        if self.ok {
            return "\nThe file is the same bit for bit, every promise was kept or paid for, and the books balance.".into();
        }
        format!("\nNOT as it must be: {}", self.wrong.join("; "))
    }
}
