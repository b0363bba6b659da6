//! Worlds that branch: one past, lived once, and as many futures as a search wants to try.

use super::{World, WorldError};
use crate::hunt::Program;
use types::{Epoch, Hash};

/// How a world ended for one group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ended {
    /// What the group's agents gained on average, in msat.
    pub profit_msat: f64,
    /// How many documents their parties signed from the world's beginning on.
    pub documents: u64,
    /// The hash of everything that happened.
    pub trace: Hash,
}

impl World {
    /// The same world once more, as it stands; nothing where one of its agents cannot be copied.
    pub fn fork(&self) -> Option<Self> {
        Some(Self {
            desk: self.desk.clone(),
            settings: self.settings.clone(),
            epoch: self.epoch,
            seed: self.seed,
            now: self.now,
            chain: self.chain.clone(),
            wheel: self.wheel.clone(),
            members: self.members.copy()?,
            disks: self.disks.clone(),
            reach: self.reach.clone(),
            pending: self.pending.clone(),
            wishes: self.wishes.clone(),
            cases: self.cases.clone(),
            lied_about: self.lied_about.clone(),
            drawn_from: self.drawn_from,
            watch: self.watch.clone(),
            books: self.books.clone(),
            holdings: self.holdings.clone(),
            repairs: self.repairs.clone(),
        })
    }

    /// Lives until epoch `last` is over.
    ///
    /// # Errors
    /// [`WorldError::Broken`] where the market breaks one of its own rules.
    pub fn live_through(&mut self, last: u64) -> Result<(), WorldError> {
        for number in self.market().epoch().0 + 1..=last.min(self.settings.epochs) {
            self.live(Epoch(number));
        }
        self.look_at_holdings();
        self.check()
    }

    /// The agents of `group` play `program`, whose first epoch is the next one.
    pub fn instruct(&mut self, group: &str, program: &Program) {
        let from = self.market().epoch().plus(1);
        for agent in self.members.of_group(group) {
            self.members.agent_mut(agent).instruct(program, from);
        }
    }

    /// How it stands with `group`.
    pub fn ended(&self, group: &str) -> Ended {
        let agents = self.members.of_group(group);
        let profit = |agent: &u32| self.members.profit(*agent, |party| self.worth(party));
        let profits = crate::statistics::sum(agents.iter().map(profit));
        let documents = agents.iter().map(|agent| self.members.documents(*agent)).sum();
        let count = crate::statistics::real(agents.len().max(1) as u64);
        Ended { profit_msat: profits / count, documents, trace: self.desk.trace() }
    }
}
