//! A stage for told lives: equal providers with round figures, and steps that must be taken or refused.

use super::{MARKET, World, concern, did, honest, signed, verdict};
use contracts::{Account, Contract, Slot, SlotState};
use market::event::SlotId;
use market::{Command, Event, Rejection, check, schedule};
use std::collections::BTreeSet;
use types::documents::{
    Acceptance, Ask, AuditKind, Confession, Confirmation, Quote, Request, Revision, Share,
    SlotSize, SlotVerdict, StorageReceipt, Voucher,
};
use types::{
    Bytes, ContractId, Did, Epoch, GbPrice, Hash, Msat, Price, Redundancy, Span, Terms, Tier,
    Verified,
};

/// A gigabyte.
pub(crate) const GB: u64 = 1_000_000_000;
/// The client of every story.
pub(crate) const CLIENT: Did = Did([1; 32]);
/// What everyone deposits.
pub(crate) const DEPOSIT: i64 = 100_000_000;
/// What the providers of [`World::staged`] are called, the first of them.
pub(crate) const FIRST: u8 = 10;

/// What the client pays in under [`terms`].
pub(crate) const ESCROW: i64 = 5_448_000;
/// What of it is fees.
pub(crate) const FEES: i64 = 308_000;
/// What of them is for the escrow, and due even if nothing is stored.
pub(crate) const ESCROW_FEE: i64 = 88_000;
/// The bond of one of its slots.
pub(crate) const BOND: i64 = 2_500_000;
/// What such a slot earns in an epoch, bonus included.
pub(crate) const DAILY: i64 = 125_000;

/// Two data and two parity slots of 1 GB each, for ten epochs of a day.
///
/// A slot of a provider of [`World::ask_of`] costs 1,000,000 + 100,000 premium + 150,000 bonus + 10,000 ingress, and
/// 125,000 an epoch; its bond is 2,500,000. With 220,000 and 88,000 of fees and 100,000 for 2 GB of reads,
/// the escrow is 5,448,000.
pub(crate) fn terms() -> Terms {
    let mut terms = Terms::standard(Bytes(2 * GB), Span(10 * Span::DAY.0));
    terms.redundancy = Redundancy { data: 2, parity: 2 };
    terms.shard_bytes = 1_000_000;
    terms
}

/// What a slot holds in revision `number` when it holds `bytes`.
pub(crate) fn size(number: u64, bytes: u64) -> SlotSize {
    let root = Hash::of(&(number ^ bytes << 8).to_le_bytes());
    SlotSize { root, bytes, shards: bytes.div_ceil(1_000_000) }
}

impl World {
    /// A market with `providers` equal providers from [`FIRST`] on, and a client, all with money.
    pub(crate) fn staged(providers: u8) -> Self {
        Self::staged_for(super::EPOCHS, providers)
    }

    /// As [`World::staged`], for a story of so many epochs.
    pub(crate) fn staged_for(epochs: u64, providers: u8) -> Self {
        Self::lasting(epochs, honest).peopled(providers)
    }

    /// With so many equal providers and a client, all with money.
    pub(crate) fn peopled(mut self, providers: u8) -> Self {
        self.fund(CLIENT, DEPOSIT);
        for n in FIRST..FIRST + providers {
            self.fund(did(n), DEPOSIT);
            let ask = self.ask_of(n);
            self.publish(ask);
        }
        self
    }

    pub(crate) fn fund(&mut self, party: Did, amount: i64) {
        let deposit = self.deposit(party, amount);
        self.done(&deposit);
    }

