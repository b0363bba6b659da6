//! What must hold of escrows on Bitcoin.

use super::Breaches;
use crate::state::Market;
use contracts::Contract;
use types::Msat;
use types::terms::RailKind;

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
        breaches.expect(escrow.over || escrow.outcome.is_none(), "an outcome is final", name);
        let pays = |outcome| stake.as_ref().and_then(|stake| stake.split(outcome).ok());
        let fits = escrow.outcome.is_none_or(|outcome| {
            pays(outcome).is_some_and(|split| split.provider <= escrow.paid || outcome == 0)
        });
        breaches.expect(fits, "an outcome pays what the books have at most", name);
    }
}
