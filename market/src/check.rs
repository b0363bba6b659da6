//! What must always hold of the whole state, verified from scratch.

mod docket;
mod escrows;
mod indexes;
mod money;

use crate::event::SlotId;
use crate::state::Market;
use contracts::rail::rail;
use contracts::{Account, Contract, ContractState, Slot, SlotState};
use std::collections::BTreeSet;
use types::terms::RailKind;
use types::{ContractId, Msat};

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {found}")]
pub struct Breach {
    /// Which invariant, in words.
    pub rule: &'static str,
    /// What was found instead.
    pub found: String,
}

/// Verifies every invariant of `market`; the cost is linear in its size.
///
/// # Errors
/// Every invariant that does not hold.
pub fn check(market: &Market) -> Result<(), Vec<Breach>> {
    let mut breaches = Breaches(Vec::new());
    books(market, &mut breaches);
    pool(market, &mut breaches);
    locked(market, &mut breaches);
    indexes::check(market, &mut breaches);
    docket::check(market, &mut breaches);
    unfunded(market, &mut breaches);
    for contract in market.contracts.values() {
        money::check(market, contract, &mut breaches);
        escrows::check(market, contract, &mut breaches);
        states(market, contract, &mut breaches);
    }
    if breaches.0.is_empty() { Ok(()) } else { Err(breaches.0) }
}

struct Breaches(Vec<Breach>);

impl Breaches {
    fn expect(&mut self, holds: bool, rule: &'static str, found: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Breach { rule, found: found() });
        }
    }
}

/// Debits equal credits, nothing inside is below zero, and the market earns fees alone.
fn books(market: &Market, breaches: &mut Breaches) {
    let (debits, credits) = market.ledger.sums();
    breaches
        .expect(debits == credits, "debits equal credits", || format!("{debits} and {credits}"));
    for (account, totals) in market.ledger.accounts() {
        let balance = totals.balance();
        let allowed = account.is_outside() || balance >= Msat::ZERO;
        breaches.expect(allowed, "no account inside the books is below zero", || {
            format!("{account} holds {balance}")
        });
    }
    for kind in [RailKind::Ledger, RailKind::Bitcoin] {
        let on_it = market.contracts.values().filter(|contract| contract.terms.rail == kind);
        let due = on_it.map(|contract| money::fees(contract));
        let due = due.collect::<Result<Vec<_>, _>>().and_then(Msat::sum);
        let taken = Msat(market.ledger.totals(rail(kind).fees()).credits);
        breaches.expect(due == Ok(taken), "the market takes its fees and nothing else", || {
            format!("{taken} taken, {due:?} due")
        });
    }
}

/// No client has more contracts on Bitcoin for which nothing is stored than it may have.
fn unfunded(market: &Market, breaches: &mut Breaches) {
    let Some(rules) = market.genesis.unfunded else { return };
    for client in market.by_client.keys() {
        let found = market.unfunded_contracts(client);
        let holds = found <= usize::from(rules.contracts_max);
        breaches.expect(holds, "what a client reserves on Bitcoin is bounded", || {
            format!("{client} has {found}, {} are allowed", rules.contracts_max)
        });
    }
}

/// Every open contract's part of the repair pool is there.
fn pool(market: &Market, breaches: &mut Breaches) {
    let open = market.pooled.keys().all(|id| market.open.contains(id));
    breaches.expect(open, "only open contracts have a part of the pool", String::new);
    let sound = market.pooled.values().all(|part| *part >= Msat::ZERO);
    for kind in [RailKind::Ledger, RailKind::Bitcoin] {
        let on_it = |id: &ContractId| market.contract(id).is_some_and(|c| c.terms.rail == kind);
        let parts = market.pooled.iter().filter(|(id, _)| on_it(id)).map(|(_, part)| *part);
        let parts = Msat::sum(parts);
        let pool = market.ledger.balance(rail(kind).pool());
        let covered = matches!(parts, Ok(parts) if parts <= pool);
        breaches.expect(sound && covered, "no contract repairs at another's cost", || {
            format!("{parts:?} of {pool}")
        });
    }
}

/// Escrows and bonds exist for open contracts alone.
fn locked(market: &Market, breaches: &mut Breaches) {
    for (account, totals) in market.ledger.accounts() {
        let (id, holder) = match account {
            Account::Escrow(id) => (id, true),
            Account::Bond(id, number) => {
                let slot = market.slot(SlotId { contract: *id, slot: *number });
                (id, slot.is_some_and(|(_, slot)| slot.confirmed))
            }
            _ => continue,
        };
        let open = holder && market.contracts.get(id).is_some_and(|c| c.state.is_open());
        let balance = totals.balance();
        breaches.expect(open || balance == Msat::ZERO, "what is over holds no money", || {
            format!("{account} holds {balance}")
        });
    }
}

/// A contract's slots fit its state.
fn states(market: &Market, contract: &Contract, breaches: &mut Breaches) {
    let open = contract.state.is_open();
    let listed = market.open.contains(&contract.id);
    breaches
        .expect(open == listed, "open contracts are listed as open", || contract.id.to_string());
    for (number, slot) in (0u16..).zip(&contract.slots) {
        let name = || format!("{} slot {number} is {}", contract.id, slot.state.name());
        breaches.expect(
            open != (slot.state == SlotState::Closed),
            "slots close with their contract",
            name,
        );
        let at_fault = slot.state == SlotState::AtFault;
        breaches.expect(!at_fault || slot.fault.is_some(), "a slot at fault has a fault", name);
        let sound = slot.state == SlotState::Filled;
        breaches.expect(
            !sound || (slot.fault.is_none() && slot.confirmed),
            "a filled slot is bonded and sound",
            name,
        );
        let agreed = contract.state == ContractState::Agreed;
        breaches.expect(
            !agreed || slot.state == SlotState::Reserved,
            "an agreed contract's slots are reserved",
            name,
        );
        let fits = slot.size.bytes <= slot.capacity.0;
        breaches.expect(fits, "a slot holds at most its capacity", name);
    }
    let held = contract.slots.iter().filter(|s| open && s.state != SlotState::Vacated);
    let (holders, slots) = (held.clone().map(Slot::provider), held.count());
    breaches.expect(
        holders.collect::<BTreeSet<_>>().len() == slots,
        "a provider is in one slot of a contract",
        || contract.id.to_string(),
    );
    breaches.expect(
        contract.reserves.is_empty() || contract.state == ContractState::Agreed,
        "only an agreed contract has reserves",
        || contract.id.to_string(),
    );
    let started = contract.revision > 0;
    breaches.expect(
        started == contract.first_epoch.is_some(),
        "a stored contract has a first epoch",
        || contract.id.to_string(),
    );
    let lost = contract
        .slots
        .iter()
        .filter(|s| !matches!(s.state, SlotState::Filled | SlotState::AtFault))
        .count();
    let bearable = lost <= usize::from(contract.terms.redundancy.parity);
    breaches.expect(
        contract.state != ContractState::Active || bearable,
        "an active contract's data is there",
        || format!("{} has lost {lost} slots", contract.id),
    );
}
