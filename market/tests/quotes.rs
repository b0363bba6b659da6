//! Quotes: who is left out, why and what would let it in; what they cost; how they are drawn.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{CLIENT, FIRST, GB, terms};
use common::{World, did, signed};
use market::{Command, Page, Rejection};
use reputation::gate;
use std::collections::BTreeSet;
use types::documents::{Ask, Exclusion, Quote, Request};
use types::{Bytes, CostVector, Did, Msat, Price, Span, Standing, Terms, Tier};

/// An odd provider's funds and ask, and what it is told: the reason and the remedy.
type Odd = (i64, fn(&mut Ask), &'static str, &'static str);
/// Terms that cannot be, and the field that is wrong.
type Wrong = (fn(&mut Terms), &'static str);

/// Whoever differs from the others.
const ODD: u8 = 90;

/// Eight providers that fit, and an odd one that `change` makes unfit.
fn with_odd(funds: i64, change: impl Fn(&mut Ask)) -> World {
    let mut world = World::staged(8);
    if funds > 0 {
        world.fund(did(ODD), funds);
    }
    let mut ask = world.ask_of(ODD);
    change(&mut ask);
    world.publish(ask);
    world
}

fn left_out(quote: &Quote, provider: Did) -> &Exclusion {
    assert!(quote.slots.iter().chain(&quote.reserves).all(|slot| slot.provider != provider));
    quote.excluded.iter().find(|e| e.provider == provider).expect("everyone left out is named")
}

#[test]
fn everyone_who_does_not_fit_is_told_why_and_what_would_help() {
    let cases: &[Odd] = &[
        (0, |_| {}, "a bond of 2,500,000 msat", "deposit"),
        (1_000, |_| {}, "a bond of 2,500,000 msat", "deposit"),
        (
            100_000_000,
            |a| a.capacity = Bytes(GB - 1),
            "room for 999.99 MB more",
            "offer at least 1 B more",
        ),
        (100_000_000, |a| a.capacity = Bytes(0), "withdrawn", "publish"),
        (100_000_000, |a| a.tiers = vec![Tier::Cold], "cold", "hot"),
        (100_000_000, |a| a.duration_max = Span(9 * Span::DAY.0), "9d", "10d"),
        (100_000_000, |a| a.region = "us-east".into(), "us-east", "accept us-east too"),
        (100_000_000, |a| a.tags = vec!["hdd".into()], "the tag ssd, its ask carries hdd", "ssd"),
        (100_000_000, |a| a.tags = Vec::new(), "the tag ssd, its ask carries none", "without ssd"),
    ];
    for (funds, change, reason, remedy) in cases {
        let mut world = with_odd(*funds, |ask| {
            ask.tags = vec!["iso27001".into(), "ssd".into()];
            change(ask);
        });
        for n in FIRST..FIRST + 8 {
            let ask = Ask { tags: vec!["ssd".into()], ..world.ask_of(n) };
            world.publish(ask);
        }
        let mut european = terms();
        european.placement.tags = vec!["ssd".into()];
        european.placement.regions = vec!["eu-west".into()];
        let quote = world.quoted(&european, 1).unwrap();
        let told = left_out(&quote, did(ODD));
        assert!(told.reason.contains(reason), "{} / {}", told.reason, told.remedy);
        assert!(told.remedy.contains(remedy), "{} / {}", told.reason, told.remedy);
    }
}

#[test]
fn an_expired_ask_an_unconnected_provider_and_the_client_itself_are_left_out() {
    let mut world = with_odd(100_000_000, |_| {});
    let mut brief = world.ask_of(ODD);
    brief.expires = world.now.after(Span::HOUR);
    world.publish(brief);
    world.now = world.now.after(Span(2 * Span::HOUR.0));
    let own = Ask { provider: CLIENT, operator: "client".into(), ..world.ask_of(1) };
    world.publish(own);
    let mut online = world.online();
    online.remove(&did(FIRST));
    let request = world.request(&terms());
    let quote = world.market.quote(world.now, &request, [1; 32], &online).unwrap();
    for (provider, reason, remedy) in [
        (did(ODD), "expired 1h ago", "publish"),
        (did(FIRST), "not connected", "start it again"),
        (CLIENT, "client itself", "other than the client"),
    ] {
        let told = left_out(&quote, provider);
        assert!(told.reason.contains(reason), "{} / {}", told.reason, told.remedy);
        assert!(told.remedy.contains(remedy), "{} / {}", told.reason, told.remedy);
    }
}

#[test]
fn no_operator_and_no_network_holds_two_slots_where_the_terms_say_so() {
    let mut world = World::staged(6);
    let mut kin = |n: u8, operator: u8, network: u8| {
        world.fund(did(n), 100_000_000);
        let operator = format!("operator {operator}");
        let ask = Ask { operator, ..world.ask_of(n) };
        let network = format!("10.0.{network}.0/24");
        world.done(&Command::PublishAsk { ask: signed(ask), network });
    };
    kin(80, FIRST, 80);
    kin(81, 81, FIRST + 1);
    for seed in 0..40 {
        let quote = world.quoted(&terms(), seed).unwrap();
        let all: Vec<Did> = quote.slots.iter().chain(&quote.reserves).map(|s| s.provider).collect();
        assert_eq!(all.len(), 6);
        for (one, other, rule) in [(FIRST, 80, "operator"), (FIRST + 1, 81, "network")] {
            let both = [did(one), did(other)].map(|n| all.contains(&n));
            assert_eq!(both.iter().filter(|chosen| **chosen).count(), 1, "seed {seed}");
            let loser = if both[0] { other } else { one };
            let told = left_out(&quote, did(loser));
            assert!(told.reason.contains(rule), "{} / {}", told.reason, told.remedy);
            assert!(!told.remedy.is_empty());
        }
    }
    let mut careless = terms();
    careless.placement.distinct_operators = false;
    careless.placement.distinct_networks = false;
    let together = (0..40).any(|seed| {
        let quote = world.quoted(&careless, seed).unwrap();
        let slots: BTreeSet<Did> = quote.slots.iter().map(|s| s.provider).collect();
        slots.contains(&did(FIRST)) && slots.contains(&did(80))
    });
    assert!(together, "without the rule, one operator may hold two");
}

#[test]
fn newcomers_get_little_and_standing_is_asked_for() {
    let mut world = World::staged(8);
    for n in FIRST..FIRST + 8 {
        let mut ask = world.ask_of(n);
        ask.capacity = Bytes(5_000 * GB);
        world.publish(ask);
    }
    let mut large = terms();
    large.capacity = Bytes(2 * 251 * GB);
    let mut vetted = terms();
    vetted.placement.standing_min = Standing::Standard;
    for (terms, reason) in [(large, "251.00 GB"), (vetted, "standing is new")] {
        let refusal = world.quoted(&terms, 1).unwrap_err();
        assert_eq!(refusal.code(), "too_few_providers");
        let text = refusal.to_string();
        assert!(text.contains("0 of 4 slots") && text.contains(reason), "{text}");
    }
}

#[test]
fn too_few_providers_name_every_kind_of_obstacle_once() {
    let mut world = World::staged(3);
    for (n, capacity) in [(80, 1), (81, 2)] {
        let mut small = world.ask_of(n);
        small.capacity = Bytes(capacity);
        world.publish(small);
    }
    let poor = world.ask_of(82);
    world.publish(poor);
    let text = match world.quoted(&terms(), 1) {
        Err(Rejection::TooFewProviders { found: 3, needed: 4, reason }) => reason,
        other => panic!("{other:?}"),
    };
    assert!(text.starts_with("of 6 providers; for example did:key:"), "{text}");
    assert_eq!(text.matches("room").count(), 1, "{text}");
    assert_eq!(text.matches("bond").count(), 1, "{text}");
    let nobody = World::staged(0).quoted(&terms(), 1).unwrap_err().to_string();
    assert!(
        nobody.contains("more providers must offer, or the terms ask for fewer slots"),
        "{nobody}"
    );
}

#[test]
fn one_seed_makes_one_quote_and_another_seed_another() {
    let mut world = World::staged(20);
    let request = world.request(&terms());
    let online = world.online();
    let quote = |seed: u8| world.market.quote(world.now, &request, [seed; 32], &online).unwrap();
    for seed in 0..10 {
        assert_eq!(quote(seed), quote(seed));
    }
    let slots: BTreeSet<Vec<Did>> =
        (0..10).map(|seed| quote(seed).slots.iter().map(|s| s.provider).collect()).collect();
    assert!(slots.len() > 5);
    let before = world.market.root();
    drop(quote(1));
    assert_eq!(world.market.root(), before, "quoting changes nothing");
}

#[test]
fn the_lines_add_up_to_the_escrow_and_the_slots_to_the_lines() {
    let mut world = World::staged(8);
    for (n, price) in (FIRST..FIRST + 8).zip([100, 130_000, 7, 99_999, 1, 250_000, 61_803, 0]) {
        let mut ask = world.ask_of(n);
        ask.price = Price::whole(price);
        world.publish(ask);
    }
    for seed in 0..20 {
        let quote = world.quoted(&terms(), seed).unwrap();
        let cost = quote.cost;
        let lines = cost.lines().map(|(name, amount)| if name == "bond" { 0 } else { amount.0 });
        assert_eq!(cost.escrow().unwrap().0, lines.iter().sum::<i64>());
        let sum = |line: fn(&types::SlotCost) -> Msat| {
            quote.slots.iter().map(|slot| line(&slot.cost).0).sum::<i64>()
        };
        let (base, premium) = (sum(|c| c.base), sum(|c| c.premium));
        assert_eq!((cost.storage.0, cost.premium.0), (base, premium));
        assert_eq!((cost.bonus.0, cost.ingress.0), (sum(|c| c.bonus), sum(|c| c.ingress)));
        assert_eq!(cost.network_fee.0, ((base + premium) * 5 + 99) / 100);
        assert_eq!(cost.escrow_fee.0, ((base + premium) * 2 + 99) / 100);
        assert_eq!(cost.egress, Msat(100_000));
        assert_eq!(cost.bond.0, quote.slots.iter().map(|slot| slot.bond.0).sum::<i64>());
        assert_eq!(quote.expires, world.now.after(world.market.genesis().quote_ttl));
    }
    assert_eq!(CostVector::default().escrow(), Ok(Msat::ZERO));
}

#[test]
fn half_the_price_is_drawn_four_times_as_often() {
    let mut world = World::staged(40);
    for n in FIRST + 20..FIRST + 40 {
        let mut ask = world.ask_of(n);
        ask.price = Price::whole(200_000);
        (ask.egress, ask.ingress) = (types::GbPrice::whole(100_000), types::GbPrice::whole(20_000));
        world.publish(ask);
    }
    let online = world.online();
    let mut cheap = 0u32;
    for round in 0u32..1_000 {
        let request = Request { client: CLIENT, terms: terms(), nonce: round.into() };
        let seed = types::Hash::of(&round.to_le_bytes()).0;
        let quote = world.market.quote(world.now, &signed(request), seed, &online).unwrap();
        cheap += u32::from(quote.slots[0].provider.0[0] < FIRST + 20);
    }
    // 800 of 1,000 are expected; seven standard deviations are 89.
    assert!((711..889).contains(&cheap), "{cheap}");
}

#[test]
fn a_quote_lists_at_most_64_of_those_left_out_and_counts_all() {
    let mut world = World::staged(100);
    let quote = world.quoted(&terms(), 1).unwrap();
    assert_eq!((quote.excluded.len(), quote.excluded_count), (64, 94));
    let one = &quote.excluded[0];
    assert_eq!(one.reason, gate::Refusal::NotDrawn.explain().reason);
    let chosen: BTreeSet<Did> =
        quote.slots.iter().chain(&quote.reserves).map(|slot| slot.provider).collect();
    assert_eq!(chosen.len(), 6);
    assert!(quote.excluded.iter().all(|e| !chosen.contains(&e.provider)));
    // Page by page, all 94 are told, each once, in the order of their names.
    let online = world.online();
    let mut told: Vec<Exclusion> = Vec::new();
    loop {
        let page = Page { after: told.last().map(|e| e.provider), limit: 40 };
        let more = world.market.exclusions(world.now, &quote, &online, page);
        assert!(more.len() <= 40);
        if more.is_empty() {
            break;
        }
        told.extend(more);
    }
    assert_eq!(told.len(), 94);
    assert!(told.is_sorted_by(|a, b| a.provider < b.provider));
    assert!(told.iter().all(|e| !chosen.contains(&e.provider) && !e.remedy.is_empty()));
}

#[test]
fn terms_that_cannot_be_promised_are_refused_by_field() {
    let mut world = World::staged(8);
    let cases: &[Wrong] = &[
        (|t| t.capacity = Bytes(0), "capacity"),
        (|t| t.capacity = Bytes(u64::MAX), "capacity"),
        (|t| t.duration = Span(0), "duration"),
        (|t| t.duration = Span(u64::MAX), "duration"),
        (|t| t.redundancy.data = 0, "redundancy.data"),
        (|t| t.redundancy.parity = 0, "redundancy.parity"),
        (|t| t.shard_bytes = 0, "shard_bytes"),
        (|t| t.egress = Bytes(u64::MAX), "egress"),
        (|t| t.bond_ratio_permille = u32::MAX, "bond_ratio_permille"),
        (|t| t.repair_time = Span(0), "repair_time"),
    ];
    for (change, field) in cases {
        let mut wanted = terms();
        change(&mut wanted);
        let refusal = world.quoted(&wanted, 1).unwrap_err();
        assert_eq!(refusal.code(), "invalid_terms");
        let text = refusal.to_string();
        assert!(text.starts_with(field) && text.contains("give"), "{text}");
    }
}
