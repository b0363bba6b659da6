//! Slots that change hands: a provider is out, another is found, the bytes are rebuilt.

use super::{only, wrong_state};
use crate::event::{Event, SlotId};
use crate::placement::{Never, Search};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::payout::Accrual;
use contracts::rail::rail;
use contracts::{Account, Contract, ContractState, Ledger, Posting, Slot, SlotState};
use types::documents::{QuotedSlot, Revision, StorageReceipt};
use types::{Bytes, Msat, Timestamp, Verified};

use super::audit::WHOLE_PPM;

impl Market {
    /// A slot that stayed at fault too long loses its provider; a slot without one gets the next.
    pub(crate) fn replace(
        &self,
        now: Timestamp,
        id: SlotId,
        seed: [u8; 32],
    ) -> Result<Vec<Event>, Rejection> {
        let (contract, slot) = self.known_slot(id)?;
        if contract.state != ContractState::Active {
            return Ok(Vec::new());
        }
        match (slot.state, slot.fault) {
            (SlotState::AtFault, Some(fault)) if self.is_overdue(contract, slot) => {
                self.penalise(id, fault, WHOLE_PPM)
            }
            (SlotState::Vacated, _) if self.may_search(id) => {
                Ok(self.find_next(now, id, seed)?.into_iter().collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Whether a slot has been at fault for longer than the terms allow.
    pub(crate) fn is_overdue(&self, contract: &Contract, slot: &Slot) -> bool {
        let allowed = contract.terms.repair_time.epochs(contract.epoch).max(1);
        slot.fault.is_some_and(|fault| self.epoch.since(fault.since) >= allowed)
    }

    /// Whether a vacated slot's next provider has not been looked for in vain in this epoch already.
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
    ) -> Result<Option<Event>, Rejection> {
        let (contract, slot) = self.known_slot(id)?;
        let epochs = self.epochs_left(contract);
        let others = (0u16..).zip(&contract.slots).filter(|(number, _)| *number != id.slot);
        let beside = others.map(|(_, slot)| slot.provider()).collect();
        let mut search = self.search(now, &contract.terms, contract.client, epochs);
        search.beside = beside;
        search.never.insert(slot.provider(), Never::LostThisSlot);
        let next = match self.next_provider(&mut search, seed) {
            Ok(next) => next,
            Err(reason) => return Ok(Some(self.delay(id, reason.to_string()))),
        };
        self.order_repair(now, id, contract, slot, next, epochs).map(Some)
    }

    /// A provider that fits, with a bond it can afford.
    fn next_provider(&self, search: &mut Search<'_>, seed: [u8; 32]) -> Result<QuotedSlot, Rejection> {
        loop {
            let placed = self.place(search, 1, 0, seed)?;
            let mut priced = self.price_slots(search, &placed.chosen)?;
            let short = self.cannot_afford(&priced);
            if short.is_empty() {
                return priced.pop().ok_or(Rejection::QuoteStale("the provider's offer is gone".into()));
            }
            search.never.extend(short);
        }
    }

    fn delay(&self, id: SlotId, reason: String) -> Event {
        Event::RepairDelayed { slot: id, epoch: self.epoch, reason }
    }

    /// Orders the repair; the pool pays what `next` asks above what the old provider left unearned.
    fn order_repair(
        &self,
        now: Timestamp,
        id: SlotId,
        contract: &Contract,
        slot: &Slot,
        next: QuotedSlot,
        epochs: u64,
    ) -> Result<Event, Rejection> {
        let left = slot.quoted.cost.total()?.sub(slot.accrual.posted)?;
        let dearer = next.cost.total()?.sub(left)?.max(Msat::ZERO);
        let pool = self.ledger.balance(Account::RepairPool);
        if dearer > pool {
            let reason = format!("the next provider costs {dearer} more and the repair pool holds {pool}");
            return Ok(self.delay(id, reason));
        }
        let escrow = Account::Escrow(contract.id);
        let postings = self.posted(rail(contract.terms.rail).pay_from_pool(escrow, dearer))?;
        let answer_by = Self::deadline(now, self.genesis.answer_within);
        let with = Slot {
            state: SlotState::Repairing,
            size: slot.size,
            ..Slot::reserved(next, slot.capacity, epochs, answer_by)
        };
        Ok(Event::RepairOrdered { slot: id, with: Box::new(with), postings })
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
        let parties = self.slot(id).map(|(c, s)| [Account::Available(c.client), Account::Available(s.provider())]);
        let accounts = [contract, slot, Account::RepairPool];
        self.ledger.part(accounts.into_iter().chain(parties.into_iter().flatten()))
    }

    /// What rebuilding `fraction_ppm` of a slot costs: reads from k others, and taking the bytes in.
    pub(crate) fn repair_cost(
        &self,
        contract: &Contract,
        slot: &Slot,
        fraction_ppm: u32,
    ) -> Result<Msat, Rejection> {
        let lost = u128::from(slot.size.bytes) * u128::from(fraction_ppm);
        let lost = Bytes(u64::try_from(lost.div_ceil(u128::from(WHOLE_PPM))).unwrap_or(slot.size.bytes));
        let sources = self.sources(contract, slot.provider());
        let mut cost = slot.quoted.ingress.charge(lost).map_err(|e| Rejection::Pricing(e.to_string()))?;
        for source in sources {
            let read = source.quoted.egress.charge(lost).map_err(|e| Rejection::Pricing(e.to_string()))?;
            cost = cost.add(read)?;
        }
        Ok(cost)
    }

    /// The k slots that a rebuild of `but`'s reads from, by rising number.
    fn sources<'a>(&self, contract: &'a Contract, but: types::Did) -> impl Iterator<Item = &'a Slot> {
        let k = usize::from(contract.terms.redundancy.data);
        let holds = move |slot: &&Slot| slot.state == SlotState::Filled && slot.provider() != but;
        contract.slots.iter().filter(holds).take(k)
    }

    pub(crate) fn finish_rebuild(
        &self,
        receipt: &Verified<StorageReceipt>,
        revision: &Verified<Revision>,
    ) -> Result<Vec<Event>, Rejection> {
        let id = SlotId { contract: receipt.contract, slot: receipt.slot };
        let (contract, slot) = self.known_slot(id)?;
        only("storage receipt", receipt.provider, slot.provider())?;
        self.only_market("revision", revision.signer)?;
        let in_place = slot.state == SlotState::AtFault && slot.fault.is_some_and(|f| f.penalised_ppm.is_some());
        let anew = slot.state == SlotState::Repairing && slot.confirmed;
        if slot.state == SlotState::Filled || contract.state != ContractState::Active {
            return Ok(Vec::new());
        }
        if !in_place && !anew {
            let allowed = "only a confirmed slot under repair can be finished";
            return Err(wrong_state(format!("slot {}", id.slot), slot.state.name(), allowed));
        }
        self.matches_rebuild(contract, slot, receipt, revision)?;
        let mut accrual = slot.accrual;
        accrual.through = contract.payable(self.epoch.plus(1)).max(accrual.through);
        if anew {
            accrual.ingress_bytes = accrual.ingress_bytes.saturating_add(slot.size.bytes);
        }
        let postings = self.pay_sources(contract, slot)?;
        Ok(vec![Event::RebuildFinished {
            slot: id,
            receipt: receipt.id(),
            revision: revision.id(),
            number: revision.number,
            accrual: Accrual { ..accrual },
            postings,
        }])
    }

    fn matches_rebuild(
        &self,
        contract: &Contract,
        slot: &Slot,
        receipt: &StorageReceipt,
        revision: &Revision,
    ) -> Result<(), Rejection> {
        let mismatch = |reason: String| Err(Rejection::Receipt { slot: receipt.slot, reason });
        let next = contract.revision.saturating_add(1);
        if revision.contract != contract.id || revision.number != next || receipt.revision != next {
            return mismatch(format!("receipt and revision of a rebuild must both be for revision {next}"));
        }
        let same = contract.slots.iter().map(|s| s.size).eq(revision.slots.iter().copied());
        if !same || contract.layout != Some(revision.layout) {
            return mismatch("a rebuild's revision changes nothing but its number".into());
        }
        if receipt.size != slot.size {
            return mismatch("its receipt is for other bytes than the slot must hold".into());
        }
        Ok(())
    }

    /// The pool pays the providers whose shards were read, as far as it reaches.
    fn pay_sources(&self, contract: &Contract, slot: &Slot) -> Result<Vec<Posting>, Rejection> {
        let rail = rail(contract.terms.rail);
        let lost = slot.fault.and_then(|f| f.penalised_ppm).unwrap_or(WHOLE_PPM);
        let read = u128::from(slot.size.bytes) * u128::from(lost);
        let read = Bytes(u64::try_from(read.div_ceil(u128::from(WHOLE_PPM))).unwrap_or(slot.size.bytes));
        let mut left = self.ledger.balance(Account::RepairPool);
        let mut postings = Vec::new();
        for source in self.sources(contract, slot.provider()) {
            let owed = source.quoted.egress.charge(read).map_err(|e| Rejection::Pricing(e.to_string()))?;
            let paid = owed.min(left);
            left = left.sub(paid)?;
            postings.extend(rail.pay_from_pool(Account::Available(source.provider()), paid));
        }
        self.posted(postings)
    }
}
