//! The world around the market: time, machines, messages and the agents that live in it.
//!
//! An epoch passes as it does for the live market: it opens with its beacon, what is due is done, agents act in an order that
//! is drawn anew each time, slots are filled, everybody is audited at the epoch's middle, what is due then is done.
//! Between these, things happen when their time comes ([`crate::wheel`]). The market's decisions, its audits' picks, its
//! effects and its schedule are the shipped ones; this file and those beside it do what doors do for the live market.

mod act;
mod audit;
mod bonds;
mod books;
mod bribe;
mod concentration;
mod dispute;
mod fail;
mod figures;
mod fill;
mod fork;
mod grind;
mod holdings;
mod members;
mod names;
mod rate;
mod reach;
mod real;
mod repairs;
mod settings;
mod sold;
mod swing;
mod watch;

pub use fork::Ended;
pub use rate::{RateMove, RateSettings};
pub use settings::{
    Blackout, Bribe, CostSettings, FailureSettings, Grinding, Group, MarketSettings,
    NetworkSettings, WorldSettings,
};

use crate::agents::KindError;
use crate::chance::{Seed, Stream};
use crate::desk::Desk;
use crate::disks::Disks;
use crate::overlay::{self, OverlayError};
use crate::results::Run;
use crate::wheel::Wheel;
use books::Books;
use contracts::beacon::{Beacon, HashChain};
use dispute::Cases;
use holdings::Holdings;
use market::event::SlotId;
use market::{Command, Due, Effect, Event, Genesis, Market};
use members::Members;
use reach::Reach;
use repairs::Repairs;
use std::collections::{BTreeMap, BTreeSet};
use types::{ContractId, Did, Epoch, Hash, Span, Timestamp};
use watch::Watch;

/// When every run begins.
const BEGINNING: Timestamp = Timestamp(1_700_000_000_000_000);
/// A tick of the wheel, and how many a turn has.
const TICK: Span = Span(60 * Span::SECOND.0);
const TURN: usize = 4_096;
/// How often whatever is due may make more due before something must be wrong.
const ROUNDS_MAX: usize = 1_000;

/// How often every rule is checked in a run of more than twice as many epochs, where there are no more agents than this; and at least,
/// however many there are.
const CHECKS: u64 = 24;
const MANY: u64 = 20_000;
const CHECKS_MIN: u64 = 4;

/// Something that happens at its time.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// A reservation reaches a provider.
    Reserved(SlotId, Did),
    /// A client's bytes have arrived in every slot.
    Filled(ContractId),
    /// An effect is tried.
    Tried(Effect),
    /// What time makes due is looked at.
    Due,
    /// A disk fails.
    DiskFails(Did),
    /// A provider is out of reach from now on.
    Away(Did),
    /// It is back, unless it went away again.
    Back(Did),
}

/// Why a run ended early.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// A figure of the world is not sensible.
    #[error("{field}: {reason}")]
    Setting {
        /// Which.
        field: String,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A policy that a scenario lays over the shipped one does not fit.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// A group has no agents.
    #[error("agents of group {group}: {error}")]
    Group {
        /// Which.
        group: String,
        /// Why.
        error: KindError,
    },
    /// Something that must always hold does not: a bug in the market.
    #[error("after epoch {epoch}: {breaches}")]
    Broken {
        /// When.
        epoch: Epoch,
        /// What does not hold.
        breaches: String,
    },
}

/// A market and everything around it.
pub struct World {
    desk: Desk,
    settings: WorldSettings,
    epoch: Span,
    seed: Seed,
    now: Timestamp,
    chain: HashChain,
    wheel: Wheel<Happening>,
    members: Members,
    disks: Disks,
    /// Who can be reached.
    reach: Reach,
    /// What could not be done yet and is tried again.
    pending: BTreeSet<Effect>,
    /// How full each contract is to be, in permille.
    wishes: BTreeMap<ContractId, u16>,
    cases: Cases,
    /// The slots about which an auditor has lied.
    lied_about: BTreeSet<SlotId>,
    /// What challenges are drawn from where the market's own beacon is not what counts.
    drawn_from: Option<Hash>,
    watch: Watch,
    books: Books,
    holdings: Holdings,
    repairs: Repairs,
}

impl World {
    /// The world of `settings` at its beginning; all its luck comes from `seed`.
    ///
    /// # Errors
    /// [`WorldError`] names the figure that is not sensible.
    pub fn new(settings: &WorldSettings, seed: Seed) -> Result<Self, WorldError> {
        let epoch = settings.validated()?;
        let chain = HashChain::new(&seed.draws(Stream::Market, 0, 0).seed(), settings.epochs + 1);
        let market = Did(seed.draws(Stream::Market, 1, 0).seed());
        let mut genesis = Genesis::standard(market, epoch, chain.anchor());
        genesis.pricing = overlay::over(&genesis.pricing, &settings.market.pricing)?;
        genesis.reputation = overlay::over(&genesis.reputation, &settings.market.reputation)?;
        let window = settings.market.dispute_epochs;
        genesis.dispute_epochs = window.unwrap_or(genesis.dispute_epochs);
        let members = Members::of(settings, seed)?;
        Ok(Self {
            desk: Desk::new(Market::new(genesis)),
            epoch,
            seed,
            now: BEGINNING,
            chain,
            wheel: Wheel::new(BEGINNING, TICK, TURN),
            watch: Watch::new(&members),
            books: Books::new(members.groups().len()),
            holdings: Holdings::new(members.groups().len()),
            repairs: Repairs::default(),
            members,
            disks: Disks::default(),
            reach: Reach::default(),
            pending: BTreeSet::new(),
            wishes: BTreeMap::new(),
            cases: Cases::default(),
            lied_about: BTreeSet::new(),
            drawn_from: None,
            settings: settings.clone(),
        })
    }

