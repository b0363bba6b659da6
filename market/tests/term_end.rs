//! The end of a term: everybody shows once more what they keep, and whoever does not is judged as before the end.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{BOND, CLIENT, DAILY, DEPOSIT, ESCROW};
use common::{World, signed};
use contracts::{Account, Cause, ContractState, SlotState};
use market::{Command, Event, schedule};
use types::documents::{AuditKind, Extension, Maintenance};
use types::{ContractId, Did, Epoch, Msat};

/// What a slot earns for taking its bytes in.
const TAKEN_IN: i64 = 10_000;
/// What it earns in all.
const WHOLE: i64 = 10 * DAILY + TAKEN_IN;
/// The first epoch after the term.
const END: Epoch = Epoch(11);

/// A contract whose last epoch is open and audited, and the provider of its first slot.
fn at_the_last_epoch() -> (World, ContractId, Did) {
    let mut world = World::staged(8);
    let contract = world.store();
    (0..10).for_each(|_| world.audit_epoch(&[]));
    assert_eq!(world.known(contract).end(), Some(END));
    let provider = world.provider(contract, 0);
    (world, contract, provider)
}

fn is_asked(world: &World, provider: Did) -> Option<u32> {
    let asked = schedule::routine(&world.market);
    asked.get(&provider).map(|slots| slots.iter().map(|slot| slot.count).sum())
}

#[test]
fn every_slot_is_asked_once_when_the_term_is_over() {
    let (mut world, contract, provider) = at_the_last_epoch();
    assert_eq!(is_asked(&world, provider), None, "its last epoch has its verdicts");
    world.pass_epoch();
    assert_eq!(world.known(contract).state, ContractState::Completed);
    assert_eq!(is_asked(&world, provider), Some(72), "as many as a day brings");
    assert!(schedule::is_audited(&world.market, &provider));
    assert_eq!(schedule::routine(&world.market).len(), 4);
    let passed = world.judged((contract, 0), (END, AuditKind::Routine), (0, 72));
    assert_eq!(world.names(&passed), ["verdict_recorded"]);
    assert_eq!(is_asked(&world, provider), None);
    world.audit_epoch(&[]);
    assert_eq!(world.known(contract).state, ContractState::Settled);
    assert!(!schedule::is_audited(&world.market, &provider));
    assert_eq!(world.share(contract, provider), (WHOLE, BOND, 0));
}

#[test]
fn a_machine_that_is_down_when_the_term_ends_costs_the_pay_since_its_last_proof() {
    let (mut world, contract, away) = at_the_last_epoch();
    world.audit_epoch(&[away]);
    let fault = world.slot(contract, 0).fault.expect("silence is a fault");
    assert_eq!((fault.since, fault.cause), (END, Cause::Unreachable));
    world.pass_epoch();
    assert_eq!(world.known(contract).state, ContractState::Completed, "a fault is judged first");
    assert_eq!(is_asked(&world, away), Some(72));
    assert_eq!(schedule::routine(&world.market).len(), 1, "the others have shown what they keep");
    let back = world.judged((contract, 0), (Epoch(12), AuditKind::Routine), (0, 72));
    assert_eq!(world.names(&back), ["verdict_recorded", "slot_recovered"]);
    world.settle_down(1).unwrap();
    assert_eq!(world.known(contract).state, ContractState::Settled);
    assert_eq!(world.share(contract, away), (WHOLE - DAILY, BOND, 0));
    assert_eq!(world.share(contract, CLIENT), (0, 100_000 + DAILY, 0));
    world.adds_up(8);
}

#[test]
fn pay_that_was_taken_out_before_comes_back_from_the_bond() {
    let (mut world, contract, away) = at_the_last_epoch();
    world.pass_epoch();
    let out = world.withdraw(away, DEPOSIT - BOND + WHOLE);
    assert_eq!(world.names(&out), ["earnings_posted", "withdrawn"]);
    let silent = world.silence(contract, 0);
    assert_eq!(world.names(&silent), ["verdict_recorded", "slot_faulted"]);
    world.audit_epoch(&[]);
    assert_eq!(world.known(contract).state, ContractState::Settled);
    assert_eq!(world.share(contract, away), (WHOLE, BOND - DAILY, DAILY));
    assert_eq!(world.share(contract, CLIENT), (DAILY, 100_000, 0));
    assert_eq!(world.balance(Account::RepairPool), 0);
    world.replayed().unwrap();
}

#[test]
fn being_away_before_the_end_too_costs_those_epochs_as_well() {
    let mut world = World::staged(8);
    let contract = world.store();
    (0..9).for_each(|_| world.audit_epoch(&[]));
    let away = world.provider(contract, 0);
    world.audit_epoch(&[away]);
    world.audit_epoch(&[]);
    assert_eq!(world.slot(contract, 0).state, SlotState::Filled, "back when the term is over");
    world.live_out(contract);
    // The last epoch, and the one before it that was asked for.
    assert_eq!(world.share(contract, away), (WHOLE - 2 * DAILY, BOND, 0));
    world.adds_up(8);
}

