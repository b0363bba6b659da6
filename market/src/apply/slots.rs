//! What events make of slots: who is in them, what is wrong with them, how they end.

use crate::event::{Event, SlotId};
use crate::state::Market;
use contracts::payout::Accrual;
use contracts::{ContractStep, Fault, Slot, SlotState, SlotStep};
use types::terms::RailKind;
use types::{Bytes, ContractId, Did, Epoch, Msat, Timestamp};

impl Market {
    pub(super) fn slot_confirmed(&mut self, id: SlotId, answer_by: Timestamp, lacking: Msat) {
        let slot = self.slot_mut(id);
        slot.lacking = lacking;
        slot.confirmed = true;
        slot.answer_by = answer_by;
        if self.contract_mut(&id.contract).terms.rail == RailKind::Bitcoin {
            let quoted = self.slot_mut(id).quoted.clone();
            self.escrows.open(id, quoted.provider, quoted);
        }
    }

    pub(super) fn slot_reassigned(&mut self, id: SlotId, with: &Slot) {
        let (old, capacity) = (self.slot_mut(id).provider(), self.slot_mut(id).capacity);
        self.free(old, id, capacity);
        self.take(with.provider(), id, with.capacity);
        let contract = self.contract_mut(&id.contract);
        contract.reserves.retain(|reserve| reserve.provider != with.provider());
        *self.slot_mut(id) = with.clone();
    }

    pub(super) fn slot_faulted(&mut self, id: SlotId, fault: Fault, accrual: Accrual) {
        if self.slot_mut(id).state == SlotState::Filled {
            self.move_slot(id, SlotStep::Fault);
        }
        let slot = self.slot_mut(id);
        slot.fault = Some(fault);
        slot.accrual = accrual;
    }

    pub(super) fn relieved(&mut self, id: SlotId) {
        let epoch = self.epoch;
        self.move_slot(id, SlotStep::Depart).leaving = Some(epoch);
    }

    pub(super) fn earnings_held(&mut self, id: SlotId, accrual: Accrual, amount: Msat) {
        let slot = self.slot_mut(id);
        slot.accrual = accrual;
        slot.lacking = slot.lacking.sub(amount).expect("no more is held back than is lacking");
        slot.held = slot.held.add(amount).expect("a bond is held back at most whole");
        let contract = self.contract_mut(&id.contract);
        contract.into_bonds =
            contract.into_bonds.add(amount).expect("a contract's bonds fit as its escrow does");
    }

    pub(super) fn slot_recovered(&mut self, id: SlotId, accrual: Accrual) {
        let slot = self.move_slot(id, SlotStep::Recover);
        slot.fault = None;
        slot.accrual = accrual;
    }

    pub(super) fn penalised(&mut self, event: &Event) {
        let Event::Penalised { slot: id, fault, slashed, to_client, contested, .. } = event else {
            return;
        };
        let slot = self.slot_mut(*id);
        slot.fault = Some(*fault);
        slot.slashed = slot.slashed.add(*slashed).expect("a bond is slashed at most whole");
        slot.compensated =
            slot.compensated.add(*to_client).expect("a slot's compensation is capped by its price");
        if let Some(penalty) = contested {
            self.contested(*id, penalty);
        }
    }

    pub(super) fn slot_vacated(&mut self, id: SlotId, accrual: Accrual) {
        let slot = self.slot_mut(id);
        let hands_over = slot.state == SlotState::Filled && slot.leaving.is_some();
        let step = if hands_over { SlotStep::HandOver } else { SlotStep::Vacate };
        let slot = self.move_slot(id, step);
        slot.accrual = accrual;
        let held = std::mem::take(&mut slot.confirmed);
        let (provider, capacity) = (slot.provider(), slot.capacity);
        self.free(provider, id, capacity);
        self.retire(provider, id, held);
    }

    pub(super) fn repair_ordered(&mut self, id: SlotId, with: &Slot) {
        self.move_slot(id, SlotStep::Repair);
        *self.slot_mut(id) = with.clone();
        self.take(with.provider(), id, with.capacity);
        self.delayed.remove(&id);
    }

    pub(super) fn rebuild_finished(&mut self, id: SlotId, number: u64, accrual: Accrual) {
        let epoch = self.epoch;
        let rebuilt = self.slot_mut(id).state == SlotState::Repairing;
        let slot = self.move_slot(id, if rebuilt { SlotStep::Rebuild } else { SlotStep::Recover });
        slot.fault = None;
        slot.accrual = accrual;
        // It is paid from the next epoch on, so it is asked from then on.
        slot.audited = Some(epoch);
        self.contract_mut(&id.contract).revision = number;
    }

    /// `provider` has left slot `id`: for good where it `held` it, else it is not asked again in this epoch.
    ///
    /// So no old voucher or confirmation of its can count a second time, and two that decline are not asked in turns.
    pub(super) fn retire(&mut self, provider: Did, id: SlotId, held: bool) {
        let now = self.epoch;
        let former = self.former.entry(id).or_default();
        former.retain(|_, through| *through >= now);
        former.insert(provider, if held { Epoch(u64::MAX) } else { now });
    }

    /// `provider` is in slot `id` from now on.
    pub(super) fn take(&mut self, provider: Did, id: SlotId, capacity: Bytes) {
        let committed = self.committed.entry(provider).or_default();
        *committed = Bytes(committed.0.saturating_add(capacity.0));
        self.roster.commit(&provider, *committed);
        self.holdings.entry(provider).or_default().insert(id);
    }

    /// `provider` is out of slot `id`.
    pub(super) fn free(&mut self, provider: Did, id: SlotId, capacity: Bytes) {
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

    /// The contract is over: its slots are closed and their providers free.
    pub(super) fn close(&mut self, id: ContractId, step: ContractStep) {
        self.step(&id, step);
        self.open.remove(&id);
        self.pooled.remove(&id);
        let slots = (0u16..).zip(self.contract_mut(&id).slots.clone());
        for (slot, s) in slots {
            let id = SlotId { contract: id, slot };
            if s.state != SlotState::Vacated {
                self.free(s.provider(), id, s.capacity);
            }
            self.delayed.remove(&id);
            self.former.remove(&id);
            self.move_slot(id, SlotStep::Close);
        }
    }
}
