//! Bad input: each refusal has its code, says what would be right, and changes nothing.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{self, CLIENT, GB, terms};
use common::{MARKET, World, blocks, did, honest, signed};
use contracts::beacon::mixed::mix;
use market::{Command, Event};
use types::documents::{Acceptance, Ask, Confirmation, Deposit, Quote, Request, Withdrawal};
use types::{
    Bytes, ContractId, Did, Epoch, GbPrice, Hash, Msat, Price, SecretKey, Signer, Span, Timestamp,
    Verified,
};

/// An ask's mistake, the field that is named and what would be right.
type Wrong = (Box<dyn Fn(&mut Ask)>, &'static str, &'static str);

const STRANGER: Did = Did([200; 32]);

#[test]
fn asks() {
    let mut world = World::staged(1);
    let far = world.now.after(Span(367 * Span::DAY.0));
    let past = Timestamp(world.now.0 - 1);
    let cases: Vec<Wrong> = vec![
        (Box::new(|a| a.endpoint.clear()), "endpoint", "give 1 to 256"),
        (Box::new(|a| a.endpoint = "ftp://host".into()), "endpoint", "http:// or https://"),
        (Box::new(|a| a.region = "r".repeat(257)), "region", "give 1 to 256"),
        (Box::new(|a| a.operator.clear()), "operator", "give 1 to 256"),
        (Box::new(|a| a.capacity = Bytes(u64::MAX)), "capacity", "the limit of 1 EB"),
        (
            Box::new(|a| a.minimum_use = Bytes(101 * GB)),
            "minimum_use",
            "above the capacity offered",
        ),
        (Box::new(|a| a.tiers.clear()), "tiers", "one to four of hot, warm, cold and archive"),
        (Box::new(move |a| a.expires = past), "expires", "one that lies ahead"),
        (Box::new(move |a| a.expires = far), "expires", "more than 366d ahead"),
        (Box::new(|a| a.price = Price((-1).into())), "price", "give one from 0 to 100000000000"),
        (Box::new(|a| a.price = Price((types::price::MAX + 1).into())), "price", "from 0 to"),
        (Box::new(|a| a.egress = GbPrice((-1).into())), "egress", "from 0 to"),
        (Box::new(|a| a.ingress = GbPrice(u64::MAX.into())), "ingress", "from 0 to"),
    ];
    for (change, field, right) in cases {
        let mut ask = world.ask_of(stage::FIRST);
        change(&mut ask);
        let command = Command::PublishAsk { ask: signed(ask), network: "n".into() };
        world.refuse(&command, "invalid_field", &format!("{field}: "));
        world.refuse(&command, "invalid_field", right);
    }
    for sequence in [0, 1] {
        let ask = Ask { sequence, ..world.ask_of(stage::FIRST) };
        let command = Command::PublishAsk { ask: signed(ask), network: "n".into() };
        world.refuse(&command, "superseded", "is not above 3, which was taken already; use 4");
    }
}

