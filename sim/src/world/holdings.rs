//! Who holds what of open contracts, and what money is locked for it: kept contract by contract and looked at anew only where
//! something has happened to one, so that looking at everybody's worth reads what changes by itself, earnings, and nothing else.

use super::World;
use super::members::Members;
use super::reach::Reach;
use contracts::{Account, Contract, Posting, SlotState};
use market::event::SlotId;
use market::{Event, Market};
use std::collections::{BTreeMap, BTreeSet};
use types::{ContractId, Did};

/// What is held.
#[derive(Clone, Debug, Default)]
pub(super) struct Holdings {
    contracts: BTreeMap<ContractId, Parts>,
    /// Those that something has happened to since they were looked at.
    touched: BTreeSet<ContractId>,
    /// What is locked for the parties of each group, in msat.
    locked: Vec<i64>,
}

/// The parts of one contract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Parts {
    /// The client's group, and what the escrow holds.
    client: Option<usize>,
    escrow: i64,
    /// For each slot, who is in it.
    slots: Vec<Option<Part>>,
}

/// A provider in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    provider: Did,
    group: usize,
    bond: i64,
    bytes: u64,
}

impl Holdings {
    /// Nothing, of so many groups.
    pub(super) fn new(groups: usize) -> Self {
        Self { locked: vec![0; groups], ..Self::default() }
    }

    /// `event` has happened.
    pub(super) fn see(&mut self, event: &Event) {
        // A verdict changes what slots earn, and that is looked at every time.
        if matches!(event, Event::VerdictRecorded { .. } | Event::AskPublished { .. }) {
            return;
        }
        self.touched.extend(event.contract());
        for Posting { debit, credit, .. } in event.postings() {
            self.touched.extend([debit, credit].into_iter().filter_map(contract_of));
        }
    }

    /// Looks at what has changed, and tells `reach` what is sold.
    pub(super) fn look(&mut self, market: &Market, members: &Members, reach: &mut Reach) {
        for id in std::mem::take(&mut self.touched) {
            let open = market.contract(&id).filter(|contract| contract.state.is_open());
            let now = open.map(|contract| Parts::of(market, contract, members));
            let before = match &now {
                Some(parts) => self.contracts.insert(id, parts.clone()),
                None => self.contracts.remove(&id),
            };
            self.count(before.unwrap_or_default(), -1, reach);
            self.count(now.unwrap_or_default(), 1, reach);
        }
    }

    fn count(&mut self, parts: Parts, sign: i64, reach: &mut Reach) {
        if let Some(group) = parts.client {
            self.locked[group] += sign * parts.escrow;
        }
        for part in parts.slots.into_iter().flatten() {
            self.locked[part.group] += sign * part.bond;
            let change = if sign > 0 { (part.bytes, 0) } else { (0, part.bytes) };
            reach.sells(part.provider, part.group, change);
        }
    }

    /// What the parties of each group hold in contracts, in msat: what is locked, what slots have earned of it and clients have not
    /// paid yet.
    pub(super) fn worths(&self, market: &Market) -> Vec<i64> {
        let mut worths = self.locked.clone();
        for (id, parts) in &self.contracts {
            let Some(contract) = market.contract(id) else { continue };
            let mut earned = 0;
            for (slot, part) in contract.slots.iter().zip(&parts.slots) {
                let unposted = market.unposted_in(contract, slot).0;
                earned += unposted;
                if let Some(part) = part {
                    worths[part.group] += unposted;
                }
            }
            if let Some(group) = parts.client {
                worths[group] -= earned;
            }
        }
        worths
    }
}

impl Parts {
    fn of(market: &Market, contract: &Contract, members: &Members) -> Self {
        let balance = |account| market.ledger().balance(account).0;
        let slots = (0u16..).zip(&contract.slots).map(|(number, slot)| {
            let held = !matches!(slot.state, SlotState::Vacated | SlotState::Closed);
            let provider = slot.provider();
            let group = members.group_of_party(&provider).filter(|_| held)?;
            let bond = balance(Account::Bond(contract.id, number));
            Some(Part { provider, group, bond, bytes: slot.capacity.0 })
        });
        Self {
            client: members.group_of_party(&contract.client),
            escrow: balance(Account::Escrow(contract.id)),
            slots: slots.collect(),
        }
    }
}

/// Which contract's an account is, if it is one whose money is a party's.
const fn contract_of(account: &Account) -> Option<ContractId> {
    match account {
        Account::Escrow(id) | Account::Bond(id, _) => Some(*id),
        _ => None,
    }
}

impl World {
    /// Takes note of whatever has changed in contracts.
    pub(super) fn look_at_holdings(&mut self) {
        self.holdings.look(self.desk.market(), &self.members, &mut self.reach);
    }

    /// Counted from scratch, everything is as it was kept.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn check_holdings(&self) {
        let (market, members) = (self.market(), &self.members);
        let open = market.open_contracts();
        let counted: BTreeMap<ContractId, Parts> =
            open.map(|contract| (contract.id, Parts::of(market, contract, members))).collect();
        let kept =
            self.holdings.contracts.iter().filter(|(id, _)| !self.holdings.touched.contains(id));
        for (id, parts) in kept {
            assert_eq!(Some(parts), counted.get(id), "what is held of contract {id}");
        }
        if self.holdings.touched.is_empty() {
            assert_eq!(counted.len(), self.holdings.contracts.len(), "open contracts");
            for holder in market.holders() {
                assert_eq!(
                    self.reach.sold_by(holder),
                    market.committed(holder).0,
                    "sold by {holder}"
                );
            }
        }
    }

    /// One slot's bond and what it has earned, for its provider.
    pub(super) fn worth_of_slot(&self, id: SlotId) -> i64 {
        let bond = Account::Bond(id.contract, id.slot);
        self.market().ledger().balance(bond).0 + self.market().unposted(id).0
    }

    /// What a client has in a contract: what is locked and not earned.
    pub(super) fn worth_of_bought(&self, contract: &Contract) -> i64 {
        let market = self.market();
        let earned = contract.slots.iter().map(|slot| market.unposted_in(contract, slot).0);
        market.ledger().balance(Account::Escrow(contract.id)).0 - earned.sum::<i64>()
    }
}
