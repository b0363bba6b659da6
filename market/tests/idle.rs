//! What idles costs nothing: a million slots, counted in events, postings and bytes that change, never in time.
#![cfg(test)]

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{CLIENT, FIRST, GB, size, terms};
use common::{World, did};
use contracts::{Account, Contract, Posting};
use market::{Command, Event, check, schedule};
use std::collections::BTreeMap;
use types::documents::AuditKind;
use types::{Bytes, ContractId, Did, Epoch, Hash, Msat, Redundancy, Span, Terms};

/// Slots of one contract, and how many such contracts make a million.
const SLOTS: u16 = 128;
const CONTRACTS: u64 = 7_813;
/// For how long nothing happens.
const IDLE: u64 = 1_000;

/// 64 data and 64 parity slots of a megabyte each, for longer than anybody looks.
fn wide() -> Terms {
    let mut terms = terms();
    terms.redundancy = Redundancy { data: 64, parity: 64 };
    terms.capacity = Bytes(64_000_000);
    terms.duration = Span(2_000 * Span::DAY.0);
    terms.egress = Bytes(0);
    terms
}

/// A market of 128 providers that keep one wide contract, and of four more that keep a usual one.
fn founded() -> (World, ContractId, ContractId) {
    let mut world = World::staged_for(IDLE + 20, 132);
    for n in FIRST..FIRST + 132 {
        world.fund(did(n), 1_000_000_000_000);
        let mut ask = world.ask_of(n);
        ask.capacity = Bytes(if n < FIRST + 128 { 100_000 * GB } else { 0 });
        ask.duration_max = Span(3_000 * Span::DAY.0);
        world.publish(ask);
    }
    world.fund(CLIENT, 1_000_000_000_000_000);
    let stored = |world: &mut World, terms: &Terms, bytes: u64| {
        let contract = world.agree(terms);
        for slot in 0..terms.redundancy.slots() {
            let confirm = world.confirmation(contract, slot, None);
            world.done(&confirm);
        }
        let full = vec![bytes; usize::from(terms.redundancy.slots())];
        let revise = world.revision(contract, &full);
        world.done(&revise);
        contract
    };
    let idle = stored(&mut world, &wide(), 1_000_000);
    for n in FIRST + 128..FIRST + 132 {
        let mut ask = world.ask_of(n);
        ask.duration_max = Span(3_000 * Span::DAY.0);
        world.publish(ask);
    }
    for n in FIRST..FIRST + 128 {
        let mut gone = world.ask_of(n);
        gone.capacity = Bytes(0);
        world.publish(gone);
    }
    let mut busy = terms();
    busy.duration = Span(2_000 * Span::DAY.0);
    let busy = stored(&mut world, &busy, GB);
    (world, idle, busy)
}

/// As many contracts like `like` as make a million slots: what became of each told in one event.
fn multiply(world: &mut World, like: ContractId) {
    let pattern = world.known(like).clone();
    let (escrow, fees) = (pattern.cost.escrow().unwrap(), pattern.cost.fees().unwrap());
    for number in 1..CONTRACTS {
        let id = Hash::derive("an idle contract", &[&number.to_le_bytes()]);
        let contract = Contract { id, quote: id, ..pattern.clone() };
        let post = |debit, credit, amount| Posting { debit, credit, amount };
        let mut postings = vec![
            post(Account::Available(CLIENT), Account::Escrow(id), escrow),
            post(Account::Escrow(id), Account::Fees, fees),
        ];
        postings.extend((0..SLOTS).zip(&contract.slots).map(|(slot, s)| {
            post(Account::Available(s.provider()), Account::Bond(id, slot), s.quoted.bond)
        }));
        world.market.apply(&Event::ContractAgreed { contract: Box::new(contract), postings });
    }
}

/// What every contract is, to the byte.
fn bytes(world: &World) -> BTreeMap<ContractId, blake3::Hash> {
    let hash = |contract: &Contract| {
        blake3::hash(&postcard::to_stdvec(contract).expect("a contract can be written"))
    };
    world.market.contracts().iter().map(|(id, contract)| (*id, hash(contract))).collect()
}

/// What a party's withdrawal makes happen: events, postings, accruals.
fn withdrawal(world: &mut World, party: Did) -> [usize; 3] {
    let command = world.withdraw(party, 1);
    let events = world.market.decide(world.now, &command).expect("it has a millisatoshi");
    let accruals = events.iter().map(|event| match event {
        Event::EarningsPosted { accruals, .. } => accruals.len(),
        _ => 0,
    });
    let (accruals, postings) =
        (accruals.sum(), events.iter().map(|event| event.postings().len()).sum());
    for event in &events {
        world.market.apply(event);
    }
    [events.len(), postings, accruals]
}

