//! Contracts that end before their term: cancelled, left by their client, left by a provider; with every msat accounted for.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{BOND, CLIENT, DAILY, DEPOSIT, ESCROW, ESCROW_FEE, FEES, FIRST, GB, terms};
use common::{World, did};
use contracts::{ContractState, SlotState};
use market::{Command, Event};
use types::{Epoch, Msat};

#[test]
fn what_was_not_stored_is_cancelled_at_no_cost_until_every_provider_is_ready() {
    for (confirmed, fee) in [(0, 0), (2, 0), (4, ESCROW_FEE)] {
        let mut world = World::staged(8);
        let contract = world.agree(&terms());
        for slot in 0..confirmed {
            let confirm = world.confirmation(contract, slot, None);
            world.done(&confirm);
        }
        let cancel = world.cancellation(contract);
        let events = world.done(&cancel);
        assert_eq!(events[0].name(), "contract_cancelled");
        assert_eq!(
            market::effect::effects(&world.market, &events[0]).len(),
            4,
            "all may forget it"
        );
        assert!(world.done(&cancel).is_empty());
        assert_eq!(world.known(contract).state, ContractState::Cancelled);
        assert_eq!(world.money(CLIENT), DEPOSIT - fee);
        assert_eq!(world.share(contract, CLIENT), (0, ESCROW - fee, 0));
        world.adds_up(8);
    }
}

#[test]
fn a_client_that_leaves_early_pays_part_of_what_could_still_be_earned() {
    let mut world = World::staged(4);
    let contract = world.store();
    let kept = world.providers(contract);
    world.audit_until(4);
    let cancel = world.cancellation(contract);
    assert_eq!(world.names(&cancel), ["contract_left"]);
    assert!(world.done(&cancel).is_empty());
    let known = world.known(contract);
    assert_eq!((known.state, known.end()), (ContractState::Completed, Some(Epoch(4))));
    world.live_out(contract);
    assert!(world.done(&cancel).is_empty(), "even after it was settled");
    let (earned, exit) = (3 * DAILY + 10_000, 7 * DAILY / 10);
    for provider in kept {
        assert_eq!(world.share(contract, provider), (earned + exit, BOND, 0));
    }
    let back = ESCROW - FEES - 4 * (earned + exit);
    assert_eq!(world.share(contract, CLIENT), (0, back, 0));
    world.adds_up(4);
}

#[test]
fn who_leaves_before_the_first_epoch_pays_the_fee_on_all_of_them() {
    let mut world = World::staged(4);
    let contract = world.store();
    let provider = world.provider(contract, 0);
    let cancel = world.cancellation(contract);
    world.done(&cancel);
    world.live_out(contract);
    assert_eq!(world.share(contract, provider).0, 10_000 + DAILY);
    world.adds_up(4);
}

#[test]
fn a_broken_promise_has_no_exit_fee() {
    let mut world = World::staged(4);
    let contract = world.store();
    world.audit_until(3);
    let provider = world.provider(contract, 3);
    world.pass_epoch();
    let silence = world.silence(contract, 3);
    world.done(&silence);
    let cancel = world.cancellation(contract);
    let events = world.done(&cancel);
    let Event::ContractLeft { fees, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!(fees[3], Msat::ZERO);
    assert!(fees[..3].iter().all(|fee| *fee > Msat::ZERO));
    world.live_out(contract);
    assert!(world.share(contract, provider).0 < world.share(contract, did(FIRST)).0 + DAILY);
    world.adds_up(4);
}

#[test]
fn a_provider_that_leaves_pays_the_client_and_serves_until_another_takes_over() {
    let mut world = World::staged(5);
    let contract = world.store();
    let leaver = world.provider(contract, 2);
    world.audit_until(3);
    let depart = world.departure(contract, 2);
    assert_eq!(world.names(&depart), ["slot_departing"]);
    assert!(world.done(&depart).is_empty());
    assert_eq!(world.share(contract, CLIENT).0, BOND / 10);
    let replace = Command::Replace { contract, slot: 2, seed: [0; 32] };
    assert!(world.done(&replace).is_empty(), "it has not shown yet that it has everything");
    world.pass_epoch();
    let asked = market::schedule::routine(&world.market);
    assert_eq!(asked[&leaver][0].count, market::schedule::INTENSIFIED, "it is asked thoroughly");
    assert_eq!(
        (world.provider(contract, 2), world.slot(contract, 2).state),
        (leaver, SlotState::Filled)
    );
    world.audit_epoch(&[]);
    let next = world.provider(contract, 2);
    assert_ne!(next, leaver);
    assert_eq!(world.slot(contract, 2).state, SlotState::Repairing);
    assert_eq!(world.share(contract, leaver), (4 * DAILY + 10_000, BOND * 9 / 10, BOND / 10));
    let confirm = world.confirmation(contract, 2, None);
    world.done(&confirm);
    let rebuilt = world.rebuilt(contract, 2);
    world.done(&rebuilt);
    world.live_out(contract);
    assert_eq!(world.share(contract, next).0, 5 * DAILY + 10_000);
    world.adds_up(5);
}

#[test]
fn a_leaver_for_whom_nobody_steps_in_stays() {
    let mut world = World::staged(4);
    let contract = world.store();
    let leaver = world.provider(contract, 2);
    world.audit_until(3);
    let depart = world.departure(contract, 2);
    world.done(&depart);
    world.live_out(contract);
    assert_eq!(world.share(contract, leaver), (10 * DAILY + 10_000, BOND * 9 / 10, BOND / 10));
    let delays = world.journal.iter().filter(|e| e.name() == "repair_delayed").count();
    assert_eq!(delays, 6, "it is looked for once an epoch");
    world.adds_up(4);
}

#[test]
fn leaving_is_no_way_around_a_penalty() {
    let mut world = World::staged(5);
    let contract = world.store();
    let sly = world.provider(contract, 2);
    world.audit_until(3);
    let depart = world.departure(contract, 2);
    world.done(&depart);
    world.pass_epoch();
    let found = world.judged(
        (contract, 2),
        (world.market.epoch(), types::documents::AuditKind::Routine),
        (256, 256),
    );
    world.done(&found);
    assert_eq!(world.slot(contract, 2).state, SlotState::AtFault);
    let all = world.judged(
        (contract, 2),
        (world.market.epoch(), types::documents::AuditKind::Intensified),
        (256, 256),
    );
    world.done(&all);
    assert_eq!(world.share(contract, sly).2, BOND, "the whole bond, the fee included");
    world.live_out(contract);
    world.adds_up(5);
}

#[test]
fn a_slot_is_not_handed_over_where_too_few_others_could_rebuild_it() {
    let mut world = World::staged(7);
    let contract = world.store();
    world.audit_until(2);
    for slot in 0..2 {
        let silence = world.confession(contract, slot, GB);
        world.done(&silence);
    }
    let depart = world.departure(contract, 2);
    world.done(&depart);
    let epoch = world.open_epoch().expect("epochs enough");
    world.done(&epoch);
    let fine = world.judged(
        (contract, 2),
        (world.market.epoch(), types::documents::AuditKind::Routine),
        (0, 256),
    );
    world.done(&fine);
    let replace = Command::Replace { contract, slot: 2, seed: [0; 32] };
    assert!(world.done(&replace).is_empty(), "one other slot is sound, two are needed");
    assert!(world.is_active(contract));
}
