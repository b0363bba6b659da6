//! Counters, as the node answers them over its stream.

use crate::support::{
    CLIENT, End, MARKET, Market, PROVIDER, Place, key, quoted, reservation, sign, slot, soon, until,
};
use network::api::{ToMarket, ToProvider};
use provider_node::{Config, Pricing};
use types::documents::{Ask, AuditPlan, Confirmation, Counter, CounterRefusal, Quote, Reservation};
use types::{
    Bytes, CostVector, GbPrice, Hash, Price, SecretKey, Signer, Span, Terms, Timestamp, Verified,
};

/// A quote of ten days that names the provider.
fn quote() -> Verified<Quote> {
    let plan = AuditPlan {
        challenges: 459,
        within: Span(7 * Span::DAY.0),
        confidence_ppm: 990_000,
        capped: false,
    };
    let quote = Quote {
        market: key(MARKET).did(),
        client: key(CLIENT).did(),
        request: Hash([5; 32]),
        counter: None,
        round: 0,
        terms: Terms::standard(Bytes(1 << 20), Span(10 * Span::DAY.0)),
        epoch: Span::DAY,
        epochs: 10,
        slots: vec![quoted()],
        reserves: Vec::new(),
        cost: CostVector::default(),
        audit: plan,
        excluded: Vec::new(),
        excluded_count: 0,
        issued: Timestamp(0),
        expires: Timestamp(i64::MAX),
    };
    Verified::sign(quote, &*key(MARKET)).unwrap()
}

/// What is answered to a counter of `price`.
async fn countered(end: &mut End, price: u32) -> ToMarket {
    let quote = quote();
    let counter = Counter {
        client: key(CLIENT).did(),
        quote: quote.id(),
        round: 1,
        price_max: Price::whole(price),
        egress_max: GbPrice::whole(10),
    };
    let (counter, quote) = (sign(counter, &key(CLIENT)), quote.signed().clone());
    end.say(ToProvider::Counter { counter, quote }).await;
    loop {
        match soon(end.from.recv()).await.unwrap().unwrap() {
            ToMarket::Ask(ask) if ask.verify::<Ask>().unwrap().counter.is_none() => {
                end.say(ToProvider::Accepted { document: ask.id() }).await;
            }
            other => return other,
        }
    }
}

async fn begin(pricing: Pricing) -> (Market, Place, provider_node::Handle, End) {
    let mut market = Market::start().await;
    let place = Place::new(&market, PROVIDER, 1 << 30).await;
    let own = SecretKey::from_seed(&[PROVIDER; 32]);
    let config = Config { pricing, ..Config::new(place.dir.path(), own) };
    let node = provider_node::start(config).await.unwrap();
    let end = market.meet().await;
    (market, place, node, end)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_is_answered_by_the_strategy_and_what_was_asked_is_taken() {
    let strategy = provider::Strategy { floor: Price::whole(60), target_ppm: 800_000, rounds: 1 };
    let pricing = Pricing { strategy: Some(strategy), ..Pricing::default() };
    let (_market, _place, node, mut end) = begin(pricing).await;
    let answer = countered(&mut end, 70).await;
    let ToMarket::Ask(signed) = answer else { panic!("an ask comes, not {answer:?}") };
    let ask: Verified<Ask> = signed.verify().unwrap();
    assert_eq!((ask.price, ask.provider), (Price::whole(70), node.did()));
    for (price, taken) in [(70, true), (69, false)] {
        let mut cheap: Reservation = reservation(slot(1), 1);
        (cheap.quoted.ask, cheap.quoted.price) = (ask.id(), Price::whole(price));
        end.say(ToProvider::Reservation(sign(cheap, &key(MARKET)))).await;
        let ToMarket::Confirmation(signed) = end.hear().await else { panic!("a confirmation") };
        let confirmation: Verified<Confirmation> = signed.verify().unwrap();
        assert_eq!(
            confirmation.declined.is_none(),
            taken,
            "what was asked for that counter, on its tier"
        );
        if taken {
            end.say(ToProvider::Accepted { document: signed.id() }).await;
            end.say(ToProvider::Released { contract: slot(1).0, slot: slot(1).1 }).await;
        }
    }
    let answer = countered(&mut end, 59).await;
    let ToMarket::CounterRefusal(signed) = answer else { panic!("a refusal, not {answer:?}") };
    let refusal: Verified<CounterRefusal> = signed.verify().unwrap();
    assert!(refusal.reason.contains("60 is the least"), "{}", refusal.reason);
    until(|| node.is_published()).await;
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_floor_nothing_is_bargained_about() {
    let (_market, _place, node, mut end) = begin(Pricing::default()).await;
    let answer = countered(&mut end, 99).await;
    let ToMarket::CounterRefusal(signed) = answer else { panic!("a refusal, not {answer:?}") };
    let refusal: Verified<CounterRefusal> = signed.verify().unwrap();
    assert!(refusal.reason.contains("does not bargain: 100 msat"), "{}", refusal.reason);
    node.shutdown().await;
}
