//! Who takes part: small policies over the public documents. An agent is a file; this one says what agents can see and do.
//!
//! Whatever an agent does it does by a document of one of its own parties, or on its own disk. It sees what everybody
//! sees (asks, contracts, scores: the whole public state, which is the worst case where it attacks) and its own disk.

mod build;
pub mod client;
pub mod deserter;
pub mod disguise;
pub mod dumper;
pub mod flaky;
pub mod griefer;
pub mod honest;
pub mod lazy;
pub mod outsourcer;
pub mod ransomer;
pub mod scripted;
pub mod sly;
pub mod sybil;
pub mod wash;
pub mod whitewash;

pub use build::{KindError, Maker, Read, kinds, maker};

use crate::chance::Draws;
use crate::disks::Disks;
use crate::hunt::Program;
use market::Market;
use market::event::SlotId;
use types::documents::{
    Ask, AuditKind, Cancellation, Confession, Departure, Extension, Maintenance, Quote,
    Reservation, SlotChallenge, TopUp, Withdrawal,
};
use types::{Did, DocId, Epoch, Hash, Msat, Terms, Timestamp};

/// What an agent sees when something is up to it, and where it puts what it does.
#[derive(Debug)]
pub struct Seat<'a> {
    /// The public state.
    pub market: &'a Market,
    /// Now.
    pub now: Timestamp,
    /// The agent's number in this world.
    pub agent: u32,
    /// The root of its parties' names.
    pub(crate) root: u64,
    /// The name of its first party, which is asked for most.
    pub(crate) first: Did,
    /// What a bitcoin costs in dollars, outside of the market.
    pub dollars: f64,
    /// All disks; an agent looks at its own.
    pub disks: &'a Disks,
    /// Its luck at this moment.
    pub draws: Draws,
    /// What it does, in order.
    pub deeds: Vec<Deed>,
}

/// One thing that an agent does.
#[derive(Clone, Debug)]
pub enum Deed {
    /// One of its parties deposits money: it counts as put in, and profit is what comes out above it.
    Deposit(Did, Msat),
    /// One of its parties takes money out.
    Withdraw(Withdrawal),
    /// One of its parties offers storage from a network.
    Offer(Box<Ask>, String),
    /// One of its parties wants a contract, and will fill it to so many thousandths.
    Buy(Box<Wish>),
    /// It makes a contract longer.
    Extend(Extension),
    /// It ends a contract.
    Cancel(Cancellation),
    /// It leaves a slot.
    Depart(Departure),
    /// It reports a loss of its own.
    Confess(Confession),
    /// It adds to a bond.
    TopUp(TopUp),
    /// It announces maintenance.
    Announce(Maintenance),
    /// One of its parties contests a verdict with what is on its disk, or got from elsewhere.
    Dispute(Did, DocId, Reply),
    /// It drops so many parts per million of what it keeps in a slot.
    Drop(Did, SlotId, u32),
    /// It spends money outside of the market, in msat; below zero it is what it is paid there.
    Spend(Msat),
    /// One of its parties is never in reach again.
    Vanish(Did),
}

/// What a client wants.
#[derive(Clone, Debug)]
pub struct Wish {
    /// For whom.
    pub client: Did,
    /// What should be promised.
    pub terms: Terms,
    /// How much of each slot is filled, in permille; nothing is ever stored where it is 0.
    pub fill_permille: u16,
}

/// What is asked of a provider in one audit.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// Which of its parties.
    pub party: Did,
    /// Routine or intensified.
    pub kind: AuditKind,
    /// About which slots.
    pub slots: &'a [SlotChallenge],
}

/// How a provider answers an audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Not at all.
    Silence,
    /// With what is on its disk.
    FromDisk,
    /// With everything, got from elsewhere, after so many milliseconds.
    Fetched(u32),
}

impl Seat<'_> {
    /// The name of the agent's `number`th party.
    pub fn party(&self, number: u64) -> Did {
        if number == 0 { self.first } else { party(self.root, self.agent, number) }
    }

    /// The epoch that is open.
    pub fn epoch(&self) -> Epoch {
        self.market.epoch()
    }

    /// Does something.
    pub fn hand(&mut self, deed: Deed) {
        self.deeds.push(deed);
    }
}

/// The name of `agent`'s `number`th party in the world of this root.
pub(crate) fn party(root: u64, agent: u32, number: u64) -> Did {
    let parts: [&[u8]; 3] = [&root.to_le_bytes(), &agent.to_le_bytes(), &number.to_le_bytes()];
    Did(Hash::derive("bondstore 2026 simulated party", &parts).0)
}

/// A policy. What it does not say it does not do; asked to prove or to object, it does so with what it has.
pub trait Agent: Send {
    /// At the beginning of every epoch.
    fn act(&mut self, seat: &mut Seat<'_>);

    /// Before which epoch it would do nothing if it were asked to act again, as long as no event names one of its parties and
    /// nothing else is asked of it. Most of very many agents have nothing to do most of the time: whoever says so is not asked.
    fn idle_until(&self, _seat: &Seat<'_>) -> Option<Epoch> {
        None
    }

    /// The market asks one of its parties to take a slot.
    ///
    /// # Errors
    /// Why it declines.
    fn reserved(&mut self, _seat: &mut Seat<'_>, _reservation: &Reservation) -> Result<(), String> {
        Err("this party offers nothing".into())
    }

    /// A slot of one of its parties has been filled or rebuilt.
    fn stored(&mut self, _seat: &mut Seat<'_>, _party: Did, _slot: SlotId) {}

    /// An audit of one of its parties that is in reach.
    fn challenged(&mut self, _seat: &mut Seat<'_>, _asked: &Asked<'_>) -> Reply {
        Reply::FromDisk
    }

    /// Whether it answers for a slot, in audits and to whoever rebuilds another from it.
    fn serves(&self, _slot: SlotId) -> bool {
        true
    }

    /// An audit of the last epoch has found something wrong with these slots of one of its parties, and can be disputed.
    fn accused(&mut self, seat: &mut Seat<'_>, party: Did, verdict: DocId, slots: &[SlotId]) {
        let has = |id| seat.disks.kept(&party, id).or_else(|| seat.disks.aside(&party, id));
        let whole = |id| has(id).is_some_and(crate::disks::Kept::is_whole);
        if slots.iter().any(whole) {
            seat.hand(Deed::Dispute(party, verdict, Reply::FromDisk));
        }
    }

    /// Its disk has failed: these slots are gone.
    fn lost(&mut self, _seat: &mut Seat<'_>, _party: Did, _slots: &[SlotId]) {}

    /// Whether it takes a quote for what it wanted.
    fn quoted(&mut self, _seat: &mut Seat<'_>, _quote: &Quote) -> bool {
        true
    }

    /// The same agent once more, as it stands; nothing where it cannot be copied.
    fn copy(&self) -> Option<Box<dyn Agent>> {
        None
    }

    /// What it is to play from an epoch on; agents that play nothing do not listen.
    fn instruct(&mut self, _program: &Program, _from: Epoch) {}
}