    /// Lives through all epochs, and says what came of it; `passed` is told of each.
    ///
    /// # Errors
    /// [`WorldError::Broken`] where the market breaks one of its own rules.
    pub fn run(mut self, arm: &str, mut passed: impl FnMut(u64)) -> Result<Run, WorldError> {
        for number in 1..=self.settings.epochs {
            self.live(Epoch(number));
            self.observe();
            if number.is_multiple_of(self.check_every()) || number == self.settings.epochs {
                self.check()?;
            }
            passed(number);
        }
        Ok(self.told(arm))
    }

    /// The market as it stands.
    pub const fn market(&self) -> &Market {
        self.desk.market()
    }

    /// One epoch.
    fn live(&mut self, epoch: Epoch) {
        let begins = BEGINNING.after(Span(self.epoch.0 * (epoch.0 - 1)));
        self.pass_until(begins);
        let beacon = self.chain.value(epoch).expect("the chain is as long as the run");
        self.grind(epoch, beacon);
        self.submit(&Command::open_epoch(epoch, beacon));
        self.learn_rate(epoch);
        self.tell_accused();
        self.do_what_is_due();
        self.black_out(epoch);
        self.try_again();
        self.let_all_act();
        self.pass_until(begins.after(Span(self.epoch.0 / 2)));
        self.measure_all();
        self.audit_all();
        self.pass_until(begins.after(Span(self.epoch.0 / 4 * 3)));
        self.do_what_is_due();
        self.members.keep_costs(self.epoch);
    }

    /// Lets everything happen that does so by `until`.
    fn pass_until(&mut self, until: Timestamp) {
        while let Some((at, what)) = self.wheel.next(until) {
            self.now = self.now.max(at);
            self.happen(what);
        }
        self.now = self.now.max(until);
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Reserved(slot, provider) => self.reserved(slot, provider),
            Happening::Filled(contract) => self.fill(contract),
            Happening::Tried(effect) => self.try_effect(effect),
            Happening::Due => self.do_what_is_due(),
            Happening::DiskFails(party) => self.disk_fails(party),
            Happening::Away(party) => self.goes_away(party),
            Happening::Back(party) => self.comes_back(party),
        }
    }

    /// Hands a command in; what it makes happen is seen, and what that asks of the outside gets on its way.
    fn submit(&mut self, command: &Command) -> Option<Vec<Event>> {
        let events = self.desk.submit(self.now, command).ok()?;
        for event in &events {
            self.watch.see(event, self.desk.market(), &self.members, &self.disks);
            self.books.post(event.postings(), &self.members);
            self.holdings.see(event);
            self.see_repair(event);
            event.parties().iter().for_each(|party| self.members.wake(party));
            self.follow(event);
        }
        for effect in self.desk.take_effects() {
            self.get_going(effect);
        }
        Some(events)
    }

    fn do_what_is_due(&mut self) {
        for round in 0..ROUNDS_MAX {
            let due = self.desk.market().due(self.now);
            let mut changed = false;
            for one in due {
                let seed = self.luck_of(&one, round as u64);
                changed |= self.submit(&one.command(seed)).is_some_and(|events| !events.is_empty());
            }
            if !changed {
                return;
            }
        }
        panic!("things stay due for ever");
    }

    /// What is drawn for something that is due: it goes by what it is, so that whatever else is due moves nothing here.
    fn luck_of(&self, due: &Due, round: u64) -> [u8; 32] {
        let Due::Replace(SlotId { contract, slot }) = due else { return [0; 32] };
        let (word, _) = contract.0.split_at(4);
        let word = word.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
        let seconds = self.now.0.unsigned_abs() / Span::SECOND.0;
        let moment = seconds.wrapping_mul(ROUNDS_MAX as u64).wrapping_add(round);
        self.seed.draws(Stream::Market, (word ^ u32::from(*slot)) | 1 << 31, moment).seed()
    }

    /// How often every rule is checked from scratch: it costs as much as there is, so among very many less often, and always at
    /// the end.
    fn check_every(&self) -> u64 {
        let checks =
            (CHECKS * MANY / u64::from(self.members.count().max(1))).clamp(CHECKS_MIN, CHECKS);
        let epochs = self.settings.epochs;
        if epochs > 2 * CHECKS { epochs.div_ceil(checks) } else { 1 }
    }

    fn check(&self) -> Result<(), WorldError> {
        #[cfg(any(test, debug_assertions))]
        {
            let counted = Books::counted(self.market(), &self.members);
            assert_eq!(self.books, counted, "sums of the books");
            self.check_holdings();
        }
        market::check(self.market()).map_err(|breaches| WorldError::Broken {
            epoch: self.market().epoch(),
            breaches: format!("{breaches:?}"),
        })
    }
}

/// A name that nothing else has.
fn named(what: &str, parts: &[&[u8]]) -> Hash {
    Hash::derive(&format!("bondstore 2026 simulated {what}"), parts)
}

#[cfg(test)]
mod tests;
