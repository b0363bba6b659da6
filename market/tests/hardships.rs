//! Broken promises: who pays, who is paid, and how the slot comes to hold its bytes again.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::World;
use common::stage::{CLIENT, GB};
use contracts::{Account, Cause, ContractState, SlotState};
use market::{Command, Event};
use types::documents::AuditKind;
use types::{ContractId, Epoch, Msat};

const ESCROW: i64 = 5_448_000;
const BOND: i64 = 2_500_000;

/// Everything that went in came out or is in the pool.
fn adds_up(world: &World, contract: ContractId, went_in: i64) {
    let Some(Event::ContractSettled { settlement, .. }) = world.journal.last() else {
        panic!("not settled")
    };
    let out: i64 = settlement.shares.iter().map(|s| s.received.0 + s.returned.0).sum();
    assert_eq!(out + settlement.fees.0 + settlement.to_pool.0, went_in);
    assert_eq!(settlement.to_pool.0, world.balance(Account::RepairPool));
    assert_eq!(world.balance(Account::Fees), settlement.fees.0, "no rule pays the judge");
    assert_eq!(world.known(contract).state, ContractState::Settled);
    world.replayed().expect("a replay gives the same state");
}

/// What the last penalty cost: slashed, to the client, to the pool.
fn penalty(world: &World) -> (i64, i64, i64) {
    let penalised = |event: &Event| match event {
        Event::Penalised { slashed, to_client, to_pool, .. } => {
            Some((slashed.0, to_client.0, to_pool.0))
        }
        _ => None,
    };
    world.journal.iter().rev().find_map(penalised).expect("a penalty")
}

/// One failed proof in epoch 1, and what 256 more say.
fn found_out(world: &mut World, contract: ContractId, missed: u32) -> Vec<&'static str> {
    world.pass_epoch();
    let failed = world.judged((contract, 0), (Epoch(1), AuditKind::Routine), (1, 65));
    assert_eq!(world.names(&failed), ["verdict_recorded", "slot_faulted"]);
    assert_eq!(world.slot(contract, 0).fault.map(|fault| fault.cause), Some(Cause::Lost));
    let estimate = world.judged((contract, 0), (Epoch(1), AuditKind::Intensified), (missed, 256));
    let names = world.names(&estimate);
    assert!(world.done(&estimate).is_empty(), "a loss is penalised once");
    names
}

#[test]
fn a_provider_gone_for_longer_than_the_repair_time_is_replaced() {
    let mut world = World::staged(5);
    let contract = world.store();
    let gone = world.provider(contract, 0);
    world.audit_epoch(&[]);
    world.audit_epoch(&[]);
    world.audit_epoch(&[gone]);
    assert_eq!(world.slot(contract, 0).state, SlotState::AtFault);
    world.audit_epoch(&[gone]);
    assert_eq!(world.provider(contract, 0), gone, "the repair time is two days");
    world.audit_epoch(&[gone]);
    // All of the bond: 2 × 50,000 + 10,000 for the repair and what is left to the pool, what was paid to the client.
    assert_eq!(penalty(&world), (BOND, 1_100_000, 1_400_000));
    assert_eq!(world.share(contract, gone), (2 * 125_000 + 10_000, 0, BOND));
    let next = world.provider(contract, 0);
    assert_ne!(next, gone);
    assert_eq!(world.slot(contract, 0).state, SlotState::Repairing);
    assert_eq!(world.slot(contract, 0).quoted.cost.total(), Ok(Msat(635_000)), "five epochs");
    let confirm = world.confirmation(contract, 0, None);
    world.done(&confirm);
    assert_eq!(world.balance(Account::Bond(contract, 0)), 1_250_000);
    let rebuilt = world.rebuilt(contract, 0);
    assert_eq!(world.names(&rebuilt), ["rebuild_finished"]);
    assert!(world.done(&rebuilt).is_empty());
    assert_eq!(world.known(contract).revision, 2);
    assert_eq!(world.balance(Account::RepairPool), 1_300_000, "two sources are paid");
    let sources = [1, 2, 3].map(|slot| world.provider(contract, slot));
    world.live_out(contract);
    let received = sources.map(|source| world.share(contract, source).0);
    assert_eq!(received, [1_310_000, 1_310_000, 1_260_000]);
    assert_eq!(world.share(contract, next), (635_000, 1_250_000, 0));
    assert_eq!(world.share(contract, CLIENT), (1_100_000, 465_000, 0));
    adds_up(&world, contract, ESCROW + 4 * BOND + 1_250_000);
}

