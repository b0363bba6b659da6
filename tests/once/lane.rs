//! One party that sends request after request, each several times at once, and knows what must come of it.

use crate::PROVIDERS;
use crate::load::{Answer, Chance, Post, Wire, ask, confirmation, key, sign, speaker};
use bytes::Bytes;
use futures_util::future::join_all;
use market::Command;
use market_server::writer::{Refusal, RequestKey, Submission};
use market_server::{Handle, deposit};
use network::api::{AcceptBody, Accepted, ContractView, ReviseBody};
use network::market_api::QuoteBody;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::documents::{
    Acceptance, Quote, Request, Revision, SlotSize, StorageReceipt, Voucher, Withdrawal,
};
use types::{
    Bytes as Size, ContractId, Did, DocId, Hash, Msat, Redundancy, SecretKey, Signed, Signer, Span,
    Terms, Verified,
};

/// The most copies of a request.
const COPIES_MAX: u64 = 5;
/// How many earlier requests are remembered, to be sent again.
const REMEMBERED: usize = 32;
/// How much a read that is paid for adds.
const GB: u64 = 1_000_000_000;
/// One lane in so many offers storage instead of buying it.
const SELLERS_EVERY: u64 = 8;
/// What every contract keeps, once it keeps something.
const LAYOUT: &[u8] = b"layout";

/// What must have come of everything.
#[derive(Default)]
pub(crate) struct Ends {
    /// Requests, each of its own.
    pub(crate) requests: u64,
    /// How often they were sent, taken together.
    pub(crate) sent: u64,
    /// How often of that over HTTP.
    pub(crate) over_http: u64,
    /// Events in the journal.
    pub(crate) events: u64,
    /// Documents in the journal.
    pub(crate) documents: u64,
    /// What each party can use.
    pub(crate) available: BTreeMap<Did, Msat>,
    /// Each seller's latest ask.
    pub(crate) asks: BTreeMap<Did, u64>,
    pub(crate) slots: Vec<Slot>,
}

/// One slot of a contract that was agreed.
pub(crate) struct Slot {
    contract: ContractId,
    number: u16,
    pub(crate) provider: Did,
    pub(crate) bond: Msat,
    /// Bytes that vouchers pay for.
    pub(crate) read: u64,
}

impl Ends {
    /// Something happened that rests on so many documents.
    pub(crate) fn count(&mut self, events: usize, documents: usize) {
        self.events += events as u64;
        self.documents += documents as u64;
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        self.sent += other.sent;
        self.over_http += other.over_http;
        self.events += other.events;
        self.documents += other.documents;
        self.available.extend(other.available);
        self.asks.extend(other.asks);
        self.slots.extend(other.slots);
    }
}

/// One request, ready to go either way.
#[derive(Clone)]
struct Order {
    post: Post,
    command: Command,
    principal: Did,
    /// Names its body.
    id: DocId,
    /// What its answer names.
    about: DocId,
}

impl Order {
    fn new(post: Post, command: Command, principal: Did) -> Self {
        let id = command.documents().first().expect("it rests on a document").0;
        let about = match &command {
            Command::Revise { revision, .. } => revision.contract,
            _ => id,
        };
        Self { post, command, principal, id, about }
    }

    fn submission(&self, key: Option<String>) -> Submission {
        let key = key.map(|key| RequestKey { principal: self.principal, key, body: self.id });
        Submission { key, ..Submission::from(self.command.clone()) }
    }
}

/// One party.
pub(crate) struct Lane {
    number: u64,
    key: SecretKey,
    chance: Chance,
    market: Arc<Handle>,
    house: SecretKey,
    /// As many connections as there are copies.
    wires: Vec<Wire>,
    speaks_http: bool,
    available: i64,
    nonce: u64,
    earlier: Vec<Order>,
    ends: Ends,
}

impl Lane {
    pub(crate) async fn open(number: u64, market: Arc<Handle>, speaks_http: bool) -> Self {
        let mut wires = Vec::new();
        for _ in 0..if speaks_http { COPIES_MAX } else { 1 } {
            wires.push(Wire::open(market.address()).await.expect("the market listens"));
        }
        Self {
            number,
            key: key("party", number),
            chance: Chance::new(1, &format!("lane {number}")),
            market,
            house: key("market", 0),
            wires,
            speaks_http,
            available: 0,
            nonce: 0,
            earlier: Vec::new(),
            ends: Ends::default(),
        }
    }

    /// Sends so many requests, and says what must have come of them.
    pub(crate) async fn run(mut self, requests: u64) -> Ends {
        let sells = self.number % SELLERS_EVERY == 1;
        while self.ends.requests < requests {
            if self.chance.once_in(10) {
                self.repeat().await;
            }
            match self.chance.below(100) {
                _ if sells => self.publish().await,
                0 => self.agree().await,
                1..45 => self.withdraw().await,
                45..60 => self.pay().await,
                _ => self.deposit().await,
            }
        }
        if !sells {
            self.ends.available.insert(self.key.did(), Msat(self.available));
        }
        self.ends
    }

