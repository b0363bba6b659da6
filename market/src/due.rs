//! What time alone makes happen.

use crate::command::Command;
use crate::event::SlotId;
use crate::state::Market;
use contracts::{Contract, ContractState, Slot, SlotState};
use types::{ContractId, Timestamp};

/// Something that is due; a [`Command`] once it has the seed that some of them draw from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// A reservation or rebuild was not answered in time.
    Reassign(SlotId),
    /// A contract did not come about in time.
    Expire(ContractId),
    /// A slot needs another provider.
    Replace(SlotId),
    /// A contract's term has ended.
    Complete(ContractId),
    /// A contract's money is to be paid out.
    Settle(ContractId),
}

impl Due {
    /// The command that makes it happen.
    pub const fn command(self, seed: [u8; 32]) -> Command {
        match self {
            Self::Reassign(SlotId { contract, slot }) => Command::Reassign { contract, slot },
            Self::Expire(contract) => Command::Expire(contract),
            Self::Replace(SlotId { contract, slot }) => Command::Replace { contract, slot, seed },
            Self::Complete(contract) => Command::Complete(contract),
            Self::Settle(contract) => Command::Settle(contract),
        }
    }
}

impl Market {
    /// What is due at `now`, in the order in which it should happen. Doing it may make more due: ask again.
    pub fn due(&self, now: Timestamp) -> Vec<Due> {
        self.open_contracts().flat_map(|contract| self.due_of(now, contract)).collect()
    }

    fn due_of(&self, now: Timestamp, contract: &Contract) -> Vec<Due> {
        if self.is_settleable(contract) {
            return vec![Due::Settle(contract.id)];
        }
        if contract.state == ContractState::Agreed && now > contract.store_by {
            return vec![Due::Expire(contract.id)];
        }
        if contract.state == ContractState::Active
            && contract.end().is_some_and(|end| self.epoch >= end)
        {
            return vec![Due::Complete(contract.id)];
        }
        if !matches!(contract.state, ContractState::Agreed | ContractState::Active) {
            return Vec::new();
        }
        let slots = (0u16..).zip(&contract.slots);
        slots
            .filter_map(|(slot, s)| {
                self.due_of_slot(now, contract, SlotId { contract: contract.id, slot }, s)
            })
            .collect()
    }

    fn due_of_slot(
        &self,
        now: Timestamp,
        contract: &Contract,
        id: SlotId,
        slot: &Slot,
    ) -> Option<Due> {
        match slot.state {
            SlotState::Reserved if !slot.confirmed => {
                (now > slot.answer_by).then_some(Due::Reassign(id))
            }
            SlotState::Repairing => (now > slot.answer_by).then_some(Due::Reassign(id)),
            SlotState::AtFault => self.is_overdue(contract, slot).then_some(Due::Replace(id)),
            SlotState::Vacated => self.may_search(id).then_some(Due::Replace(id)),
            SlotState::Reserved | SlotState::Filled | SlotState::Closed => None,
        }
    }
}
