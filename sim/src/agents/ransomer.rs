//! Providers that are one attacker's: where they hold so many slots of a contract that its data cannot be had without
//! them, they fall silent about these until its client has paid.
//!
//! The client pays for certain, after a chosen time: the worst case. What it pays is shared by those who fell silent.

use super::{Agent, Deed, Seat, honest};
use crate::agents::honest::Honest;
use contracts::{Contract, ContractState};
use market::event::SlotId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::documents::Reservation;
use types::{Did, Epoch, Msat};

/// What an attacker's provider is like: an honest one's settings, and what it demands.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Settings {
    /// As which it looks.
    #[serde(flatten)]
    pub honest: honest::Settings,
    /// How many providers the attacker has: its whole group.
    pub accomplices: u32,
    /// From which epoch on it falls silent; never, without it.
    #[serde(default)]
    pub from_epoch: Option<u64>,
    /// How many epochs later it is paid, and answers again.
    pub paid_after_epochs: u64,
    /// What it demands for a contract, in permille of what that cost its client.
    pub ransom_permille: i64,
}

/// A slot about which it is silent.
#[derive(Clone, Copy, Debug)]
struct Held {
    since: Epoch,
    /// Its part of the ransom.
    part: Msat,
    paid: bool,
}

/// One of the attacker's providers.
#[derive(Clone, Debug)]
pub struct Ransomer {
    honest: Honest,
    settings: Settings,
    number: u32,
    held: BTreeMap<SlotId, Held>,
}

impl Ransomer {
    /// The `number`th of a group.
    pub fn new(settings: Settings, number: u32) -> Self {
        let honest = Honest::new(settings.honest.clone(), number);
        Self { honest, settings, number, held: BTreeMap::new() }
    }

    /// How many slots of `contract` the attacker's providers hold.
    fn accomplices_in(&self, seat: &Seat<'_>, contract: &Contract) -> usize {
        let first = seat.agent - self.number;
        let mine = first..first + self.settings.accomplices;
        let mine: Vec<Did> = mine.map(|agent| crate::agents::party(seat.root, agent, 0)).collect();
        contract.slots.iter().filter(|slot| mine.contains(&slot.provider())).count()
    }

    /// Falls silent where that takes a contract's data away.
    fn seize(&mut self, seat: &Seat<'_>, party: Did) {
        for id in seat.market.holdings(&party) {
            let Some((contract, _)) = seat.market.slot(id) else { continue };
            if contract.state != ContractState::Active || self.held.contains_key(&id) {
                continue;
            }
            let count = self.accomplices_in(seat, contract);
            if count <= usize::from(contract.terms.redundancy.parity) {
                continue;
            }
            let cost = contract.cost.escrow().unwrap_or_default().0;
            let ransom = cost * self.settings.ransom_permille / 1_000;
            let part = Msat(ransom / i64::try_from(count).unwrap_or(i64::MAX));
            self.held.insert(id, Held { since: seat.epoch(), part, paid: false });
        }
    }

    /// Takes what is paid by now.
    fn collect(&mut self, seat: &mut Seat<'_>) {
        let (now, after) = (seat.epoch(), self.settings.paid_after_epochs);
        for held in self.held.values_mut() {
            if !held.paid && now.since(held.since) >= after {
                held.paid = true;
                seat.hand(Deed::Spend(Msat(-held.part.0)));
            }
        }
    }
}

impl Agent for Ransomer {
    fn act(&mut self, seat: &mut Seat<'_>) {
        let me = Honest::me(seat);
        self.honest.act(seat);
        if self.settings.from_epoch == Some(seat.epoch().0) {
            self.seize(seat, me);
        }
        self.collect(seat);
    }

    fn reserved(&mut self, seat: &mut Seat<'_>, reservation: &Reservation) -> Result<(), String> {
        self.honest.reserved(seat, reservation)
    }

    fn serves(&self, slot: SlotId) -> bool {
        self.held.get(&slot).is_none_or(|held| held.paid)
    }

    fn lost(&mut self, seat: &mut Seat<'_>, party: Did, slots: &[SlotId]) {
        Honest::confess(seat, party, slots);
    }
}