#[test]
fn one_that_answers_again_in_time_loses_only_the_epochs_in_between() {
    let mut world = World::staged(4);
    let contract = world.store();
    let away = world.provider(contract, 0);
    world.audit_epoch(&[]);
    world.audit_epoch(&[away]);
    world.audit_epoch(&[]);
    assert_eq!(world.slot(contract, 0).state, SlotState::Filled);
    world.live_out(contract);
    assert_eq!(world.share(contract, away), (9 * 125_000 + 10_000, BOND, 0));
    assert_eq!(world.share(contract, CLIENT), (0, 225_000, 0));
    adds_up(&world, contract, ESCROW + 4 * BOND);
}

#[test]
fn a_small_loss_costs_part_of_the_bond_and_is_rebuilt_in_place() {
    let mut world = World::staged(4);
    let contract = world.store();
    let careless = world.provider(contract, 0);
    // (7 + 1) / (256 + 2) = 3.1007 %: a quarter of the bond.
    assert_eq!(found_out(&mut world, contract, 7), ["verdict_recorded", "penalised"]);
    assert_eq!(penalty(&world), (625_000, 621_587, 3_413));
    assert_eq!(world.slot(contract, 0).state, SlotState::AtFault);
    let rebuilt = world.rebuilt(contract, 0);
    assert_eq!(world.names(&rebuilt), ["rebuild_finished"]);
    assert_eq!(world.balance(Account::RepairPool), 3_413 - 2 * 1_551);
    world.audit_epoch(&[]);
    assert_eq!(world.slot(contract, 0).state, SlotState::Filled);
    world.live_out(contract);
    // Epoch 1: 990 of compliance are paid in full, and 800 ‰ of the bonus.
    let earned = 110_000 + 12_000 + 9 * 125_000 + 10_000;
    assert_eq!(world.share(contract, careless), (earned, BOND - 625_000, 625_000));
    assert_eq!(world.share(contract, CLIENT), (621_587, 103_000, 0));
    adds_up(&world, contract, ESCROW + 4 * BOND);
}

#[test]
fn a_loss_of_more_than_five_percent_replaces_the_slot() {
    let mut world = World::staged(5);
    let contract = world.store();
    let careless = world.provider(contract, 0);
    let names = found_out(&mut world, contract, 20);
    assert_eq!(names, ["verdict_recorded", "penalised", "slot_vacated"]);
    assert_eq!(penalty(&world).0, BOND / 2);
    assert_eq!(world.share(contract, careless), (110_000 + 12_000 + 10_000, BOND / 2, BOND / 2));
    world.settle_down(1).unwrap();
    assert_eq!(world.slot(contract, 0).state, SlotState::Repairing);
    let confirm = world.confirmation(contract, 0, None);
    world.done(&confirm);
    let rebuilt = world.rebuilt(contract, 0);
    world.done(&rebuilt);
    world.live_out(contract);
    let bond = 2 * (9 * 125_000);
    adds_up(&world, contract, ESCROW + 4 * BOND + bond);
}

#[test]
fn a_confessed_loss_costs_half_of_a_discovered_one() {
    for (lost, slashed, replaced) in
        [(1, BOND / 20, false), (20_000_000, BOND / 8, false), (GB, BOND / 2, true)]
    {
        let mut world = World::staged(5);
        let contract = world.store();
        world.audit_epoch(&[]);
        let confession = world.confession(contract, 0, lost);
        let names = world.names(&confession);
        assert_eq!(names[..3], ["loss_confessed", "slot_faulted", "penalised"]);
        assert_eq!(names.get(3).is_some(), replaced);
        assert_eq!(penalty(&world).0, slashed);
        assert!(world.done(&confession).is_empty(), "it is confessed once");
        let state = world.slot(contract, 0).state;
        assert_eq!(state, if replaced { SlotState::Vacated } else { SlotState::AtFault });
    }
}

