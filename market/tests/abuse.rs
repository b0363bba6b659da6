//! Ways to gain by another's loss, to be paid twice or to stop the market, each of which must not work.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{CLIENT, FIRST, GB, slot_id, terms};
use common::{World, did, signed};
use contracts::audit_plan::under_suspicion;
use contracts::{Account, SlotState};
use market::{Command, Event, schedule};
use types::documents::{AuditKind, SlotChallenge};
use types::{Bytes, ContractId, Did, Epoch, GbPrice, Msat, Price, Span};

/// Gives slot 0 up by a confession and looks for the next provider.
fn lose(world: &mut World, contract: ContractId) -> Did {
    let loser = world.provider(contract, 0);
    let confession = world.confession(contract, 0, GB);
    world.done(&confession);
    world.settle_down(1).expect("what is due can be done");
    loser
}

fn rebuild(world: &mut World, contract: ContractId) {
    let confirm = world.confirmation(contract, 0, None);
    world.done(&confirm);
    let rebuilt = world.rebuilt(contract, 0);
    world.done(&rebuilt);
}

#[test]
fn providers_that_decline_a_repair_are_not_asked_in_turns() {
    let mut world = World::staged(7);
    let contract = world.store();
    world.audit_epoch(&[]);
    let loser = lose(&mut world, contract);
    for epoch in 0..2 {
        let mut asked = vec![loser];
        while world.slot(contract, 0).state == SlotState::Repairing {
            let provider = world.provider(contract, 0);
            assert!(!asked.contains(&provider), "nobody is asked twice in an epoch");
            asked.push(provider);
            let no = world.confirmation(contract, 0, Some("no"));
            world.done(&no);
            world.settle_down(1).unwrap();
        }
        assert_eq!(asked.len(), 4, "all three others are asked in epoch {epoch}");
        let delayed = matches!(world.journal.last(), Some(Event::RepairDelayed { .. }));
        assert!(delayed, "and then no more until the next epoch");
        world.audit_epoch(&[]);
    }
    assert_ne!(world.provider(contract, 0), loser, "who has lost a slot is out of it for good");
    world.live_out(contract);
}

#[test]
fn an_old_voucher_is_not_paid_again_to_one_that_comes_back() {
    let mut world = World::staged(5);
    let contract = world.store();
    let voucher = world.voucher_of(contract, 0, GB);
    world.done(&voucher);
    world.audit_epoch(&[]);
    let first = lose(&mut world, contract);
    rebuild(&mut world, contract);
    let second = lose(&mut world, contract);
    assert_ne!(first, second);
    world.audit_epoch(&[]);
    assert_eq!(world.slot(contract, 0).state, SlotState::Vacated, "neither may come back");
    assert_eq!(world.refused(&voucher).code(), "foreign_party");
    assert_eq!(world.share(contract, first).0, 50_000 + 10_000);
}

#[test]
fn the_client_is_compensated_once_for_what_it_paid() {
    let mut world = World::staged(7);
    let contract = world.store();
    world.audit_epoch(&[]);
    for _ in 0..3 {
        lose(&mut world, contract);
        rebuild(&mut world, contract);
    }
    let compensated = world.share(contract, CLIENT).0;
    assert!(compensated > 0 && compensated <= 1_100_000, "{compensated}");
    world.live_out(contract);
    assert_eq!(world.share(contract, CLIENT).0, compensated);
}

#[test]
fn a_contract_repairs_at_the_cost_of_its_own_penalties_alone() {
    let mut world = World::staged(4);
    // Honest people's penalties fill the pool.
    let contract = world.store();
    world.audit_epoch(&[]);
    lose(&mut world, contract);
    let pool = world.balance(Account::RepairPool);
    assert!(pool > 0);
    // Then four accomplices sell each other reads, under terms in which a loss costs next to nothing.
    for n in FIRST..FIRST + 4 {
        let mut ask = world.ask_of(n);
        ask.capacity = Bytes(0);
        world.publish(ask);
    }
    let mut schemers = terms();
    schemers.penalties.steps =
        vec![types::terms::PenaltyStep { fraction_ppm: 1_000_000, slash_permille: 1 }];
    schemers.penalties.per_epoch_permille = 0;
    schemers.penalties.confessed_permille = 1;
    schemers.penalties.replace_above_ppm = 999_999;
    schemers.bond_ratio_permille = 0;
    for n in 50..54 {
        world.fund(did(n), 10_000_000_000);
        let mut ask = world.ask_of(n);
        ask.egress = GbPrice::whole(1_000_000);
        ask.price = Price::whole(1);
        world.publish(ask);
    }
    let contract = world.agree(&schemers);
    for slot in 0..4 {
        let confirm = world.confirmation(contract, slot, None);
        world.done(&confirm);
    }
    let revise = world.revision(contract, &[GB; 4]);
    world.done(&revise);
    for _ in 0..3 {
        world.audit_epoch(&[]);
        let confession = world.confession(contract, 0, GB - 1_000);
        world.done(&confession);
        let rebuilt = world.rebuilt(contract, 0);
        world.done(&rebuilt);
    }
    assert!(world.balance(Account::RepairPool) >= pool, "others' part of the pool is untouched");
}

