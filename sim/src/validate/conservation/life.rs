//! The life of one contract, from the first deposit to the last withdrawal.

use super::{amiss, unaccounted};
use crate::chance::Draws;
use contracts::beacon::{Beacon, HashChain};
use contracts::{ContractState, SlotState};
use market::event::SlotId;
use market::{Command, Event, Genesis, Market, schedule};
use std::collections::{BTreeMap, BTreeSet};
use types::documents::{
    Acceptance, Ask, AuditKind, Confirmation, Deposit, Request, Revision, SlotSize, SlotVerdict,
    StorageReceipt, Verdict, Voucher, Withdrawal,
};
use types::{
    Bytes, ContractId, Did, GbPrice, Hash, Msat, Price, Redundancy, Span, Terms, Tier, Timestamp,
    Verified,
};

/// A gigabyte.
const GB: u64 = 1_000_000_000;
/// How many epochs there are beacons for.
const EPOCHS: u64 = 64;
const MARKET: Did = Did([255; 32]);
const CLIENT: Did = Did([1; 32]);
const PROVIDERS: std::ops::Range<u8> = 10..18;

/// Nothing is changed about what the market decides.
pub(super) const FAULTLESS: fn(Vec<Event>) -> Vec<Event> = |events| events;

/// A market with one contract in it, and everything that its parties do.
pub(super) struct Life {
    market: Market,
    draws: Draws,
    chain: HashChain,
    /// What is changed about what the market decides, to see whether it is noticed.
    fault: fn(Vec<Event>) -> Vec<Event>,
    now: Timestamp,
    counter: u64,
    /// What documents have paid in, less what they have paid out.
    inside: i64,
    /// The most that was amiss at any event, in msat.
    pub(super) worst: u128,
    /// How many events there were.
    pub(super) events: u64,
    /// Which.
    pub(super) names: BTreeSet<&'static str>,
}

impl Life {
    pub(super) fn new(mut draws: Draws, fault: fn(Vec<Event>) -> Vec<Event>) -> Self {
        let chain = HashChain::new(&draws.seed(), EPOCHS);
        Self {
            market: Market::new(Genesis::standard(MARKET, Span::DAY, chain.anchor())),
            draws,
            chain,
            fault,
            now: Timestamp(1_700_000_000_000_000),
            counter: 0,
            inside: 0,
            worst: 0,
            events: 0,
            names: BTreeSet::new(),
        }
    }

    /// Lives it from beginning to end.
    ///
    /// # Errors
    /// In words, what the market refuses that it must take, or which of its invariants does not hold.
    pub(super) fn live(&mut self) -> Result<(), String> {
        let parties: Vec<Did> =
            std::iter::once(CLIENT).chain(PROVIDERS.map(|n| Did([n; 32]))).collect();
        for party in &parties {
            let amount = 100_000_000 + self.chosen(50_000_000);
            self.deposit(*party, amount)?;
        }
        for n in PROVIDERS {
            self.ask(n)?;
        }
        let contract = self.agree()?;
        self.store(contract)?;
        let (fails, slot) = (2 + self.draws.below(4), self.draws.below(4));
        for epoch in 0..EPOCHS - 1 {
            self.pass_epoch(contract, (epoch == fails).then_some(slot))?;
            market::check(&self.market).map_err(|breaches| format!("{breaches:?}"))?;
            if !self.market.contract(&contract).is_some_and(|c| c.state.is_open()) {
                break;
            }
        }
        for party in parties {
            self.withdraw(party)?;
        }
        let state = self.market.contract(&contract).map(|c| c.state);
        let settled = state == Some(ContractState::Settled);
        if settled { Ok(()) } else { Err(format!("the contract ends as {state:?}")) }
    }

    /// Has the market judge `command`, applies what comes of it, and holds the books against it event by event.
    fn done(&mut self, command: &Command) -> Result<(), String> {
        let events = self.market.decide(self.now, command);
        let events = events.map_err(|refusal| format!("{}: {refusal}", command.name()))?;
        for event in (self.fault)(events) {
            self.market.apply(&event);
            self.events += 1;
            self.names.insert(event.name());
            self.worst = self.worst.max(amiss(&self.market));
        }
        self.inside += match command {
            Command::Deposit(deposit) => deposit.amount.0,
            Command::Withdraw(withdrawal) => -withdrawal.amount.0,
            _ => 0,
        };
        self.worst = self.worst.max(unaccounted(&self.market, self.inside));
        Ok(())
    }

    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// A whole number below `count`.
    fn chosen(&mut self, count: u32) -> i64 {
        i64::try_from(self.draws.below(u64::from(count))).unwrap_or(0)
    }

