//! What time alone makes happen, and when each contract must be looked at for it.
//!
//! A reminder says by when something may be due in a contract; asking what is due looks at those whose reminder has
//! come and at no others. So what idles costs nothing, however many there are and however many epochs pass.

use crate::command::Command;
use crate::event::SlotId;
use crate::state::Market;
use contracts::{Contract, ContractState, Slot, SlotState};
use imbl::OrdSet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use types::terms::Renewal;
use types::{ContractId, Did, Epoch, Hash, Msat, Timestamp};

/// Something that is due; a [`Command`] once it has the seed that some of them draw from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// A reservation or rebuild was not answered in time.
    Reassign(SlotId),
    /// A contract did not come about in time.
    Expire(ContractId),
    /// A slot needs another provider, or has been at fault for too long when its term is over.
    Replace(SlotId),
    /// A contract that renews itself is in its last epoch.
    Renew(ContractId),
    /// A slot's earnings go into its bond until that is whole.
    HoldBack(SlotId),
    /// Penalties of a slot can be disputed no more.
    Release(SlotId),
    /// A contract's term has ended.
    Complete(ContractId),
    /// A contract's money is to be paid out.
    Settle(ContractId),
    /// The outcome of a provider's part of a contract on Bitcoin is to be said.
    Conclude(SlotId, Did),
}

impl Due {
    /// The command that makes it happen.
    pub const fn command(self, seed: [u8; 32]) -> Command {
        match self {
            Self::Reassign(SlotId { contract, slot }) => Command::Reassign { contract, slot },
            Self::Expire(contract) => Command::Expire(contract),
            Self::Replace(SlotId { contract, slot }) => Command::Replace { contract, slot, seed },
            Self::Renew(contract) => Command::Renew(contract),
            Self::HoldBack(SlotId { contract, slot }) => Command::HoldBack { contract, slot },
            Self::Release(SlotId { contract, slot }) => Command::Release { contract, slot },
            Self::Complete(contract) => Command::Complete(contract),
            Self::Settle(contract) => Command::Settle(contract),
            Self::Conclude(SlotId { contract, slot }, provider) => {
                Command::Conclude { contract, slot, provider }
            }
        }
    }
}

/// When a contract must be looked at: once this time has passed, or this epoch is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reminder {
    at: Option<Timestamp>,
    epoch: Option<Epoch>,
}

/// The reminders of all open contracts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reminders {
    pub(crate) by_time: OrdSet<(Timestamp, ContractId)>,
    pub(crate) by_epoch: OrdSet<(Epoch, ContractId)>,
}

impl Reminder {
    fn at(&mut self, time: Timestamp) {
        self.at = Some(self.at.map_or(time, |earliest| earliest.min(time)));
    }

    fn in_epoch(&mut self, epoch: Epoch) {
        self.epoch = Some(self.epoch.map_or(epoch, |earliest| earliest.min(epoch)));
    }
}

impl Reminders {
    /// The reminder of contract `id` goes from `before` to `after`.
    pub(crate) fn move_to(
        &mut self,
        id: ContractId,
        before: Option<Reminder>,
        after: Option<Reminder>,
    ) {
        if before == after {
            return;
        }
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        before.at.map(|time| self.by_time.remove(&(time, id)));
        before.epoch.map(|epoch| self.by_epoch.remove(&(epoch, id)));
        self.by_time.extend(after.at.map(|time| (time, id)));
        self.by_epoch.extend(after.epoch.map(|epoch| (epoch, id)));
    }

    /// Whose reminder has come.
    fn come(&self, now: Timestamp, epoch: Epoch) -> BTreeSet<ContractId> {
        let (least, most) = (Hash([0; 32]), Hash([255; 32]));
        let timely = self.by_time.range(..(now, least)).map(|(_, id)| *id);
        timely.chain(self.by_epoch.range(..=(epoch, most)).map(|(_, id)| *id)).collect()
    }
}

impl Market {
    /// What is due at `now`, in the order in which it should happen. Doing it may make more due: ask again.
    pub fn due(&self, now: Timestamp) -> Vec<Due> {
        let come = self.reminders.come(now, self.epoch);
        let contracts = come.iter().filter_map(|id| self.contract(id));
        contracts.flat_map(|contract| self.due_of(now, contract)).collect()
    }

    /// How many contracts asking what is due at `now` looks at: what it costs.
    pub fn awake(&self, now: Timestamp) -> usize {
        self.reminders.come(now, self.epoch).len()
    }

