//! Turning events into the next state. An event has been judged, so nothing here can refuse it.

use crate::event::{Event, SlotId};
use crate::state::{Market, Offer};
use crate::tally::tally;
use contracts::payout::Accrual;
use contracts::{Contract, ContractState, ContractStep, Fault, Posting, Slot, SlotState, SlotStep};
use reputation::{Evidence, Outcome, Record};
use types::documents::{Ask, Settlement, SlotSize};
use types::{Bytes, ContractId, Did, DocId, Epoch, Hash, Msat, Timestamp};

impl Market {
    /// Makes `event` part of the state.
    ///
    /// # Panics
    /// When the event does not follow from this state: a journal of another market, or a bug. The state is
    /// then worth nothing, and stopping is the only safe answer.
    pub fn apply(&mut self, event: &Event) {
        self.post(event);
        match event {
            Event::AskPublished { id, ask, network } => self.ask_published(*id, ask, network),
            Event::Deposited { document, reference, .. } => {
                self.references.insert(reference.clone(), *document);
            }
            Event::Withdrawn { document, party, nonce, .. } => {
                self.withdrawals.insert(*party, (*nonce, *document));
            }
            Event::ContractAgreed { contract, .. } => self.contract_agreed(contract),
            Event::SlotConfirmed { slot, answer_by, .. } => self.slot_confirmed(*slot, *answer_by),
            Event::SlotReassigned { slot, with, .. } => self.slot_reassigned(*slot, with),
            Event::ContractExpired { contract, .. } => self.close(*contract, ContractStep::Expire),
            Event::RevisionAccepted { contract, number, layout, first_epoch, sizes, accruals, .. } => {
                let contract = self.contract_mut(contract);
                contract.layout = Some(*layout);
                contract.first_epoch = Some(*first_epoch);
                revised(contract, *number, sizes, accruals);
            }
            Event::EpochOpened { epoch, beacon } => self.epoch_opened(*epoch, *beacon),
            Event::VerdictRecorded { .. } => self.verdict_recorded(event),
            Event::LossConfessed { document, provider, outcome, .. } => {
                self.learn(provider, *document, std::slice::from_ref(outcome));
            }
            Event::SlotFaulted { slot, fault, accrual } => self.slot_faulted(*slot, *fault, *accrual),
            Event::SlotRecovered { slot, accrual } => self.slot_recovered(*slot, *accrual),
            Event::Penalised { slot, fault, slashed, to_client, .. } => {
                self.penalised(*slot, *fault, *slashed, *to_client);
            }
            Event::SlotVacated { slot, accrual, .. } => self.slot_vacated(*slot, *accrual),
            Event::RepairOrdered { slot, with, .. } => self.repair_ordered(*slot, with),
            Event::RepairDelayed { slot, epoch, .. } => {
                self.delayed.insert(*slot, *epoch);
            }
            Event::RebuildFinished { slot, number, accrual, .. } => {
                self.rebuild_finished(*slot, *number, *accrual);
            }
            Event::EarningsPosted { accruals, .. } => self.accrued(accruals),
            Event::VoucherRedeemed { .. } => self.voucher_redeemed(event),
            Event::ContractCompleted { contract } => self.step(contract, ContractStep::Complete),
            Event::ContractFailed { contract, .. } => self.step(contract, ContractStep::Fail),
            Event::ContractSettled { settlement, accruals, .. } => self.settled(settlement, accruals),
            Event::StandingChanged { provider, epoch, change } => {
                let record = self.records.entry(*provider).or_default();
                record.adopt(&self.genesis.reputation, change, *epoch);
                self.roster.rate(provider, record.score());
            }
        }
    }

    /// Moves the event's money, and counts it for the parties of its contract.
    fn post(&mut self, event: &Event) {
        let postings = event.postings();
        if let (false, Some(id)) = (postings.is_empty(), event.contract())
            && let Some(contract) = self.contracts.get_mut(&id)
        {
            let mut shares = std::mem::take(&mut contract.shares);
            tally(&mut shares, contract, postings).expect("shares of money that exists fit");
            contract.shares = shares;
        }
        if let Event::EarningsPosted { accruals, postings } = event {
            self.tally_earnings(accruals, postings);
        }
        self.ledger.post_all(postings).expect("an event's postings were checked when it was decided");
    }

