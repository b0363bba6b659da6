//! Providers without capital: what their bonds lack is held back from what they earn, and no more than that.
#![cfg(test)]

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{GB, slot_id, terms};
use common::{World, did};
use contracts::Account;
use market::{Command, Due, Event};
use types::documents::AuditKind;
use types::{ContractId, Epoch, Msat};

/// Who has less than its bond of 2,500,000.
const POOR: u8 = 90;
/// What it has.
const HAS: i64 = 1_500_000;
/// What an epoch earns it.
const EPOCH: i64 = 125_000;

/// A contract whose slot with this number is the poor provider's.
fn held_back() -> (World, ContractId, u16) {
    let mut world = World::staged(3);
    world.fund(did(POOR), HAS);
    let mut ask = world.ask_of(POOR);
    ask.held_bond_permille = 400;
    world.publish(ask);
    let contract = world.agree(&terms());
    for slot in 0..4 {
        let confirm = world.confirmation(contract, slot, None);
        world.done(&confirm);
    }
    let revise = world.revision(contract, &[GB; 4]);
    world.done(&revise);
    let slots = &world.known(contract).slots;
    let slot = slots.iter().position(|slot| slot.provider() == did(POOR)).unwrap();
    (world, contract, u16::try_from(slot).unwrap())
}

fn bond(world: &World, contract: ContractId, slot: u16) -> i64 {
    world.balance(Account::Bond(contract, slot))
}

#[test]
fn a_bond_grows_by_what_its_slot_earns_until_it_is_whole() {
    let (mut world, contract, slot) = held_back();
    assert_eq!(world.slot(contract, slot).lacking, Msat(1_000_000));
    assert_eq!((bond(&world, contract, slot), world.money(did(POOR))), (HAS, 0));
    // What came in is paid for with the first epoch; the eighth's pay is the last that is lacking.
    let earned = |epochs: i64| 10_000 + epochs * EPOCH;
    world.audit_epoch(&[]);
    for epochs in 1..8 {
        world.audit_epoch(&[]);
        assert_eq!(bond(&world, contract, slot), HAS + earned(epochs).min(1_000_000));
        assert_eq!(world.money(did(POOR)), 0, "nothing is paid out before the bond is whole");
    }
    world.audit_epoch(&[]);
    assert_eq!(bond(&world, contract, slot), 2_500_000);
    assert_eq!(world.slot(contract, slot).lacking, Msat::ZERO);
    assert!(world.market.due(world.now).is_empty(), "what is whole needs nothing more");
    world.live_out(contract);
    assert_eq!(world.money(did(POOR)), HAS + earned(10), "all of it is the provider's in the end");
    world.replayed().expect("a replay gives the same state");
}

#[test]
fn what_is_held_back_cannot_be_withdrawn() {
    let (mut world, contract, slot) = held_back();
    world.audit_epoch(&[]);
    let next = world.open_epoch().unwrap();
    world.done(&next);
    assert!(world.market.unposted(slot_id(contract, slot)) > Msat::ZERO);
    let withdraw = world.withdraw(did(POOR), 1);
    world.refuse(&withdraw, "insufficient_funds", "holds");
}

#[test]
fn a_bond_that_its_provider_makes_whole_holds_nothing_back() {
    let (mut world, contract, slot) = held_back();
    world.audit_epoch(&[]);
    world.fund(did(POOR), 5_000_000);
    let top_up = world.top_up(contract, slot, 2_500_000);
    world.done(&top_up);
    let held = bond(&world, contract, slot);
    assert_eq!(held, 2_500_000);
    world.audit_epoch(&[]);
    assert_eq!(bond(&world, contract, slot), held);
    let withdraw = world.withdraw(did(POOR), 1);
    assert_eq!(world.names(&withdraw), ["earnings_posted", "withdrawn"]);
}

#[test]
fn a_slash_takes_what_was_held_back_as_well() {
    let (mut world, contract, slot) = held_back();
    for _ in 0..3 {
        world.audit_epoch(&[]);
    }
    let before = bond(&world, contract, slot);
    assert_eq!(before, HAS + 10_000 + 2 * EPOCH);
    let confession = world.confession(contract, slot, GB / 200);
    world.done(&confession);
    // Half of a tenth of what is there: it was confessed, and less than 1 % is lost.
    assert_eq!(bond(&world, contract, slot), before - before / 20);
}

/// A verdict that lowers the pay counts the slot's earnings up to its epoch. It once left behind a look at the contract
/// that was never taken back, so that the contract was looked at for ever.
#[test]
fn a_verdict_between_two_holdings_leaves_nothing_behind() {
    let (mut world, contract, slot) = held_back();
    world.pass_epoch();
    world.pass_epoch();
    let failed = world.judged((contract, slot), (Epoch(2), AuditKind::Routine), (65, 65));
    world.done(&failed);
    let dispute_over = 6;
    while world.market.epoch().0 < dispute_over {
        world.pass_epoch();
    }
    while world.known(contract).state.is_open() {
        world.pass_epoch();
    }
    assert_eq!(world.market.awake(world.now), 0, "what is over is not looked at");
}

#[test]
fn holding_back_happens_once_an_epoch_and_only_to_what_lacks() {
    let (mut world, contract, slot) = held_back();
    world.pass_epoch();
    let next = world.open_epoch().unwrap();
    world.done(&next);
    let due = world.market.due(world.now);
    assert_eq!(due, [Due::HoldBack(slot_id(contract, slot))]);
    let hold = Command::HoldBack { contract, slot };
    let events = world.done(&hold);
    let [Event::EarningsHeld { amount, .. }] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(*amount, Msat(10_000 + EPOCH));
    assert!(world.done(&hold).is_empty());
    let other = (slot + 1) % 4;
    assert!(world.done(&Command::HoldBack { contract, slot: other }).is_empty());
    let nowhere = Command::HoldBack { contract, slot: 9 };
    world.refuse(&nowhere, "unknown_slot", "slot");
}
