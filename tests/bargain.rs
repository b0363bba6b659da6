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
use support::{Beyond, Finished, Town, bondstore, json, offers, text};
use types::documents::{Ask, Counter, Quote, Request};
use types::{Bytes, Did, GbPrice, Price, Redundancy, SecretKey, Signer, Span, Terms, Verified};

/// Six slots, a reserve, and one on another tier.
const PROVIDERS: usize = 9;
/// The one that serves the cold tier alone.
const COLD: usize = 9;
/// More than a quote lists, and more than are listed at once.
const CROWD: usize = 300;
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
    speaks.crowd(CROWD).await;
    all_left_out(&town);
}

/// However many are left out, each is listed with the reason and what would let it in.
fn all_left_out(town: &Town) {
    let quote = ["quote", "5MB", "--for", LONG];
    let usual = town.client(&quote);
    let count = |quote: &Value| quote["excluded"].as_array().map_or(0, Vec::len);
    assert_eq!((count(&usual), offers(&usual)), (64, PROVIDERS + CROWD));
    let whole = town.client(&[&quote[..], &["--all-exclusions"]].concat());
    let names = prices(&whole["excluded"], |excluded| &excluded["provider"]);
    assert_eq!(names.len() as u64, whole["excluded_count"].as_u64().expect("a number"));
    assert_eq!(whole["excluded_count"], usual["excluded_count"]);
    assert_eq!(BTreeSet::from_iter(&names).len(), names.len(), "each once");
    for excluded in whole["excluded"].as_array().expect("a list") {
        let told = ["reason", "remedy"].map(|field| text(&excluded[field]));
        assert!(told.iter().all(|text| !text.is_empty()), "{excluded}");
    }
    let told = |more: &[&str]| {
        let args = quote.iter().chain(more).copied();
        let done = Finished::of(bondstore(args.chain(["--data", &town.path("client")])));
        assert!(done.is_success(), "{done:?}");
        done.stdout
    };
    assert!(told(&[]).contains("more; bondstore quote --all-exclusions lists every one"));
    let all = told(&["--all-exclusions"]);
    assert!(!all.contains("lists every one") && all.lines().count() > names.len(), "{all}");
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

    /// Has so many providers publish asks that nobody is behind.
    async fn crowd(&self, many: usize) {
        let own = self.market.providers().await.expect("a list").swap_remove(0).ask;
        let asks = (0..many).map(|number| {
            let key = SecretKey::from_seed(&types::Hash::of(&number.to_le_bytes()).0);
            let ask = Ask { provider: key.did(), operator: key.did().to_string(), ..own.clone() };
            Verified::sign(ask, &key).expect("its own signer signs it")
        });
        let asks: Vec<_> = asks.collect();
        let published = asks.iter().map(|ask| self.market.ask(ask.signed()));
        futures_util::future::try_join_all(published).await.expect("they are taken");
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
            4 => &["--tag", "ecc", "--tag", "ssd"],
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
    as_the_terms_say(&town);
    wrongly_said(&town, &url);
}

/// What a client asks for by flags and by a file is in the quote, and leaves out who does not offer it.
fn as_the_terms_say(town: &Town) {
    let file = town.path("terms.toml");
    let text = "repair_time = \"1d\"\nthroughput = \"5MB\"\n[payout]\ntarget = 990\n\
                points = [{ compliance = 600, paid_permille = 0 }, { compliance = 980, paid_permille = 1000 }]\n\
                [penalties]\nper_epoch_permille = 20\n[placement]\ntags = [\"gpu\"]\n";
    std::fs::write(&file, text).expect("a file can be written");
    let few = ["quote", "5MB", "--data-shards", "1", "--parity-shards", "1"];
    let said = ["--terms", &file, "--tag", "ssd", "--bond-ratio", "3", "--first-byte", "900ms"];
    let quote = town.client(&[&few[..], &said].concat());
    let terms = &quote["terms"];
    for (field, expected) in [
        ("/repair_time", 86_400_000_000_u64),
        ("/throughput", 5_000_000),
        ("/payout/target", 990),
        ("/payout/points/0/compliance", 600),
        ("/penalties/per_epoch_permille", 20),
        ("/penalties/replace_above_ppm", 50_000),
        ("/bond_ratio_permille", 3000),
        ("/first_byte", 900_000),
    ] {
        assert_eq!(terms.pointer(field), Some(&expected.into()), "{field}");
    }
    assert_eq!(terms["placement"]["tags"], serde_json::json!(["ssd"]), "the flag counts");
    let running = |number: usize| town.providers[number - 1].as_ref().expect("it runs");
    let tagged: BTreeSet<_> = [3, 4].map(|number| running(number).said("provider")).into();
    let chosen = prices(&quote["slots"], |slot| &slot["provider"]);
    assert_eq!(BTreeSet::from_iter(chosen), tagged);
    for excluded in quote["excluded"].as_array().expect("a list") {
        assert!(text_of(excluded, "reason").contains("ssd"), "{excluded}");
        assert!(!text_of(excluded, "remedy").is_empty(), "{excluded}");
    }
    // A quote's own terms are a file of terms.
    let again = town.path("terms.json");
    std::fs::write(&again, terms.to_string()).expect("a file can be written");
    assert_eq!(town.client(&["quote", "5MB", "--terms", &again])["terms"], *terms);
    contradictory(town);
}

fn text_of(value: &Value, field: &str) -> String {
    text(&value[field])
}

/// Terms that cannot be meant are refused by field, before anybody is asked.
fn contradictory(town: &Town) {
    let file = town.path("odd.toml");
    for (said, flags, parts) in [
        (
            "repair_time = \"3d\"",
            &["--for", "2d"][..],
            &["repair_time and duration contradict"][..],
        ),
        ("[payout]\ntarget = 900", &[], &["payout.target and payout.points contradict"]),
        ("renewal = \"automatic\"", &["--for", "6y"], &["renewal and duration contradict"]),
        ("throughput = \"1TB\"", &[], &["throughput is 1000000000000", "give 0 to"]),
        ("[penalties]\nconfessed_permille = 0", &[], &["penalties.confessed_permille is 0"]),
        ("capacity = \"1MB\"", &[], &["capacity is 1000000", "leave the capacity out"]),
        ("", &["--availability", "0"], &["availability_permille is 0; give 1 to 1000"]),
        ("", &["--bond-ratio", "200"], &["bond_ratio_permille is 200000"]),
        ("", &["--standing", "best"], &["best", "standard or high"]),
        ("", &["--detection", "1%"], &["1%", "1%/99%/7d"]),
        (
            "tags = [\"ssd\"]\navailability_permille = \"high\"",
            &[],
            &["odd.toml: ", "tags is none of the terms", "availability_permille: ", "high"],
        ),
        ("tags [", &[], &["odd.toml holds no terms"]),
    ] {
        std::fs::write(&file, said).expect("a file can be written");
        let client = ["--terms", &file, "--data", &town.path("client")];
        for command in [&["quote", "5MB"], &["put", &town.path("odd.toml")]] {
            // Both read the same words; a file that is put here is small enough for any capacity.
            if command[0] == "put" && !said.contains('[') {
                continue;
            }
            let args = command.iter().copied().chain(flags.iter().copied()).chain(client);
            let refused = Finished::of(bondstore(args));
            assert!(!matches!(refused.code, Some(0) | None), "{said} {flags:?}: {refused:?}");
            assert_eq!(refused.stderr.trim_end().lines().count(), 1, "{refused:?}");
            let names = |part: &&str| refused.stderr.contains(part);
            assert!(parts.iter().all(names), "{said} {flags:?}: {refused:?}");
        }
    }
    let contracts = town.client(&["contract", "list"]);
    assert_eq!(contracts.as_array().map(Vec::len), Some(0), "nothing was bought");
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
