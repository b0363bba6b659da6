//! Lists page by page, answers that are kept, and how often one may ask.

use crate::common::{House, client, http, key};
use crate::life::{CLIENT, agreed, town};
use axum::http::StatusCode;
use axum::http::header::{ETAG, IF_NONE_MATCH};
use market_server::{Handle, Limit, Limits};
use network::api::{BooksPage, ContractLine, HistoryEntry, Page, ProviderLine};
use serde::de::DeserializeOwned;
use types::documents::Withdrawal;
use types::{Msat, SecretKey, Signer};

#[tokio::test(flavor = "multi_thread")]
async fn pages_together_are_the_list() {
    let house = House::founded();
    let market = house.start().await;
    let (alice, operator) = (key(1), client(&market, &house.key));
    for number in 1..=7u8 {
        market.credit(alice.did(), Msat(number.into()), &format!("{number}")).await.unwrap();
        market.credit(key(10 + number).did(), Msat(1), &format!("b{number}")).await.unwrap();
    }
    let calls = http(&market);
    let session = || operator.sessions().header();
    let path = format!("/v1/accounts/{}/history", alice.did());
    let history: Vec<HistoryEntry> = all_of(&market, &house.key, &path, 3).await;
    let amounts: Vec<i64> = history.iter().map(|entry| entry.amount.0).collect();
    assert_eq!(amounts, [1, 2, 3, 4, 5, 6, 7]);
    let mut lines = Vec::new();
    let mut path = "/v1/books?limit=2".to_owned();
    loop {
        let page: BooksPage =
            calls.get(&*path).authorised(session()).read_json(1 << 20).await.unwrap();
        lines.extend(page.items);
        let Some(next) = page.next else { break };
        path = format!("/v1/books?limit=2&after={next}");
    }
    assert_eq!(lines, market.books().accounts);
    assert_eq!(operator.books().await.unwrap(), market.books());
}

/// Every item of a list, asked for in pages of `limit`.
async fn all_of<T: DeserializeOwned>(
    market: &Handle,
    party: &SecretKey,
    list: &str,
    limit: usize,
) -> Vec<T> {
    let (calls, speaks) = (http(market), client(market, party));
    let first = format!("{list}?limit={limit}");
    let (mut items, mut path) = (Vec::new(), first.clone());
    loop {
        let call = calls.get(&*path).authorised(speaks.sessions().header());
        let page: Page<T> = call.read_json(1 << 20).await.unwrap();
        let count = page.items.len();
        assert!(page.next.is_none() || count == limit, "{list}: a page of {count} has another");
        items.extend(page.items);
        let Some(next) = page.next else { return items };
        path = format!("{first}&after={next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_list_is_the_same_in_small_pages_and_in_one() {
    let town = town(7).await;
    let mut agreements = Vec::new();
    for _ in 0..3 {
        agreements.push(agreed(&town).await.id);
    }
    agreements.sort_unstable();
    let (market, me) = (&town.market, key(CLIENT));
    let history = format!("/v1/contracts/{}/history", agreements[0]);
    let numbers = async |limit| {
        let postings: Vec<HistoryEntry> = all_of(market, &me, &history, limit).await;
        let about = |entry: &HistoryEntry| {
            [&entry.debit, &entry.credit].iter().any(|a| a.contains(&agreements[0].to_string()))
        };
        assert!(postings.iter().all(about), "{postings:?}");
        postings.iter().map(|entry| entry.posting).collect::<Vec<_>>()
    };
    let whole = numbers(100).await;
    assert!(whole.len() > 6 && whole.is_sorted_by(|a, b| a < b), "escrow and bonds: {whole:?}");
    for limit in [1, 2, 3, 100] {
        let contracts: Vec<ContractLine> = all_of(market, &me, "/v1/contracts", limit).await;
        assert_eq!(contracts.iter().map(|line| line.id).collect::<Vec<_>>(), agreements);
        let providers: Vec<ProviderLine> = all_of(market, &me, "/v1/providers", limit).await;
        let mut all: Vec<_> = town.providers.iter().map(|provider| provider.key.did()).collect();
        all.sort_unstable();
        assert_eq!(providers.iter().map(|line| line.provider).collect::<Vec<_>>(), all);
        assert_eq!(numbers(limit).await, whole);
    }
    town.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_after_ones_own_write_sees_it() {
    let house = House::founded();
    let market = house.start().await;
    let (alice, speaks) = (key(1), client(&market, &key(1)));
    market.credit(alice.did(), Msat(1_000), "start").await.unwrap();
    for nonce in 1..=200_u64 {
        let left = Msat(1_000 - i64::try_from(nonce).unwrap());
        let (party, to) = (alice.did(), "an address".to_owned());
        let withdrawal = Withdrawal { party, amount: Msat(1), to, nonce };
        let signed = types::Verified::sign(withdrawal, &alice).unwrap();
        speaks.withdraw(signed.signed()).await.unwrap();
        for _ in 0..2 {
            assert_eq!(speaks.account(alice.did()).await.unwrap().available, left);
        }
    }
    let accounts = market.cache_uses().into_iter().find(|use_| use_.cache == "accounts").unwrap();
    assert_eq!((accounts.hits, accounts.misses), (200, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_known_is_not_sent_again() {
    let house = House::founded();
    let market = house.start().await;
    let (alice, calls) = (key(1), http(&market));
    market.credit(alice.did(), Msat(5), "start").await.unwrap();
    let session = client(&market, &alice).sessions().header();
    let path = format!("/v1/accounts/{}", alice.did());
    let call = || calls.get(&*path).authorised(session.clone());
    let answer = call().send().await.unwrap();
    let tag = answer.headers()[ETAG].clone();
    let again = call().header(IF_NONE_MATCH, tag.clone()).once().send().await;
    // Not a success, and no problem either: nothing of it is sent.
    assert!(again.err().unwrap().to_string().contains("304"));
    market.credit(alice.did(), Msat(5), "more").await.unwrap();
    let changed = call().header(IF_NONE_MATCH, tag).once().send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let house = House::founded();
    let mut config = house.config();
    let limit = |burst| Limit { per_second: 1, burst };
    config.limits = Limits { reads: limit(3), writes: limit(2) };
    let market = market_server::start(config).await.unwrap();
    let (alice, bob, calls) = (key(1), key(2), http(&market));
    for party in [&alice, &bob] {
        let reference = party.did().to_string();
        market.credit(party.did(), Msat(1_000), &reference).await.unwrap();
    }
    let read = async |party: &types::SecretKey| {
        let session = client(&market, party).sessions().header();
        let path = format!("/v1/accounts/{}", party.did());
        calls.get(path).authorised(session).once().send().await
    };
    let mut refused = None;
    for _ in 0..20 {
        if let Err(error) = read(&alice).await {
            refused = Some(error);
            break;
        }
    }
    let refused = refused.expect("a bucket of three is empty after twenty");
    let problem = refused.problem().unwrap();
    assert_eq!((problem.status, problem.code.as_str()), (429, "rate_limited"));
    // Others are not held up, and neither is who only asks whether the market is alive.
    assert!(read(&bob).await.is_ok());
    for _ in 0..20 {
        calls.get("/health").once().done().await.unwrap();
    }
}