    async fn deposit(&mut self) {
        self.nonce += 1;
        let amount = 1 + self.chance.below(1_000_000_000).cast_signed();
        let order = self.deposit_of(amount, self.nonce);
        self.send(order).await;
        self.available += amount;
    }

    fn deposit_of(&self, amount: i64, number: u64) -> Order {
        let reference = format!("lane {} number {number}", self.number);
        let deposit = deposit(&self.house, self.key.did(), Msat(amount), &reference);
        let post = Post::document("/v1/deposits", deposit.signed());
        Order::new(post, Command::Deposit(deposit), self.house.did())
    }

    async fn withdraw(&mut self) {
        if self.available < 2 {
            return self.deposit().await;
        }
        self.nonce += 1;
        let (party, nonce, to) = (self.key.did(), self.nonce, "an address".to_owned());
        let amount = 1 + self.chance.below(self.available.cast_unsigned() / 2).cast_signed();
        let withdrawal = sign(Withdrawal { party, amount: Msat(amount), to, nonce }, &self.key);
        let post = Post::document("/v1/withdrawals", withdrawal.signed());
        self.send(Order::new(post, Command::Withdraw(withdrawal), party)).await;
        self.available -= amount;
    }

    async fn publish(&mut self) {
        self.nonce += 1;
        // Nobody is connected under these names, so nobody is sold a slot of theirs.
        let ask = ask(1_000 + self.number, self.nonce);
        self.ends.asks.insert(ask.provider, self.nonce);
        let post = Post::document("/v1/asks", ask.signed());
        let (seller, network) = (ask.provider, format!("127.0.0.1:{}", 10_000 + self.number));
        self.send(Order::new(post, Command::PublishAsk { ask, network }, seller)).await;
    }

    /// From a quote to a contract that keeps something.
    async fn agree(&mut self) {
        self.nonce += 1;
        let (client, redundancy) = (self.key.did(), Redundancy { data: 1, parity: 1 });
        let standard = Terms::standard(Size(1 << 20), Span(2 * Span::DAY.0));
        let terms = Terms { redundancy, egress: Size(1_000 * GB), ..standard };
        let request = sign(Request { client, terms, nonce: self.nonce }, &self.key);
        let asked = Post::document("/v1/requests", request.signed());
        let quote =
            self.wires[0].send(&asked).await.expect("the market answers").json::<QuoteBody>();
        let quote: Verified<Quote> = quote.quote.verify().expect("the market signs");
        let escrow = quote.cost.escrow().expect("it fits").0;
        if self.available < escrow {
            return self.deposit().await;
        }
        let acceptance = sign(Acceptance { client, quote: quote.id() }, &self.key);
        let body =
            AcceptBody { acceptance: acceptance.signed().clone(), quote: quote.signed().clone() };
        let (post, quote) = (Post::json("/v1/contracts", &body), Box::new(quote));
        let contract = acceptance.id();
        self.send(Order::new(post, Command::Accept { acceptance, quote: quote.clone() }, client))
            .await;
        self.available -= escrow;
        let mut receipts = Vec::new();
        for (number, quoted) in (0..).zip(&quote.slots) {
            let provider = provider_key(&quoted.provider);
            let answer_by = self.market.view(|view| {
                let agreed = view.market.contract(&contract).expect("it was agreed");
                agreed.slots[usize::from(number)].answer_by
            });
            let taken = confirmation(&provider, (contract, number), answer_by);
            let post =
                Post::document(format!("/v1/contracts/{contract}/confirmations"), taken.signed());
            self.send(Order::new(post, Command::Confirm(taken), quoted.provider)).await;
            let receipt = StorageReceipt {
                provider: quoted.provider,
                contract,
                slot: number,
                revision: 1,
                size: SIZE,
            };
            receipts.push(sign(receipt, &provider));
            let (provider, bond) = (quoted.provider, quoted.bond);
            self.ends.slots.push(Slot { contract, number, provider, bond, read: 0 });
        }
        self.revise(contract, receipts).await;
    }

    async fn revise(&mut self, contract: ContractId, receipts: Vec<Verified<StorageReceipt>>) {
        if self.speaks_http {
            let speaks = speaker(self.market.address(), self.house.did(), &self.key);
            speaks
                .put_layout(contract, Bytes::from_static(LAYOUT))
                .await
                .expect("its own contract");
        }
        let (signer, layout) = (self.key.did(), Hash::of(LAYOUT));
        let slots = vec![SIZE; receipts.len()];
        let revision = sign(Revision { signer, contract, number: 1, slots, layout }, &self.key);
        let signed =
            receipts.iter().map(|receipt| receipt.signed().clone()).collect::<Vec<Signed>>();
        let body = ReviseBody { revision: revision.signed().clone(), receipts: signed };
        let post = Post::json(format!("/v1/contracts/{contract}/revisions"), &body);
        self.send(Order::new(post, Command::Revise { revision, receipts }, signer)).await;
    }

