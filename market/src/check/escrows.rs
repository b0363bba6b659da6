//! What must hold of escrows on Bitcoin.

use super::Breaches;
use crate::escrows::{Escrow, Output};
use crate::state::Market;
use contracts::outcome::Stake;
use contracts::{Contract, ContractState};
use types::Msat;
use types::terms::RailKind;

/// Whether the outcome of an output, where it is said, gives the provider what it is due of it, at most.
fn fits(contract: &Contract, escrow: &Escrow, output: &Output) -> bool {
    let Some(outcome) = output.outcome else { return true };
    let stake = Stake::of(&contract.terms, &output.quoted).ok();
    let split = stake.and_then(|stake| stake.split(outcome).ok());
    let due = escrow.due(output).ok();
    split.zip(due).is_some_and(|(split, due)| split.provider <= due || outcome == 0)
}

/// Whoever is in a slot has an escrow that goes on; none pays more than is in it; an outcome pays what the books have, at most.
pub(super) fn check(market: &Market, contract: &Contract, breaches: &mut Breaches) {
    let on_bitcoin = contract.terms.rail == RailKind::Bitcoin;
    for (number, slot) in (0u16..).zip(&contract.slots) {
        let id = crate::event::SlotId { contract: contract.id, slot: number };
        let escrow = market.escrows.get(id, slot.provider());
        let goes_on = escrow.is_some_and(|escrow| !escrow.over);
        let held = on_bitcoin && slot.confirmed && contract.state.is_open();
        breaches.expect(goes_on == held, "a slot that is held on Bitcoin has an escrow", || {
            format!("{} slot {number}: {escrow:?}", contract.id)
        });
    }
    for (slot, provider, escrow) in market.escrows.of(contract.id) {
        let name = || format!("{} slot {} of {provider}: {escrow:?}", contract.id, slot.slot);
        let stake = escrow.stake(&contract.terms).ok();
        let most = stake.as_ref().and_then(|stake| stake.collateral().ok());
        let holds = most.is_some_and(|most| (Msat::ZERO..=most).contains(&escrow.paid));
        breaches.expect(holds, "an escrow pays what is in it at most", name);
        let said = escrow.outputs.iter().any(|output| output.outcome.is_some());
        breaches.expect(escrow.over || !said, "an outcome is final", name);
        let fits = escrow.outputs.iter().all(|output| fits(contract, escrow, output));
        breaches.expect(fits, "an outcome pays what the books have at most", name);
        let numbers = escrow.outputs.iter().map(|output| output.extension);
        breaches.expect(numbers.is_sorted_by(|a, b| a < b), "outputs are told apart", name);
    }
    let Some(awaited) = market.escrows.awaited(contract.id) else { return };
    let known = (0u16..).zip(&contract.slots).all(|(slot, s)| {
        let id = crate::event::SlotId { contract: contract.id, slot };
        let escrow = market.escrows.get(id, s.provider());
        escrow.is_some_and(|escrow| escrow.output(awaited.number).is_some())
    });
    let all = contract.slots.len();
    let waits = contract.state == ContractState::Active && awaited.sighted.len() < all;
    breaches.expect(on_bitcoin && known && waits, "what is awaited has its escrows", || {
        format!("{}: {awaited:?}", contract.id)
    });
}
