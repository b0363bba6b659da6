//! Parties that ask things of a market that is killed again and again, and what they know of their money.

use crate::load::{Answer, Chance, PATIENCE, Post, Whereabouts, Wire, key, sign, wait_for_market};
use network::api::{AcceptBody, Accepted, ContractView, HistoryEntry};
use network::market_api::{MarketClient, QuoteBody};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use types::documents::{Acceptance, Deposit, Quote, Request, Withdrawal};
use types::{Bytes, ContractId, Did, Msat, Redundancy, SecretKey, Signer, Span, Terms, Verified};

/// How many earlier requests a party sends again now and then.
const REMEMBERED: usize = 64;
/// A deposit is this much and as many msat more as it has a number, so that each is another amount.
const DEPOSIT: i64 = 1_000_000_000;

/// What one request does to its party's account, as the market's history tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    reason: &'static str,
    amount: Msat,
}

impl Entry {
    /// What it adds to what is available.
    fn adds(self) -> i64 {
        if self.reason == "deposited" { self.amount.0 } else { -self.amount.0 }
    }
}

/// What a party knows of its account.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) number: u64,
    /// What was acknowledged, in order.
    acknowledged: Vec<Entry>,
    /// What was sent, perhaps, and is not acknowledged yet.
    in_flight: Option<Entry>,
    /// Contracts that were acknowledged.
    pub(crate) contracts: Vec<ContractId>,
    /// How many entries of the market's history were seen to be right.
    pub(crate) booked: usize,
}

impl Account {
    pub(crate) fn new(number: u64) -> Self {
        let (acknowledged, contracts) = (Vec::new(), Vec::new());
        Self { number, acknowledged, in_flight: None, contracts, booked: 0 }
    }

    /// How many requests were acknowledged.
    pub(crate) fn count(&self) -> usize {
        self.acknowledged.len()
    }

    fn available(&self) -> i64 {
        self.acknowledged.iter().map(|entry| entry.adds()).sum()
    }

    /// Compares with what the market has: everything that was acknowledged is there once, in order, and
    /// besides it nothing but what may be in flight. Says how many entries there are.
    pub(crate) async fn check(&self, market: &MarketClient) -> usize {
        let party = key("party", self.number).did();
        let expected: Vec<Entry> =
            self.acknowledged.iter().copied().chain(self.in_flight).collect();
        let history = history(market, party, 0).await;
        let found: Vec<(&str, Msat)> =
            history.iter().map(|e| (e.reason.as_str(), e.amount)).collect();
        let wanted: Vec<(&str, Msat)> = expected.iter().map(|e| (e.reason, e.amount)).collect();
        let booked = found.len();
        assert!(booked >= self.count(), "acknowledged and lost: {:?}", &wanted[booked..]);
        assert!(booked >= self.booked, "booked once and lost: {:?}", &wanted[booked..]);
        assert!(booked <= wanted.len(), "never asked for: {:?}", &found[wanted.len()..]);
        assert_eq!(found, wanted[..booked], "each once, in order");
        let sum: i64 = expected[..booked].iter().map(|entry| entry.adds()).sum();
        let account = market.account(party).await.expect("the operator may see it");
        assert_eq!(account.available, Msat(sum));
        booked
    }
}

/// A party's whole history after a posting.
pub(crate) async fn history(
    market: &MarketClient,
    party: Did,
    mut after: u64,
) -> Vec<HistoryEntry> {
    let mut all = Vec::new();
    loop {
        let page = market.history(party, after, 1_000).await.expect("the operator may see it");
        let Some(last) = page.last() else { return all };
        after = last.posting;
        all.extend(page);
    }
}

/// Where a party works.
pub(crate) struct House {
    /// The market's key, for deposits.
    pub(crate) key: SecretKey,
    pub(crate) whereabouts: Whereabouts,
    /// Counts what was acknowledged, by whomever.
    pub(crate) acknowledged: watch::Sender<u64>,
    /// Set when nothing new is to be begun.
    pub(crate) closing: Arc<AtomicBool>,
}

/// One party at work.
struct Worker {
    house: House,
    key: SecretKey,
    account: Arc<Mutex<Account>>,
    chance: Chance,
    wire: Option<(SocketAddr, Wire)>,
    /// How many requests it has made.
    count: u64,
    /// What it may send again, with what was answered.
    earlier: Vec<(Post, types::DocId)>,
}

/// Asks one thing after the other until the house closes; each until it is answered, however often the
/// market is killed meanwhile.
pub(crate) async fn work(house: House, account: Arc<Mutex<Account>>, chance: Chance) {
    let number = account.lock().expect("nobody panicked").number;
    let (key, wire, earlier) = (key("party", number), None, Vec::new());
    let mut worker = Worker { house, key, account, chance, wire, count: 0, earlier };
    while !worker.house.closing.load(Ordering::Acquire) {
        worker.count += 1;
        match worker.chance.below(10) {
            _ if worker.count == 1 => worker.deposit().await,
            0..4 => worker.deposit().await,
            4..7 => worker.withdraw().await,
            7 | 8 => worker.agree().await,
            _ => worker.repeat().await,
        }
    }
}

