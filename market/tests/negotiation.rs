//! What is paid and what is bargained: discounts, auctions, bonds from earnings, and counters from the first quote to the contract.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{CLIENT, FIRST, GB, terms};
use common::{MARKET, World, did, honest, signed};
use market::{Command, CounterAnswers, Market, Negotiation, Rejection};
use pricing::MechanismKind;
use types::documents::{Acceptance, Ask, Counter, CounterRefusal, Discount, Quote, Request};
use types::{Bytes, Did, GbPrice, Msat, Price, Span, Timestamp, Verified};

/// A market with this mechanism and providers from [`FIRST`] on that ask these prices, in thousands of msat.
fn auctioned(mechanism: MechanismKind, thousands: &[u32]) -> World {
    let mut world = World::new(honest);
    let mut genesis = world.market.genesis().clone();
    genesis.pricing.mechanism = mechanism;
    world.market = Market::new(genesis);
    world.fund(CLIENT, 1_000_000_000);
    for (n, price) in (FIRST..).zip(thousands) {
        world.fund(did(n), 1_000_000_000);
        let ask = Ask { price: Price::whole(price * 1_000), ..world.ask_of(n) };
        world.publish(ask);
    }
    world
}

/// Whom a quote's slots name and what they are paid, in thousands of msat.
fn paid(quote: &Quote) -> Vec<(u8, String)> {
    let row = |slot: &types::documents::QuotedSlot| {
        let thousands = slot.price.0 / rust_decimal::Decimal::ONE_THOUSAND;
        (slot.provider.0[0], thousands.normalize().to_string())
    };
    quote.slots.iter().chain(&quote.reserves).map(row).collect()
}

fn rows(expected: &[(u8, &str)]) -> Vec<(u8, String)> {
    expected.iter().map(|(n, price)| (*n, (*price).to_owned())).collect()
}

