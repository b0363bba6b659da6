//! Escrows of contracts on Bitcoin: what the books have paid each provider out of its own, and what that comes to.
//!
//! An escrow is one provider's time in one slot. While it lasts the books pay out of it as on any rail; when it is over, and no
//! penalty of it can be disputed any more, all that was paid is one outcome: what auditors attest.
//!
//! An extension has the money go on in a larger output. Which of a provider's outputs a chain holds the books do not know; so each of
//! them has an outcome, and each gives the provider the same: what it is due, with so much of its bond as is in that one.

mod awaited;

pub use awaited::Awaited;

use crate::event::{Event, SlotId};
use contracts::outcome::Stake;
use contracts::{Account, Posting};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use types::documents::QuotedSlot;
use types::{ContractId, Did, MoneyError, Msat, PriceError, Terms};

/// One provider's time in one slot of a contract on Bitcoin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escrow {
    /// Its outputs: the first, and one for each extension that was agreed since. There is always one.
    pub outputs: Vec<Output>,
    /// The number of the extension that is in force; 0 before there is one.
    pub in_force: u64,
    /// What the books have paid the provider, its bond's rest included.
    pub paid: Msat,
    /// Whether the provider is out, or the contract over.
    pub over: bool,
}

/// One output that may hold an escrow's money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The number of the extension that it is of; 0 for the first.
    pub extension: u64,
    /// What is in it: price and bond.
    pub quoted: QuotedSlot,
    /// What it comes to, 0 to 1000, once nothing can change that any more.
    pub outcome: Option<u16>,
}

impl Escrow {
    fn opened(quoted: QuotedSlot) -> Self {
        let first = Output { extension: 0, quoted, outcome: None };
        Self { outputs: vec![first], in_force: 0, paid: Msat::ZERO, over: false }
    }

    /// The output of an extension.
    pub fn output(&self, extension: u64) -> Option<&Output> {
        self.outputs.iter().find(|output| output.extension == extension)
    }

    /// The output whose stake the books go by.
    ///
    /// # Panics
    /// Never: what is in force was agreed.
    pub fn current(&self) -> &Output {
        self.output(self.in_force).expect("an extension in force was agreed before")
    }

    /// What it comes to, once that is said.
    pub fn outcome(&self) -> Option<u16> {
        self.current().outcome
    }

    /// What is locked in it by the books, under its contract's `terms`.
    ///
    /// # Errors
    /// As [`Stake::of`].
    pub fn stake(&self, terms: &Terms) -> Result<Stake, PriceError> {
        Stake::of(terms, &self.current().quoted)
    }

    /// What its provider is due of `output`: what the books have paid it, by so much more or less as more or less of its bond is in there.
    ///
    /// # Errors
    /// Where that is no amount of money.
    pub fn due(&self, output: &Output) -> Result<Msat, MoneyError> {
        let due = self.paid.add(output.quoted.bond)?.sub(self.current().quoted.bond)?;
        Ok(due.max(Msat::ZERO))
    }

    /// Whether an outcome of it is not said yet.
    pub fn is_open(&self) -> bool {
        self.outputs.iter().any(|output| output.outcome.is_none())
    }
}

/// All escrows there have been, by slot and provider: nobody comes back to a slot that it has left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escrows {
    pub(crate) all: OrdMap<(SlotId, Did), Escrow>,
    pub(crate) awaited: OrdMap<ContractId, Awaited>,
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
        self.all.insert((slot, provider), Escrow::opened(quoted));
    }

    /// Counts what `event`'s postings pay to providers, and ends what it ends.
    pub(crate) fn hear(&mut self, event: &Event) {
        if self.all.is_empty() {
            return;
        }
        for posting in event.postings() {
            self.count(posting);
        }
        self.await_or_not(event);
        match event {
            Event::SlotVacated { slot, provider, .. } => {
                self.change((*slot, *provider), |escrow| escrow.over = true);
            }
            Event::ContractSettled { settlement, .. } => self.end(settlement.contract),
            Event::ContractExpired { contract, .. } | Event::ContractCancelled { contract, .. } => {
                self.end(*contract);
            }
            Event::EscrowConcluded { slot, provider, extension, outcome, .. } => {
                self.change((*slot, *provider), |escrow| {
                    let known = escrow.outputs.iter_mut();
                    known.filter(|output| output.extension == *extension).for_each(|output| {
                        output.outcome = Some(*outcome);
                    });
                });
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
        self.change_all(contract, |escrow| escrow.over = true);
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
