//! A small world to drive the market in: parties that act, chance that is seeded, `check` after every step.

pub(crate) mod amend;
pub(crate) mod blocks;
pub(crate) mod book;
mod chances;
mod concern;
pub(crate) mod court;
mod picks;
pub(crate) mod stage;
pub(crate) mod twists;

use book::Book;
use contracts::beacon::HashChain;
use market::parts::{Part, PartError, Restoration};
use market::{Command, Event, Genesis, Market, Rejection, check};
use std::collections::BTreeSet;
use types::documents::{Ask, AuditKind, Deposit, Quote, Request, SlotVerdict, Verdict, Withdrawal};
use types::{
    Bytes, Did, Document, Epoch, GbPrice, Hash, Msat, Price, Span, Terms, Tier, Timestamp, Verified,
};

/// The commands whose price has fees in it.
const PAYS_FEES: [&str; 6] = ["revise", "extend", "grow", "renew", "cancel", "expire"];

pub(crate) const EPOCHS: u64 = 64;

/// Changes what `decide` gave before it is applied: a market with a bug in it.
pub(crate) type Fault = fn(&Market, Vec<Event>) -> Vec<Event>;

pub(crate) struct World {
    pub(crate) market: Market,
    pub(crate) now: Timestamp,
    /// Every event so far.
    pub(crate) journal: Vec<Event>,
    /// What there was to see.
    pub(crate) book: Book,
    pub(super) chain: HashChain,
    pub(super) quotes: Vec<Verified<Quote>>,
    counter: u64,
    fault: Fault,
}

pub(crate) fn honest(_: &Market, events: Vec<Event>) -> Vec<Event> {
    events
}

pub(crate) fn did(n: u8) -> Did {
    Did([n; 32])
}

pub(crate) const MARKET: u8 = 255;
/// From this provider on, bonds are made up of earnings.
pub(crate) const POOR: u8 = 9;
/// Who measures beside the market.
pub(crate) const AUDITOR: u8 = 254;

pub(crate) fn signed<T: Document>(document: T) -> Verified<T> {
    Verified::simulated(document)
}

impl World {
    pub(crate) fn new(fault: Fault) -> Self {
        Self::lasting(EPOCHS, fault)
    }

    /// A market whose chain of beacons lasts for so many epochs.
    pub(crate) fn lasting(epochs: u64, fault: Fault) -> Self {
        let chain = HashChain::new(&[7; 32], epochs);
        let auditors = vec![did(AUDITOR)];
        let genesis = Genesis::standard(did(MARKET), Span::DAY, chain.anchor());
        let genesis = Genesis { auditors, ..genesis };
        Self {
            market: Market::new(genesis),
            now: Timestamp(1_700_000_000_000_000),
            journal: Vec::new(),
            book: Book::default(),
            chain,
            quotes: Vec::new(),
            counter: 0,
            fault,
        }
    }

    /// The same, founded with a chain: its epochs wait for blocks.
    pub(crate) fn chained(mut self) -> Self {
        let genesis = self.market.genesis().clone();
        self.market = Market::new(Genesis { chain: Some(blocks::rule()), ..genesis });
        self
    }

    /// A market in which standings change within days: reviews every three epochs, and an alarm after a few losses.
    pub(crate) fn hasty(fault: Fault) -> Self {
        let mut world = Self::new(fault);
        let mut genesis = world.market.genesis().clone();
        let points = &mut genesis.reputation.points;
        (points.review_every, points.outcomes_min, points.vetting) = (3, 4, 6);
        points.high_after = 12;
        for dimension in &mut genesis.reputation.dimensions {
            dimension.suspicion.alarm_micro = dimension.suspicion.alarm_micro.min(3_000_000);
        }
        world.market = Market::new(genesis);
        world
    }

    /// Judges and applies one command; everything that must hold is checked.
    pub(crate) fn run(&mut self, command: &Command) -> Result<bool, String> {
        let events = match self.market.decide(self.now, command) {
            Ok(events) if events.is_empty() => {
                self.book.idle(command);
                return Ok(false);
            }
            Ok(events) => events,
            Err(refusal) => {
                self.book.refused(command, refusal.code());
                return Ok(false);
            }
        };
        let before = self.market.ledger().totals(contracts::Account::Fees).credits;
        let events = (self.fault)(&self.market, events);
        concern::named(&self.market, &events)?;
        for event in &events {
            self.market.apply(event);
        }
        let fees = self.market.ledger().totals(contracts::Account::Fees).credits;
        if fees != before && !PAYS_FEES.contains(&command.name()) {
            return Err(format!("{} paid the market", command.name()));
        }
        self.book.note(&self.market, (self.now, command), &events)?;
        self.journal.extend(events);
        check(&self.market)
            .map_err(|breaches| format!("after {}: {breaches:?}", command.name()))?;
        self.once_only(command)?;
        Ok(true)
    }