fn pass(world: &mut World) {
    let open = world.open_epoch().expect("epochs enough");
    let events = world.market.decide(world.now, &open).expect("it is its turn");
    assert_eq!(events[0].name(), "epoch_opened");
    let about_slots = events.iter().filter(|event| event.contract().is_some()).count();
    let moving_money = events.iter().filter(|event| !event.postings().is_empty()).count();
    assert_eq!((about_slots, moving_money), (0, 0), "at most providers are reviewed");
    for event in &events {
        world.market.apply(event);
    }
    assert_eq!(world.market.awake(world.now), 0, "nothing idle is looked at");
    assert!(world.market.due(world.now).is_empty());
}

#[test]
fn a_million_idle_slots_cost_nothing_as_epochs_pass() {
    let (mut world, idle, busy) = founded();
    multiply(&mut world, idle);
    let slots: usize = world.market.contracts().values().map(|c| c.slots.len()).sum();
    assert!(slots > 1_000_000, "{slots}");
    check(&world.market).expect("a sound market");

    pass(&mut world);
    pass(&mut world);
    let keeper = world.provider(busy, 0);
    let after_one = withdrawal(&mut world, keeper);
    assert_eq!(after_one, [2, 2, 1], "its earnings, and the withdrawal");
    let before = bytes(&world);
    for _ in 0..IDLE {
        pass(&mut world);
    }
    assert!(bytes(&world) == before, "no slot has changed in a thousand epochs");

    let challenges = schedule::routine(&world.market).remove(&keeper).expect("it is asked");
    assert_eq!(challenges.len(), 1);
    let passed = world.judged(
        (busy, 0),
        (world.market.epoch(), AuditKind::Routine),
        (0, challenges[0].count),
    );
    let events = world.market.decide(world.now, &passed).expect("a verdict");
    let [Event::VerdictRecorded { slots, accruals, .. }] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!((slots.len(), accruals.len()), (1, 0), "a verdict that passes moves no money");
    world.market.apply(&events[0]);
    let after = bytes(&world);
    let changed: Vec<_> = after.iter().filter(|(id, hash)| before[*id] != **hash).collect();
    assert_eq!(changed.iter().map(|(id, _)| **id).collect::<Vec<_>>(), [busy]);

    let after_many = withdrawal(&mut world, keeper);
    assert_eq!(after_many, after_one, "a thousand epochs are posted as one is");
    let cost = world.slot(busy, 0).quoted.cost;
    let epochs = i64::try_from(IDLE + 1).unwrap();
    let kept = cost.keeping().unwrap().add(cost.bonus).unwrap();
    let earned = kept.0 * epochs / 2_000 + cost.ingress.0;
    let posted = world.slot(busy, 0).accrual.posted;
    assert!((earned - posted.0).abs() <= 2, "{posted} of {earned}");
    assert_eq!(world.market.unposted(common::stage::slot_id(busy, 0)), Msat::ZERO);
    // Who keeps some of the million posts what its own slots have earned in all that time, once: one accrual a slot.
    let idler = world.provider(idle, 0);
    let own = world.market.holdings(&idler).count();
    assert_eq!(withdrawal(&mut world, idler), [2, own + 1, own]);
    assert_eq!(own, usize::try_from(CONTRACTS).expect("a count"));
    check(&world.market).expect("a sound market");
    assert_eq!(size(1, GB).bytes, world.slot(busy, 0).size.bytes);
    assert!(world.market.epoch() > Epoch(IDLE));
}

#[test]
fn only_what_may_be_due_is_looked_at() {
    let mut world = World::staged(8);
    let first = world.store();
    world.audit_epoch(&[]);
    world.audit_epoch(&[]);
    let second = world.store();
    assert_eq!(world.market.awake(world.now), 0);
    while world.market.epoch() < Epoch(11) {
        let open = world.open_epoch().expect("epochs enough");
        world.done(&open);
        let ended = world.market.epoch() >= Epoch(11);
        assert_eq!(world.market.awake(world.now), usize::from(ended), "the first alone has ended");
    }
    world.done(&Command::Complete(first));
    assert_eq!(world.market.awake(world.now), 0, "it is settled an epoch later");
    let silence = world.confession(second, 0, GB);
    world.done(&silence);
    assert_eq!(world.market.awake(world.now), 1, "a vacated slot is looked for at once");
}
