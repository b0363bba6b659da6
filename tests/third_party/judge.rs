//! A third party's judge: a dispute decided from one file, by the rules of evidence and the documents alone.

use contracts::evidence::{self, Finding};
use serde::{Deserialize, Serialize};
use types::documents::{Challenge, Dispute, Proof, SlotVerdict, Verdict};
use types::{Did, Document, Epoch, Signed, Verified};

/// Everything that a dispute rests on.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct EvidenceFile {
    /// Whose verdicts count.
    pub(crate) market: Did,
    /// For how many epochs after its own a verdict can be disputed, as the market's genesis says.
    pub(crate) window: u64,
    /// The epoch in which the dispute was sent.
    pub(crate) sent: Epoch,
    /// What was asked.
    pub(crate) challenge: Signed,
    /// What the auditor says that it found.
    pub(crate) verdict: Signed,
    /// The provider's answer, signed.
    pub(crate) proof: Signed,
    /// Its objection.
    pub(crate) dispute: Signed,
    /// The answer's bytes.
    pub(crate) answers: Vec<u8>,
}

/// What the evidence says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// The verdict was wrong about these slots.
    Upheld(Vec<u16>),
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
        (verdict.challenge == challenge.id(), "the verdict is on another challenge"),
    ] {
        if !belongs {
            return Err(NoRuling::Foreign(what.into()));
        }
    }
    if file.sent > verdict.epoch.plus(file.window) {
        return Err(NoRuling::Late);
    }
    let findings = evidence::judge(&challenge, &proof, &file.answers.clone().into())
        .map_err(|error| NoRuling::Foreign(error.to_string()))?;
    let denied = |finding: &&Finding| {
        let about = |v: &&SlotVerdict| (v.contract, v.slot) == (finding.contract, finding.slot);
        verdict.slots.iter().find(about).is_some_and(|found| !found.is_pass())
    };
    let cleared: Vec<u16> =
        findings.iter().filter(denied).filter(|f| f.is_pass()).map(|f| f.slot).collect();
    Ok(if cleared.is_empty() { Ruling::Dismissed } else { Ruling::Upheld(cleared) })
}