    fn deposit(&mut self, party: Did, amount: i64) -> Result<(), String> {
        let reference = format!("deposit {}", self.next());
        let deposit = Deposit { market: MARKET, party, amount: Msat(amount), reference };
        self.done(&Command::Deposit(Verified::simulated(deposit)))
    }

    /// A party takes out all that it has.
    fn withdraw(&mut self, party: Did) -> Result<(), String> {
        let amount = self.market.available(party);
        if amount == Msat::ZERO {
            return Ok(());
        }
        let withdrawal = Withdrawal { party, amount, to: "lnbc".into(), nonce: self.next() };
        self.done(&Command::Withdraw(Verified::simulated(withdrawal)))
    }

    fn ask(&mut self, n: u8) -> Result<(), String> {
        let mut price = |least: u32| least + u32::try_from(self.draws.below(977)).unwrap_or(0);
        let (keeping, egress, ingress) = (price(100_000), price(50_000), price(10_000));
        let ask = Ask {
            provider: Did([n; 32]),
            sequence: self.next(),
            endpoint: format!("https://10.0.{n}.1:4000"),
            region: "eu-west".into(),
            operator: format!("operator {n}"),
            capacity: Bytes(100 * GB),
            price: Price::whole(keeping),
            egress: GbPrice::whole(egress),
            ingress: GbPrice::whole(ingress),
            tiers: Tier::ALL.to_vec(),
            minimum_use: Bytes(0),
            duration_max: Span(60 * Span::DAY.0),
            volume_discounts: Vec::new(),
            duration_discounts: Vec::new(),
            tags: Vec::new(),
            counter: None,
            held_bond_permille: 0,
            expires: self.now.after(Span(300 * Span::DAY.0)),
        };
        let network = format!("10.0.{n}.0/24");
        self.done(&Command::PublishAsk { ask: Verified::simulated(ask), network })
    }

    /// A contract of two data and two parity slots, agreed and confirmed.
    fn agree(&mut self) -> Result<ContractId, String> {
        let mut terms = Terms::standard(Bytes(2 * GB), Span(10 * Span::DAY.0));
        terms.redundancy = Redundancy { data: 2, parity: 2 };
        terms.shard_bytes = 1_000_000;
        let request = Verified::simulated(Request { client: CLIENT, terms, nonce: self.next() });
        let online: BTreeSet<Did> = self.market.offers().keys().copied().collect();
        let quote = self.market.quote(self.now, &request, self.draws.seed(), &online);
        let quote = Verified::simulated(quote.map_err(|refusal| refusal.to_string())?);
        let acceptance = Verified::simulated(Acceptance { client: CLIENT, quote: quote.id() });
        let contract = acceptance.id();
        self.done(&Command::Accept { acceptance, quote: Box::new(quote) })?;
        self.confirm(contract)?;
        Ok(contract)
    }

    /// Every provider that was asked to takes its slot.
    fn confirm(&mut self, contract: ContractId) -> Result<(), String> {
        for (slot, asked) in self.slots(contract) {
            let waits = matches!(asked.state, SlotState::Reserved | SlotState::Repairing);
            if asked.confirmed || !waits {
                continue;
            }
            let (provider, answer_by) = (asked.provider(), asked.answer_by);
            let answer = Confirmation { provider, contract, slot, answer_by, declined: None };
            self.done(&Command::Confirm(Verified::simulated(answer)))?;
        }
        Ok(())
    }

    fn slots(&self, contract: ContractId) -> Vec<(u16, contracts::Slot)> {
        let slots = self.market.contract(&contract).map(|c| c.slots.clone()).unwrap_or_default();
        (0..).zip(slots).collect()
    }

    /// The first revision: every slot holds something.
    fn store(&mut self, contract: ContractId) -> Result<(), String> {
        let (mut sizes, mut receipts) = (Vec::new(), Vec::new());
        for (slot, asked) in self.slots(contract) {
            let bytes = GB - self.draws.below(GB / 2);
            let root = Hash::of(&bytes.to_le_bytes());
            let size = SlotSize { root, bytes, shards: bytes.div_ceil(1_000_000) };
            let provider = asked.provider();
            let receipt = StorageReceipt { provider, contract, slot, revision: 1, size };
            sizes.push(size);
            receipts.push(Verified::simulated(receipt));
        }
        let layout = Hash::of(&[1]);
        let revision = Revision { signer: CLIENT, contract, number: 1, slots: sizes, layout };
        self.done(&Command::Revise { revision: Verified::simulated(revision), receipts })
    }

