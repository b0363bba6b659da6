//! Counters over real sockets: put to providers, answered or not, quoted anew and taken; and the lists beside a quote.

use crate::common::provider::sign;
use crate::common::{client, http, key};
use crate::life::{CLIENT, Town, quoted, town, until};
use network::api::{AcceptBody, CounterBody};
use network::client::ClientError;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use types::documents::{Acceptance, Ask, Counter, Quote};
use types::{Did, GbPrice, Price, Signer, Tier, Verified};

fn countered(quote: &Verified<Quote>, price: u32) -> CounterBody {
    let counter = Counter {
        client: key(CLIENT).did(),
        quote: quote.id(),
        round: quote.round + 1,
        price_max: Price::whole(price),
        egress_max: GbPrice::whole(10),
    };
    CounterBody { counter: sign(counter, &key(CLIENT)), quote: quote.signed().clone() }
}

async fn counter(town: &Town, body: &CounterBody) -> Result<Verified<Quote>, ClientError> {
    let answer = client(&town.market, &key(CLIENT)).counter(body).await?;
    Ok(answer.quote.verify().unwrap())
}

fn says(town: &Town, answer: impl Fn(usize) -> Option<Result<u32, &'static str>>) {
    for (number, provider) in town.providers.iter().enumerate() {
        *provider.mood.bargains.lock().unwrap() = answer(number);
    }
}