    /// When contract `id` must be looked at next, if it exists.
    pub(crate) fn reminder_of(&self, id: &ContractId) -> Option<Reminder> {
        self.contract(id).map(|contract| self.reminder(contract))
    }

    /// When `contract` must be looked at next. Depends on the contract, its contested penalties, its escrows and the searches
    /// for its slots alone.
    fn reminder(&self, contract: &Contract) -> Reminder {
        let mut reminder = Reminder::default();
        match contract.state {
            ContractState::Agreed => reminder.at(contract.store_by),
            ContractState::Active => {
                let end = contract.end().unwrap_or_default();
                let automatic = contract.terms.renewal == Renewal::Automatic;
                reminder.in_epoch(if automatic { Epoch(end.0.saturating_sub(1)) } else { end });
            }
            ContractState::Completed => {
                reminder.in_epoch(contract.end().unwrap_or_default().plus(1));
            }
            ContractState::Failed => reminder.in_epoch(Epoch(0)),
            ContractState::Settled | ContractState::Expired | ContractState::Cancelled => {}
        }
        if !self.to_conclude(contract).is_empty() {
            reminder.in_epoch(Epoch(0));
        }
        for (_, penalties) in self.docket.contested_of(contract.id) {
            for penalty in penalties {
                reminder.in_epoch(penalty.until.plus(1));
            }
        }
        if matches!(contract.state, ContractState::Agreed | ContractState::Active) {
            for (slot, s) in (0u16..).zip(&contract.slots) {
                self.set_for_slot(
                    &mut reminder,
                    contract,
                    SlotId { contract: contract.id, slot },
                    s,
                );
            }
        }
        reminder
    }

    fn set_for_slot(&self, reminder: &mut Reminder, contract: &Contract, id: SlotId, slot: &Slot) {
        let next_search = || self.delayed.get(&id).map_or(Epoch(0), |tried| tried.plus(1));
        match slot.state {
            SlotState::Reserved if !slot.confirmed => reminder.at(slot.answer_by),
            SlotState::Repairing => reminder.at(slot.answer_by),
            SlotState::AtFault => {
                if let Some(fault) = slot.fault {
                    reminder.in_epoch(fault.since.plus(allowed_at_fault(contract)));
                }
            }
            SlotState::Vacated => reminder.in_epoch(next_search()),
            SlotState::Filled => {
                if let Some(since) = slot.leaving {
                    reminder.in_epoch(since.plus(1).max(next_search()));
                }
                if slot.lacking > Msat::ZERO {
                    reminder.in_epoch(slot.accrual.through.plus(1));
                }
            }
            SlotState::Reserved | SlotState::Closed => {}
        }
    }

    fn due_of(&self, now: Timestamp, contract: &Contract) -> Vec<Due> {
        let over = self.final_penalties(contract.id);
        if !over.is_empty() {
            return over.into_iter().map(Due::Release).collect();
        }
        let concluded = self.to_conclude(contract);
        if !concluded.is_empty() {
            return concluded.into_iter().map(|(slot, did)| Due::Conclude(slot, did)).collect();
        }
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
        let slots = (0u16..).zip(&contract.slots);
        if !matches!(contract.state, ContractState::Agreed | ContractState::Active) {
            let judged = slots.filter(|(_, s)| self.is_to_be_judged(contract, s));
            let id = |slot| SlotId { contract: contract.id, slot };
            return judged.map(|(slot, _)| Due::Replace(id(slot))).collect();
        }
        let renewal = self.is_renewable(contract).then_some(Due::Renew(contract.id));
        let of_slots = slots.filter_map(|(slot, s)| {
            self.due_of_slot(now, contract, SlotId { contract: contract.id, slot }, s)
        });
        renewal.into_iter().chain(of_slots).collect()
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
            SlotState::AtFault => self.is_to_be_judged(contract, slot).then_some(Due::Replace(id)),
            SlotState::Vacated => self.may_search(id).then_some(Due::Replace(id)),
            SlotState::Filled if self.may_hand_over(contract, id, slot) => Some(Due::Replace(id)),
            SlotState::Filled => {
                let holds = self.to_hold(id, slot) > Msat::ZERO && self.unposted(id) > Msat::ZERO;
                holds.then_some(Due::HoldBack(id))
            }
            SlotState::Reserved | SlotState::Closed => None,
        }
    }
}

/// For how many epochs a slot may be at fault before its provider is out.
pub(crate) fn allowed_at_fault(contract: &Contract) -> u64 {
    contract.terms.repair_time.epochs(contract.epoch).max(1)
}
