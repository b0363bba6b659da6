//! What must hold of one contract's money.

use super::Breaches;
use crate::state::Market;
use contracts::payout::Accrual;
use contracts::{Account, Contract, ContractState, Slot, SlotState};
use types::documents::Share;
use types::{Epoch, MoneyError, Msat};

/// The escrow covers everything that may still have to be paid, and shares add up to what left it.
pub(super) fn check(market: &Market, contract: &Contract, breaches: &mut Breaches) {
    let escrow = market.ledger.totals(Account::Escrow(contract.id));
    if contract.state.is_open() {
        let owed = owed(contract).unwrap_or(Msat(i64::MAX));
        let balance = escrow.balance();
        breaches.expect(balance >= owed, "an escrow covers what it can still owe", || {
            format!("{}: {balance} of {owed}", contract.id)
        });
    }
    for (number, slot) in (0u16..).zip(&contract.slots) {
        let name = || format!("{} slot {number}", contract.id);
        let total = slot.quoted.cost.total().unwrap_or(Msat::ZERO);
        breaches.expect(slot.accrual.posted <= total, "a slot earns at most its price", || {
            format!("{}: {} of {total}", name(), slot.accrual.posted)
        });
        let most = at_full_pay(contract, slot).unwrap_or(Msat(i64::MAX));
        breaches.expect(slot.accrual.posted <= most, "nothing is paid that is not earned", || {
            format!("{}: {} paid, {most} can be earned", name(), slot.accrual.posted)
        });
        let bond = market.ledger.balance(Account::Bond(contract.id, number));
        let locked = slot.confirmed && contract.state.is_open();
        breaches.expect(bond <= slot.quoted.bond, "a bond is at most what was quoted", || {
            format!("{}: {bond} of {}", name(), slot.quoted.bond)
        });
        let slashed = slot.slashed;
        breaches.expect(
            !locked || slot.bond_due() == Ok(bond),
            "a bond is whole but for its penalties",
            || {
                let (quoted, added) = (slot.quoted.bond, slot.topped_up);
                format!("{}: {bond} and {slashed} slashed of {quoted} and {added}", name())
            },
        );
    }
    compensation(contract, breaches);
    spent(market, contract, breaches);
    unstored(contract, breaches);
    shares(market, contract, breaches);
}

/// What a slot would have earned if every epoch counted had been paid in full. Not less than what is posted, even
/// where a verdict came after its epoch had been paid for.
fn at_full_pay(contract: &Contract, slot: &Slot) -> Result<Msat, MoneyError> {
    let epochs = contract.first_epoch.map_or(0, |first| slot.accrual.through.since(first));
    let mut full = Accrual { ingress_bytes: slot.accrual.ingress_bytes, ..Accrual::default() };
    full.catch_up(Epoch(epochs), slot.paid_capacity().0);
    slot.earned(&full)
}

/// The client gets no more for losses than it paid for keeping, however often a slot is lost, nor than it paid in all.
fn compensation(contract: &Contract, breaches: &mut Breaches) {
    let paid = contract.cost.storage.add(contract.cost.premium);
    let compensated = Msat::sum(contract.slots.iter().map(|slot| slot.compensated));
    breaches.expect(
        matches!((&compensated, &paid), (Ok(compensated), Ok(paid)) if compensated <= paid),
        "a client is compensated for what it paid at most",
        || format!("{}: {compensated:?} of {paid:?}", contract.id),
    );
    let received = contract.shares.get(&contract.client).map_or(Msat::ZERO, |s| s.received);
    let whole = contract.cost.escrow().unwrap_or(Msat::ZERO);
    breaches.expect(
        Msat::ZERO <= received && received <= whole,
        "a client is made whole and no more",
        || format!("{}: {received} of {whole}", contract.id),
    );
}

