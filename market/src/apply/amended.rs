//! What events make of contracts that are extended, grown, left or topped up.

use crate::event::{Event, SlotId};
use crate::state::Market;
use contracts::{Amendment, ContractStep, SlotState, SlotStep};
use types::terms::Renewal;
use types::{Bytes, ContractId, Epoch, Msat, Span};

impl Market {
    /// Applies what a party, or an agreement of old, makes of a contract that runs.
    pub(super) fn changed_by_agreement(&mut self, event: &Event) {
        match event {
            Event::ContractExtended {
                contract: id,
                document,
                number,
                automatic,
                amendment,
                ..
            } => {
                self.amended(id, amendment);
                let contract = self.contract_mut(id);
                contract.extension = Some((*number, *document));
                contract.terms.renewal =
                    if *automatic { Renewal::Automatic } else { Renewal::Manual };
            }
            Event::ContractRenewed { contract, amendment, .. }
            | Event::ContractGrown { contract, amendment, .. } => self.amended(contract, amendment),
            Event::RenewalRefused { contract, .. } => {
                self.contract_mut(contract).terms.renewal = Renewal::Manual;
            }
            Event::ContractCancelled { contract, .. } => {
                self.close(*contract, ContractStep::Cancel);
            }
            Event::ContractLeft { contract, end, fees, .. } => self.left(contract, *end, fees),
            Event::SlotDeparting { slot, fee, .. } => self.departing(*slot, *fee),
            Event::BondToppedUp { slot, amount, .. } => {
                let slot = self.slot_mut(*slot);
                slot.topped_up =
                    slot.topped_up.add(*amount).expect("a bond is at most what was quoted");
            }
            _ => {}
        }
    }

    fn amended(&mut self, id: &ContractId, amendment: &Amendment) {
        self.step(id, ContractStep::Amend);
        let contract = self.contract_mut(id);
        contract.terms.capacity = amendment.capacity;
        if amendment.epochs != contract.epochs {
            contract.terms.duration = Span(contract.epoch.0.saturating_mul(amendment.epochs));
        }
        contract.epochs = amendment.epochs;
        contract.audit = amendment.audit;
        contract.cost = contract.cost.add(&amendment.added).expect("the client has paid the sum");
        let mut larger = Vec::new();
        for (number, (slot, to)) in (0u16..).zip(contract.slots.iter_mut().zip(&amendment.slots)) {
            let more = Bytes(to.capacity.0.saturating_sub(slot.capacity.0));
            if more.0 > 0 && slot.state != SlotState::Vacated {
                larger.push((slot.quoted.provider, number, more));
            }
            slot.capacity = to.capacity;
            slot.byte_epochs = to.byte_epochs;
            slot.quoted.cost = to.cost;
            slot.quoted.bond = to.bond;
        }
        for (provider, slot, more) in larger {
            self.take(provider, SlotId { contract: *id, slot }, more);
        }
    }

    fn left(&mut self, id: &ContractId, end: Epoch, fees: &[Msat]) {
        self.step(id, ContractStep::Leave);
        let contract = self.contract_mut(id);
        contract.left = Some(end);
        for (slot, fee) in contract.slots.iter_mut().zip(fees) {
            slot.exit_fee = *fee;
        }
    }

    fn departing(&mut self, id: SlotId, fee: Msat) {
        let epoch = self.epoch;
        let slot = self.move_slot(id, SlotStep::Depart);
        slot.leaving = Some(epoch);
        slot.slashed = slot.slashed.add(fee).expect("a fee is at most the bond");
        slot.compensated =
            slot.compensated.add(fee).expect("a fee is at most what the client paid");
    }
}
