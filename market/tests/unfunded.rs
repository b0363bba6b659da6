//! What is reserved on Bitcoin and paid for by nobody: a part of each provider's room, and a few contracts of each client.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{CLIENT, FIRST, GB, accept, terms};
use common::{World, signed};
use contracts::ContractState;
use market::{Genesis, UnfundedRules};
use types::terms::RailKind;
use types::{Bytes, ContractId, Did, Hash, Span, Terms};

/// Four slots of a gigabyte.
fn on(rail: RailKind) -> Terms {
    Terms { rail, egress: Bytes(0), ..terms() }
}

/// So many providers, each with room for so many slots.
fn offering(providers: u8, slots: u64) -> World {
    let mut world = World::staged(providers);
    for n in FIRST..FIRST + providers {
        let mut ask = world.ask_of(n);
        ask.capacity = Bytes(slots * GB);
        world.publish(ask);
    }
    world
}

fn refused_for_room(world: &mut World) {
    let refusal = world.quoted(&on(RailKind::Bitcoin), 1).expect_err("nobody has room");
    assert_eq!(refusal.code(), "too_few_providers");
    let text = refusal.to_string();
    assert!(text.contains("are reserved on Bitcoin and not yet paid for"), "{text}");
    assert!(text.contains("settle on the ledger"), "{text}");
}

#[test]
fn clients_who_pay_find_room_beside_what_is_reserved_for_nothing() {
    let mut world = offering(4, 4);
    let reserved = [(); 2].map(|()| world.agree(&on(RailKind::Bitcoin)));
    refused_for_room(&mut world);
    world.agree(&on(RailKind::Ledger));
    world.agree(&on(RailKind::Ledger));
    let full = world.quoted(&on(RailKind::Ledger), 1).unwrap_err();
    assert_eq!(full.code(), "too_few_providers", "all room is given away");
    world.now = world.now.after(Span(2 * Span::DAY.0));
    world.settle_down(3).unwrap();
    assert!(reserved.iter().all(|id| world.known(*id).state == ContractState::Expired));
    world.agree(&on(RailKind::Bitcoin));
    world.replayed().unwrap();
}

#[test]
fn what_is_stored_counts_no_longer_and_leaves_less_to_reserve() {
    let mut world = offering(4, 4);
    world.store_under(&on(RailKind::Bitcoin));
    assert_eq!(world.market.unfunded(&Did([FIRST; 32])), Bytes(0));
    world.agree(&on(RailKind::Bitcoin));
    assert_eq!(world.market.unfunded(&Did([FIRST; 32])), Bytes(GB));
    refused_for_room(&mut world);
}

#[test]
fn a_quote_made_before_the_room_was_reserved_is_stale() {
    let mut world = offering(4, 2);
    let quotes = [1, 2].map(|seed| signed(world.quoted(&on(RailKind::Bitcoin), seed).unwrap()));
    world.done(&accept(&quotes[0]));
    world.refuse(&accept(&quotes[1]), "quote_stale", "ask for a new one");
}

#[test]
fn a_slot_that_is_declined_goes_to_nobody_whose_room_is_reserved() {
    let mut world = offering(8, 2);
    let both: Vec<ContractId> = [1, 2].map(|_| world.agree(&on(RailKind::Bitcoin))).into();
    let declined = world.confirmation(both[0], 0, Some("no room after all"));
    world.done(&declined);
    assert_eq!(world.known(both[0]).state, ContractState::Expired, "all eight are reserved");
}

#[test]
fn what_is_reserved_keeps_nobody_from_rebuilding_a_slot() {
    let mut world = offering(8, 2);
    let stored = world.store_under(&on(RailKind::Bitcoin));
    world.agree(&on(RailKind::Bitcoin));
    refused_for_room(&mut world);
    world.audit_epoch(&[]);
    let lost = world.provider(stored, 1);
    for _ in 0..8 {
        world.audit_epoch(&[lost]);
    }
    let next = world.provider(stored, 1);
    assert_ne!(next, lost, "another rebuilds it");
    assert_eq!(world.market.committed(&next), Bytes(2 * GB), "in what is left of its room");
}

#[test]
fn a_client_reserves_a_bounded_number_of_contracts() {
    let mut world = World::staged(8);
    let most = usize::from(UnfundedRules::default().contracts_max);
    let reserved: Vec<ContractId> =
        (0..most).map(|_| world.agree(&on(RailKind::Bitcoin))).collect();
    let quote = signed(world.quoted(&on(RailKind::Bitcoin), 1).unwrap());
    let right = "16 contracts of";
    world.refuse(&accept(&quote), "too_many_unfunded", right);
    world.refuse(&accept(&quote), "too_many_unfunded", "fund and store one, cancel one");
    world.agree(&on(RailKind::Ledger));
    let cancel = world.cancellation(reserved[0]);
    world.done(&cancel);
    world.done(&accept(&quote));
}

#[test]
fn a_market_founded_before_is_written_as_it_was() {
    let genesis = Genesis::standard(CLIENT, Span::DAY, Hash::default());
    let mut before = serde_json::to_value(&genesis).unwrap();
    let rules = before.as_object_mut().unwrap().remove("unfunded").unwrap();
    assert_eq!(rules, serde_json::json!({ "room_permille": 500, "contracts_max": 16 }));
    let read: Genesis = serde_json::from_value(before.clone()).unwrap();
    assert_eq!(read.unfunded, None);
    assert_eq!(serde_json::to_value(&read).unwrap(), before);
}
