//! Announced maintenance: what may be announced, and which silence it excuses.
#![cfg(test)]

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{FIRST, terms};
use common::{World, did, signed};
use contracts::SlotState;
use market::{Command, Event};
use types::documents::Maintenance;
use types::{ContractId, Did, Epoch, Span};

/// What an epoch earns a slot.
const EPOCH: i64 = 125_000;

fn notice(provider: Did, from: u64, epochs: u32) -> Maintenance {
    Maintenance { provider, from: Epoch(from), epochs, reason: "new disks".into() }
}

fn announce(notice: Maintenance) -> Command {
    Command::Announce(signed(notice))
}

/// A contract of ten epochs that allows one of maintenance.
fn lenient(world: &mut World) -> ContractId {
    let mut terms = terms();
    terms.maintenance = Span(3 * Span::DAY.0);
    world.store_under(&terms)
}

#[test]
fn each_notice_that_may_not_be_given_is_refused_with_what_would_be_right() {
    let mut world = World::staged(4);
    world.store();
    world.pass_epoch();
    let provider = did(FIRST);
    let long = "x".repeat(257);
    for (notice, field, right) in [
        (notice(provider, 0, 1), "from", "announce from epoch 2 on"),
        (notice(provider, 1, 1), "from", "announce from epoch 2 on"),
        (notice(provider, 92, 1), "from", "give at most 91"),
        (notice(provider, 2, 0), "epochs", "give 1 to 7"),
        (notice(provider, 2, 8), "epochs", "give 1 to 7"),
        (notice(did(77), 2, 1), "provider", "publish an ask first"),
        (Maintenance { reason: String::new(), ..notice(provider, 2, 1) }, "reason", "give 1 to"),
        (Maintenance { reason: long, ..notice(provider, 2, 1) }, "reason", "give 1 to"),
    ] {
        let command = announce(notice);
        world.refuse(&command, "invalid_field", right);
        world.refuse(&command, "invalid_field", field);
    }
    for from in 2..18 {
        let command = announce(notice(provider, from, 1));
        assert_eq!(world.names(&command), ["maintenance_announced"]);
        assert!(world.done(&command).is_empty(), "the same notice again is the same");
    }
    world.refuse(&announce(notice(provider, 18, 1)), "invalid_field", "wait until one is over");
}

#[test]
fn announced_silence_within_the_allowance_costs_nothing() {
    let mut world = World::staged(4);
    let contract = lenient(&mut world);
    let provider = world.provider(contract, 1);
    world.pass_epoch();
    world.done(&announce(notice(provider, 2, 2)));
    let before = world.market.score(&provider);
    world.audit_epoch(&[provider]);
    let excused = |event: &Event| match event {
        Event::VerdictRecorded { provider: about, excused, .. } if *about == provider => {
            Some(excused.len())
        }
        _ => None,
    };
    assert_eq!(world.journal.iter().filter_map(excused).next_back(), Some(1));
    assert_eq!(world.slot(contract, 1).state, SlotState::Filled);
    assert_eq!(world.market.score(&provider), before, "nothing is held against it");
    let bond = contracts::Account::Bond(contract, 1);
    assert_eq!(world.balance(bond), 2_500_000);
    world.live_out(contract);
    assert_eq!(world.share(contract, provider).0, 10 * EPOCH + 10_000);
}

#[test]
fn announced_silence_beyond_the_allowance_is_an_outage() {
    let mut world = World::staged(4);
    let contract = lenient(&mut world);
    let provider = world.provider(contract, 1);
    world.pass_epoch();
    world.done(&announce(notice(provider, 2, 2)));
    world.audit_epoch(&[provider]);
    assert_eq!(world.slot(contract, 1).state, SlotState::Filled);
    world.audit_epoch(&[provider]);
    assert_eq!(world.slot(contract, 1).state, SlotState::AtFault, "one epoch was allowed");
}

#[test]
fn an_allowance_of_less_than_an_epoch_excuses_nothing() {
    let mut world = World::staged(4);
    let contract = world.store();
    let provider = world.provider(contract, 1);
    world.done(&announce(notice(provider, 1, 1)));
    world.audit_epoch(&[provider]);
    assert_eq!(world.slot(contract, 1).state, SlotState::AtFault);
}

#[test]
fn silence_that_was_announced_for_another_epoch_is_an_outage() {
    let mut world = World::staged(4);
    let contract = lenient(&mut world);
    let provider = world.provider(contract, 1);
    world.done(&announce(notice(provider, 2, 1)));
    world.audit_epoch(&[provider]);
    assert_eq!(world.slot(contract, 1).state, SlotState::AtFault);
}

#[test]
fn who_answers_all_the_same_is_paid_and_uses_none_of_the_allowance() {
    let mut world = World::staged(4);
    let contract = lenient(&mut world);
    let provider = world.provider(contract, 1);
    world.done(&announce(notice(provider, 1, 3)));
    world.audit_epoch(&[]);
    world.audit_epoch(&[provider]);
    assert_eq!(world.slot(contract, 1).state, SlotState::Filled, "the allowance was there still");
    world.live_out(contract);
    assert_eq!(world.share(contract, provider).0, 10 * EPOCH + 10_000);
}
