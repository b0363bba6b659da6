//! Asks that would crowd others out of quotes, and contracts that would crowd each other out of a provider.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{FIRST, GB, terms};
use common::{World, did, signed};
use types::documents::Quote;
use types::{Bytes, GbPrice, Msat, Price};

#[test]
fn one_dear_ask_for_reads_does_not_price_everyone_else_out() {
    let mut world = World::staged(7);
    world.fund(did(66), 1_000_000_000_000);
    let mut evil = world.ask_of(66);
    evil.egress = GbPrice(types::price::MAX.into());
    world.publish(evil);
    let mut unread = terms();
    unread.egress = Bytes(0);
    for seed in 0..32 {
        let quote = world.quoted(&unread, seed).expect("seven others fit");
        let chosen = quote.slots.iter().chain(&quote.reserves);
        assert!(chosen.clone().count() >= 4 && chosen.clone().all(|s| s.provider != did(66)));
        let left_out = quote.excluded.iter().find(|e| e.provider == did(66)).unwrap();
        assert!(
            left_out.remedy.contains("ask less for egress") || left_out.reason.contains("drawn")
        );
    }
}

#[test]
fn a_crowd_without_money_does_not_keep_quotes_from_being_made() {
    let mut world = World::staged(8);
    for n in 100..250 {
        let ask = world.ask_of(n);
        world.publish(ask);
    }
    for seed in 0..16 {
        let quote = world.quoted(&terms(), seed).expect("eight have money");
        assert!(quote.slots.iter().all(|slot| slot.provider.0[0] < 100));
        let poor = quote.excluded.iter().find(|e| e.provider.0[0] >= 100).unwrap();
        assert!(poor.remedy.contains("deposit"), "{}", poor.remedy);
    }
}

#[test]
fn an_ask_that_overflows_keeps_only_itself_out() {
    let mut world = World::staged(4);
    world.fund(did(77), 1_000_000_000_000);
    let mut absurd = world.ask_of(77);
    absurd.price = Price(types::price::MAX.into());
    absurd.capacity = Bytes(1_000_000_000_000_000_000);
    absurd.minimum_use = absurd.capacity;
    world.publish(absurd);
    let quote = world.quoted(&terms(), 1).expect("four others fit");
    let left_out = quote.excluded.iter().find(|e| e.provider == did(77)).unwrap();
    assert_eq!(left_out.remedy, "ask less, or for a smaller minimum use");
}

#[test]
fn a_newcomers_limit_holds_across_quotes_made_before_it_was_reached() {
    let mut world = World::staged(4);
    for n in FIRST..FIRST + 4 {
        let mut ask = world.ask_of(n);
        (ask.capacity, ask.price) = (Bytes(5_000 * GB), Price::whole(1));
        world.publish(ask);
    }
    let mut large = terms();
    large.capacity = Bytes(2 * 240 * GB);
    large.egress = Bytes(0);
    let quotes: Vec<Quote> = (0..6).map(|seed| world.quoted(&large, seed).unwrap()).collect();
    let accepted = quotes.iter().filter(|quote| {
        let accept = common::stage::accept(&signed((*quote).clone()));
        match world.attempt(&accept) {
            Ok(events) => !events.is_empty(),
            Err(refusal) => {
                assert_eq!(refusal.code(), "quote_stale");
                false
            }
        }
    });
    assert_eq!(accepted.count(), 4, "a newcomer holds at most 1 TB");
}

#[test]
fn a_reserve_that_is_too_dear_for_one_slot_is_kept_for_the_others() {
    let mut world = World::staged(8);
    let mut quote = world.quoted(&terms(), 1).unwrap();
    // The first slot costs less than any reserve; the second costs what they cost.
    quote.slots[0].cost.base = Msat(1);
    let gone = [quote.slots[1].provider, quote.slots[2].provider];
    for provider in gone {
        let mut ask = world.ask_of(provider.0[0]);
        ask.capacity = Bytes(0);
        world.publish(ask);
    }
    let [first, second] = [&quote.reserves[0], &quote.reserves[1]].map(|r| r.provider);
    let mut dear = quote.clone();
    dear.reserves[0].egress = GbPrice::whole(50_001);
    let refusal = world.refused(&common::stage::accept(&signed(dear)));
    assert_eq!(refusal.code(), "quote_stale", "a reserve with dearer reads does not step in");
    world.done(&common::stage::accept(&signed(quote)));
    let contract = world.market.open_contracts().next().unwrap();
    assert_eq!([1, 2].map(|slot| contract.slots[slot].provider()), [first, second]);
}
