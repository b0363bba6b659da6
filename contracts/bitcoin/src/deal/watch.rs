//! Each side once the funding is signed: alone with the chain, it says what to broadcast.
//!
//! What is done follows from what the chain holds now and what is known, and from nothing else. So a reorganisation needs no
//! treatment: what was undone is broadcast again, and an output that is spent asks for nothing. Every transaction of a slot
//! spends its one escrow; so nothing can be paid twice.

mod close;
mod progress;
mod state;

use super::agreed::{Agreed, check_key};
use super::{DealError, Signer, inputs, wire};
use crate::chain::follow::{Follower, Spend};
use crate::escrow::funding::Funding;
use crate::escrow::spend::Split;
use crate::escrow::timelock::earliest_height;
use crate::escrow::{Funded, Party};
use crate::outcome::oracle::Attestation;
use crate::outcome::setup::SetupError;
use crate::outcome::{Half, Setup};
use bitcoin::secp256k1::{XOnlyPublicKey, schnorr};
use bitcoin::{Sequence, Transaction};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use close::{Closing, Consent, Proposal};
pub use progress::{Paying, Progress};
pub use state::{Action, Ending, FundingState, Look, Patience, SlotState};

/// What an auditor said of a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spoken {
    auditor: usize,
    value: u16,
    signatures: Vec<schnorr::Signature>,
    /// The last block when it was heard.
    height: u32,
}

/// What a party has to keep until the end: to be stored after every call that changes a [`Watch`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    #[serde(with = "wire::PartyText")]
    party: Party,
    agreed: Agreed,
    /// The other's half of every slot of ours.
    theirs: BTreeMap<usize, Half>,
    transaction: Option<Transaction>,
    patience: Patience,
    /// Whether a block ever had the funding.
    mined: bool,
    /// By slot, in the order in which they were heard; of an auditor that equivocates all of them.
    words: BTreeMap<usize, Vec<Spoken>>,
    /// Closes that both signed.
    closes: BTreeMap<usize, Transaction>,
}

/// A payout that enough auditors agree on.
struct Heard {
    /// Its number in the table.
    range: usize,
    attestations: Vec<Attestation>,
    /// The height at which so many as must agree were heard.
    since: u32,
}

/// One party's watch over its slots.
#[derive(Clone, Debug)]
pub struct Watch {
    kept: Kept,
    funding: Funding,
    setups: BTreeMap<usize, Setup>,
}

impl Watch {
    pub(super) fn new(
        party: Party,
        (agreed, theirs): (Agreed, BTreeMap<usize, Half>),
        transaction: Option<Transaction>,
        patience: Patience,
    ) -> Result<Self, DealError> {
        let (words, closes) = (BTreeMap::new(), BTreeMap::new());
        let mined = false;
        Self::resume(Kept { party, agreed, theirs, transaction, patience, mined, words, closes })
    }

    /// Goes on with what was kept.
    ///
    /// # Errors
    /// Where it is no contract.
    pub fn resume(kept: Kept) -> Result<Self, DealError> {
        let funding = kept.agreed.funding()?;
        let slots = kept.theirs.keys();
        let setups = slots.map(|slot| Ok((*slot, kept.agreed.setup(&funding, *slot)?)));
        let setups = setups.collect::<Result<_, DealError>>()?;
        Ok(Self { kept, funding, setups })
    }

    /// What has to be kept.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Has `follower` watch what this contract hangs on: the funding's inputs and every own escrow. It must have followed no block
    /// that has one of them, or be rewound.
    pub fn register(&self, follower: &mut Follower) {
        let inputs = self.funding.psbt().unsigned_tx.input.iter();
        inputs.for_each(|input| follower.watch_outpoint(input.previous_output));
        self.setups.values().for_each(|setup| follower.watch_outpoint(coin(setup).outpoint()));
    }

    /// Takes the whole funding, where only the other had it.
    ///
    /// # Errors
    /// Where it is another, or not signed by all.
    pub fn funded(&mut self, transaction: Transaction) -> Result<(), DealError> {
        inputs::check(&self.funding, &transaction)?;
        self.kept.transaction.get_or_insert(transaction);
        Ok(())
    }

