//! Who there is: agents by number, and whose each party is.

use super::{Group, WorldError, WorldSettings};
use crate::agents::{self, Agent, Seat};
use crate::by_party::ByParty;
use crate::chance::{Seed, Stream};
use crate::disks::Disks;
use crate::statistics::{amount, real};
use market::Market;
use market::event::SlotId;
use std::collections::BTreeMap;
use types::{Did, Epoch, Msat, Span, Timestamp};

/// Where epochs begin among the moments that agents' luck is drawn for.
const EPOCHS: u64 = 1 << 40;

/// One agent.
struct Member {
    group: usize,
    agent: Box<dyn Agent>,
    /// How often it was asked to do something: its luck is looked up by that.
    moments: u64,
    /// How often it wanted to buy: the market's draw for it is looked up by that.
    purchases: u64,
    /// The name of its first party.
    first: Did,
    parties: Vec<Did>,
    /// How many documents its parties have signed.
    documents: u64,
}

/// What an agent has put into the market, less what it took out, and what it spent outside of it: in msat. They are summed up
/// in every epoch, and lie together for that.
#[derive(Clone, Copy, Debug, Default)]
struct Purse {
    put_in: i64,
    spent: f64,
}

/// One party.
#[derive(Clone, Debug, Default)]
pub(super) struct Party {
    pub(super) agent: u32,
    /// The group of that.
    group: usize,
    /// What its luck is looked up by.
    pub(super) number: u32,
    pub(super) region: String,
    /// Until when it is out of reach.
    pub(super) away_until: Timestamp,
    /// How many disks it has had, and how often an outage of it was drawn.
    pub(super) disks: u64,
    pub(super) outages: u64,
}

/// All agents and their parties.
pub(super) struct Members {
    groups: Vec<Group>,
    /// What keeping costs at the first rate, how many times that it costs today, and dollars for a bitcoin today.
    keeping: f64,
    dearer: f64,
    dollars: f64,
    agents: Vec<Member>,
    /// The same ones' money.
    purses: Vec<Purse>,
    /// Before which epoch each has nothing to do, unless something happens to it.
    idle: Vec<Epoch>,
    /// Who may have something to do in this epoch, a bit for each: asked in an order by chance, and small enough for that.
    awake: Vec<u64>,
    parties: ByParty<Party>,
    /// Of these, the ones with bytes on their disks: whose they are, and how many bytes.
    keepers: BTreeMap<Did, (u32, u64)>,
    seed: Seed,
}

impl Members {
    /// The agents that a scenario names, group by group.
    pub(super) fn of(settings: &WorldSettings, seed: Seed) -> Result<Self, WorldError> {
        let mut members = Vec::new();
        for (at, group) in settings.agents.iter().enumerate() {
            let own = serde_json::Value::Object(group.settings.clone());
            let make = agents::maker(&group.kind, &own)
                .map_err(|error| WorldError::Group { group: group.called().to_owned(), error })?;
            for number in 0..group.count {
                let first =
                    agents::party(seed.0, u32::try_from(members.len()).unwrap_or(u32::MAX), 0);
                members.push(Member {
                    group: at,
                    agent: make(number),
                    first,
                    moments: 0,
                    purchases: 0,
                    parties: Vec::new(),
                    documents: 0,
                });
            }
        }
        let keeping = settings.costs.keeping;
        let idle = vec![Epoch(0); members.len()];
        let purses = vec![Purse::default(); members.len()];
        Ok(Self {
            groups: settings.agents.clone(),
            keeping,
            dearer: 1.0,
            dollars: settings.rate.dollars,
            agents: members,
            purses,
            awake: vec![u64::MAX; idle.len().div_ceil(64)],
            idle,
            parties: ByParty::default(),
            keepers: BTreeMap::new(),
            seed,
        })
    }

    /// How many agents there are.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.agents.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Which group an agent is of.
    pub(super) fn group_of(&self, agent: u32) -> usize {
        self.agents[agent as usize].group
    }

    /// Which group a party is of, if it is anybody's.
    pub(super) fn group_of_party(&self, party: &Did) -> Option<usize> {
        Some(self.parties.get(party)?.group)
    }

    pub(super) fn party(&self, party: &Did) -> Option<&Party> {
        self.parties.get(party)
    }

    pub(super) fn party_mut(&mut self, party: &Did) -> Option<&mut Party> {
        self.parties.get_mut(party)
    }