/// How many counters were put to providers.
fn asked(town: &Town) -> usize {
    town.providers.iter().map(|provider| provider.mood.counters.load(Ordering::SeqCst)).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_becomes_a_cheaper_quote_and_that_a_contract() {
    let town = town(8).await;
    let first = quoted(&town.market, &key(CLIENT)).await;
    says(&town, |_| Some(Ok(80)));
    let body = countered(&first, 80);
    let next = counter(&town, &body).await.unwrap();
    assert_eq!((next.round, next.request), (1, first.request));
    assert_eq!(next.counter, Some(body.counter.id()));
    assert!(next.slots.iter().all(|slot| slot.price == Price::whole(80)));
    assert!(next.cost.escrow().unwrap() < first.cost.escrow().unwrap());
    assert_eq!(asked(&town), first.slots.len() + first.reserves.len());
    // The same counter again is answered as before, and nobody is asked again; another one is refused.
    assert_eq!(counter(&town, &body).await.unwrap().id(), next.id());
    let again = counter(&town, &countered(&first, 70)).await.unwrap_err();
    assert_eq!(again.code(), Some("already_used"));
    // The standing asks are what they were.
    let providers = client(&town.market, &key(CLIENT)).providers().await.unwrap();
    assert!(
        providers
            .iter()
            .all(|line| line.ask.counter.is_none() && line.ask.price > Price::whole(80))
    );
    let acceptance = Acceptance { client: key(CLIENT).did(), quote: next.id() };
    let acceptance = sign(acceptance, &key(CLIENT));
    let body = AcceptBody { acceptance, quote: next.signed().clone() };
    let speaks = client(&town.market, &key(CLIENT));
    let contract = speaks.accept(&body).await.unwrap();
    until("every slot is confirmed", async || {
        speaks.contract(contract.id).await.unwrap().slots.iter().all(|slot| slot.confirmed)
    })
    .await;
    let price = |slot: &network::api::SlotView| slot.quoted.price;
    assert!(contract.slots.iter().all(|slot| price(slot) == Price::whole(80)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_refuses_is_quoted_with_its_words_and_who_is_silent_holds_up_nobody() {
    let town = town(8).await;
    let first = quoted(&town.market, &key(CLIENT)).await;
    says(&town, |number| match number % 4 {
        0 => Some(Err("90 is the least, 70 is offered")),
        1 => None,
        _ => Some(Ok(75)),
    });
    let next = counter(&town, &countered(&first, 70)).await.unwrap();
    assert_eq!(next.slots.len(), first.slots.len());
    let cheaper = next.slots.iter().filter(|slot| slot.price == Price::whole(75)).count();
    assert!(cheaper > 0, "whoever came down is in the next quote");
    let asked: BTreeSet<Did> =
        first.slots.iter().chain(&first.reserves).map(|slot| slot.provider).collect();
    for excluded in next.excluded.iter().filter(|e| asked.contains(&e.provider)) {
        let number = town.providers.iter().position(|p| p.key.did() == excluded.provider).unwrap();
        if number % 4 == 0 {
            assert!(excluded.reason.contains("90 is the least"), "{}", excluded.reason);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_that_is_being_put_to_the_providers_is_not_put_to_them_twice() {
    let town = town(8).await;
    let first = quoted(&town.market, &key(CLIENT)).await;
    says(&town, |number| (number % 2 == 0).then_some(Ok(80)));
    let body = countered(&first, 80);
    let meanwhile = async {
        until("it is put to them", async || asked(&town) > 0).await;
        counter(&town, &body).await
    };
    let (next, refused) = tokio::join!(counter(&town, &body), meanwhile);
    assert_eq!(refused.unwrap_err().code(), Some("counter_open"));
    assert_eq!(counter(&town, &body).await.unwrap().id(), next.unwrap().id());
    assert_eq!(asked(&town), first.slots.len() + first.reserves.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_and_answers_out_of_turn_are_refused() {
    let town = town(8).await;
    let first = quoted(&town.market, &key(CLIENT)).await;
    let mut late = countered(&first, 80);
    let mut counter_of: Counter = (*late.counter.verify::<Counter>().unwrap()).clone();
    counter_of.round = 2;
    late.counter = sign(counter_of, &key(CLIENT));
    let refused = counter(&town, &late).await.unwrap_err();
    assert_eq!(refused.code(), Some("counter_out_of_turn"));
    let mut foreign = countered(&first, 80);
    let theirs =
        Counter { client: key(1).did(), ..(*foreign.counter.verify::<Counter>().unwrap()).clone() };
    foreign.counter = sign(theirs, &key(1));
    assert_eq!(counter(&town, &foreign).await.unwrap_err().code(), Some("foreign_party"));
    // An ask for a counter that nobody made does not become a standing ask.
    let provider = &town.providers[0].key;
    let stray = types::Hash([9; 32]);
    let ask = crate::common::provider::ask(provider, 1, 99);
    let ask = Ask { counter: Some(stray), ..ask };
    let refused = client(&town.market, provider).ask(&sign(ask, provider)).await.unwrap_err();
    assert_eq!(refused.code(), Some("invalid_field"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_left_out_is_listed_page_by_page_and_prices_are_told() {
    let town = town(11).await;
    let quote = quoted(&town.market, &key(CLIENT)).await;
    let speaks = client(&town.market, &key(CLIENT));
    let (mut told, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = speaks.exclusions(quote.signed(), after.as_deref(), 2).await.unwrap();
        assert!(page.items.len() <= 2);
        told.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let all: BTreeSet<Did> = town.providers.iter().map(|p| p.key.did()).collect();
    let named = quote.slots.iter().chain(&quote.reserves).map(|slot| slot.provider);
    let expected: BTreeSet<Did> = all.difference(&named.collect()).copied().collect();
    assert_eq!(told.len(), expected.len());
    assert_eq!(told.iter().map(|e| e.provider).collect::<BTreeSet<_>>(), expected);
    assert!(told.iter().all(|e| !e.reason.is_empty() && !e.remedy.is_empty()));
    let forged = sign(Quote { market: key(1).did(), ..(*quote).clone() }, &key(1));
    let refused = speaks.exclusions(&forged, None, 2).await.unwrap_err();
    assert_eq!(refused.code(), Some("foreign_party"));
    let prices = speaks.prices().await.unwrap();
    assert_eq!(prices.mechanism, "posted_ask");
    let hot = prices.items.iter().find(|line| line.tier == Tier::Hot && line.region.is_none());
    let hot = hot.unwrap();
    assert_eq!((hot.asks, hot.low, hot.middle), (11, Price::whole(103), Price::whole(106)));
    let status = http(&town.market).get("/v1/prices").send().await;
    assert!(status.is_ok(), "anyone may ask");
}