    /// Takes an auditor's word on a slot, heard when the chain had `height`.
    ///
    /// # Errors
    /// Where it is not that auditor's on this slot. Where it is its second and another, it is kept all the same: the other side may
    /// use either, and so do we.
    pub fn attested(
        &mut self,
        slot: usize,
        (auditor, value): (usize, u16),
        signatures: Vec<schnorr::Signature>,
        height: u32,
    ) -> Result<(), DealError> {
        let quorum = &self.setup(slot)?.terms().quorum;
        let checked = quorum.attestation(auditor, value, &signatures);
        checked.map_err(|source| DealError::Oracle { slot, source })?;
        let words = self.kept.words.entry(slot).or_default();
        let first = words.iter().find(|word| word.auditor == auditor).map(|word| word.value);
        if !words.iter().any(|word| (word.auditor, word.value) == (auditor, value)) {
            words.push(Spoken { auditor, value, signatures, height });
        }
        match first.filter(|first| *first != value) {
            Some(first) => Err(DealError::Equivocates { slot, auditor, first, second: value }),
            None => Ok(()),
        }
    }

    /// What the auditors' words give each side of a slot, where enough of them agree on it; where auditors equivocate, the best of
    /// it for this party.
    pub fn due(&self, slot: usize) -> Option<Split> {
        let table = &self.setups.get(&slot)?.terms().payouts;
        let agreed = self.agreed_on(slot).into_iter().next()?;
        table.ranges().get(agreed.range).map(|range| range.split)
    }

    /// Looks at what `follower` has seen.
    ///
    /// # Errors
    /// Where the key is not this party's.
    pub fn look(&mut self, follower: &Follower, signer: &Signer<'_>) -> Result<Look, DealError> {
        check_key(signer.key, self.key()?)?;
        let funding = self.look_at_funding(follower);
        let mut look = Look { funding, slots: BTreeMap::new(), actions: vec![] };
        let next = follower.tip().map_or(0, |tip| tip.height.saturating_add(1));
        match funding {
            FundingState::Waiting => look.actions.extend(self.wait(next)),
            FundingState::Mined { .. } => self.kept.mined = true,
            FundingState::Void { .. } => {}
        }
        for (slot, setup) in &self.setups {
            let watched = follower.watched(&coin(setup).outpoint());
            let made = watched.and_then(|watched| watched.funding.as_ref());
            let spend = watched.and_then(|watched| watched.spend.as_ref());
            let state = match (made, spend) {
                (None, _) => SlotState::Unfunded,
                (Some(_), Some(spend)) => ended(setup, spend),
                (Some(made), None) => {
                    let transactions = self.next_step(*slot, (made.height, next), signer)?;
                    look.actions.extend(transactions.into_iter().map(Action::Broadcast));
                    SlotState::Open
                }
            };
            look.slots.insert(*slot, state);
        }
        Ok(look)
    }

    /// What the chain holds of the funding; where it holds it, the whole transaction is learnt from it.
    fn look_at_funding(&mut self, follower: &Follower) -> FundingState {
        let txid = self.funding.txid();
        let inputs = self.funding.psbt().unsigned_tx.input.iter();
        let watched = inputs.filter_map(|input| follower.watched(&input.previous_output));
        let spends: Vec<&Spend> = watched.filter_map(|watched| watched.spend.as_ref()).collect();
        let other = spends.iter().find(|spend| spend.transaction.compute_txid() != txid);
        if let Some(spend) = other {
            let by = spend.transaction.compute_txid();
            return FundingState::Void { by, is_final: spend.is_final };
        }
        let Some(spend) = spends.first() else { return FundingState::Waiting };
        self.kept.transaction.get_or_insert_with(|| spend.transaction.clone());
        FundingState::Mined { height: spend.height, is_final: spend.is_final }
    }

    /// What to do about a funding that no block has.
    fn wait(&self, next: u32) -> Option<Action> {
        if self.kept.mined || next <= self.kept.patience.funding_until {
            return self.kept.transaction.clone().map(Action::Broadcast);
        }
        let own = match self.kept.party {
            Party::Client => inputs::range(&self.kept.agreed, None),
            Party::Provider => inputs::range(&self.kept.agreed, self.provider()),
        };
        let inputs = &self.funding.psbt().unsigned_tx.input;
        let own: Vec<_> = inputs.get(own)?.iter().map(|input| input.previous_output).collect();
        // Nobody takes an old escrow back alone; what ends that makes the funding void.
        (!own.is_empty()).then_some(Action::TakeBack(own))
    }