    /// The ask that every story's providers make.
    pub(crate) fn ask_of(&mut self, n: u8) -> Ask {
        Ask {
            provider: did(n),
            sequence: self.next(),
            endpoint: format!("https://10.0.{n}.1:4000"),
            region: "eu-west".into(),
            operator: format!("operator {n}"),
            capacity: Bytes(100 * GB),
            price: Price::whole(100_000),
            egress: GbPrice::whole(50_000),
            ingress: GbPrice::whole(10_000),
            tiers: Tier::ALL.to_vec(),
            minimum_use: Bytes(0),
            duration_max: Span(60 * Span::DAY.0),
            volume_discounts: Vec::new(),
            duration_discounts: Vec::new(),
            tags: Vec::new(),
            counter: None,
            held_bond_permille: 0,
            expires: self.now.after(Span(300 * Span::DAY.0)),
        }
    }

    /// Publishes an ask from a network of its own.
    pub(crate) fn publish(&mut self, ask: Ask) {
        let network = format!("10.0.{}.0/24", ask.provider.0[0]);
        self.done(&Command::PublishAsk { ask: signed(ask), network });
    }

    /// Judges a command, and applies and checks what it makes happen.
    pub(crate) fn attempt(&mut self, command: &Command) -> Result<Vec<Event>, Rejection> {
        let events = self.market.decide(self.now, command)?;
        concern::named(&self.market, &events).unwrap_or_else(|breach| panic!("{breach}"));
        for event in &events {
            self.market.apply(event);
        }
        check(&self.market).unwrap_or_else(|breaches| panic!("{}: {breaches:?}", command.name()));
        if !events.is_empty() {
            let noted = self.book.note(&self.market, (self.now, command), &events);
            noted.unwrap_or_else(|breach| panic!("{}: {breach}", command.name()));
        }
        self.journal.extend(events.clone());
        Ok(events)
    }

    /// A command that must be taken.
    pub(crate) fn done(&mut self, command: &Command) -> Vec<Event> {
        let name = command.name();
        self.attempt(command).unwrap_or_else(|refusal| panic!("{name} is refused: {refusal}"))
    }

    /// A command that must be refused, and change nothing.
    pub(crate) fn refused(&mut self, command: &Command) -> Rejection {
        let before = self.market.root();
        let refusal = match self.attempt(command) {
            Err(refusal) => refusal,
            Ok(events) => panic!("{} is taken: {events:?}", command.name()),
        };
        assert_eq!(self.market.root(), before, "a refusal changes nothing");
        refusal
    }

    /// A command that must be refused with `code` and a text that contains `right`, and change nothing.
    pub(crate) fn refuse(&mut self, command: &Command, code: &str, right: &str) {
        let refusal = self.refused(command);
        assert_eq!(refusal.code(), code, "{}: {refusal}", command.name());
        assert!(refusal.to_string().contains(right), "{}: {refusal}", command.name());
    }

