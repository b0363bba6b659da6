//! Slots that change hands: a provider is out, another is found, the bytes are rebuilt.

use super::WHOLE_PPM;
use super::penalty::repair_cost;
use crate::due::allowed_at_fault;
use crate::event::{Event, SlotId};
use crate::placement::{Never, Search};
use crate::quote::{BONDS_TOO_HIGH, SEARCHES};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::rail::rail;
use contracts::{Account, Cause, Contract, ContractState, Fault, Ledger, Slot, SlotState};
use std::collections::BTreeMap;
use types::documents::QuotedSlot;
use types::terms::RailKind;
use types::{Did, Epoch, MoneyError, Msat, Span, Timestamp};

impl Market {
    /// A slot that stayed at fault too long loses its provider; a slot without one gets the next, while its term lasts.
    pub(crate) fn replace(
        &self,
        now: Timestamp,
        id: SlotId,
        seed: [u8; 32],
    ) -> Result<Vec<Event>, Rejection> {
        let (contract, slot) = self.known_slot(id)?;
        match (slot.state, slot.fault) {
            (SlotState::AtFault, Some(fault)) if self.is_to_be_judged(contract, slot) => {
                // Half price was for what was confessed, not for what was never made good.
                let cause = if fault.cause == Cause::Confessed { Cause::Lost } else { fault.cause };
                self.penalise(id, Fault { cause, ..fault }, WHOLE_PPM)
            }
            _ if contract.state != ContractState::Active => Ok(Vec::new()),
            (SlotState::Vacated, _) if self.may_search(id) => {
                Ok(vec![self.find_next(now, id, seed, unearned(slot)?)?])
            }
            (SlotState::Filled, _) if self.may_hand_over(contract, id, slot) => {
                self.hand_over(now, id, seed)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Whether a slot has been at fault for longer than the terms allow.
    fn is_overdue(&self, contract: &Contract, slot: &Slot) -> bool {
        let allowed = allowed_at_fault(contract);
        slot.fault.is_some_and(|fault| self.epoch.since(fault.since) >= allowed)
    }

    /// Whether a slot's provider loses it for having been at fault too long. Once the term is over, whoever has paid for
    /// a fault has paid: there is nothing left to make good.
    pub(crate) fn is_to_be_judged(&self, contract: &Contract, slot: &Slot) -> bool {
        let open = match contract.state {
            ContractState::Active => slot.state == SlotState::AtFault,
            ContractState::Completed => slot.is_unjudged(),
            _ => false,
        };
        open && self.is_overdue(contract, slot)
    }

    /// A leaving provider is out as soon as another takes the slot; else it serves on.
    fn hand_over(
        &self,
        now: Timestamp,
        id: SlotId,
        seed: [u8; 32],
    ) -> Result<Vec<Event>, Rejection> {
        let (_, slot) = self.known_slot(id)?;
        let total = slot.quoted.cost.total()?;
        let (accrual, _) = self.close_accrual(id)?;
        let next = self.find_next(now, id, seed, total.sub(accrual.posted)?)?;
        Ok(match next {
            Event::RepairOrdered { .. } => vec![self.vacate(id)?, next],
            delayed => vec![delayed],
        })
    }

    /// Whether a slot's next provider has not been looked for in vain in this epoch already.
    pub(crate) fn may_search(&self, id: SlotId) -> bool {
        let tried = self.delayed.get(&id).is_some_and(|epoch| *epoch >= self.epoch);
        let left = self.slot(id).map_or(0, |(contract, _)| self.epochs_left(contract));
        !tried && left > 0
    }

    /// How many epochs a provider that takes a slot now would be paid for.
    fn epochs_left(&self, contract: &Contract) -> u64 {
        contract.end().map_or(0, |end| end.since(self.epoch.plus(1)))
    }

    fn find_next(
        &self,
        now: Timestamp,
        id: SlotId,
        seed: [u8; 32],
        unearned: Msat,
    ) -> Result<Event, Rejection> {
        let (contract, slot) = self.known_slot(id)?;
        let epochs = self.epochs_left(contract);
        let others = (0u16..).zip(&contract.slots).filter(|(number, _)| *number != id.slot);
        let beside = others.map(|(_, slot)| slot.provider()).collect();
        let mut search = self.search(now, &contract.terms, contract.client, epochs);
        search.beside = beside;
        search.unfunded = false;
        search.never = self.former(id);
        if slot.state != SlotState::Vacated {
            search.never.insert(slot.provider(), Never::LostThisSlot);
        }
        let kept_on = contract.terms.rail;
        let spare = match kept_on {
            RailKind::Ledger => self.spare(contract, slot)?,
            RailKind::Bitcoin => self.not_spent(contract)?,
        };
        search.budget = Some(unearned.add(spare)?);
        let next = match self.next_provider(&mut search, seed) {
            Ok(next) => next,
            Err(reason) => return Ok(self.delay(id, reason.to_string())),
        };
        // The pool pays what the next asks above what the old provider left unearned.
        let dearer = next.cost.total()?.sub(unearned)?.max(Msat::ZERO);
        let (id_of, rail) = (contract.id, rail(kept_on));
        let postings = match kept_on {
            RailKind::Ledger => rail.pay_from_pool(Account::Escrow(id_of), dearer),
            RailKind::Bitcoin => rail.lock_escrow(id_of, contract.client, dearer),
        };
        let postings = self.posted(postings)?;
        let with = Box::new(self.repairing(now, id, next)?);
        Ok(Event::RepairOrdered { slot: id, with, postings })
    }

    /// A provider that fits, with a bond it can afford.
    fn next_provider(
        &self,
        search: &mut Search<'_>,
        seed: [u8; 32],
    ) -> Result<QuotedSlot, Rejection> {
        for _ in 0..SEARCHES {
            let placed = self.place(search, 1, 0, seed)?;
            match self.affordable(search, &placed.chosen) {
                Ok(mut slots) => {
                    let gone = Rejection::QuoteStale("the provider's offer is gone".into());
                    return slots.pop().ok_or(gone);
                }
                Err(blamed) => search.never.extend(blamed),
            }
        }
        Err(Rejection::TooFewProviders { found: 0, needed: 1, reason: BONDS_TOO_HIGH.into() })
    }

    /// Who must not be asked for slot `id` again: for good, or in this epoch.
    fn former(&self, id: SlotId) -> BTreeMap<Did, Never> {
        let former = self.former.get(&id).into_iter().flatten();
        let now = former.filter(|(_, through)| **through >= self.epoch);
        let for_good = Epoch(u64::MAX);
        now.map(|(provider, through)| {
            let lost = *through == for_good;
            (*provider, if lost { Never::LostThisSlot } else { Never::PassedOver })
        })
        .collect()
    }

    /// What this contract's penalties have left in the pool beyond what reading for the repair will cost.
    fn spare(&self, contract: &Contract, slot: &Slot) -> Result<Msat, Rejection> {
        let reads = repair_cost(contract, slot, WHOLE_PPM)?;
        Ok(self.pooled(&contract.id).sub(reads)?.max(Msat::ZERO))
    }

    /// What a client was compensated with and has not put into dearer escrows on Bitcoin yet: those are its to fund.
    fn not_spent(&self, contract: &Contract) -> Result<Msat, Rejection> {
        let put_in = Msat(self.ledger.totals(Account::Escrow(contract.id)).credits);
        let spent = put_in.sub(contract.cost.escrow()?)?;
        let compensated = contract.slots.iter().map(|slot| slot.compensated);
        Ok(Msat::sum(compensated)?.sub(spent)?.max(Msat::ZERO))
    }

    fn delay(&self, id: SlotId, reason: String) -> Event {
        let held = self.slot(id).filter(|(_, slot)| slot.state != SlotState::Vacated);
        let provider = held.map(|(_, slot)| slot.provider());
        Event::RepairDelayed { slot: id, provider, epoch: self.epoch, reason }
    }

    /// The slot as `next` is to rebuild it.
    fn repairing(&self, now: Timestamp, id: SlotId, next: QuotedSlot) -> Result<Slot, Rejection> {
        let (contract, slot) = self.known_slot(id)?;
        let answer_by = self.answer_by(now, slot);
        Ok(Slot {
            state: SlotState::Repairing,
            size: slot.size,
            compensated: slot.compensated,
            exit_fee: slot.exit_fee,
            ..Slot::reserved(next, slot.capacity, self.epochs_left(contract), answer_by)
        })
    }

    /// By when the next provider of `slot` must answer. A confirmation names its reservation by this time, so no two of a slot
    /// share it, even while the clock stands still: an answer to the one must not be taken for an answer to the other.
    fn answer_by(&self, now: Timestamp, slot: &Slot) -> Timestamp {
        let within = self.genesis.answer_within;
        let usual = now.after(within);
        if (usual..usual.after(within)).contains(&slot.answer_by) {
            slot.answer_by.after(Span(1))
        } else {
            usual
        }
    }

    /// The slot's provider is out: what it earned is posted, what is left of its bond returned.
    pub(crate) fn vacate(&self, id: SlotId) -> Result<Event, Rejection> {
        self.vacate_from(id, &self.ledger)
    }

    /// As [`Market::vacate`], on books in which postings that come before it are made already.
    pub(crate) fn vacate_from(&self, id: SlotId, books: &Ledger) -> Result<Event, Rejection> {
        let (contract, slot) = self.known_slot(id)?;
        let (accrual, amount) = self.close_accrual(id)?;
        let rail = rail(contract.terms.rail);
        let bond = books.balance(Account::Bond(id.contract, id.slot));
        let mut postings = rail.pay(contract.id, slot.provider(), amount);
        postings.extend(rail.release_bond(contract.id, id.slot, slot.provider(), bond));
        books.check(&postings)?;
        Ok(Event::SlotVacated { slot: id, provider: slot.provider(), accrual, postings })
    }

    /// The books of everything that a slot's end touches.
    pub(crate) fn slot_books(&self, id: SlotId) -> Ledger {
        let (contract, slot) = (Account::Escrow(id.contract), Account::Bond(id.contract, id.slot));
        let parties = self
            .slot(id)
            .map(|(c, s)| [c.client, s.provider()].map(|party| rail(c.terms.rail).own(party)));
        let accounts = [contract, slot, Account::RepairPool, Account::PoolOnChain];
        self.ledger.part(accounts.into_iter().chain(parties.into_iter().flatten()))
    }
}

/// What the slot's last provider has left of its price.
fn unearned(slot: &Slot) -> Result<Msat, MoneyError> {
    slot.quoted.cost.total()?.sub(slot.accrual.posted)
}