    /// What ends a slot whose escrow was made in the block at `made` and is unspent: what both signed; and, where that is not mined
    /// although the refund could be, what one can do alone as well. A chain takes one of them.
    fn next_step(
        &self,
        slot: usize,
        (made, next): (u32, u32),
        signer: &Signer<'_>,
    ) -> Result<Vec<Transaction>, DealError> {
        let refused = |source| DealError::Setup { slot, source };
        let setup = self.setup(slot)?;
        let theirs = self.kept.theirs.get(&slot).ok_or(DealError::NoSlot(slot))?;
        let refund = setup.refund(theirs, signer.key, &signer.seed).map_err(refused)?;
        let refundable = earliest_height(&refund, &[made]).unwrap_or(u32::MAX);
        let close = self.kept.closes.get(&slot).cloned();
        if close.is_some() && next < refundable {
            return Ok(close.into_iter().collect());
        }
        let patience = u32::from(self.kept.patience.close_blocks);
        for Heard { attestations, since, .. } in self.agreed_on(slot) {
            match setup.complete(&attestations, theirs, signer.key, &signer.seed) {
                Ok(payout) => {
                    let waited = next > since.saturating_add(patience);
                    let pressing = next.saturating_add(patience) >= refundable;
                    let alone = (waited || pressing).then_some(payout);
                    return Ok(close.into_iter().chain(alone).collect());
                }
                Err(SetupError::NoQuorum(_)) => {}
                Err(error) => return Err(refused(error)),
            }
        }
        let alone = (next >= refundable).then_some(refund);
        Ok(close.into_iter().chain(alone).collect())
    }

    /// The payouts of a slot that enough auditors agree on, the best for this party first: one, unless auditors equivocate.
    fn agreed_on(&self, slot: usize) -> Vec<Heard> {
        let (Some(words), Some(setup)) = (self.kept.words.get(&slot), self.setups.get(&slot))
        else {
            return vec![];
        };
        let (table, quorum) = (&setup.terms().payouts, &setup.terms().quorum);
        let mut ranges: BTreeMap<usize, Vec<&Spoken>> = BTreeMap::new();
        for word in words {
            ranges.entry(table.range_of(word.value)).or_default().push(word);
        }
        let mut agreed: Vec<Heard> = ranges
            .into_iter()
            .filter_map(|(range, words)| {
                let mut first: BTreeMap<usize, u32> = BTreeMap::new();
                for word in &words {
                    first.entry(word.auditor).or_insert(word.height);
                }
                let mut heights: Vec<u32> = first.into_values().collect();
                heights.sort_unstable();
                let since = *heights.get(quorum.threshold().checked_sub(1)?)?;
                let attestation = |word: &&Spoken| {
                    quorum.attestation(word.auditor, word.value, &word.signatures).ok()
                };
                let attestations = words.iter().filter_map(attestation).collect();
                Some(Heard { range, attestations, since })
            })
            .collect();
        agreed.sort_by_key(|heard| {
            let split = table.ranges().get(heard.range).map(|range| range.split);
            let share = split.map(|split| match self.kept.party {
                Party::Client => split.client,
                Party::Provider => split.provider,
            });
            std::cmp::Reverse(share)
        });
        agreed
    }

    fn setup(&self, slot: usize) -> Result<&Setup, DealError> {
        self.setups.get(&slot).ok_or(DealError::NoSlot(slot))
    }

    /// The number of the provider whose slots these are.
    fn provider(&self) -> Option<usize> {
        let slot = self.setups.keys().next()?;
        self.kept.agreed.offer.slots.get(*slot).map(|slot| slot.provider)
    }

    /// The key that this party named.
    fn key(&self) -> Result<XOnlyPublicKey, DealError> {
        match self.kept.party {
            Party::Client => Ok(self.kept.agreed.offer.client.key),
            Party::Provider => {
                let number = self.provider().ok_or(DealError::NoSlot(0))?;
                let side = self.kept.agreed.sides.get(number);
                side.map(|side| side.key).ok_or(DealError::NoProvider(number))
            }
        }
    }
}

fn coin(setup: &Setup) -> &Funded {
    &setup.terms().coin
}

/// How an escrow was spent.
fn ended(setup: &Setup, spend: &Spend) -> SlotState {
    let (txid, is_final) = (spend.transaction.compute_txid(), spend.is_final);
    let terms = setup.terms();
    let by_outcome =
        terms.payouts.ranges().iter().find(|range| {
            setup.payout(range.first).is_ok_and(|payout| payout.compute_txid() == txid)
        });
    let held = Sequence::from_height(terms.refund_blocks);
    let refund = terms.coin.settlement(&terms.refund, &terms.payees, held);
    let input = spend.transaction.input.get(spend.input as usize);
    let alone = input.is_some_and(|input| input.witness.len() == 1);
    let by = match by_outcome {
        Some(range) => Ending::Outcome { first: range.first, last: range.last },
        None if alone => Ending::Agreed,
        None if refund.is_ok_and(|refund| refund.compute_txid() == txid) => Ending::Refund,
        None if input.is_some_and(|input| terms.coin.is_by_outcome_leaf(&input.witness)) => {
            Ending::Respent
        }
        None => Ending::Arbiter,
    };
    SlotState::Ended { by, txid, is_final }
}