    /// All parties, by name.
    pub(super) fn parties(&self) -> BTreeMap<&Did, &Party> {
        self.parties.iter().collect()
    }

    /// Whether `party` is `agent`'s; a name that was nobody's is from now on.
    pub(super) fn owns(&mut self, agent: u32, party: Did) -> bool {
        // By its name, so that nobody's luck depends on who came before.
        let number = u32::from_le_bytes([party.0[0], party.0[1], party.0[2], party.0[3]]);
        let member = &mut self.agents[agent as usize];
        let known = self.parties.get_or_insert(party, || {
            member.parties.push(party);
            Party { agent, group: member.group, number, ..Party::default() }
        });
        known.agent == agent
    }

    /// An epoch has begun: looks once, one after the other, at who has nothing to do in it.
    pub(super) fn wake_for(&mut self, epoch: Epoch) {
        for (word, idle) in self.awake.iter_mut().zip(self.idle.chunks(64)) {
            let bit = |(at, until): (usize, &Epoch)| u64::from(*until <= epoch) << at;
            *word = idle.iter().enumerate().map(bit).fold(0, |all, bit| all | bit);
        }
    }

    /// Whether `agent` may have something to do.
    fn is_awake(&self, agent: u32) -> bool {
        self.awake[agent as usize / 64] >> (agent % 64) & 1 == 1
    }

    /// `agent` may have something to do from now on.
    fn rouse(&mut self, agent: u32) {
        self.idle[agent as usize] = Epoch(0);
        self.awake[agent as usize / 64] |= 1 << (agent % 64);
    }

    /// Has `agent` act in `epoch`, unless it has nothing to do, and gives what it did.
    pub(super) fn act(
        &mut self,
        agent: u32,
        epoch: Epoch,
        view: (&Market, &Disks, Timestamp),
    ) -> Vec<agents::Deed> {
        if !self.is_awake(agent) {
            return Vec::new();
        }
        let (idle, deeds) = self.ask_at(agent, EPOCHS + epoch.0, view, |agent, seat| {
            agent.act(seat);
            agent.idle_until(seat)
        });
        self.idle[agent as usize] = idle.unwrap_or(Epoch(0));
        deeds
    }

    /// How many agents would be asked to act in `epoch`.
    #[cfg(test)]
    pub(super) fn awake(&self, epoch: Epoch) -> u64 {
        self.idle.iter().filter(|until| **until <= epoch).count() as u64
    }

    /// Everybody is asked next time.
    #[cfg(test)]
    pub(super) fn wake_all(&mut self) {
        self.idle.fill(Epoch(0));
        self.awake.fill(u64::MAX);
    }

    /// Something has happened to `party`: its agent may have something to do.
    pub(super) fn wake(&mut self, party: &Did) {
        if let Some(known) = self.parties.get(party) {
            self.rouse(known.agent);
        }
    }