    fn tally_earnings(&mut self, accruals: &[(SlotId, Accrual)], postings: &[Posting]) {
        for ((id, _), posting) in accruals.iter().zip(postings) {
            let contract = self.contract_mut(&id.contract);
            let mut shares = std::mem::take(&mut contract.shares);
            tally(&mut shares, contract, &[*posting]).expect("shares of money that exists fit");
            contract.shares = shares;
        }
    }

    fn contract_mut(&mut self, id: &ContractId) -> &mut Contract {
        self.contracts.get_mut(id).expect("an event names a contract that exists")
    }

    fn slot_mut(&mut self, id: SlotId) -> &mut Slot {
        let contract = self.contract_mut(&id.contract);
        contract.slots.get_mut(usize::from(id.slot)).expect("an event names a slot that exists")
    }

    fn step(&mut self, id: &ContractId, step: ContractStep) {
        let contract = self.contract_mut(id);
        contract.state = contract.state.after(step).expect("the step was allowed when it was decided");
    }

    fn move_slot(&mut self, id: SlotId, step: SlotStep) -> &mut Slot {
        let slot = self.slot_mut(id);
        slot.state = slot.state.after(step).expect("the step was allowed when it was decided");
        slot
    }

    fn ask_published(&mut self, id: DocId, ask: &Ask, network: &str) {
        let joined = self.epoch;
        let score = self.records.entry(ask.provider).or_insert_with(|| Record::new(joined)).score();
        let committed = self.committed(&ask.provider);
        self.roster.publish(ask, network, committed, score);
        let offer = Offer { id, ask: ask.clone(), network: network.to_owned() };
        self.offers.insert(ask.provider, offer);
    }

    fn contract_agreed(&mut self, contract: &Contract) {
        for (slot, s) in (0u16..).zip(&contract.slots) {
            self.take(s.provider(), SlotId { contract: contract.id, slot }, s.capacity);
        }
        self.open.insert(contract.id);
        self.by_client.entry(contract.client).or_default().insert(contract.id);
        self.by_quote.insert(contract.quote, contract.id);
        self.contracts.insert(contract.id, contract.clone());
    }

    /// `provider` is in slot `id` from now on.
    fn take(&mut self, provider: Did, id: SlotId, capacity: Bytes) {
        let committed = self.committed.entry(provider).or_default();
        *committed = Bytes(committed.0.saturating_add(capacity.0));
        self.roster.commit(&provider, *committed);
        self.holdings.entry(provider).or_default().insert(id);
    }

    /// `provider` is out of slot `id`.
    fn free(&mut self, provider: Did, id: SlotId, capacity: Bytes) {
        let left = Bytes(self.committed(&provider).0.saturating_sub(capacity.0));
        self.committed.insert(provider, left);
        self.roster.commit(&provider, left);
        if let Some(slots) = self.holdings.get_mut(&provider) {
            slots.remove(&id);
            if slots.is_empty() {
                self.holdings.remove(&provider);
            }
        }
    }

    fn slot_confirmed(&mut self, id: SlotId, answer_by: Timestamp) {
        let slot = self.slot_mut(id);
        slot.confirmed = true;
        slot.answer_by = answer_by;
    }

    fn slot_reassigned(&mut self, id: SlotId, with: &Slot) {
        let (old, capacity) = (self.slot_mut(id).provider(), self.slot_mut(id).capacity);
        self.free(old, id, capacity);
        self.take(with.provider(), id, with.capacity);
        let contract = self.contract_mut(&id.contract);
        contract.reserves.retain(|reserve| reserve.provider != with.provider());
        *self.slot_mut(id) = with.clone();
    }

    fn epoch_opened(&mut self, epoch: Epoch, beacon: Hash) {
        self.epoch = epoch;
        self.beacon = beacon;
    }

    fn verdict_recorded(&mut self, event: &Event) {
        let Event::VerdictRecorded { document, provider, epoch, kind, slots, accruals, outcomes, .. } = event else { return };
        if *kind == types::documents::AuditKind::Routine {
            for id in slots {
                self.slot_mut(*id).audited = Some(*epoch);
            }
        }
        self.accrued(accruals);
        self.learn(provider, *document, outcomes);
    }