    async fn pay(&mut self) {
        if self.ends.slots.is_empty() {
            return self.deposit().await;
        }
        let which = self.chance.below(self.ends.slots.len() as u64);
        let slot = &mut self.ends.slots[usize::try_from(which).expect("there are few")];
        // Far below what the escrow holds for reads.
        slot.read += GB;
        let (client, provider, contract, number) =
            (self.key.did(), slot.provider, slot.contract, slot.number);
        let voucher = Voucher { client, provider, contract, slot: number, bytes: slot.read };
        let voucher = sign(voucher, &self.key);
        let post = Post::document("/v1/vouchers", voucher.signed());
        self.send(Order::new(post, Command::RedeemVoucher(voucher), client)).await;
    }

    /// Sends a new request one to five times at once: one of them does it, and all are told so.
    async fn send(&mut self, order: Order) {
        let keys = self.keys();
        let effects = self.send_copies(&order, &keys).await;
        assert!(
            effects.is_none_or(|effects| effects == 1),
            "{} took effect {effects:?} times",
            order.command.name()
        );
        self.ends.requests += 1;
        self.ends.count(1, order.command.documents().len());
        if let Some(Some(key)) = keys.into_iter().next()
            && self.chance.once_in(8)
        {
            self.misuse(&order, key).await;
        }
        if self.earlier.len() == REMEMBERED {
            self.earlier.remove(0);
        }
        self.earlier.push(order);
    }

    /// Sends something earlier again: whatever has happened since, it is acknowledged, and nothing comes of it.
    async fn repeat(&mut self) {
        if self.earlier.is_empty() {
            return;
        }
        let which = self.chance.below(self.earlier.len() as u64);
        let order = self.earlier[usize::try_from(which).expect("there are few")].clone();
        let keys = self.keys();
        let effects = self.send_copies(&order, &keys).await;
        assert!(
            effects.is_none_or(|effects| effects == 0),
            "{} took effect again",
            order.command.name()
        );
    }

    /// A key belongs to one body: another is refused under it, and nothing comes of that.
    async fn misuse(&mut self, order: &Order, key: String) {
        if order.principal != self.house.did() {
            return;
        }
        let other = self.deposit_of(1, u64::MAX - self.nonce);
        if self.speaks_http {
            let post = other.post.keyed(Some(key));
            let answer = self.wires[0].send(&post).await.expect("the market answers");
            assert_eq!(answer.status, 422, "{}", answer.text());
            assert!(answer.text().contains("idempotency_key_reused"), "{}", answer.text());
        } else {
            let refused = self.market.submit(other.submission(Some(key.clone()))).await;
            assert_eq!(refused.expect_err("it is another body"), Refusal::KeyReused(key));
        }
    }

    /// The keys of one to five copies: none, one for all, every other one, or each its own.
    fn keys(&mut self) -> Vec<Option<String>> {
        let (copies, way, draw) =
            (1 + self.chance.below(COPIES_MAX), self.chance.below(4), self.chance.draw());
        let key = |copy: u64| match way {
            0 => None,
            1 => Some(format!("{draw:016x}")),
            2 => copy.is_multiple_of(2).then(|| format!("{draw:016x}")),
            _ => Some(format!("{draw:016x} {copy}")),
        };
        (0..copies).map(key).collect()
    }

    /// Sends copies in parallel; says how many of them did something, where that is told.
    async fn send_copies(&mut self, order: &Order, keys: &[Option<String>]) -> Option<usize> {
        self.ends.sent += keys.len() as u64;
        if !self.speaks_http {
            let sent = keys.iter().map(|key| self.market.submit(order.submission(key.clone())));
            let outcomes = join_all(sent).await.into_iter();
            let happened = |outcome: Result<market_server::writer::Outcome, Refusal>| {
                outcome
                    .unwrap_or_else(|refusal| panic!("{}: {refusal}", order.command.name()))
                    .events
                    .len()
            };
            return Some(outcomes.map(happened).sum());
        }
        self.ends.over_http += keys.len() as u64;
        let posts: Vec<Post> = keys.iter().map(|key| order.post.keyed(key.clone())).collect();
        let sent = self.wires.iter_mut().zip(&posts).map(|(wire, post)| wire.send(post));
        let answers: Vec<Answer> = join_all(sent)
            .await
            .into_iter()
            .map(|answer| answer.expect("the market answers"))
            .collect();
        let mut first: BTreeMap<&str, &Answer> = BTreeMap::new();
        for (key, answer) in keys.iter().zip(&answers) {
            assert_eq!(named(answer), order.about, "{}", answer.text());
            if let Some(key) = key {
                let same = first.entry(key).or_insert(answer);
                assert_eq!(same.body, answer.body, "one key has one answer");
            }
        }
        None
    }
}

/// What every slot holds.
const SIZE: SlotSize = SlotSize { root: Hash([7; 32]), bytes: 4_096, shards: 1 };

fn provider_key(did: &Did) -> SecretKey {
    let mut keys = (0..PROVIDERS).map(|number| key("provider", number));
    keys.find(|key| key.did() == *did).expect("only these are connected")
}

/// What an answer is about: a document, or a contract, whose name is its acceptance's.
fn named(answer: &Answer) -> DocId {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let accepted =
        serde_json::from_slice::<Accepted>(&answer.body).map(|accepted| accepted.document);
    accepted.unwrap_or_else(|_| answer.json::<ContractView>().id)
}
