//! Escrows of contracts on Bitcoin: what the books have paid each provider out of its own, and what that comes to.
//!
//! An escrow is one provider's time in one slot. While it lasts the books pay out of it as on any rail; when it is over, and no
//! penalty of it can be disputed any more, all that was paid is one outcome: what auditors attest.

use crate::event::{Event, SlotId};
use contracts::outcome::Stake;
use contracts::{Account, Posting};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use types::documents::QuotedSlot;
use types::{ContractId, Did, Msat, PriceError, Terms};

/// One provider's time in one slot of a contract on Bitcoin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escrow {
    /// What it was taken at: price and bond.
    pub quoted: QuotedSlot,
    /// What the books have paid the provider, its bond's rest included.
    pub paid: Msat,
    /// Whether the provider is out, or the contract over.
    pub over: bool,
    /// What it comes to, 0 to 1000, once nothing can change that any more.
    pub outcome: Option<u16>,
}

impl Escrow {
    /// What is locked in it, under its contract's `terms`.
    ///
    /// # Errors
    /// As [`Stake::of`].
    pub fn stake(&self, terms: &Terms) -> Result<Stake, PriceError> {
        Stake::of(terms, &self.quoted)
    }
}

/// All escrows there have been, by slot and provider: nobody comes back to a slot that it has left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escrows {
    pub(crate) all: OrdMap<(SlotId, Did), Escrow>,
}

impl Escrows {
    /// One of them.
    pub fn get(&self, slot: SlotId, provider: Did) -> Option<&Escrow> {
        self.all.get(&(slot, provider))
    }

    /// All of them, in the order of contracts, slots and providers.
    pub fn iter(&self) -> impl Iterator<Item = (SlotId, Did, &Escrow)> {
        self.all.iter().map(|((slot, provider), escrow)| (*slot, *provider, escrow))
    }

    /// Those behind `after`, in the same order.
    pub fn behind(
        &self,
        after: Option<(SlotId, Did)>,
    ) -> impl Iterator<Item = (SlotId, Did, &Escrow)> {
        use std::ops::Bound;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.all.range((from, Bound::Unbounded));
        behind.map(|((slot, provider), escrow)| (*slot, *provider, escrow))
    }

    /// Those of one contract.
    pub fn of(&self, contract: ContractId) -> impl Iterator<Item = (SlotId, Did, &Escrow)> {
        let of = self.all.range(keys(contract));
        of.map(|((slot, provider), escrow)| (*slot, *provider, escrow))
    }

    /// A provider has taken a slot.
    pub(crate) fn open(&mut self, slot: SlotId, provider: Did, quoted: QuotedSlot) {
        let escrow = Escrow { quoted, paid: Msat::ZERO, over: false, outcome: None };
        self.all.insert((slot, provider), escrow);
    }

    /// Counts what `event`'s postings pay to providers, and ends what it ends.
    pub(crate) fn hear(&mut self, event: &Event) {
        if self.all.is_empty() {
            return;
        }
        for posting in event.postings() {
            self.count(posting);
        }
        match event {
            Event::SlotVacated { slot, provider, .. } => {
                self.change((*slot, *provider), |escrow| escrow.over = true);
            }
            Event::ContractSettled { settlement, .. } => self.end(settlement.contract),
            Event::ContractExpired { contract, .. } | Event::ContractCancelled { contract, .. } => {
                self.end(*contract);
            }
            Event::EscrowConcluded { slot, provider, outcome, .. } => {
                self.change((*slot, *provider), |escrow| escrow.outcome = Some(*outcome));
            }
            _ => {}
        }
    }

    fn count(&mut self, posting: &Posting) {
        let Account::OnChain(party) = posting.credit else { return };
        let key = match posting.debit {
            Account::Bond(contract, slot) | Account::Contested(contract, slot) => {
                Some((SlotId { contract, slot }, party))
            }
            // A party is in one slot of a contract at a time.
            Account::Escrow(contract) => {
                let mut own = self.of(contract);
                let own = own.find(|(_, provider, escrow)| *provider == party && !escrow.over);
                own.map(|(slot, ..)| (slot, party))
            }
            _ => None,
        };
        // A client's account has no escrow of its own.
        if let Some(key) = key {
            self.change(key, |escrow| {
                escrow.paid =
                    escrow.paid.add(posting.amount).expect("shares of money that exists fit");
            });
        }
    }

    fn end(&mut self, contract: ContractId) {
        let keys: Vec<_> = self.all.range(keys(contract)).map(|(key, _)| *key).collect();
        for key in keys {
            self.change(key, |escrow| escrow.over = true);
        }
    }

    fn change(&mut self, key: (SlotId, Did), change: impl FnOnce(&mut Escrow)) {
        if let Some(escrow) = self.all.get_mut(&key) {
            change(escrow);
        }
    }
}

/// Where a contract's escrows are.
fn keys(contract: ContractId) -> RangeInclusive<(SlotId, Did)> {
    let slot = |slot| SlotId { contract, slot };
    (slot(0), Did([0; 32]))..=(slot(u16::MAX), Did([255; 32]))
}
