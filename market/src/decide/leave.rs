//! Ending early: a client's cancellation, a provider's departure.

use super::penalty::paid_for;
use super::{only, wrong_state};
use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::amendment::could_earn;
use contracts::rail::rail;
use contracts::{
    Account, Contract, ContractState, ContractStep, Posting, Slot, SlotState, SlotStep,
};
use types::documents::{Cancellation, Departure};
use types::{DocId, Epoch, Msat, Verified};

/// A whole, in permille.
const WHOLE: u128 = 1000;

impl Market {
    pub(crate) fn cancel(
        &self,
        cancellation: &Verified<Cancellation>,
    ) -> Result<Vec<Event>, Rejection> {
        let contract = self.known_contract(&cancellation.contract)?;
        only("cancellation", cancellation.client, contract.client)?;
        if contract.left.is_some() || contract.state == ContractState::Cancelled {
            return Ok(Vec::new());
        }
        let (id, document) = (contract.id, cancellation.id());
        if contract.state.after(ContractStep::Cancel).is_some() {
            let postings = self.all_back(contract)?;
            let holders = contract.holders();
            return Ok(vec![Event::ContractCancelled {
                contract: id,
                holders,
                document,
                postings,
            }]);
        }
        if contract.state.after(ContractStep::Leave).is_some() {
            return self.leave(contract, document);
        }
        let allowed = "a contract can be cancelled before its term has ended";
        Err(wrong_state(format!("contract {id}"), contract.state.name(), allowed))
    }

    /// The client is out from the open epoch on, and pays the providers that keep their promise for what they lose.
    fn leave(&self, contract: &Contract, document: DocId) -> Result<Vec<Event>, Rejection> {
        let first = contract.first_epoch.unwrap_or_default();
        let end = self.epoch.max(first);
        let left = contract.end().unwrap_or(end).since(end);
        let mut fees = Vec::with_capacity(contract.slots.len());
        let mut postings: Vec<Posting> = Vec::new();
        for slot in &contract.slots {
            let fee = exit_fee(contract, slot, left)?;
            postings.extend(rail(contract.terms.rail).pay(contract.id, slot.provider(), fee));
            fees.push(fee);
        }
        let postings = self.posted(postings)?;
        let (contract, holders) = (contract.id, contract.holders());
        Ok(vec![Event::ContractLeft { contract, holders, document, end, fees, postings }])
    }

    pub(crate) fn depart(&self, departure: &Verified<Departure>) -> Result<Vec<Event>, Rejection> {
        let id = SlotId { contract: departure.contract, slot: departure.slot };
        let (contract, slot) = self.known_slot(id)?;
        only("departure", departure.provider, slot.provider())?;
        if slot.leaving.is_some() {
            return Ok(Vec::new());
        }
        if contract.state != ContractState::Active || slot.state.after(SlotStep::Depart).is_none() {
            let allowed = "a provider leaves a slot that it holds, sound, in an active contract";
            return Err(wrong_state(format!("slot {}", id.slot), slot.state.name(), allowed));
        }
        let bond = self.ledger.balance(Account::Bond(id.contract, id.slot));
        let share = u128::from(contract.terms.early_exit_permille);
        let fee = bond.scale_up(share, WHOLE)?.min(paid_for(contract, slot)?);
        let rail = rail(contract.terms.rail);
        let slash = rail.slash((id.contract, id.slot), (contract.client, fee), Msat::ZERO);
        let postings = self.posted(slash)?;
        let (provider, document) = (slot.provider(), departure.id());
        Ok(vec![Event::SlotDeparting { slot: id, provider, document, fee, postings }])
    }

    /// Whether a leaving provider may hand its slot over: it has shown since that it has everything, and enough
    /// others are sound to rebuild the slot from.
    pub(crate) fn may_hand_over(&self, contract: &Contract, id: SlotId, slot: &Slot) -> bool {
        let shown = |since: Epoch| slot.audited.is_some_and(|audited| audited > since);
        slot.state == SlotState::Filled
            && slot.leaving.is_some_and(shown)
            && is_rebuildable(contract, id.slot)
            && self.may_search(id)
    }
}

/// What a slot's provider is paid when its client leaves `left` epochs early.
fn exit_fee(contract: &Contract, slot: &Slot, left: u64) -> Result<Msat, Rejection> {
    if slot.state != SlotState::Filled || slot.leaving.is_some() {
        return Ok(Msat::ZERO);
    }
    let share = u128::from(contract.terms.early_exit_permille);
    Ok(could_earn(slot, left)?.scale_down(share, WHOLE)?)
}

/// Whether the other slots that are sound suffice to rebuild slot `but`.
fn is_rebuildable(contract: &Contract, but: u16) -> bool {
    let others = (0u16..).zip(&contract.slots).filter(|(number, _)| *number != but);
    let sound = others.filter(|(_, slot)| slot.state == SlotState::Filled).count();
    sound >= usize::from(contract.terms.redundancy.data)
}
