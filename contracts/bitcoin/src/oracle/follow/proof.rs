//! What shows that an escrow came to its outcome: the journal's entry that says so, in the tree of a head that the market signed.

use contracts::outcome::escrow_id;
use network::api::{EntryProof, EscrowView};
use serde::Deserialize;
use serde_json::Value;
use types::documents::TreeHead;
use types::tree;
use types::{ContractId, Did, JwsError};

/// Why an entry does not prove an outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The head is not signed as it must be.
    #[error("its tree head is not genuine: {0}")]
    Head(JwsError),
    /// The head is another market's.
    #[error("its tree head is signed by {found}, the market that is followed is {expected}")]
    OtherMarket {
        /// Who signed it.
        found: Did,
        /// Who should have.
        expected: Did,
    },
    /// The entry is not in the tree.
    #[error("its entry is not in the market's journal: {0}")]
    NotIncluded(tree::ProofError),
    /// The proof is of another entry than the list names.
    #[error("the proof is of entry {found}, the list names entry {expected}")]
    OtherEntry {
        /// Which one it is of.
        found: u64,
        /// Which one it should be of.
        expected: u64,
    },
    /// The entry says something else.
    #[error(
        "entry {entry} of the market's journal does not say that it came to {outcome}; the list does"
    )]
    NotSaid {
        /// Which entry.
        entry: u64,
        /// What the list says.
        outcome: u16,
    },
}

/// What an entry says, as far as it matters here.
#[derive(Deserialize)]
struct Said {
    events: Vec<Value>,
}

/// What a provider's part came to.
#[derive(Deserialize)]
struct Concluded {
    slot: Slot,
    provider: Did,
    outcome: u16,
}

#[derive(Deserialize)]
struct Slot {
    contract: ContractId,
    slot: u16,
}

/// Whether `proof` shows that `market`'s journal says of an escrow what the list does.
///
/// # Errors
/// [`ProofError`] says what is not shown.
pub fn check(proof: &EntryProof, view: &EscrowView, market: Did) -> Result<(), ProofError> {
    let head = proof.head.verify::<TreeHead>().map_err(ProofError::Head)?;
    if head.market != market {
        return Err(ProofError::OtherMarket { found: head.market, expected: market });
    }
    let (found, expected) = (proof.inclusion.leaf, view.entry);
    if found != expected {
        return Err(ProofError::OtherEntry { found, expected });
    }
    let leaf = tree::leaf(proof.entry.as_bytes());
    proof.inclusion.verify(leaf, &head.tip()).map_err(ProofError::NotIncluded)?;
    let Some(outcome) = view.outcome else { return Ok(()) };
    let said: Option<Said> = serde_json::from_str(&proof.entry).ok();
    let events = said.into_iter().flat_map(|said| said.events);
    let mut concluded = events.filter_map(|mut event| {
        let event = event.get_mut("escrow_concluded")?.take();
        serde_json::from_value::<Concluded>(event).ok()
    });
    let is_it = |one: Concluded| {
        let escrow = escrow_id(one.slot.contract, one.slot.slot, one.provider);
        escrow == view.escrow && one.slot.slot == view.slot && one.outcome == outcome
    };
    if concluded.any(is_it) {
        return Ok(());
    }
    Err(ProofError::NotSaid { entry: view.entry, outcome })
}