    /// Has `agent` do something, and gives what it did beside what it said.
    pub(super) fn ask<R>(
        &mut self,
        agent: u32,
        (market, disks, now): (&Market, &Disks, Timestamp),
        question: impl FnOnce(&mut dyn Agent, &mut Seat<'_>) -> R,
    ) -> (R, Vec<agents::Deed>) {
        let member = &mut self.agents[agent as usize];
        let moment = member.moments;
        member.moments += 1;
        self.rouse(agent);
        self.ask_at(agent, moment, (market, disks, now), question)
    }

    /// As [`Members::ask`], with the luck of a moment that is no count: of an epoch, however busy the agent was before.
    fn ask_at<R>(
        &mut self,
        agent: u32,
        moment: u64,
        (market, disks, now): (&Market, &Disks, Timestamp),
        question: impl FnOnce(&mut dyn Agent, &mut Seat<'_>) -> R,
    ) -> (R, Vec<agents::Deed>) {
        let member = &mut self.agents[agent as usize];
        let draws = self.seed.draws(Stream::Behaviour, agent, moment);
        let root = self.seed.0;
        let dollars = self.dollars;
        let first = member.first;
        let mut seat =
            Seat { market, now, agent, root, first, dollars, disks, draws, deeds: Vec::new() };
        let said = question(member.agent.as_mut(), &mut seat);
        (said, seat.deeds)
    }

    /// A bitcoin costs so many dollars from now on, and what is paid in dollars so many times what it did at first.
    pub(super) fn rate_is(&mut self, dollars: f64, dearer: f64) {
        self.dollars = dollars;
        self.dearer = dearer;
    }

    /// Whether `party`'s agent answers for `slot`.
    pub(super) fn serves(&self, party: &Did, slot: SlotId) -> bool {
        let known = self.parties.get(party);
        known.is_some_and(|known| self.agents[known.agent as usize].agent.serves(slot))
    }

    /// The number of what `agent` wants to buy now, from 1.
    pub(super) fn next_purchase(&mut self, agent: u32) -> u64 {
        let purchases = &mut self.agents[agent as usize].purchases;
        *purchases += 1;
        *purchases
    }

    /// One document more of `agent`'s parties; how many there are.
    pub(super) fn count_document(&mut self, agent: u32) -> u64 {
        let member = &mut self.agents[agent as usize];
        member.documents += 1;
        member.documents
    }

    pub(super) fn documents(&self, agent: u32) -> u64 {
        self.agents[agent as usize].documents
    }

    /// The agents of `group`.
    pub(super) fn of_group(&self, group: &str) -> Vec<u32> {
        let called = |agent: &u32| self.groups[self.group_of(*agent)].called() == group;
        (0..self.count()).filter(called).collect()
    }

    pub(super) fn agent_mut(&mut self, agent: u32) -> &mut dyn Agent {
        self.rouse(agent);
        self.agents[agent as usize].agent.as_mut()
    }

    /// The same members once more; nothing where one of them cannot be copied.
    pub(super) fn copy(&self) -> Option<Self> {
        let copied = |member: &Member| {
            let agent = member.agent.copy()?;
            Some(Member { agent, parties: member.parties.clone(), ..*member })
        };
        Some(Self {
            groups: self.groups.clone(),
            keeping: self.keeping,
            dearer: self.dearer,
            dollars: self.dollars,
            agents: self.agents.iter().map(copied).collect::<Option<_>>()?,
            purses: self.purses.clone(),
            idle: self.idle.clone(),
            awake: self.awake.clone(),
            parties: self.parties.clone(),
            keepers: self.keepers.clone(),
            seed: self.seed,
        })
    }

    pub(super) fn put_in(&mut self, agent: u32, amount: Msat) {
        self.purses[agent as usize].put_in += amount.0;
    }

    pub(super) fn take_out(&mut self, agent: u32, amount: Msat) {
        self.purses[agent as usize].put_in -= amount.0;
    }

    pub(super) fn spend(&mut self, agent: u32, msat: f64) {
        self.purses[agent as usize].spent += msat;
    }

    /// Gives an agent back what it lost, from outside of the market: it counts as money that it never put in.
    pub(super) fn refund(&mut self, agent: u32, amount: Msat) {
        self.purses[agent as usize].put_in -= amount.0;
    }

    /// `party` has so many bytes on its disks from now on.
    pub(super) fn keeps(&mut self, party: &Did, bytes: u64) {
        let Some(known) = self.parties.get(party) else { return };
        if bytes > 0 {
            self.keepers.insert(*party, (known.agent, bytes));
        } else {
            self.keepers.remove(party);
        }
    }

    /// What the agents of each group have put in, less what they took out, and what they spent.
    pub(super) fn paid(&self) -> Vec<(i64, f64)> {
        // Agents are numbered group by group.
        let mut purses = self.purses.iter();
        let of_group = |group: &Group| {
            let own = purses.by_ref().take(group.count as usize);
            own.fold((0, 0.0), |(put_in, spent), purse| {
                (put_in + purse.put_in, spent + purse.spent)
            })
        };
        self.groups.iter().map(of_group).collect()
    }

    /// Everybody pays for what was on its disks for an epoch.
    pub(super) fn keep_costs(&mut self, epoch: Span) {
        if self.keeping <= 0.0 {
            return;
        }
        let days = real(epoch.0) / real(Span::DAY.0);
        for (agent, bytes) in self.keepers.values() {
            let gigabytes = real(*bytes) / 1e9;
            self.purses[*agent as usize].spent += gigabytes * days * self.keeping * self.dearer;
        }
    }

    /// What an agent has gained: what its parties hold and have taken out, less what it put in and spent. In msat.
    pub(super) fn profit(&self, agent: u32, worth: impl Fn(&Did) -> i64) -> f64 {
        let member = &self.agents[agent as usize];
        let held: i64 = member.parties.iter().map(worth).sum();
        let purse = self.purses[agent as usize];
        amount(held - purse.put_in) - purse.spent
    }
}
