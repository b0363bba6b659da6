//! A third party's judge: a dispute decided from one file, by the rules of evidence and the documents alone.

use contracts::evidence::{self, Finding};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use types::documents::{Challenge, Dispute, Proof, Receipt, SlotVerdict, Verdict};
use types::{ContractId, Did, Document, Epoch, Signed, Verified};

/// Everything that a dispute rests on.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct EvidenceFile {
    /// Whose verdicts count.
    pub(crate) market: Did,
    /// What says that the dispute came in time.
    pub(crate) in_time: InTime,
    /// What was asked.
    pub(crate) challenge: Signed,
    /// What the auditor says that it found.
    pub(crate) verdict: Signed,
    /// The provider's answer, signed.
    pub(crate) proof: Signed,
    /// Its objection.
    pub(crate) dispute: Signed,
    /// The answer's bytes, which the proof names by their hash.
    pub(crate) answers: Vec<u8>,
}

/// What says that a dispute came in time: none of its documents does.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum InTime {
    /// The market's receipt for it: the market has judged it, by its own signature.
    Judged(Box<Receipt>),
    /// What somebody says and nobody has signed. The ruling is as true as that.
    Said {
        /// The last epoch in which the verdict could be disputed.
        until: Epoch,
        /// The epoch in which the dispute was sent.
        sent: Epoch,
    },
}

/// What the evidence says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// The verdict was wrong about these slots: every byte it asked for is there.
    Upheld(Vec<(ContractId, u16)>),
    /// It was right about all of them.
    Dismissed,
}

/// Why the evidence says nothing, for or against anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoRuling {
    /// A document is not what its signer signed.
    Forged(&'static str),
    /// Documents do not belong together.
    Foreign(String),
    /// The verdict finds nothing wrong, so there is nothing to dispute.
    NothingDenied,
    /// It came after the window.
    Late,
}

fn signed<T: Document>(what: &'static str, document: &Signed) -> Result<Verified<T>, NoRuling> {
    document.verify().map_err(|_| NoRuling::Forged(what))
}

/// Decides the dispute in a file.
pub(crate) fn rule(file: &EvidenceFile) -> Result<Ruling, NoRuling> {
    let challenge: Verified<Challenge> = signed("challenge", &file.challenge)?;
    let verdict: Verified<Verdict> = signed("verdict", &file.verdict)?;
    let proof: Verified<Proof> = signed("proof", &file.proof)?;
    let dispute: Verified<Dispute> = signed("dispute", &file.dispute)?;
    for (belongs, what) in [
        (verdict.auditor == file.market, "the verdict is not the market's"),
        (challenge.auditor == file.market, "the challenge is not the market's"),
        (dispute.provider == verdict.provider, "the dispute is not the accused's"),
        (dispute.verdict == verdict.id(), "the dispute is of another verdict"),
        (dispute.proof == proof.id(), "the dispute rests on another proof"),
        (
            verdict.proof.is_none_or(|judged| judged == proof.id()),
            "the verdict judged another proof than this one",
        ),
        (verdict.challenge == challenge.id(), "the verdict is on another challenge"),
    ] {
        if !belongs {
            return Err(NoRuling::Foreign(what.into()));
        }
    }
    if verdict.slots.iter().all(SlotVerdict::is_pass) {
        return Err(NoRuling::NothingDenied);
    }
    came_in_time(file)?;
    let findings = evidence::judge(&challenge, &proof, &file.answers.clone().into())
        .map_err(|error| NoRuling::Foreign(error.to_string()))?;
    let denied = |finding: &&Finding| {
        let about = |v: &&SlotVerdict| (v.contract, v.slot) == (finding.contract, finding.slot);
        verdict.slots.iter().find(about).is_some_and(|found| !found.is_pass())
    };
    let cleared = findings.iter().filter(denied).filter(|finding| finding.is_pass());
    Ok(ruling(cleared.map(|finding| (finding.contract, finding.slot)).collect()))
}

fn ruling(mut cleared: Vec<(ContractId, u16)>) -> Ruling {
    cleared.sort_unstable();
    if cleared.is_empty() { Ruling::Dismissed } else { Ruling::Upheld(cleared) }
}

fn came_in_time(file: &EvidenceFile) -> Result<(), NoRuling> {
    match &file.in_time {
        InTime::Said { until, sent } if sent > until => Err(NoRuling::Late),
        InTime::Said { .. } => Ok(()),
        InTime::Judged(receipt) => {
            let proven =
                receipt.verify(Some(file.market)).map_err(|_| NoRuling::Forged("receipt"))?;
            if proven.document != file.dispute.id() || proven.command != "dispute" {
                return Err(NoRuling::Foreign("the receipt is for something else".into()));
            }
            Ok(())
        }
    }
}

/// What the market ruled by its own signed word: the events of the journal entry in a receipt that [`rule`] has checked.
pub(crate) fn markets_ruling(receipt: &Receipt) -> Option<Ruling> {
    let entry: Value = serde_json::from_str(&receipt.entry).ok()?;
    let events = entry["events"].as_array()?;
    if events.iter().any(|event| event.get("dispute_dismissed").is_some()) {
        return Some(Ruling::Dismissed);
    }
    let upheld = events.iter().find_map(|event| event.get("dispute_upheld"))?;
    let slot = |slot: &Value| {
        let number = slot["slot"].as_u64()?.try_into().ok()?;
        Some((slot["contract"].as_str()?.parse().ok()?, number))
    };
    Some(ruling(upheld["slots"].as_array()?.iter().map(slot).collect::<Option<_>>()?))
}
