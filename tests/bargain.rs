//! Prices between processes: counters and what providers answer, auctions, discounts, and why others are left out.

#[path = "support/processes.rs"]
mod support;

use network::api::{CounterAnswer, CounterBody};
use network::client::{ClientError, ClientOptions, HttpClient};
use network::endpoint::{Endpoint, PlainHttp};
use network::market_api::MarketClient;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use support::{Beyond, Finished, Town, bondstore, json, text};
use types::documents::{Counter, Quote, Request};
use types::{Bytes, Did, GbPrice, Price, Redundancy, SecretKey, Signer, Span, Terms, Verified};

/// Six slots, a reserve, and one on another tier.
const PROVIDERS: usize = 9;
/// The one that serves the cold tier alone.
const COLD: usize = 9;
/// Longer than the test runs.
const LONG: &str = "360d";
/// All the way to the floor in the first of two rounds.
const BARGAINING: Beyond<'_> = Beyond {
    market: &["--counter-rounds", "2", "--mechanism", "posted"],
    init: Some(|number| if number == COLD { &["--tier", "cold"] } else { &[] }),
    run: &["--floor", "60", "--rounds", "1"],
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_is_agreed_at_its_price_or_refused_with_the_reason() {
    let town = Town::found((PROVIDERS, "10GB", "1d"), BARGAINING);
    std::fs::write(town.path("letter"), b"dear market").expect("a file can be written");
    agreed_at_the_countered_price(&town);
    refused_below_the_floor(&town);
    let speaks = Speaks::with(&town);
    speaks.out_of_turn().await;
    speaks.left_out(&town).await;
}

/// The price of each slot.
fn prices(slots: &Value, price: impl Fn(&Value) -> &Value) -> Vec<String> {
    slots.as_array().expect("a list").iter().map(|slot| text(price(slot))).collect()
}

fn agreed_at_the_countered_price(town: &Town) {
    let asked = town.client(&["quote", "5MB", "--for", LONG]);
    assert_eq!(prices(&asked["slots"], |slot| &slot["price"]), ["100"; 6]);
    let offered = town.client(&["quote", "5MB", "--for", LONG, "--counter", "70"]);
    assert_eq!((&offered["round"], &offered["refusals"]), (&1.into(), &Value::Array(Vec::new())));
    assert_eq!(prices(&offered["slots"], |slot| &slot["price"]), ["70"; 6]);
    let put =
        town.client(&["put", &town.path("letter"), "--for", LONG, "--own", "--counter", "70"]);
    let view = town.client(&["contract", "show", &text(&put["contract"])]);
    assert_eq!(view["state"], "active");
    assert_eq!(prices(&view["slots"], |slot| &slot["quoted"]["price"]), ["70"; 6]);
    // Whoever asks without a counter finds the standing asks.
    let asked = town.client(&["quote", "5MB", "--for", LONG]);
    assert_eq!(prices(&asked["slots"], |slot| &slot["price"]), ["100"; 6]);
}

fn refused_below_the_floor(town: &Town) {
    let low = ["quote", "5MB", "--for", LONG, "--counter", "50"];
    let offered = town.client(&low);
    assert_eq!(offered["round"], 2, "every round was tried");
    assert_eq!(prices(&offered["slots"], |slot| &slot["price"]), ["100"; 6]);
    let refusals = offered["refusals"].as_array().expect("a list");
    assert!(refusals.len() >= 6, "{refusals:?}");
    let reason = "50 msat per GB and day are offered and 60 is the least on this tier";
    for refusal in refusals {
        assert_eq!(refusal["reason"], reason);
    }
    let client = town.path("client");
    let told = Finished::of(bondstore(low.into_iter().chain(["--data", &client])));
    assert!(
        told.is_success() && told.stdout.contains("2 rounds of counters, refused by"),
        "{told:?}"
    );
    assert!(told.stdout.contains(reason), "{told:?}");
    let letter = town.path("letter");
    let put = ["put", &letter, "cheap", "--own", "--counter", "50", "--data", &client];
    let refused = Finished::of(bondstore(put));
    assert!(!refused.is_success(), "nobody keeps it for that: {refused:?}");
    for part in ["come down to 50", "asks 100", reason, "leaving --counter out"] {
        assert!(refused.stderr.contains(part), "{part} is missing in {refused:?}");
    }
}

/// Somebody who speaks to the market's API by themselves.
struct Speaks {
    market: MarketClient,
    key: SecretKey,
}

impl Speaks {
    fn with(town: &Town) -> Self {
        let key = SecretKey::from_seed(&[7; 32]);
        let endpoint = Endpoint::parse(&town.market.said("url"), PlainHttp::LoopbackOnly);
        let http = HttpClient::new(endpoint.expect("its address"), ClientOptions::default());
        let market: Did = town.market.said("market").parse().expect("its key");
        Self { market: MarketClient::new(http, market, Arc::new(key.clone())), key }
    }

    /// A quote of two slots and a reserve.
    async fn quote(&self) -> Verified<Quote> {
        let mut terms = Terms::standard(Bytes(1 << 20), Span(30 * Span::DAY.0));
        terms.redundancy = Redundancy { data: 1, parity: 1 };
        let request = Request { client: self.key.did(), terms, nonce: 1 };
        let request = Verified::sign(request, &self.key).expect("it can be signed");
        let quote = self.market.quote(request.signed()).await.expect("there are providers");
        quote.verify().expect("the market signs quotes")
    }