/// What is wrong with an ask, and the field that the refusal names.
type Senseless = (fn(&mut Ask), &'static str);
/// What is wrong with a counter, the code it is refused with, and words of the refusal.
type Misplaced = (fn(&mut Counter), &'static str, &'static str);

#[test]
fn in_an_auction_the_cheapest_win_and_lines_and_bonds_follow_what_is_paid() {
    let asks = [90, 50, 70, 60, 120, 80, 100];
    let mut world = auctioned(MechanismKind::PayAsBid, &asks);
    let quote = world.quoted(&terms(), 1).unwrap();
    let winners = [(11, "50"), (13, "60"), (12, "70"), (15, "80"), (10, "90"), (16, "100")];
    assert_eq!(paid(&quote), rows(&winners));
    assert_eq!(quote.cost.storage, Msat((50 + 60 + 70 + 80) * 10_000));
    let told = quote.excluded.iter().find(|e| e.provider == did(14)).unwrap();
    assert_eq!(
        (told.reason.as_str(), told.remedy.as_str()),
        ("it fits, and others ask less", "ask less")
    );

    let mut world = auctioned(MechanismKind::ClearingPrice, &asks);
    let quote = world.quoted(&terms(), 1).unwrap();
    let winners = [(11, "90"), (13, "90"), (12, "90"), (15, "90"), (10, "90"), (16, "100")];
    assert_eq!(paid(&quote), rows(&winners), "all are paid what the first to lose asks");
    assert_eq!(quote.cost.storage, Msat(4 * 900_000));
    for slot in &quote.slots {
        let share = |permille: i64| Msat(slot.cost.base.0 * permille / 1_000);
        assert_eq!((slot.cost.premium, slot.cost.bonus), (share(100), share(150)));
        assert!(slot.bond.0 >= 2 * slot.cost.base.0);
    }
}

#[test]
fn whoever_is_not_there_does_not_bid_and_ties_follow_the_seed() {
    let mut world = auctioned(MechanismKind::ClearingPrice, &[50; 12]);
    let request = world.request(&terms());
    let mut online = world.online();
    online.remove(&did(FIRST));
    let quote = |seed: u8| world.market.quote(world.now, &request, [seed; 32], &online).unwrap();
    let names = |seed| paid(&quote(seed)).into_iter().map(|row| row.0).collect::<Vec<_>>();
    assert!((0..20).all(|seed| !names(seed).contains(&FIRST)));
    assert!((0..20).any(|seed| names(seed) != names(0)));
    assert_eq!(quote(3), quote(3));
}

#[test]
fn an_accepted_auction_is_a_contract_like_any_other() {
    for mechanism in [MechanismKind::PayAsBid, MechanismKind::ClearingPrice] {
        let mut world = auctioned(mechanism, &[90, 50, 70, 60, 120, 80]);
        let quote = signed(world.quoted(&terms(), 1).unwrap());
        accept(&mut world, &quote);
    }
}

#[test]
fn reserves_of_an_auction_step_in_for_what_is_escrowed_and_what_is_not_needed_returns() {
    for mechanism in [MechanismKind::PayAsBid, MechanismKind::ClearingPrice] {
        let mut world = auctioned(mechanism, &[90, 50, 70, 60, 120, 80, 100]);
        let quote = world.quoted(&terms(), 1).unwrap();
        let total = |slot: &types::documents::QuotedSlot| slot.cost.total().unwrap().0;
        let (slots, reserves) = (&quote.slots, &quote.reserves);
        assert_eq!(reserves.iter().map(|r| r.provider).collect::<Vec<_>>(), [did(10), did(16)]);
        let beyond =
            total(&reserves[1]) - total(&slots[0]) + total(&reserves[0]) - total(&slots[1]);
        assert!(beyond > 0, "both ask more than whom they step in for");
        let bonus: i64 = slots.iter().map(|slot| slot.cost.bonus.0).sum();
        assert_eq!(quote.cost.bonus, Msat(bonus + beyond), "{mechanism:?}");
        let before = world.money(CLIENT);
        let contract = world.agree(&terms());
        for (slot, reserve) in [(0, 10), (1, 16)] {
            let no = world.confirmation(contract, slot, Some("full"));
            assert_eq!(world.names(&no), ["slot_reassigned"], "{mechanism:?}");
            assert_eq!(world.provider(contract, slot), did(reserve));
        }
        for slot in 0..4 {
            let yes = world.confirmation(contract, slot, None);
            world.done(&yes);
        }
        let revise = world.revision(contract, &[GB; 4]);
        world.done(&revise);
        world.live_out(contract);
        let known = world.known(contract);
        let earned: i64 = known.slots.iter().map(|slot| total(&slot.quoted)).sum();
        let paid = earned + known.cost.fees().unwrap().0;
        assert_eq!(before - world.money(CLIENT), paid, "{mechanism:?}: the rest is back");
    }
}

#[test]
fn when_no_reserve_of_an_auction_is_left_everybody_has_their_money_back() {
    let mut world = auctioned(MechanismKind::PayAsBid, &[90, 50, 70, 60, 120, 80, 100]);
    let before = world.money(CLIENT);
    let contract = world.agree(&terms());
    for expected in ["slot_reassigned", "slot_reassigned", "contract_expired"] {
        let no = world.confirmation(contract, 0, Some("full"));
        assert_eq!(world.names(&no), [expected]);
    }
    assert_eq!(world.money(CLIENT), before);
}

#[test]
fn larger_slots_and_longer_contracts_pay_what_the_discounts_leave() {
    let mut world = World::staged(8);
    for n in FIRST..FIRST + 8 {
        let ask = Ask {
            volume_discounts: vec![Discount { from: Bytes(GB), permille: 200 }],
            duration_discounts: vec![Discount { from: Span(10 * Span::DAY.0), permille: 100 }],
            ..world.ask_of(n)
        };
        world.publish(ask);
    }
    let mut small = terms();
    small.capacity = Bytes(GB);
    let mut brief = terms();
    brief.duration = Span(9 * Span::DAY.0);
    for (terms, price, base) in
        [(terms(), 72_000, 720_000), (small, 90_000, 450_000), (brief, 80_000, 720_000)]
    {
        let quote = world.quoted(&terms, 1).unwrap();
        for slot in &quote.slots {
            assert_eq!((slot.price, slot.cost.base), (Price::whole(price), Msat(base)));
        }
    }
}

#[test]
fn an_ask_with_senseless_extras_is_refused_by_field() {
    let mut world = World::staged(1);
    let cases: &[Senseless] = &[
        (
            |a| a.volume_discounts = vec![Discount { from: Bytes(1), permille: 0 }],
            "volume_discounts",
        ),
        (
            |a| a.duration_discounts = vec![Discount { from: Span(1), permille: 1_000 }],
            "duration_discounts",
        ),
        (|a| a.tags = vec!["SSD".into()], "tags"),
        (|a| a.tags = vec![String::new()], "tags"),
        (|a| a.tags = vec!["a".into(); 17], "tags"),
        (|a| a.held_bond_permille = 1_001, "held_bond_permille"),
        (|a| a.counter = Some(types::Hash([1; 32])), "counter"),
    ];
    for (change, field) in cases {
        let mut ask = world.ask_of(FIRST);
        change(&mut ask);
        let command = Command::PublishAsk { ask: signed(ask), network: "10.0.9.0/24".into() };
        let refusal = world.refused(&command);
        let text = refusal.to_string();
        assert_eq!(refusal.code(), "invalid_field");
        assert!(
            text.starts_with(field) && (text.contains("give") || text.contains("send")),
            "{text}"
        );
    }
}

#[test]
fn what_earnings_may_make_up_of_a_bond_need_not_be_there_at_once() {
    let mut world = World::staged(3);
    let mut poor = world.ask_of(90);
    world.fund(did(90), 1_500_000);
    world.publish(poor.clone());
    let refusal = world.quoted(&terms(), 1).unwrap_err().to_string();
    assert!(refusal.contains("deposit 1,000,000 msat more"), "{refusal}");
    poor.held_bond_permille = 400;
    poor.sequence = world.next();
    world.publish(poor);
    let quote = world.quoted(&terms(), 1).unwrap();
    let slot = quote.slots.iter().find(|slot| slot.provider == did(90)).unwrap();
    assert_eq!((slot.bond, slot.held_bond_max), (Msat(2_500_000), Msat(1_000_000)));
}

// Negotiation.

fn countered(quote: &Verified<Quote>, price: u32) -> Verified<Counter> {
    signed(Counter {
        client: CLIENT,
        quote: quote.id(),
        round: quote.round + 1,
        price_max: Price::whole(price * 1_000),
        egress_max: GbPrice::whole(50_000),
    })
}

/// The ask of provider `n` for `counter` alone.
fn answer(world: &mut World, n: u8, counter: &Verified<Counter>, price: u32) -> Verified<Ask> {
    let price = Price::whole(price * 1_000);
    let sequence = 0;
    signed(Ask { price, sequence, counter: Some(counter.id()), ..world.ask_of(n) })
}

fn refuse(n: u8, counter: &Verified<Counter>, reason: &str) -> Verified<CounterRefusal> {
    signed(CounterRefusal { provider: did(n), counter: counter.id(), reason: reason.into() })
}

fn requote(
    world: &World,
    quote: &Verified<Quote>,
    counter: &Verified<Counter>,
    answered: &CounterAnswers,
) -> Result<Quote, Rejection> {
    let of = Negotiation { quote, counter };
    let online = world.online();
    world.market.requote(world.now, &of, answered, ([1; 32], &online))
}

fn accept(world: &mut World, quote: &Verified<Quote>) {
    let acceptance = signed(Acceptance { client: CLIENT, quote: quote.id() });
    world.done(&Command::Accept { acceptance, quote: Box::new(quote.clone()) });
}

#[test]
fn a_counter_is_met_by_those_who_come_down_and_the_others_say_why_not() {
    let mut world = World::staged(8);
    let first = signed(world.quoted(&terms(), 1).unwrap());
    let counter = countered(&first, 80);
    let asked: Vec<u8> =
        first.slots.iter().chain(&first.reserves).map(|slot| slot.provider.0[0]).collect();
    let mut answered = CounterAnswers::default();
    for n in &asked[..5] {
        answered.asks.push(answer(&mut world, *n, &counter, 75));
    }
    answered.refusals.push(refuse(asked[5], &counter, "90 is my floor, 80 is offered"));
    let quote = requote(&world, &first, &counter, &answered).unwrap();
    assert_eq!((quote.round, quote.counter), (1, Some(counter.id())));
    assert_eq!(quote.request, first.request);
    assert!(quote.slots.iter().all(|slot| slot.price == Price::whole(75_000)));
    assert_eq!(quote.cost.storage, Msat(4 * 750_000));
    let special: Vec<_> = answered.asks.iter().map(Verified::id).collect();
    assert!(quote.slots.iter().all(|slot| special.contains(&slot.ask)));
    let told = |n: u8| quote.excluded.iter().find(|e| e.provider == did(n)).unwrap();
    let refusal = told(asked[5]);
    assert!(refusal.reason.contains("90 is my floor, 80 is offered"), "{}", refusal.reason);
    let other = (FIRST..FIRST + 8).find(|n| !asked.contains(n)).unwrap();
    let text = &told(other).reason;
    assert!(text.contains("asks 100000 msat") && text.contains("at most 80000"), "{text}");
    // It can be taken, and only once; the standing asks are what they were.
    let quote = signed(quote);
    accept(&mut world, &quote);
    assert!(world.market.offers().values().all(|offer| offer.ask.counter.is_none()));
    let again = countered(&quote, 70);
    let refusal = requote(&world, &quote, &again, &CounterAnswers::default()).unwrap_err();
    assert_eq!(refusal.code(), "already_used");
}

#[test]
fn where_too_few_come_down_the_next_quote_is_the_cheapest_there_is() {
    let mut world = World::staged(6);
    let first = signed(world.quoted(&terms(), 1).unwrap());
    let counter = countered(&first, 60);
    let answered = CounterAnswers {
        asks: vec![
            answer(&mut world, FIRST, &counter, 60),
            answer(&mut world, FIRST + 1, &counter, 85),
        ],
        refusals: vec![refuse(FIRST + 2, &counter, "no")],
    };
    let quote = requote(&world, &first, &counter, &answered).unwrap();
    assert_eq!(paid(&quote)[..2], rows(&[(FIRST, "60"), (FIRST + 1, "85")]));
    assert!(paid(&quote)[2..].iter().all(|row| row.1 == "100"));
    let nobody = requote(&world, &first, &counter, &CounterAnswers::default()).unwrap();
    assert_eq!(nobody.cost, first.cost, "with no answer the price is what it was");
}

#[test]
fn counters_out_of_turn_late_or_anothers_are_refused() {
    let mut world = World::staged(8);
    let first = signed(world.quoted(&terms(), 1).unwrap());
    let none = CounterAnswers::default();
    let good = countered(&first, 80);
    let cases: &[Misplaced] = &[
        (|c| c.round = 2, "counter_out_of_turn", "counter it in round 1"),
        (|c| c.round = 0, "counter_out_of_turn", "counter it in round 1"),
        (|c| c.client = Did([3; 32]), "foreign_party", "only did:key"),
        (|c| c.quote = types::Hash([9; 32]), "invalid_field", "the counter names quote"),
        (
            |c| c.price_max = Price(rust_decimal::Decimal::NEGATIVE_ONE),
            "invalid_field",
            "price_max",
        ),
        (
            |c| c.egress_max = GbPrice(rust_decimal::Decimal::NEGATIVE_ONE),
            "invalid_field",
            "egress_max",
        ),
    ];
    for (change, code, text) in cases {
        let mut counter = (*good).clone();
        change(&mut counter);
        let refusal = requote(&world, &first, &signed(counter), &none).unwrap_err();
        assert_eq!(refusal.code(), *code);
        assert!(refusal.to_string().contains(text), "{refusal}");
    }
    let other = signed(Quote { market: did(MARKET - 1), ..(*first).clone() });
    let refusal = requote(&world, &other, &countered(&other, 80), &none).unwrap_err();
    assert_eq!(refusal.code(), "foreign_party");
    let mut quote = first.clone();
    for round in 1..=3 {
        let next = requote(&world, &quote, &countered(&quote, 80), &none).unwrap();
        assert_eq!(next.round, round);
        quote = signed(next);
    }
    let refusal = requote(&world, &quote, &countered(&quote, 80), &none).unwrap_err();
    assert!(refusal.to_string().contains("may be countered 3 times"), "{refusal}");
    world.now = Timestamp(first.expires.0 + 1);
    let refusal = requote(&world, &first, &good, &none).unwrap_err();
    assert_eq!(refusal.code(), "quote_expired");
}

#[test]
fn answers_that_may_not_be_given_count_as_none() {
    let mut world = World::staged(8);
    let first = signed(world.quoted(&terms(), 1).unwrap());
    let counter = countered(&first, 80);
    let of = Negotiation { quote: &first, counter: &counter };
    let asked = first.slots[0].provider.0[0];
    let stranger = (FIRST..FIRST + 8).find(|n| !of.providers().contains(&did(*n))).unwrap();
    let good = answer(&mut world, asked, &counter, 80);
    assert_eq!(world.market.check_counter_ask(world.now, &of, &good), Ok(()));
    let changed = |change: fn(&mut Ask)| {
        let mut ask = (*good).clone();
        change(&mut ask);
        signed(ask)
    };
    let foreign = answer(&mut world, stranger, &counter, 80);
    let mut answered = CounterAnswers::default();
    for (ask, field) in [
        (changed(|a| a.counter = None), "counter"),
        (changed(|a| a.counter = Some(types::Hash([1; 32]))), "counter"),
        (changed(|a| a.operator = "another".into()), "operator"),
        (changed(|a| a.region = "us".into()), "region"),
        (changed(|a| a.endpoint = "https://10.9.9.9:1".into()), "endpoint"),
        (changed(|a| a.capacity = Bytes(101 * GB)), "capacity"),
        (
            changed(|a| a.expires = Timestamp(a.expires.0 - 299 * 86_400_000_000 - 86_399_000_000)),
            "expires",
        ),
        (
            changed(|a| a.volume_discounts = vec![Discount { from: Bytes(1), permille: 0 }]),
            "volume",
        ),
        (foreign, "provider"),
    ] {
        let refusal = world.market.check_counter_ask(world.now, &of, &ask).unwrap_err();
        assert!(refusal.to_string().starts_with(field), "{field}: {refusal}");
        answered.asks.push(ask);
    }
    answered.refusals.push(refuse(stranger, &counter, "nobody asked me"));
    let quote = requote(&world, &first, &counter, &answered).unwrap();
    assert_eq!(quote.cost, first.cost);
    assert!(quote.excluded.iter().all(|e| !e.reason.contains("nobody asked me")));
}

#[test]
fn in_a_clearing_auction_nobody_is_paid_more_than_the_counter_offers() {
    let mut world = auctioned(MechanismKind::ClearingPrice, &[50, 60, 70, 80, 90, 100, 110]);
    let request: Verified<Request> = world.request(&terms());
    let online = world.online();
    let first = signed(world.market.quote(world.now, &request, [1; 32], &online).unwrap());
    assert!(first.slots.iter().all(|slot| slot.price == Price::whole(90_000)));
    let counter = countered(&first, 85);
    let quote = requote(&world, &first, &counter, &CounterAnswers::default()).unwrap();
    assert!(quote.slots.iter().all(|slot| slot.price == Price::whole(85_000)));
    assert!(quote.reserves.is_empty(), "whoever asks more takes no part");
}