#[test]
fn money_in_and_out() {
    let mut world = World::staged(1);
    let deposit = |market: Did, amount: i64, reference: &str| {
        let (amount, reference) = (Msat(amount), reference.to_owned());
        Command::Deposit(signed(Deposit { market, party: CLIENT, amount, reference }))
    };
    let long = "r".repeat(257);
    for (command, code, right) in [
        (deposit(STRANGER, 5, "a"), "foreign_party", "only did:key:"),
        (deposit(did(MARKET), 0, "a"), "invalid_field", "give an amount above zero"),
        (deposit(did(MARKET), i64::MIN, "a"), "invalid_field", "give an amount above zero"),
        (deposit(did(MARKET), i64::MAX, "a"), "money_overflow", "overflows"),
        (deposit(did(MARKET), 5, ""), "invalid_field", "give 1 to 256"),
        (deposit(did(MARKET), 5, &long), "invalid_field", "give 1 to 256"),
        (deposit(did(MARKET), 5, "deposit 1"), "already_used", "give each its own"),
    ] {
        world.refuse(&command, code, right);
    }
    let withdrawal = |amount: i64, nonce: u64, to: &str| {
        let (party, amount, to) = (CLIENT, Msat(amount), to.to_owned());
        Command::Withdraw(signed(Withdrawal { party, amount, to, nonce }))
    };
    let first = withdrawal(1, 7, "home");
    world.done(&first);
    assert!(world.done(&first).is_empty(), "the same withdrawal again is the same");
    for (command, code, right) in [
        (withdrawal(stage::DEPOSIT, 8, "home"), "insufficient_funds", "deposit the difference"),
        (withdrawal(i64::MAX, 8, "home"), "insufficient_funds", "99,999,999 msat"),
        (withdrawal(0, 8, "home"), "invalid_field", "give an amount above zero"),
        (withdrawal(-1, 8, "home"), "invalid_field", "give an amount above zero"),
        (withdrawal(1, 8, ""), "invalid_field", "give 1 to 256"),
        (withdrawal(2, 7, "home"), "superseded", "use 8"),
        (withdrawal(2, 0, "home"), "superseded", "use 8"),
    ] {
        world.refuse(&command, code, right);
    }
    let stranger = Withdrawal { party: STRANGER, amount: Msat(1), to: "x".into(), nonce: 1 };
    world.refuse(&Command::Withdraw(signed(stranger)), "insufficient_funds", "0 msat");
}

#[test]
fn acceptances() {
    let mut world = World::staged(8);
    let quote = world.quoted(&terms(), 1).unwrap();
    let by = |client: Did, quote: Quote, named: Option<Hash>| {
        let quote = signed(quote);
        let acceptance = signed(Acceptance { client, quote: named.unwrap_or(quote.id()) });
        Command::Accept { acceptance, quote: Box::new(quote) }
    };
    let foreign = Quote { market: STRANGER, ..quote.clone() };
    let poor = Quote { client: STRANGER, ..quote.clone() };
    for (command, code, right) in [
        (by(CLIENT, foreign, None), "foreign_party", "this quote is"),
        (by(STRANGER, quote.clone(), None), "foreign_party", "this acceptance is"),
        (
            by(CLIENT, quote.clone(), Some(Hash([1; 32]))),
            "invalid_field",
            "the acceptance names quote",
        ),
        (by(STRANGER, poor, None), "insufficient_funds", "5,448,000 msat are needed"),
    ] {
        world.refuse(&command, code, right);
    }
    let late = quote.expires.after(Span(1));
    let now = std::mem::replace(&mut world.now, late);
    let accept = by(CLIENT, quote.clone(), None);
    world.refuse(&accept, "quote_expired", "ask for a new one");
    world.now = now;
    let mut stale = world.quoted(&terms(), 2).unwrap();
    stale.reserves.clear();
    let withdrawn = Ask { capacity: Bytes(0), ..world.ask_of(stale.slots[0].provider.0[0]) };
    world.publish(withdrawn);
    world.refuse(&by(CLIENT, stale, None), "quote_stale", "ask for a new one");
    let accept = by(CLIENT, world.quoted(&terms(), 3).unwrap(), None);
    world.done(&accept);
    assert!(world.done(&accept).is_empty(), "the same acceptance again is the same");
}

#[test]
fn a_quote_is_accepted_once_however_often_it_is_signed() {
    let mut world = World::staged(8);
    let key = SecretKey::from_seed(&[1; 32]);
    let client = key.did();
    world.fund(client, stage::DEPOSIT);
    let request = signed(Request { client, terms: terms(), nonce: 1 });
    let quote = world.market.quote(world.now, &request, [1; 32], &world.online()).unwrap();
    let quote = Box::new(signed(quote));
    let acceptance = Acceptance { client, quote: quote.id() };
    let one = signed(acceptance.clone());
    let other = Verified::sign(acceptance, &key).unwrap();
    assert_ne!(one.id(), other.id(), "two signatures make two documents");
    world.done(&Command::Accept { acceptance: one, quote: quote.clone() });
    let again = Command::Accept { acceptance: other, quote };
    world.refuse(&again, "already_used", "give each its own");
}