    async fn counter(
        &self,
        quote: &Verified<Quote>,
        round: u8,
    ) -> Result<CounterAnswer, ClientError> {
        let counter = Counter {
            client: self.key.did(),
            quote: quote.id(),
            round,
            price_max: Price::whole(90),
            egress_max: GbPrice::whole(10),
        };
        let counter = Verified::sign(counter, &self.key).expect("it can be signed");
        let (counter, quote) = (counter.signed().clone(), quote.signed().clone());
        self.market.counter(&CounterBody { counter, quote }).await
    }

    async fn out_of_turn(&self) {
        let refused = |answer: Result<CounterAnswer, ClientError>, right: &str| {
            let error = answer.expect_err("it is not its turn");
            assert_eq!(error.code(), Some("counter_out_of_turn"), "{error}");
            assert!(error.to_string().contains(right), "{error}");
        };
        let mut quote = self.quote().await;
        refused(self.counter(&quote, 2).await, "the quote is of round 0, so counter it in round 1");
        for round in 1..=2 {
            let answer = self.counter(&quote, round).await.expect("it is its turn");
            let next: Verified<Quote> = answer.quote.verify().expect("the market signs quotes");
            assert_eq!((next.round, next.slots[0].price), (round, Price::whole(90)));
            quote = next;
        }
        refused(self.counter(&quote, 3).await, "may be countered 2 times");
        refused(self.counter(&quote, 2).await, "may be countered 2 times");
    }

    /// Everyone that a quote does not name is listed, with the reason and what would let it in.
    async fn left_out(&self, town: &Town) {
        let quote = self.quote().await;
        let page = self.market.exclusions(quote.signed(), None, 100).await.expect("a list");
        let all = town.providers.iter().flatten().map(|provider| provider.said("provider"));
        let mut others: BTreeSet<String> = all.collect();
        for slot in quote.slots.iter().chain(&quote.reserves) {
            assert!(others.remove(&slot.provider.to_string()), "it is quoted once");
        }
        let told: BTreeSet<_> = page.items.iter().map(|e| e.provider.to_string()).collect();
        assert_eq!((told.len(), told), (PROVIDERS - 3, others));
        for excluded in &page.items {
            assert!(!excluded.reason.is_empty() && !excluded.remedy.is_empty(), "{excluded:?}");
        }
        let cold = town.providers[COLD - 1].as_ref().expect("it runs").said("provider");
        let cold =
            page.items.iter().find(|e| e.provider.to_string() == cold).expect("it is left out");
        assert_eq!(
            (&*cold.reason, &*cold.remedy),
            ("it serves cold, not hot", "offer hot in its ask")
        );
    }
}

#[test]
fn in_an_auction_the_cheapest_win_after_their_discounts() {
    let beyond = Beyond {
        market: &["--mechanism", "pay-as-bid"],
        init: Some(|number| match number {
            3 => &["--duration-discount", "30d=50%", "--tag", "ssd", "--held-bond", "25"],
            _ => &[],
        }),
        run: &[],
    };
    let town = Town::found((4, "10GB", "1d"), beyond);
    let few = ["--data-shards", "1", "--parity-shards", "1"];
    for (term, expected) in [("29d", ["100", "100"]), ("30d", ["50", "100"])] {
        let quote = town.client(&[&["quote", "5MB", "--for", term][..], &few].concat());
        assert_eq!(prices(&quote["slots"], |slot| &slot["price"]), expected, "{term}");
    }
    let url = town.market.said("url");
    let asked = json(["prices", "--market", &url]);
    assert_eq!(asked["mechanism"], "pay_as_bid");
    let hot = asked["items"].as_array().expect("a list").iter().find(|line| line["tier"] == "hot");
    assert_eq!(hot.expect("the hot tier is served")["asks"], 4);
    let told = Finished::of(bondstore(["prices", "--market", &url]));
    assert!(told.is_success() && told.stdout.contains("paid as bid"), "{told:?}");
    wrongly_said(&town, &url);
}

/// What is wrong on the command line is named, and nothing is made.
fn wrongly_said(town: &Town, url: &str) {
    let (new, market) = (town.path("new"), town.path("market"));
    let init = ["provider", "init", "--data", &new, "--market", url, "--capacity", "1GB"];
    for (more, parts) in [
        (&["--tag", "Fast disks"][..], ["tags", "a-z"]),
        (&["--volume-discount", "1GB=100%"], ["volume_discounts", "give 1 to 999"]),
        (
            &["--duration-discount", "60d=5%", "--duration-discount", "30d=9%"],
            ["duration_discounts", "rise"],
        ),
        (&["--volume-discount", "5%"], ["5%", "100GB=5%"]),
        (&["--held-bond", "101"], ["101", "0 to 100"]),
    ] {
        let refused = Finished::of(bondstore(init.into_iter().chain(more.iter().copied())));
        assert!(!refused.is_success(), "{more:?}: {refused:?}");
        assert!(parts.iter().all(|part| refused.stderr.contains(part)), "{more:?}: {refused:?}");
        assert!(!std::path::Path::new(&new).join("key.json").exists(), "{more:?} made a provider");
    }
    let again = ["market", "run", "--data", &market, "--mechanism", "clearing-price"];
    let refused = Finished::of(bondstore(again));
    let right = "founded with the mechanism pay-as-bid, not clearing-price";
    assert!(!refused.is_success() && refused.stderr.contains(right), "{refused:?}");
}
