//! A market with as many contracts as are wanted, each as it stands after its first revision.

use market::{Command, Event, Genesis, Market};
use std::collections::BTreeSet;
use types::documents::{
    Acceptance, Ask, Confirmation, Deposit, Request, Revision, SlotSize, StorageReceipt,
};
use types::{
    Bytes, ContractId, Did, Document, Epoch, GbPrice, Hash, Msat, Price, Span, Terms, Tier,
    Timestamp, Verified,
};

/// How many providers there are, and clients: a contract has six of the ones and one of the others.
pub(crate) const PROVIDERS: u64 = 1_000;
pub(crate) const CLIENTS: u64 = 10_000;
const NOW: Timestamp = Timestamp(1_700_000_000_000_000);
const PLENTY: Msat = Msat(100_000_000_000_000);

fn signed<T: Document>(document: T) -> Verified<T> {
    Verified::simulated(document)
}

fn named(kind: &str, n: u64) -> Did {
    Did(Hash::derive(kind, &[&n.to_le_bytes()]).0)
}

fn run(market: &mut Market, command: &Command) -> Vec<Event> {
    let events = market.decide(NOW, command).expect("the bench's commands are right");
    assert!(!events.is_empty(), "{} happens", command.name());
    for event in &events {
        market.apply(event);
    }
    events
}

/// A market of `genesis` with its providers and clients, and no contract.
pub(crate) fn founded(genesis: Genesis) -> Market {
    let operator = genesis.market;
    let mut market = Market::new(genesis);
    let deposit = |party| {
        let reference = format!("for {party}");
        Command::Deposit(signed(Deposit { market: operator, party, amount: PLENTY, reference }))
    };
    for n in 0..CLIENTS {
        run(&mut market, &deposit(named("client", n)));
    }
    for n in 0..PROVIDERS {
        let provider = named("provider", n);
        run(&mut market, &deposit(provider));
        let network = format!("10.{}.{}.0/24", n / 256, n % 256);
        run(&mut market, &Command::PublishAsk { ask: signed(ask(provider, n)), network });
    }
    market
}

fn ask(provider: Did, n: u64) -> Ask {
    Ask {
        provider,
        sequence: 1,
        endpoint: "https://storage.example:4000".into(),
        region: "eu-west".into(),
        operator: format!("operator {n}"),
        capacity: Bytes(1_000_000_000_000_000),
        price: Price::whole(100),
        egress: GbPrice::whole(50),
        ingress: GbPrice::whole(10),
        tiers: Tier::ALL.to_vec(),
        minimum_use: Bytes(0),
        duration_max: Span(400 * Span::DAY.0),
        volume_discounts: Vec::new(),
        duration_discounts: Vec::new(),
        tags: Vec::new(),
        counter: None,
        held_bond_permille: 0,
        expires: NOW.after(Span(300 * Span::DAY.0)),
    }
}

/// What makes a contract of `terms` and its first revision happen.
pub(crate) fn story(market: &Market) -> Vec<Event> {
    let mut market = market.clone();
    let terms = Terms::standard(Bytes(100_000_000_000), Span(90 * Span::DAY.0));
    let client = named("client", 0);
    let request = signed(Request { client, terms, nonce: 1 });
    let online: BTreeSet<Did> = market.offers().keys().copied().collect();
    let quote = market.quote(NOW, &request, [3; 32], &online).expect("providers enough");
    let quote = signed(quote);
    let acceptance = signed(Acceptance { client, quote: quote.id() });
    let contract = acceptance.id();
    let mut story = run(&mut market, &Command::Accept { acceptance, quote: Box::new(quote) });
    let slots = market.contract(&contract).expect("it was agreed").slots.clone();
    for (slot, s) in (0u16..).zip(&slots) {
        let (provider, answer_by, declined) = (s.provider(), s.answer_by, None);
        let confirmation = Confirmation { provider, contract, slot, answer_by, declined };
        story.extend(run(&mut market, &Command::Confirm(signed(confirmation))));
    }
    let size = |slot: u16| SlotSize {
        root: Hash::of(&slot.to_le_bytes()),
        bytes: 25_000_000_000,
        shards: 23_842,
    };
    let sizes: Vec<SlotSize> = (0..6).map(size).collect();
    let receipts = (0u16..).zip(&slots).map(|(slot, s)| {
        let (provider, size) = (s.provider(), size(slot));
        signed(StorageReceipt { provider, contract, slot, revision: 1, size })
    });
    let receipts = receipts.collect();
    let layout = Hash::of(b"layout");
    let revision = Revision { signer: client, contract, number: 1, slots: sizes, layout };
    story.extend(run(&mut market, &Command::Revise { revision: signed(revision), receipts }));
    assert_eq!(market.epoch(), Epoch(0));
    story
}

/// The `n`th contract, with a client and providers of its own: `story` under other names.
pub(crate) fn retold(story: &[Event], n: u64) -> impl Iterator<Item = Event> {
    let names = Names { contract: Hash::derive("contract", &[&n.to_le_bytes()]), n };
    story.iter().map(move |event| names.of(event))
}

struct Names {
    contract: ContractId,
    n: u64,
}

impl Names {
    fn client(&self) -> Did {
        named("client", self.n % CLIENTS)
    }

    fn provider(&self, slot: u64) -> Did {
        named("provider", (self.n * 7 + slot * 131) % PROVIDERS)
    }

    fn of(&self, event: &Event) -> Event {
        let mut event = event.clone();
        match &mut event {
            Event::ContractAgreed { contract, postings } => {
                contract.id = self.contract;
                contract.client = self.client();
                contract.quote = Hash::derive("quote", &[&self.n.to_le_bytes()]);
                for (slot, s) in (0..).zip(&mut contract.slots) {
                    s.quoted.provider = self.provider(slot);
                }
                self.rename(postings, self.client());
            }
            Event::SlotConfirmed { slot, postings, .. } => {
                slot.contract = self.contract;
                self.rename(postings, self.provider(slot.slot.into()));
            }
            Event::RevisionAccepted { contract, sizes, postings, .. } => {
                *contract = self.contract;
                for size in sizes {
                    size.root = Hash::derive("root", &[&self.n.to_le_bytes(), &size.root.0]);
                }
                self.rename(postings, self.client());
            }
            other => unreachable!("{} is no part of the story", other.name()),
        }
        event
    }

    fn rename(&self, postings: &mut [contracts::Posting], party: Did) {
        use contracts::Account;
        let renamed = |account| match account {
            Account::Available(_) => Account::Available(party),
            Account::Escrow(_) => Account::Escrow(self.contract),
            Account::Bond(_, slot) => Account::Bond(self.contract, slot),
            other => other,
        };
        for posting in postings {
            (posting.debit, posting.credit) = (renamed(posting.debit), renamed(posting.credit));
        }
    }
}