    /// What a command makes happen, by name.
    pub(crate) fn names(&mut self, command: &Command) -> Vec<&'static str> {
        self.done(command).iter().map(Event::name).collect()
    }

    /// Everyone who offers.
    pub(crate) fn online(&self) -> BTreeSet<Did> {
        self.market.offers().keys().copied().collect()
    }

    pub(crate) fn request(&mut self, terms: &Terms) -> Verified<Request> {
        let nonce = self.next();
        signed(Request { client: CLIENT, terms: terms.clone(), nonce })
    }

    pub(crate) fn quoted(&mut self, terms: &Terms, seed: u8) -> Result<Quote, Rejection> {
        let request = self.request(terms);
        self.market.quote(self.now, &request, [seed; 32], &self.online())
    }

    /// A contract of `terms`, agreed and not confirmed yet.
    pub(crate) fn agree(&mut self, terms: &Terms) -> ContractId {
        let quote = signed(self.quoted(terms, 1).expect("providers enough"));
        let accept = accept(&quote);
        self.done(&accept);
        let Command::Accept { acceptance, .. } = accept else { unreachable!("an acceptance") };
        acceptance.id()
    }

    /// A contract of [`terms`] whose slots hold 1 GB each, in the epoch before its first.
    pub(crate) fn store(&mut self) -> ContractId {
        self.store_under(&terms())
    }

    /// As [`World::store`], under other terms for four slots of a gigabyte.
    pub(crate) fn store_under(&mut self, terms: &Terms) -> ContractId {
        let contract = self.agree(terms);
        for slot in 0..4 {
            let confirm = self.confirmation(contract, slot, None);
            self.done(&confirm);
        }
        let revise = self.revision(contract, &[GB; 4]);
        self.done(&revise);
        contract
    }

    pub(crate) fn known(&self, id: ContractId) -> &Contract {
        self.market.contract(&id).expect("a contract of this story")
    }

    pub(crate) fn slot(&self, id: ContractId, slot: u16) -> &Slot {
        &self.known(id).slots[usize::from(slot)]
    }

    pub(crate) fn provider(&self, id: ContractId, slot: u16) -> Did {
        self.slot(id, slot).provider()
    }

    /// The providers of a contract of four slots, in order.
    pub(crate) fn providers(&self, id: ContractId) -> Vec<Did> {
        (0..4).map(|slot| self.provider(id, slot)).collect()
    }

    pub(crate) fn confirmation(
        &self,
        contract: ContractId,
        slot: u16,
        declined: Option<&str>,
    ) -> Command {
        let asked = self.slot(contract, slot);
        let (provider, answer_by) = (asked.provider(), asked.answer_by);
        let declined = declined.map(str::to_owned);
        Command::Confirm(signed(Confirmation { provider, contract, slot, answer_by, declined }))
    }

    /// The parts of the next revision, with receipts for every slot that changes.
    pub(crate) fn revision_parts(
        &self,
        contract: ContractId,
        bytes: &[u64],
    ) -> (Revision, Vec<StorageReceipt>) {
        let known = self.known(contract);
        let number = known.revision + 1;
        let slots: Vec<SlotSize> = bytes.iter().map(|bytes| size(number, *bytes)).collect();
        let receipts = (0u16..).zip(&slots).map(|(slot, size)| {
            let provider = self.provider(contract, slot);
            StorageReceipt { provider, contract, slot, revision: number, size: *size }
        });
        let receipts = receipts.collect();
        let layout = Hash::of(&number.to_le_bytes());
        (Revision { signer: CLIENT, contract, number, slots, layout }, receipts)
    }

    pub(crate) fn revision(&self, contract: ContractId, bytes: &[u64]) -> Command {
        revise(self.revision_parts(contract, bytes))
    }

    /// Opens the next epoch and does what is due; nobody is audited.
    pub(crate) fn pass_epoch(&mut self) {
        let epoch = self.open_epoch().expect("epochs enough");
        self.done(&epoch);
        self.settle_down(3).expect("what is due can be done");
    }

    /// Opens the next epoch, does what is due, and audits everyone: those of `silent` do not answer.
    pub(crate) fn audit_epoch(&mut self, silent: &[Did]) {
        self.pass_epoch();
        for (provider, challenges) in schedule::routine(&self.market) {
            let answered = !silent.contains(&provider);
            let found = challenges.iter().map(|c| SlotVerdict {
                contract: c.contract,
                slot: c.slot,
                challenges: c.count,
                passed: if answered { c.count } else { 0 },
                answered,
                latency_ms: 20,
            });
            let epoch = self.market.epoch();
            let verdict = verdict(provider, epoch, AuditKind::Routine, found.collect());
            self.done(&verdict);
        }
        self.settle_down(3).expect("what is due can be done");
    }

    /// A verdict on one slot of which `missed` of `asked` challenges failed.
    pub(crate) fn judged(
        &self,
        (contract, slot): (ContractId, u16),
        (epoch, kind): (Epoch, AuditKind),
        (missed, challenges): (u32, u32),
    ) -> Command {
        let passed = challenges - missed;
        let found =
            SlotVerdict { contract, slot, challenges, passed, answered: true, latency_ms: 20 };
        verdict(self.provider(contract, slot), epoch, kind, vec![found])
    }

    /// A routine audit of the open epoch in which the slot's provider does not answer.
    pub(crate) fn silence(&self, contract: ContractId, slot: u16) -> Command {
        let found = SlotVerdict {
            contract,
            slot,
            challenges: 65,
            passed: 0,
            answered: false,
            latency_ms: 0,
        };
        let provider = self.provider(contract, slot);
        verdict(provider, self.market.epoch(), AuditKind::Routine, vec![found])
    }

    pub(crate) fn confession(&self, contract: ContractId, slot: u16, lost_bytes: u64) -> Command {
        let (provider, revision) = (self.provider(contract, slot), self.known(contract).revision);
        Command::Confess(signed(Confession { provider, contract, slot, revision, lost_bytes }))
    }

    /// The receipt of a rebuilt slot, with the market's revision.
    pub(crate) fn rebuilt(&self, contract: ContractId, slot: u16) -> Command {
        let known = self.known(contract);
        let number = known.revision + 1;
        let (provider, size) = (self.provider(contract, slot), self.slot(contract, slot).size);
        let receipt = StorageReceipt { provider, contract, slot, revision: number, size };
        let slots = known.slots.iter().map(|s| s.size).collect();
        let layout = known.layout.unwrap_or_default();
        let revision = Revision { signer: did(MARKET), contract, number, slots, layout };
        Command::FinishRebuild { receipt: signed(receipt), revision: signed(revision) }
    }

    pub(crate) fn voucher_of(&self, contract: ContractId, slot: u16, bytes: u64) -> Command {
        let provider = self.provider(contract, slot);
        let voucher = Voucher { client: CLIENT, provider, contract, slot, bytes };
        Command::RedeemVoucher(signed(voucher))
    }

    /// Epochs without incident until the contract is settled.
    pub(crate) fn live_out(&mut self, contract: ContractId) {
        while self.known(contract).state.is_open() {
            self.audit_epoch(&[]);
        }
        assert!(self.known(contract).slots.iter().all(|s| s.state == SlotState::Closed));
    }

    /// What a party got out of a contract: received, returned, slashed.
    pub(crate) fn share(&self, contract: ContractId, party: Did) -> (i64, i64, i64) {
        let nothing =
            Share { party, received: Msat::ZERO, returned: Msat::ZERO, slashed: Msat::ZERO };
        let share = self.known(contract).shares.get(&party).unwrap_or(&nothing);
        (share.received.0, share.returned.0, share.slashed.0)
    }

    pub(crate) fn balance(&self, account: Account) -> i64 {
        self.market.ledger().balance(account).0
    }

    pub(crate) fn money(&self, party: Did) -> i64 {
        self.balance(Account::Available(party))
    }

    /// Nobody has more or less than they should: all that client and providers ever deposited is in free accounts, fees
    /// and the pool.
    pub(crate) fn adds_up(&self, providers: u8) {
        let free: i64 = (FIRST..FIRST + providers).map(|n| self.money(did(n))).sum();
        let markets = self.balance(Account::Fees) + self.balance(Account::RepairPool);
        let all = i64::from(providers + 1) * DEPOSIT;
        assert_eq!(free + self.money(CLIENT) + markets, all);
        self.replayed().expect("a replay gives the same state");
    }
}

pub(crate) fn accept(quote: &Verified<Quote>) -> Command {
    let acceptance = signed(Acceptance { client: quote.client, quote: quote.id() });
    Command::Accept { acceptance, quote: Box::new(quote.clone()) }
}

pub(crate) fn revise((revision, receipts): (Revision, Vec<StorageReceipt>)) -> Command {
    let receipts = receipts.into_iter().map(signed).collect();
    Command::Revise { revision: signed(revision), receipts }
}

pub(crate) fn slot_id(contract: ContractId, slot: u16) -> SlotId {
    SlotId { contract, slot }
}