/// What has left an open contract's escrow is in its accruals, its reads or its fees, or went to former providers.
fn spent(market: &Market, contract: &Contract, breaches: &mut Breaches) {
    if !contract.state.is_open() {
        return;
    }
    let fees = fees(contract);
    let posted = contract.slots.iter().map(|slot| slot.accrual.posted.add(slot.exit_fee));
    let known = posted.chain([Ok(contract.egress_spent), fees]).collect::<Result<Vec<_>, _>>();
    let known = known.and_then(Msat::sum).unwrap_or(Msat(i64::MAX));
    let spent = Msat(market.ledger.totals(Account::Escrow(contract.id)).debits);
    let replaced = market.former.keys().any(|id| id.contract == contract.id);
    breaches.expect(
        spent == known || (replaced && spent > known),
        "what leaves an escrow has a reason",
        || format!("{}: {spent} left, {known} accounted for", contract.id),
    );
}

/// What the market has taken of a contract: its fees with the first revision; of one that ended without any, what its client
/// does not have back of its escrow.
pub(super) fn fees(contract: &Contract) -> Result<Msat, MoneyError> {
    match contract.state {
        _ if contract.revision > 0 => contract.cost.fees(),
        ContractState::Expired | ContractState::Cancelled => {
            let back = contract.shares.get(&contract.client).map_or(Msat::ZERO, |s| s.returned);
            contract.cost.escrow()?.sub(back)
        }
        _ => Ok(Msat::ZERO),
    }
}

/// Who stores nothing pays the escrow fee at most, and nothing where a provider was not ready.
fn unstored(contract: &Contract, breaches: &mut Breaches) {
    let (taken, due) = (fees(contract), contract.fee_unstored());
    let over = matches!(contract.state, ContractState::Expired | ContractState::Cancelled);
    let bounded = matches!(taken, Ok(taken) if Msat::ZERO <= taken && taken <= due);
    breaches.expect(!over || bounded, "nothing stored costs the escrow fee at most", || {
        format!("{}: {taken:?} of {due}", contract.id)
    });
}

/// What an open contract may still have to pay out of its escrow.
fn owed(contract: &Contract) -> Result<Msat, MoneyError> {
    let mut owed = contract.cost.egress.sub(contract.egress_spent)?;
    if contract.revision == 0 {
        owed = owed.add(contract.cost.fees()?)?;
    }
    for slot in contract.slots.iter().filter(|slot| slot.state != SlotState::Vacated) {
        let paid = slot.accrual.posted.add(slot.exit_fee)?;
        owed = owed.add(slot.quoted.cost.total()?.sub(paid)?)?;
    }
    Ok(owed)
}

fn shares(market: &Market, contract: &Contract, breaches: &mut Breaches) {
    let escrow = market.ledger.totals(Account::Escrow(contract.id));
    let bonds = (0u16..)
        .zip(&contract.slots)
        .map(|(n, _)| market.ledger.totals(Account::Bond(contract.id, n)));
    let out =
        bonds.map(|totals| i128::from(totals.debits)).sum::<i128>() + i128::from(escrow.debits);
    // What went into a bond from the escrow, or back into it, is counted where it leaves that.
    let out = out - i128::from(contract.into_bonds.0);
    let sum = |line: fn(&Share) -> Msat| {
        contract.shares.values().map(|share| i128::from(line(share).0)).sum::<i128>()
    };
    let compensated = contract.shares.get(&contract.client).map_or(Msat::ZERO, |s| s.received);
    let to_pool = sum(|s| s.slashed) - i128::from(compensated.0);
    let fees = fees(contract).unwrap_or_default();
    let counted = sum(|s| s.received) + sum(|s| s.returned) + to_pool + i128::from(fees.0);
    // What the pool pays for repair reads and the client beyond its allowance comes from elsewhere.
    breaches.expect(counted >= out, "every msat that left a contract is somebody's share", || {
        format!("{}: {out} left, {counted} counted", contract.id)
    });
}