    /// Reputation learns what `document` shows of `provider`.
    fn learn(&mut self, provider: &Did, document: DocId, outcomes: &[Outcome]) {
        let evidence = Evidence { epoch: self.epoch, document };
        let record = self.records.entry(*provider).or_default();
        for outcome in outcomes {
            record.note(&self.genesis.reputation, *outcome, evidence);
        }
        self.roster.rate(provider, record.score());
    }

    fn accrued(&mut self, accruals: &[(SlotId, Accrual)]) {
        for (id, accrual) in accruals {
            self.slot_mut(*id).accrual = *accrual;
        }
    }

    fn slot_faulted(&mut self, id: SlotId, fault: Fault, accrual: Accrual) {
        if self.slot_mut(id).state == SlotState::Filled {
            self.move_slot(id, SlotStep::Fault);
        }
        let slot = self.slot_mut(id);
        slot.fault = Some(fault);
        slot.accrual = accrual;
    }

    fn slot_recovered(&mut self, id: SlotId, accrual: Accrual) {
        let slot = self.move_slot(id, SlotStep::Recover);
        slot.fault = None;
        slot.accrual = accrual;
    }

    fn penalised(&mut self, id: SlotId, fault: Fault, slashed: Msat, to_client: Msat) {
        let slot = self.slot_mut(id);
        slot.fault = Some(fault);
        slot.slashed = slot.slashed.add(slashed).expect("a bond is slashed at most whole");
        slot.compensated = slot.compensated.add(to_client).expect("a slot's compensation is capped by its price");
    }

    fn slot_vacated(&mut self, id: SlotId, accrual: Accrual) {
        let slot = self.move_slot(id, SlotStep::Vacate);
        slot.accrual = accrual;
        slot.confirmed = false;
        let (provider, capacity) = (slot.provider(), slot.capacity);
        self.free(provider, id, capacity);
    }

    fn repair_ordered(&mut self, id: SlotId, with: &Slot) {
        self.move_slot(id, SlotStep::Repair);
        *self.slot_mut(id) = with.clone();
        self.take(with.provider(), id, with.capacity);
        self.delayed.remove(&id);
    }

    fn rebuild_finished(&mut self, id: SlotId, number: u64, accrual: Accrual) {
        let rebuilt = self.slot_mut(id).state == SlotState::Repairing;
        let slot = self.move_slot(id, if rebuilt { SlotStep::Rebuild } else { SlotStep::Recover });
        slot.fault = None;
        slot.accrual = accrual;
        self.contract_mut(&id.contract).revision = number;
    }

    fn voucher_redeemed(&mut self, event: &Event) {
        let Event::VoucherRedeemed { slot: id, bytes, from_escrow, paid, .. } = event else { return };
        let slot = self.slot_mut(*id);
        slot.egress.bytes = *bytes;
        slot.egress.paid = *paid;
        let contract = self.contract_mut(&id.contract);
        contract.egress_spent =
            contract.egress_spent.add(*from_escrow).expect("the allowance fits and is never overspent");
    }

    fn settled(&mut self, settlement: &Settlement, accruals: &[Accrual]) {
        let contract = self.contract_mut(&settlement.contract);
        for (slot, accrual) in contract.slots.iter_mut().zip(accruals) {
            slot.accrual = *accrual;
        }
        self.close(settlement.contract, ContractStep::Settle);
    }

    /// The contract is over: its slots are closed and their providers free.
    fn close(&mut self, id: ContractId, step: ContractStep) {
        self.step(&id, step);
        self.open.remove(&id);
        let slots = (0u16..).zip(self.contract_mut(&id).slots.clone());
        for (slot, s) in slots {
            let id = SlotId { contract: id, slot };
            if s.state != SlotState::Vacated {
                self.free(s.provider(), id, s.capacity);
            }
            self.delayed.remove(&id);
            self.move_slot(id, SlotStep::Close);
        }
    }
}

/// What a revision makes of a contract and its slots.
fn revised(contract: &mut Contract, number: u64, sizes: &[SlotSize], accruals: &[Accrual]) {
    let step = if contract.state == ContractState::Agreed { ContractStep::Store } else { ContractStep::Revise };
    contract.state = contract.state.after(step).expect("the step was allowed when it was decided");
    contract.revision = number;
    for (slot, (size, accrual)) in contract.slots.iter_mut().zip(sizes.iter().zip(accruals)) {
        slot.size = *size;
        slot.accrual = *accrual;
        slot.state = slot.state.after(SlotStep::Store).unwrap_or(slot.state);
    }
}