    /// One epoch: what is due, an audit of everyone, in which `failing` has lost something, a read, and repair.
    fn pass_epoch(&mut self, contract: ContractId, failing: Option<u64>) -> Result<(), String> {
        let epoch = self.market.epoch().plus(1);
        let beacon = self.chain.value(epoch).ok_or("there are beacons enough")?;
        self.done(&Command::open_epoch(epoch, beacon))?;
        self.now = self.now.after(Span::DAY);
        self.catch_up(contract)?;
        for (provider, challenges) in schedule::routine(&self.market) {
            let mut found = Vec::new();
            let mut failed = None;
            for asked in challenges {
                let lost = Some(u64::from(asked.slot)) == failing;
                failed = failed.or(lost.then_some(asked.slot));
                let missed = u32::from(lost);
                found.push(verdict_on(asked.contract, asked.slot, (asked.count, missed)));
            }
            self.judge(provider, AuditKind::Routine, found)?;
            if let Some(slot) = failed {
                let missed = 1 + u32::try_from(self.draws.below(255)).unwrap_or(0);
                let found = verdict_on(contract, slot, (schedule::INTENSIFIED, missed));
                self.judge(provider, AuditKind::Intensified, vec![found])?;
            }
        }
        self.read(contract)?;
        self.catch_up(contract)
    }

    fn judge(
        &mut self,
        provider: Did,
        kind: AuditKind,
        slots: Vec<SlotVerdict>,
    ) -> Result<(), String> {
        let epoch = self.market.epoch();
        let challenge = Hash::of(&self.next().to_le_bytes());
        let verdict =
            Verdict { auditor: MARKET, provider, epoch, kind, challenge, proof: None, slots };
        self.done(&Command::RecordVerdict(Verified::simulated(verdict)))
    }

    /// The client reads some megabytes of a slot.
    fn read(&mut self, contract: ContractId) -> Result<(), String> {
        let filled = self.slots(contract).into_iter().find(|(_, s)| s.state == SlotState::Filled);
        let Some((slot, held)) = filled else { return Ok(()) };
        let provider = held.provider();
        let bytes = held.egress.bytes + 1 + self.draws.below(GB / 100);
        let voucher = Voucher { client: CLIENT, provider, contract, slot, bytes };
        self.done(&Command::RedeemVoucher(Verified::simulated(voucher)))
    }

    /// Everything that is due, and every rebuild that was ordered, until nothing is left.
    fn catch_up(&mut self, contract: ContractId) -> Result<(), String> {
        for _ in 0..100 {
            let before = self.events;
            for due in self.market.due(self.now) {
                let command = due.command(self.draws.seed());
                self.done(&command)?;
            }
            self.confirm(contract)?;
            self.rebuild(contract)?;
            if self.events == before {
                return Ok(());
            }
        }
        Err("things stay due for ever".into())
    }

    /// Slots that are lost in part or are with a new provider hold everything again.
    fn rebuild(&mut self, contract: ContractId) -> Result<(), String> {
        let lost: BTreeMap<u16, contracts::Slot> = self.slots(contract).into_iter().collect();
        for (slot, held) in lost {
            let partly = held.state == SlotState::AtFault
                && held.fault.is_some_and(|fault| fault.penalised_ppm.is_some());
            if !partly && held.state != SlotState::Repairing {
                continue;
            }
            let id = SlotId { contract, slot };
            let Some((known, _)) = self.market.slot(id) else { continue };
            let number = known.revision + 1;
            let slots = known.slots.iter().map(|slot| slot.size).collect();
            let layout = known.layout.unwrap_or_default();
            let (provider, size) = (held.provider(), held.size);
            let receipt = StorageReceipt { provider, contract, slot, revision: number, size };
            let revision = Revision { signer: MARKET, contract, number, slots, layout };
            self.done(&Command::FinishRebuild {
                receipt: Verified::simulated(receipt),
                revision: Verified::simulated(revision),
            })?;
        }
        Ok(())
    }
}

/// A verdict on one slot that answered in time, of whose challenges so many failed.
fn verdict_on(contract: ContractId, slot: u16, (challenges, missed): (u32, u32)) -> SlotVerdict {
    let passed = challenges - missed.min(challenges);
    SlotVerdict { contract, slot, challenges, passed, answered: true, latency_ms: 20 }
}