#[test]
fn whoever_stays_silent_after_the_end_loses_its_bond() {
    let (mut world, contract, gone) = at_the_last_epoch();
    world.audit_epoch(&[gone]);
    world.audit_epoch(&[gone]);
    assert_eq!(world.slot(contract, 0).state, SlotState::AtFault, "the repair time is two days");
    world.audit_epoch(&[gone]);
    assert_eq!(world.slot(contract, 0).state, SlotState::Vacated);
    assert_eq!(world.known(contract).state, ContractState::Completed, "it can be disputed");
    world.live_out(contract);
    assert_eq!(world.share(contract, gone), (WHOLE, 0, BOND));
    assert_eq!(world.share(contract, CLIENT), (1_100_000, 100_000, 0));
    let others = [1, 2, 3].map(|slot| world.share(contract, world.provider(contract, slot)));
    assert_eq!(others, [(WHOLE, BOND, 0); 3]);
    world.adds_up(8);
}

#[test]
fn a_wrong_answer_after_the_end_costs_what_it_did_before() {
    let (mut world, contract, provider) = at_the_last_epoch();
    world.pass_epoch();
    let failed = world.judged((contract, 0), (END, AuditKind::Routine), (1, 72));
    assert_eq!(world.names(&failed), ["verdict_recorded", "slot_faulted"]);
    let estimate = world.judged((contract, 0), (END, AuditKind::Intensified), (20, 256));
    assert_eq!(world.names(&estimate), ["verdict_recorded", "penalised", "slot_vacated"]);
    world.live_out(contract);
    assert_eq!(world.share(contract, provider), (WHOLE, BOND / 2, BOND / 2));
    world.adds_up(8);
}

#[test]
fn a_wrong_answer_and_then_silence_is_judged_before_anything_is_settled() {
    let (mut world, contract, provider) = at_the_last_epoch();
    world.pass_epoch();
    let failed = world.judged((contract, 0), (END, AuditKind::Routine), (1, 72));
    world.done(&failed);
    assert_eq!(is_asked(&world, provider), None, "only an intensified audit is of use now");
    world.audit_epoch(&[]);
    assert_eq!(world.known(contract).state, ContractState::Completed);
    world.live_out(contract);
    assert_eq!(world.share(contract, provider), (WHOLE, 0, BOND));
    world.adds_up(8);
}

#[test]
fn a_loss_that_was_paid_for_is_not_paid_for_again_when_the_term_ends() {
    let (mut world, contract, provider) = at_the_last_epoch();
    let confession = world.confession(contract, 0, 1_000);
    assert_eq!(
        world.names(&confession),
        ["loss_confessed", "slot_faulted", "penalised"],
        "a small one"
    );
    world.pass_epoch();
    assert_eq!(is_asked(&world, provider), None);
    world.live_out(contract);
    let (received, returned, slashed) = world.share(contract, provider);
    assert_eq!((received, returned + slashed), (WHOLE - DAILY, BOND));
    assert!(slashed < BOND / 10, "{slashed}");
    world.adds_up(8);
}

#[test]
fn announced_silence_after_the_end_is_not_held_against_a_record() {
    let mut terms = common::stage::terms();
    terms.maintenance = types::Span(6 * types::Span::DAY.0);
    let mut world = World::staged(8);
    let contract = world.store_under(&terms);
    let away = world.provider(contract, 0);
    let notice =
        Maintenance { provider: away, from: END, epochs: 1, reason: "a new disk".to_owned() };
    world.done(&Command::Announce(signed(notice)));
    (0..10).for_each(|_| world.audit_epoch(&[]));
    world.pass_epoch();
    let silence = world.silence(contract, 0);
    let events = world.done(&silence);
    let Event::VerdictRecorded { outcomes, excused, .. } = &events[0] else { panic!("{events:?}") };
    assert!(outcomes.is_empty() && excused.is_empty(), "{outcomes:?} {excused:?}");
    assert_eq!(events[1].name(), "slot_faulted");
    world.audit_epoch(&[]);
    assert_eq!(world.share(contract, away), (WHOLE - DAILY, BOND, 0));
}

#[test]
fn who_is_extended_in_the_last_epoch_is_asked_as_before() {
    let (mut world, contract, provider) = at_the_last_epoch();
    let extension = Extension { client: CLIENT, contract, number: 1, epochs: 15, automatic: false };
    world.done(&Command::Extend(signed(extension)));
    world.pass_epoch();
    assert_eq!(world.known(contract).state, ContractState::Active);
    let silent = world.silence(contract, 0);
    world.done(&silent);
    world.audit_epoch(&[]);
    world.live_out(contract);
    assert_eq!(world.market.epoch(), Epoch(17));
    assert_eq!(world.share(contract, provider).0, WHOLE + 4 * DAILY, "the silent epoch alone");
    world.replayed().unwrap();
}

#[test]
fn one_that_its_client_leaves_is_asked_in_the_open_epoch_unless_it_was_already() {
    for (audited, asked) in [(false, Some(72)), (true, None)] {
        let mut world = World::staged(8);
        let contract = world.store();
        (0..3).for_each(|_| world.audit_epoch(&[]));
        world.pass_epoch();
        let provider = world.provider(contract, 0);
        if audited {
            let passed = world.judged((contract, 0), (Epoch(4), AuditKind::Routine), (0, 72));
            world.done(&passed);
        }
        let cancel = world.cancellation(contract);
        world.done(&cancel);
        assert_eq!(is_asked(&world, provider), asked);
        world.live_out(contract);
        let fee = 7 * DAILY / 10;
        assert_eq!(world.share(contract, provider), (3 * DAILY + TAKEN_IN + fee, BOND, 0));
        let escrow: Msat = world.known(contract).cost.escrow().unwrap();
        assert_eq!(escrow, Msat(ESCROW));
        world.adds_up(8);
    }
}