    /// What has happened does not happen again.
    fn once_only(&self, command: &Command) -> Result<(), String> {
        if matches!(command, Command::Replace { .. } | Command::Reassign { .. }) {
            return Ok(());
        }
        match self.market.decide(self.now, command) {
            Err(_) => Ok(()),
            Ok(events) if events.is_empty() => Ok(()),
            Ok(events) => Err(format!("{} happened twice: {events:?}", command.name())),
        }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub(crate) fn deposit(&mut self, party: Did, amount: i64) -> Command {
        let reference = format!("deposit {}", self.next());
        Command::Deposit(signed(Deposit {
            market: did(MARKET),
            party,
            amount: Msat(amount),
            reference,
        }))
    }

    pub(crate) fn withdraw(&mut self, party: Did, amount: i64) -> Command {
        let nonce = self.next();
        Command::Withdraw(signed(Withdrawal {
            party,
            amount: Msat(amount),
            to: "lnbc".into(),
            nonce,
        }))
    }

    pub(crate) fn ask(&mut self, n: u8, gigabytes: u64, price: u32) -> Command {
        let ask = Ask {
            provider: did(n),
            sequence: self.next(),
            endpoint: "http://127.0.0.1:1".into(),
            region: ["eu", "us"][usize::from(n) % 2].into(),
            operator: format!("operator {n}"),
            capacity: Bytes(gigabytes * 1_000_000_000),
            price: Price::whole(price),
            egress: GbPrice::whole(u32::from(n) * 10),
            ingress: GbPrice::whole(u32::from(n % 3)),
            tiers: Tier::ALL.to_vec(),
            minimum_use: Bytes(u64::from(n % 2) * 500_000_000),
            duration_max: Span(60 * Span::DAY.0),
            volume_discounts: Vec::new(),
            duration_discounts: Vec::new(),
            tags: Vec::new(),
            counter: None,
            held_bond_permille: if n < POOR { 0 } else { 1000 },
            expires: self.now.after(Span(300 * Span::DAY.0)),
        };
        Command::PublishAsk { ask: signed(ask), network: format!("10.0.{n}.0/24") }
    }

    /// A request of `client`, quoted; the quote is kept for later acceptance.
    pub(crate) fn quote(
        &mut self,
        client: u8,
        megabytes: u64,
        days: u64,
        seed: u8,
    ) -> Result<(), Rejection> {
        let mut terms = Terms::standard(Bytes(megabytes * 1_000_000), Span(days * Span::DAY.0));
        terms.redundancy = types::Redundancy { data: 2, parity: 2 };
        if seed.is_multiple_of(4) {
            terms.renewal = types::terms::Renewal::Automatic;
        }
        if seed.is_multiple_of(3) {
            terms.maintenance = Span(6 * Span::DAY.0);
        }
        if seed % 5 < 2 {
            terms.rail = types::terms::RailKind::Bitcoin;
            (terms.egress, terms.renewal) = (Bytes(0), types::terms::Renewal::Manual);
        }
        let request = signed(Request { client: did(client), terms, nonce: self.next() });
        let online: BTreeSet<Did> = self.market.offers().keys().copied().collect();
        let quote = self.market.quote(self.now, &request, [seed; 32], &online)?;
        self.quotes.push(signed(quote));
        Ok(())
    }

    /// One thing that is due, if anything is.
    pub(crate) fn due(&self, pick: usize, seed: u8) -> Option<Command> {
        let due = self.market.due(self.now);
        due.get(pick % due.len().max(1)).map(|due| due.command([seed; 32]))
    }

    /// Everything that is due, until nothing is.
    pub(crate) fn settle_down(&mut self, seed: u8) -> Result<(), String> {
        for _ in 0..300 {
            let mut changed = false;
            for due in self.market.due(self.now) {
                changed |= self.run(&due.command([seed; 32]))?;
            }
            if !changed {
                return Ok(());
            }
        }
        Err("things stay due for ever".into())
    }

    /// Replays the journal from the start: the state must be the same, to the bit.
    pub(crate) fn replayed(&self) -> Result<(), String> {
        let mut market = Market::new(self.market.genesis().clone());
        self.journal.iter().for_each(|event| market.apply(event));
        let restored = self.restored().map_err(|e| e.to_string())?;
        let same = market == self.market && market.root() == self.market.root();
        let same = same && restored == self.market;
        if same { Ok(()) } else { Err("a replay gives another state".into()) }
    }
}

impl World {
    /// The state as its parts give it, last part first: their order does not matter, and their bytes are the state's.
    fn restored(&self) -> Result<Market, PartError> {
        let mut parts = Vec::new();
        let keep = |part| {
            parts.push(part);
            Ok::<(), PartError>(())
        };
        self.market.write_parts(keep)?;
        let bytes: Vec<u8> = parts.iter().flat_map(|part: &Part| &part.bytes).copied().collect();
        assert_eq!(bytes, self.market.to_bytes());
        let mut market = Market::new(self.market.genesis().clone());
        let restoration = Restoration::of(&mut market);
        parts.iter().rev().try_for_each(|part| restoration.take(part))?;
        restoration.finish()?;
        Ok(market)
    }
}

pub(crate) fn verdict(
    provider: Did,
    epoch: Epoch,
    kind: AuditKind,
    slots: Vec<SlotVerdict>,
) -> Command {
    let challenge = Hash::derive("test challenge", &[&provider.0, &epoch.0.to_le_bytes()]);
    let auditor = did(MARKET);
    Command::RecordVerdict(signed(Verdict {
        auditor,
        provider,
        epoch,
        kind,
        challenge,
        proof: None,
        slots,
    }))
}
