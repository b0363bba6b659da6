//! A hundred thousand requests, each sent one to five times at once, over HTTP and straight to the writer,
//! with keys and without: each takes effect once.

#[path = "once/lane.rs"]
mod lane;
#[path = "support/load.rs"]
mod load;

use lane::{Ends, Lane};
use load::{PATIENCE, key};
use market::Genesis;
use market_server::{Config, Handle, verify_journal};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use types::{Bytes, Did, GbPrice, Msat, Signer, Span};

/// How many requests there are, each of its own; three times as many are sent.
const REQUESTS: u64 = 100_000;
/// How many parties send at the same time.
const LANES: u64 = 64;
/// One in so many lanes speaks HTTP.
const HTTP_EVERY: u64 = 10;
/// Providers that take slots.
pub(crate) const PROVIDERS: u64 = 3;
/// What each provider can lock as bonds.
const PROVIDER_MONEY: Msat = Msat(1_000_000_000_000_000);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_takes_effect_once() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let market = Arc::new(start(dir.path()).await);
    let (whereabouts, told) = watch::channel(Some(market.address()));
    let mut expected = Ends::default();
    for number in 0..PROVIDERS {
        let party = key("provider", number).did();
        let booked = market.credit(party, PROVIDER_MONEY, &format!("provider {number}")).await;
        expected.count(booked.expect("the operator's word").events.len(), 1);
        drop(load::provider(number, market.did(), told.clone(), false));
    }
    until("every provider's ask is known", || known(&market) == PROVIDERS).await;
    // Their asks came over their streams.
    (0..PROVIDERS).for_each(|_| expected.count(1, 1));

    let mut running = JoinSet::new();
    for number in 0..LANES {
        let lane = Lane::open(number, market.clone(), number.is_multiple_of(HTTP_EVERY)).await;
        running.spawn(lane.run(REQUESTS.div_ceil(LANES)));
    }
    while let Some(ended) = running.join_next().await {
        expected.merge(ended.expect("no lane fails"));
    }
    println!(
        "{} requests, {} sent, {} over HTTP",
        expected.requests, expected.sent, expected.over_http
    );
    assert!(expected.requests >= REQUESTS && expected.over_http >= 20_000);
    drop(whereabouts);
    holds(&market, &expected);
    is_written_once(Arc::into_inner(market).expect("no lane is left"), dir.path(), &expected).await;
}

/// Accounts, vouchers and asks are as if everything had been sent once.
fn holds(market: &Handle, expected: &Ends) {
    market.view(|view| {
        market::check(&view.market).expect("every invariant holds");
        for (party, amount) in &expected.available {
            assert_eq!(view.market.available(*party), *amount, "{party}");
        }
        for (seller, sequence) in &expected.asks {
            assert_eq!(view.market.offers()[seller].ask.sequence, *sequence);
        }
        let mut providers: BTreeMap<Did, i64> = BTreeMap::new();
        for slot in &expected.slots {
            // Ten msat a GB, in whole GB.
            let reads = GbPrice::whole(10).charge(Bytes(slot.read)).expect("it is little");
            *providers.entry(slot.provider).or_insert(PROVIDER_MONEY.0) += reads.0 - slot.bond.0;
        }
        assert_eq!(providers.len() as u64, PROVIDERS, "each took slots");
        for (provider, amount) in providers {
            assert_eq!(view.market.available(provider), Msat(amount), "{provider}");
        }
    });
    let books = market.books();
    assert_eq!(books.debits, books.credits);
}

/// The journal holds each request's events and documents once, and gives the state back.
async fn is_written_once(market: Handle, dir: &std::path::Path, expected: &Ends) {
    let journal = market.journal();
    market.shutdown().await;
    let report = verify_journal(dir).expect("a journal without a fault");
    assert!(report.is_sound());
    assert_eq!((report.blocks, report.replayed_head), (journal.blocks, journal.head));
    assert_eq!(report.replayed_root, journal.state_root);
    assert_eq!((report.events, report.documents), (expected.events, expected.documents));
}

async fn start(dir: &std::path::Path) -> Handle {
    let key = key("market", 0);
    // Nothing happens because time passes: what happens is what was asked for.
    let genesis = |did, anchor| Genesis {
        quote_ttl: Span::DAY,
        answer_within: Span::DAY,
        ..Genesis::standard(did, Span::DAY, anchor)
    };
    market_server::found(dir, &key, genesis).expect("an empty directory");
    market_server::start(Config::new(dir, "127.0.0.1:0", key)).await.expect("the market starts")
}

/// How many asks the market knows.
fn known(market: &Handle) -> u64 {
    market.view(|view| view.market.offers().len() as u64)
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < give_up, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