impl Worker {
    async fn deposit(&mut self) {
        let (market, party) = (self.house.key.did(), self.key.did());
        let amount = Msat(DEPOSIT + self.count.cast_signed());
        let reference = format!("{party} {}", self.count);
        let deposit = sign(Deposit { market, party, amount, reference }, &self.house.key);
        let post = Post::document("/v1/deposits", deposit.signed());
        self.book(post, deposit.id(), Entry { reason: "deposited", amount }).await;
    }

    async fn withdraw(&mut self) {
        let available = self.account.lock().expect("nobody panicked").available();
        let (party, nonce, to) = (self.key.did(), self.count, "an address".to_owned());
        let amount = Msat(self.count.cast_signed());
        if available < amount.0 {
            return;
        }
        let withdrawal = sign(Withdrawal { party, amount, to, nonce }, &self.key);
        let post = Post::document("/v1/withdrawals", withdrawal.signed());
        self.book(post, withdrawal.id(), Entry { reason: "withdrawn", amount }).await;
    }

    /// Takes a quote, where there are providers for one.
    async fn agree(&mut self) {
        let redundancy = Redundancy { data: 1, parity: 1 };
        let terms = Terms { redundancy, ..Terms::standard(Bytes(1 << 20), Span(2 * Span::DAY.0)) };
        let request = sign(Request { client: self.key.did(), terms, nonce: self.count }, &self.key);
        let key = self.fresh_key();
        let post = Post::document("/v1/requests", request.signed()).keyed(Some(key));
        let answer = self.deliver(&post).await;
        if answer.status == 409 {
            assert!(answer.text().contains("too_few_providers"), "{}", answer.text());
            return;
        }
        let quote: Verified<Quote> =
            answer.json::<QuoteBody>().quote.verify().expect("it is signed");
        let amount = quote.cost.escrow().expect("it fits");
        if self.account.lock().expect("nobody panicked").available() < amount.0 {
            return;
        }
        let acceptance = sign(Acceptance { client: self.key.did(), quote: quote.id() }, &self.key);
        let body =
            AcceptBody { acceptance: acceptance.signed().clone(), quote: quote.signed().clone() };
        let post = Post::json("/v1/contracts", &body);
        self.book(post, acceptance.id(), Entry { reason: "contract_agreed", amount }).await;
        self.account.lock().expect("nobody panicked").contracts.push(acceptance.id());
    }

    /// Sends something earlier again, with its key, without one or under another: nothing comes of it.
    async fn repeat(&mut self) {
        if self.earlier.is_empty() {
            return;
        }
        let which = self.chance.below(self.earlier.len() as u64);
        let (post, id) = self.earlier[usize::try_from(which).expect("there are few")].clone();
        let post = match self.chance.below(3) {
            0 => post,
            1 => post.keyed(None),
            _ => {
                let key = self.fresh_key();
                post.keyed(Some(key))
            }
        };
        let answer = self.deliver(&post).await;
        assert_eq!(named(&answer), id, "{}", answer.text());
    }

    /// Sends a request until it is acknowledged, and keeps count of what it does.
    async fn book(&mut self, post: Post, id: types::DocId, entry: Entry) {
        let key = (!self.chance.once_in(4)).then(|| self.fresh_key());
        let post = post.keyed(key);
        self.account.lock().expect("nobody panicked").in_flight = Some(entry);
        let answer = self.deliver(&post).await;
        assert_eq!(named(&answer), id, "{}", answer.text());
        {
            // Both at once: whoever looks finds it either in flight or acknowledged.
            let mut account = self.account.lock().expect("nobody panicked");
            account.in_flight = None;
            account.acknowledged.push(entry);
        }
        self.house.acknowledged.send_modify(|count| *count += 1);
        if self.earlier.len() == REMEMBERED {
            self.earlier.remove(0);
        }
        self.earlier.push((post, id));
    }

    fn fresh_key(&mut self) -> String {
        format!("{:016x}{:016x}", self.chance.draw(), self.chance.draw())
    }

    /// Sends until a market answers.
    async fn deliver(&mut self, post: &Post) -> Answer {
        let within = async {
            loop {
                if let Ok(answer) = self.attempt(post).await {
                    return answer;
                }
                self.wire = None;
                sleep(Duration::from_millis(3)).await;
            }
        };
        timeout(2 * PATIENCE, within).await.expect("the market comes back")
    }

    async fn attempt(&mut self, post: &Post) -> std::io::Result<Answer> {
        let address = wait_for_market(&mut self.house.whereabouts).await;
        let wire = match self.wire.take() {
            Some((there, wire)) if there == address => wire,
            _ => Wire::open(address).await?,
        };
        self.wire.insert((address, wire)).1.send(post).await
    }
}

/// The document that an answer names: the acceptance's name is its contract's.
fn named(answer: &Answer) -> types::DocId {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let accepted =
        serde_json::from_slice::<Accepted>(&answer.body).map(|accepted| accepted.document);
    accepted.unwrap_or_else(|_| answer.json::<ContractView>().id)
}
