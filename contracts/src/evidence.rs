//! What an answer to a challenge shows, judged from the documents alone.
//!
//! The auditor judges with this before it signs a verdict, the market when a provider disputes one, and a third
//! party whenever it likes: one rule, and it needs no server, no state and no key. A [`Challenge`] says what was asked, a [`Proof`]
//! who answers for which bytes, and the bytes speak for themselves: which chunks had to be shown follows from
//! the challenge's beacon, contract, slot, epoch and kind, and each chunk's path leads to the slot's root or it does not.

use bytes::Bytes;
use shards::{Answer, ProofError, Root, SlotSummary, prove};
use types::documents::{Challenge, Proof, SlotChallenge};
use types::{ContractId, Did, DocId, Hash, Verified};

/// What the answers show of one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which contract.
    pub contract: ContractId,
    /// Which slot.
    pub slot: u16,
    /// How many chunks were asked for.
    pub asked: u32,
    /// How many are proven.
    pub passed: u32,
    /// The first one that is not, by its place among those asked for, and why.
    pub failure: Option<(u32, ProofError)>,
}

impl Finding {
    /// Whether everything that was asked for is proven.
    pub fn is_pass(&self) -> bool {
        self.passed == self.asked
    }
}

/// Why documents cannot be judged together: they do not belong to each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// The proof is another provider's.
    #[error("the proof is {found}'s, but {expected} was challenged; only its own proof counts")]
    OtherProvider {
        /// Whose it is.
        found: Did,
        /// Who was asked.
        expected: Did,
    },
    /// The proof answers another challenge.
    #[error("the proof answers challenge {found}; sign one for challenge {expected}")]
    OtherChallenge {
        /// Which one it answers.
        found: DocId,
        /// Which one is judged.
        expected: DocId,
    },
    /// The bytes are not those the proof speaks for.
    #[error(
        "the answers hash to {found}, but the proof was signed for {expected}; send the bytes that it was signed for"
    )]
    OtherAnswers {
        /// Their hash.
        found: Hash,
        /// What the proof says.
        expected: Hash,
    },
}

impl EvidenceError {
    /// A stable name for the wire and for scripts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OtherProvider { .. } => "other_provider",
            Self::OtherChallenge { .. } => "other_challenge",
            Self::OtherAnswers { .. } => "other_answers",
        }
    }
}

/// Judges `answers`, the bytes that `proof` was signed for, as the answer to `challenge`: slot by slot, in the
/// challenge's order.
///
/// `answers` is one list per slot, as [`prove::encode`] writes it, one behind the other. From the first list that
/// cannot be read on, nothing is proven.
///
/// # Errors
/// [`EvidenceError`] where the three do not belong together; they then show nothing, for or against anybody.
pub fn judge(
    challenge: &Verified<Challenge>,
    proof: &Verified<Proof>,
    answers: &Bytes,
) -> Result<Vec<Finding>, EvidenceError> {
    let (found, expected) = (proof.provider, challenge.provider);
    if found != expected {
        return Err(EvidenceError::OtherProvider { found, expected });
    }
    let (found, expected) = (proof.challenge, challenge.id());
    if found != expected {
        return Err(EvidenceError::OtherChallenge { found, expected });
    }
    let (found, expected) = (Hash::of(answers), proof.answers);
    if found != expected {
        return Err(EvidenceError::OtherAnswers { found, expected });
    }
    let mut rest = Ok(answers.clone());
    let slots = challenge.slots.iter();
    Ok(slots.map(|slot| judge_slot(challenge, slot, &mut rest)).collect())
}

/// Judges the list that `rest` begins with, and leaves what follows it.
fn judge_slot(
    challenge: &Challenge,
    slot: &SlotChallenge,
    rest: &mut Result<Bytes, ProofError>,
) -> Finding {
    let asked = slot.count;
    let finding = |passed, failure| Finding {
        contract: slot.contract,
        slot: slot.slot,
        asked,
        passed,
        failure,
    };
    let read = rest.clone().and_then(|bytes| prove::decode_first(&bytes));
    let answers = match read {
        Ok((answers, behind)) => {
            *rest = Ok(behind);
            answers
        }
        Err(error) => {
            *rest = Err(error.clone());
            return finding(0, Some((0, error)));
        }
    };
    let seed = slot.seed(&challenge.beacon, challenge.epoch, challenge.kind);
    let results = verified(slot, seed, &answers);
    let (mut passed, mut failure) = (0, None);
    for (place, result) in (0u32..).zip(results) {
        match result {
            Ok(()) => passed += 1,
            Err(error) => failure = failure.or(Some((place, error))),
        }
    }
    finding(passed, failure)
}

/// Pick by pick, whether the answer in its place proves it. One that is not there is missing.
fn verified<'a>(
    slot: &SlotChallenge,
    seed: [u8; 32],
    answers: &'a [Answer],
) -> impl Iterator<Item = Result<(), ProofError>> + use<'a> {
    let size = slot.size;
    let summary = SlotSummary { root: Root(size.root.0), bytes: size.bytes, shards: size.shards };
    let picks = prove::picks(seed, &summary, slot.count).into_iter();
    let answers = answers.iter().chain(std::iter::repeat(&Answer::Missing));
    picks.zip(answers).map(move |(pick, answer)| prove::verify(pick, &summary, answer))
}

#[cfg(test)]
mod tests;