#[test]
fn confirmations() {
    let mut world = World::staged(8);
    let contract = world.agree(&terms());
    let provider = world.provider(contract, 0);
    let answer_by = world.slot(contract, 0).answer_by;
    let answered = |provider: Did, (contract, slot): (ContractId, u16), answer_by: Timestamp| {
        let declined = None;
        Command::Confirm(signed(Confirmation { provider, contract, slot, answer_by, declined }))
    };
    let by = |provider, contract, slot| answered(provider, (contract, slot), answer_by);
    let all = world.withdraw(provider, stage::DEPOSIT);
    world.done(&all);
    for (command, code, right) in [
        (by(provider, Hash([9; 32]), 0), "unknown_contract", "list yours"),
        (by(provider, contract, 4), "unknown_slot", "has no slot 4"),
        (by(provider, contract, u16::MAX), "unknown_slot", "has no slot 65535"),
        (by(STRANGER, contract, 0), "foreign_party", "this confirmation is"),
        (by(world.provider(contract, 1), contract, 0), "foreign_party", "only did:key:"),
        (answered(provider, (contract, 0), Timestamp(1)), "invalid_field", "another reservation"),
        (by(provider, contract, 0), "insufficient_funds", "2,500,000 msat are needed"),
    ] {
        world.refuse(&command, code, right);
    }
}

#[test]
fn epochs() {
    let mut world = World::staged(1);
    let Some(Command::OpenEpoch { beacon, .. }) = world.open_epoch() else { panic!("an epoch") };
    let open = |epoch: u64, beacon: Hash| Command::open_epoch(Epoch(epoch), beacon);
    let anchor = world.market.beacon();
    for (command, right) in [
        (open(2, beacon), "epochs open one by one"),
        (open(u64::MAX, beacon), "epochs open one by one"),
        (open(0, beacon), "epochs open one by one"),
        (open(1, anchor), "not the preimage of the last one"),
        (open(1, Hash([0; 32])), "not the preimage of the last one"),
    ] {
        world.refuse(&command, "epoch_out_of_turn", right);
    }
    let first = open(1, beacon);
    world.done(&first);
    assert!(world.done(&first).is_empty(), "an epoch opens once");
}

#[test]
fn epochs_that_wait_for_blocks() {
    let mut world = World::new(honest).chained();
    let Some(Command::OpenEpoch { beacon, headers, .. }) = world.open_epoch() else {
        panic!("an epoch")
    };
    let (count, epoch) = (headers.len(), Epoch(1));
    let open =
        |headers: &[u8]| Command::OpenEpoch { epoch, beacon, headers: headers.to_vec().into() };
    let more = &blocks::headers()[..count + 80];
    let mut other = headers.to_vec();
    other[500] ^= 1;
    for (command, right) in [
        (open(&[]), "has 0 of 3 blocks from itself on; wait for the next"),
        (open(&headers[..count - 80]), "has 2 of 3 blocks"),
        (open(&headers[..count - 1]), "80 for each are needed"),
        (open(&headers[80..]), "stands on no block that is remembered"),
        (open(&other), "block 7 does not follow the block before it"),
        (open(more), "send no more"),
        (Command::OpenEpoch { epoch, beacon: Hash([3; 32]), headers: headers.clone() }, "preimage"),
    ] {
        world.refuse(&command, "epoch_out_of_turn", right);
    }
    let events = world.done(&open(&headers));
    let [Event::EpochOpened { beacon: value, block: Some(block), .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(block.link, beacon);
    assert_eq!(*value, mix(epoch, &beacon, &block.hash.0));
    assert_eq!((world.market.beacon(), world.market.course().link()), (*value, beacon));
    assert!(world.done(&open(&headers)).is_empty(), "an epoch opens once");
    let mut plain = World::new(honest);
    plain.refuse(&open(&headers), "epoch_out_of_turn", "no headers belong to it");
}