#[test]
fn a_confession_does_not_halve_the_price_of_what_is_never_rebuilt() {
    let mut world = World::staged(5);
    let contract = world.store();
    let sly = world.provider(contract, 0);
    world.audit_epoch(&[]);
    let confession = world.confession(contract, 0, 1);
    world.done(&confession);
    world.audit_epoch(&[]);
    world.audit_epoch(&[]);
    assert_eq!(world.share(contract, sly), (10_000, 0, BOND), "all of it, and nothing earned");
    assert_ne!(world.provider(contract, 0), sly);
}

#[test]
fn a_contract_that_has_lost_more_than_m_slots_fails_and_is_settled() {
    let mut world = World::staged(4);
    let contract = world.store();
    world.audit_epoch(&[]);
    world.audit_epoch(&[]);
    let all: Vec<_> = (0..4).map(|slot| world.provider(contract, slot)).collect();
    for slot in 0..3 {
        assert_eq!(world.known(contract).state, ContractState::Active);
        let confession = world.confession(contract, slot, GB);
        let names = world.names(&confession);
        assert_eq!(names.last(), Some(&if slot < 2 { "slot_vacated" } else { "contract_failed" }));
    }
    let Some(Event::ContractFailed { lost, .. }) = world.journal.last() else {
        panic!("it has failed")
    };
    assert_eq!(lost, &[0, 1, 2]);
    world.settle_down(1).unwrap();
    // Whoever confessed has one epoch's pay and half a bond; who kept its part is paid until now.
    for loser in &all[..3] {
        assert_eq!(world.share(contract, *loser), (135_000, BOND / 2, BOND / 2));
    }
    assert_eq!(world.share(contract, all[3]), (135_000, BOND, 0));
    let fees = 308_000;
    assert_eq!(world.share(contract, CLIENT).1, ESCROW - fees - 4 * 135_000);
    adds_up(&world, contract, ESCROW + 4 * BOND);
}

#[test]
fn a_slot_nobody_can_take_stays_vacated_until_the_end() {
    let mut world = World::staged(4);
    let contract = world.store();
    world.audit_epoch(&[]);
    let confession = world.confession(contract, 0, GB);
    world.done(&confession);
    let replace = Command::Replace { contract, slot: 0, seed: [0; 32] };
    let events = world.done(&replace);
    let [Event::RepairDelayed { reason, .. }] = events.as_slice() else { panic!("{events:?}") };
    assert!(reason.contains("0 of 1 slots can be placed"), "{reason}");
    assert!(world.done(&replace).is_empty(), "it is looked for once an epoch");
    world.live_out(contract);
    assert_eq!(world.share(contract, CLIENT).0, 1_100_000);
    adds_up(&world, contract, ESCROW + 4 * BOND);
}

#[test]
fn an_answer_to_one_reservation_is_none_to_the_next_even_while_the_clock_stands_still() {
    let mut world = World::staged(5);
    let contract = world.store();
    let lost = world.confession(contract, 0, GB);
    world.done(&lost);
    world.settle_down(3).expect("what is due can be done");
    let asked = world.provider(contract, 0);
    let first = world.confirmation(contract, 0, Some("full"));
    world.done(&first);
    assert_eq!(world.slot(contract, 0).state, SlotState::Vacated);
    let before = world.now;
    // Nobody else is there, so it is asked again once it may be.
    while world.slot(contract, 0).state != SlotState::Repairing {
        world.pass_epoch();
    }
    assert_eq!((world.provider(contract, 0), world.now), (asked, before));
    world.refuse(&first, "invalid_field", "is of another reservation");
    let second = world.confirmation(contract, 0, Some("full"));
    world.done(&second);
    while world.slot(contract, 0).state != SlotState::Repairing {
        world.pass_epoch();
    }
    world.refuse(&first, "invalid_field", "is of another reservation");
    world.refuse(&second, "invalid_field", "is of another reservation");
    let taken = world.confirmation(contract, 0, None);
    assert_eq!(world.names(&taken), ["slot_confirmed"]);
}