#[test]
fn a_dearer_successor_is_not_paid_from_others_penalties() {
    let mut world = World::staged(4);
    world.fund(did(60), 1_000_000_000);
    let contract = world.store();
    world.audit_epoch(&[]);
    let mut dear = world.ask_of(60);
    dear.price = Price::whole(1_000_000);
    world.publish(dear);
    lose(&mut world, contract);
    let Some(Event::RepairDelayed { reason, .. }) = world.journal.last() else {
        panic!("nobody fits: {:?}", world.journal.last())
    };
    assert!(reason.contains("are left for this slot; ask less"), "{reason}");
}

#[test]
fn a_rebuilt_slot_is_asked_from_the_epoch_on_in_which_it_is_paid() {
    let mut world = World::staged(5);
    let contract = world.store();
    world.audit_epoch(&[]);
    lose(&mut world, contract);
    rebuild(&mut world, contract);
    let next = world.provider(contract, 0);
    assert!(!schedule::routine(&world.market).contains_key(&next));
    let failed = world.judged((contract, 0), (Epoch(1), AuditKind::Routine), (1, 65));
    assert!(world.done(&failed).is_empty());
    world.live_out(contract);
    assert_eq!(world.share(contract, next).0, 9 * 125_000 + 10_000);
}

#[test]
fn a_silent_slot_is_asked_in_every_epoch_however_seldom_its_audits_are() {
    let mut world = World::staged(8);
    let mut rare = terms();
    rare.capacity = Bytes(1);
    rare.shard_bytes = 262_144;
    rare.detection.within = Span(60 * Span::DAY.0);
    rare.duration = Span(40 * Span::DAY.0);
    rare.detection.confidence_ppm = 1;
    let contract = world.agree(&rare);
    assert!(world.known(contract).audit.challenges <= 60);
    for slot in 0..4 {
        let confirm = world.confirmation(contract, slot, None);
        world.done(&confirm);
    }
    let revise = world.revision(contract, &[1; 4]);
    world.done(&revise);
    world.pass_epoch();
    let silence = world.silence(contract, 0);
    world.done(&silence);
    world.pass_epoch();
    let asked = schedule::routine(&world.market);
    let own = &asked[&world.provider(contract, 0)];
    assert!(own[0].count >= 1);
}

#[test]
fn a_slot_at_fault_cannot_be_emptied_and_so_escape_its_audits() {
    let mut world = World::staged(4);
    let contract = world.store();
    let gone = world.provider(contract, 0);
    world.audit_epoch(&[gone]);
    let empty = world.revision(contract, &[0, GB, GB, GB]);
    let refusal = world.refused(&empty);
    assert_eq!(refusal.code(), "wrong_state");
    assert!(refusal.to_string().contains("wait until it answers again"), "{refusal}");
    let others = world.revision(contract, &[GB, 0, 0, 0]);
    world.done(&others);
    world.audit_epoch(&[]);
    assert_eq!(world.slot(contract, 0).state, SlotState::Filled);
    assert_eq!(world.market.unposted(slot_id(contract, 1)), Msat(10_000));
}

#[test]
fn a_slot_named_twice_in_a_verdict_is_judged_once() {
    let mut world = World::staged(5);
    let contract = world.store();
    world.pass_epoch();
    let failed = world.judged((contract, 0), (Epoch(1), AuditKind::Routine), (65, 65));
    world.done(&failed);
    let Command::RecordVerdict(estimate) =
        world.judged((contract, 0), (Epoch(1), AuditKind::Intensified), (256, 256))
    else {
        unreachable!("a verdict")
    };
    let mut twice = estimate.into_inner();
    twice.slots.push(twice.slots[0]);
    let names = world.names(&Command::RecordVerdict(signed(twice)));
    assert_eq!(names, ["verdict_recorded", "penalised", "slot_vacated"]);
}

#[test]
fn who_failed_a_proof_is_asked_more_in_its_other_contracts_and_nobody_else_is() {
    let mut world = World::staged(4);
    let (one, other) = (world.store(), world.store());
    let asked = |world: &World| {
        let of_other = |challenges: &[SlotChallenge]| {
            challenges.iter().find(|c| c.contract == other).map_or(0, |c| c.count)
        };
        let routine = schedule::routine(&world.market);
        routine.iter().map(|(did, challenges)| (*did, of_other(challenges))).collect::<Vec<_>>()
    };
    world.pass_epoch();
    let before = asked(&world);
    assert_eq!(before.len(), 4);
    assert!(before.iter().all(|(_, count)| *count == before[0].1 && *count > 0));
    let suspect = world.provider(one, 0);
    let failed = world.judged((one, 0), (world.market.epoch(), AuditKind::Routine), (65, 65));
    world.done(&failed);
    world.pass_epoch();
    let suspicion = world.market.suspicion(&suspect);
    assert!(suspicion > 0);
    for (provider, count) in asked(&world) {
        let raised = if provider == suspect { suspicion } else { 0 };
        assert_eq!(count, under_suspicion(before[0].1, raised), "{provider}");
    }
}
