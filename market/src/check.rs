//! What must always hold of the whole state, verified from scratch.

use crate::event::SlotId;
use crate::roster::Roster;
use crate::state::Market;
use contracts::{Account, Contract, ContractState, Slot, SlotState};
use std::collections::{BTreeMap, BTreeSet};
use types::{Bytes, ContractId, Did, Msat};

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
    locked(market, &mut breaches);
    indexes(market, &mut breaches);
    for contract in market.contracts.values() {
        money(market, contract, &mut breaches);
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

/// Debits equal credits, nobody but the world is below zero, and the market earns fees alone.
fn books(market: &Market, breaches: &mut Breaches) {
    let (debits, credits) = market.ledger.sums();
    breaches.expect(debits == credits, "debits equal credits", || format!("{debits} and {credits}"));
    for (account, totals) in market.ledger.accounts() {
        let balance = totals.balance();
        let allowed = *account == Account::World || balance >= Msat::ZERO;
        breaches.expect(allowed, "no account but the world is below zero", || format!("{account} holds {balance}"));
    }
    let due = market.contracts.values().filter(|c| c.revision > 0).map(|c| c.cost.fees());
    let due = due.collect::<Result<Vec<_>, _>>().and_then(Msat::sum);
    let taken = Msat(market.ledger.totals(Account::Fees).credits);
    breaches.expect(due == Ok(taken), "the market takes its fees and nothing else", || {
        format!("{taken} taken, {due:?} due")
    });
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

/// The escrow covers everything that may still have to be paid, and shares add up to what left it.
fn money(market: &Market, contract: &Contract, breaches: &mut Breaches) {
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
        let earned = slot.earned(&slot.accrual).unwrap_or(Msat(i64::MAX));
        breaches.expect(slot.accrual.posted <= earned, "nothing is paid that is not earned", || {
            format!("{}: {} paid, {earned} earned", name(), slot.accrual.posted)
        });
        let keeping = slot.quoted.cost.keeping().unwrap_or(Msat::ZERO);
        breaches.expect(slot.compensated <= keeping, "a client is compensated for what it paid at most", || {
            format!("{}: {} of {keeping}", name(), slot.compensated)
        });
        let bond = market.ledger.balance(Account::Bond(contract.id, number));
        let locked = slot.confirmed && contract.state.is_open();
        breaches.expect(bond <= slot.quoted.bond, "a bond is at most what was quoted", || {
            format!("{}: {bond} of {}", name(), slot.quoted.bond)
        });
        let slashed = slot.slashed;
        breaches.expect(!locked || bond.add(slashed) == Ok(slot.quoted.bond), "a bond is whole but for its penalties", || {
            format!("{}: {bond} and {slashed} slashed of {}", name(), slot.quoted.bond)
        });
    }
    shares(market, contract, breaches);
}

/// What an open contract may still have to pay out of its escrow.
fn owed(contract: &Contract) -> Result<Msat, types::MoneyError> {
    let mut owed = contract.cost.egress.sub(contract.egress_spent)?;
    if contract.revision == 0 {
        owed = owed.add(contract.cost.fees()?)?;
    }
    for slot in contract.slots.iter().filter(|slot| slot.state != SlotState::Vacated) {
        owed = owed.add(slot.quoted.cost.total()?.sub(slot.accrual.posted)?)?;
    }
    Ok(owed)
}

fn shares(market: &Market, contract: &Contract, breaches: &mut Breaches) {
    let escrow = market.ledger.totals(Account::Escrow(contract.id));
    let bonds = (0u16..).zip(&contract.slots).map(|(n, _)| market.ledger.totals(Account::Bond(contract.id, n)));
    let out: i64 = bonds.map(|totals| totals.debits).fold(escrow.debits, i64::saturating_add);
    let sum = |line: fn(&types::documents::Share) -> Msat| contract.shares.values().map(line).map(|m| m.0).sum::<i64>();
    let (received, returned) = (sum(|s| s.received), sum(|s| s.returned));
    let compensated = contract.shares.get(&contract.client).map_or(0, |s| s.received.0);
    let to_pool = sum(|s| s.slashed).saturating_sub(compensated);
    let fees = if contract.revision > 0 { contract.cost.fees().unwrap_or_default().0 } else { 0 };
    let counted = received.saturating_add(returned).saturating_add(to_pool).saturating_add(fees);
    // What the pool pays for repair reads and the client beyond its allowance comes from elsewhere.
    breaches.expect(counted >= out, "every msat that left a contract is somebody's share", || {
        format!("{}: {out} left, {counted} counted", contract.id)
    });
    let over = !contract.state.is_open();
    let parties: BTreeSet<Did> = contract.shares.keys().copied().collect();
    breaches.expect(!over || parties.contains(&contract.client) || out == 0, "a client has a share of its contract", || {
        contract.id.to_string()
    });
}

/// A contract's slots fit its state.
fn states(market: &Market, contract: &Contract, breaches: &mut Breaches) {
    let open = contract.state.is_open();
    let listed = market.open.contains(&contract.id);
    breaches.expect(open == listed, "open contracts are listed as open", || contract.id.to_string());
    for (number, slot) in (0u16..).zip(&contract.slots) {
        let name = || format!("{} slot {number} is {}", contract.id, slot.state.name());
        breaches.expect(open != (slot.state == SlotState::Closed), "slots close with their contract", name);
        let at_fault = slot.state == SlotState::AtFault;
        breaches.expect(!at_fault || slot.fault.is_some(), "a slot at fault has a fault", name);
        let sound = slot.state == SlotState::Filled;
        breaches.expect(!sound || (slot.fault.is_none() && slot.confirmed), "a filled slot is bonded and sound", name);
        let agreed = contract.state == ContractState::Agreed;
        breaches.expect(!agreed || slot.state == SlotState::Reserved, "an agreed contract's slots are reserved", name);
        let fits = slot.size.bytes <= slot.capacity.0;
        breaches.expect(fits, "a slot holds at most its capacity", name);
    }
    let started = contract.revision > 0;
    breaches.expect(started == contract.first_epoch.is_some(), "a stored contract has a first epoch", || {
        contract.id.to_string()
    });
    let lost = contract.slots.iter().filter(|s| !matches!(s.state, SlotState::Filled | SlotState::AtFault)).count();
    let bearable = lost <= usize::from(contract.terms.redundancy.parity);
    breaches.expect(contract.state != ContractState::Active || bearable, "an active contract's data is there", || {
        format!("{} has lost {lost} slots", contract.id)
    });
}

/// Every index says what the contracts and offers say.
fn indexes(market: &Market, breaches: &mut Breaches) {
    let mut committed: BTreeMap<Did, Bytes> = BTreeMap::new();
    let mut holdings: BTreeMap<Did, BTreeSet<SlotId>> = BTreeMap::new();
    let mut by_client: BTreeMap<Did, BTreeSet<ContractId>> = BTreeMap::new();
    for contract in market.contracts.values() {
        by_client.entry(contract.client).or_default().insert(contract.id);
        for (slot, s) in (0u16..).zip(&contract.slots) {
            if holds_room(s) {
                let sum = committed.entry(s.provider()).or_default();
                *sum = Bytes(sum.0.saturating_add(s.capacity.0));
                holdings.entry(s.provider()).or_default().insert(SlotId { contract: contract.id, slot });
            }
        }
    }
    let found: BTreeMap<Did, Bytes> =
        market.committed.iter().filter(|(_, b)| b.0 > 0).map(|(d, b)| (*d, *b)).collect();
    breaches.expect(found == committed, "committed room is the room of held slots", || format!("{found:?}"));
    breaches.expect(market.holdings == holdings, "holdings are the held slots", || format!("{:?}", market.holdings));
    breaches.expect(market.by_client == by_client, "clients are listed with their contracts", String::new);
    let vacated = |id: &SlotId| market.slot(*id).is_some_and(|(_, slot)| slot.state == SlotState::Vacated);
    breaches.expect(market.delayed.keys().all(vacated), "only vacated slots wait for a provider", String::new);
    let quotes = market.contracts.values().map(|c| (c.quote, c.id)).collect();
    breaches.expect(market.by_quote == quotes, "a quote becomes one contract", String::new);
    let mut roster = Roster::default();
    for (provider, offer) in &market.offers {
        roster.publish(&offer.ask, &offer.network, market.committed(provider), market.score(provider));
    }
    breaches.expect(market.roster.same_as(&roster), "the roster says what the offers say", String::new);
}

const fn holds_room(slot: &Slot) -> bool {
    !matches!(slot.state, SlotState::Vacated | SlotState::Closed)
}
