//! What a watch has learnt since its beginning, and what it is about: for whoever keeps many of them.

use super::{Spoken, Watch};
use crate::deal::respend::Spent;
use crate::escrow::Party;
use crate::outcome::Terms;
use bitcoin::{Amount, Transaction, Txid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What of [`Kept`](super::Kept) changes while a party watches: small, where the rest is large and stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    transaction: Option<Transaction>,
    mined: bool,
    words: BTreeMap<usize, Vec<Spoken>>,
    closes: BTreeMap<usize, Transaction>,
}

/// What a transaction of a contract pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paying {
    /// Which slot it ends; none where it is the funding.
    pub slot: Option<usize>,
    /// What it pays to be mined.
    pub fee: Amount,
    /// What it pays out to this party, where it ends a slot.
    pub own: Option<Amount>,
}

impl Watch {
    /// What `transaction` pays, where it is of this contract.
    pub fn paying(&self, transaction: &Transaction) -> Option<Paying> {
        if transaction.compute_txid() == self.funding.txid() {
            return Some(Paying { slot: None, fee: self.funding.fee(), own: None });
        }
        let spent = transaction.input.first()?.previous_output;
        let (slot, setup) = self.setups.iter().find(|(_, s)| s.terms().coin.outpoint() == spent)?;
        let terms = setup.terms();
        let paid: Amount = transaction.output.iter().map(|output| output.value).sum();
        let payee = match self.kept.party {
            Party::Client => &terms.payees.client,
            Party::Provider => &terms.payees.provider,
        };
        let own = transaction.output.iter().filter(|output| output.script_pubkey == *payee);
        let own = own.map(|output| output.value).sum();
        let fee = terms.coin.value().checked_sub(paid)?;
        Some(Paying { slot: Some(*slot), fee, own: Some(own) })
    }

    /// The escrow of a slot, as a later funding takes it up.
    pub fn spent(&self, slot: usize) -> Option<Spent> {
        let terms = self.setups.get(&slot)?.terms();
        Spent::of(&terms.coin, &terms.refund)
    }

    /// What it has learnt so far.
    pub fn progress(&self) -> Progress {
        Progress {
            transaction: self.kept.transaction.clone(),
            mined: self.kept.mined,
            words: self.kept.words.clone(),
            closes: self.kept.closes.clone(),
        }
    }

    /// Goes on from what the same watch had learnt when it was stored.
    pub fn advance(&mut self, progress: Progress) {
        let Progress { transaction, mined, words, closes } = progress;
        self.kept.transaction = transaction.or_else(|| self.kept.transaction.take());
        self.kept.mined = mined;
        self.kept.words = words;
        self.kept.closes = closes;
    }

    /// Whose watch it is.
    pub fn party(&self) -> Party {
        self.kept.party
    }

    /// What the funding is called on the chain.
    pub fn funding_txid(&self) -> Txid {
        self.funding.txid()
    }

    /// What the funding pays to be mined.
    pub fn funding_fee(&self) -> Amount {
        self.funding.fee()
    }

    /// This party's slots, by number, with what was agreed on each.
    pub fn slots(&self) -> impl Iterator<Item = (usize, &Terms)> {
        self.setups.iter().map(|(slot, setup)| (*slot, setup.terms()))
    }

    /// Whether `auditor` was heard on `slot`.
    pub fn has_heard(&self, slot: usize, auditor: usize) -> bool {
        let words = self.kept.words.get(&slot);
        words.is_some_and(|words| words.iter().any(|word| word.auditor == auditor))
    }

    /// The close of `slot` that both signed, where there is one.
    pub fn close_of(&self, slot: usize) -> Option<&Transaction> {
        self.kept.closes.get(&slot)
    }
}
