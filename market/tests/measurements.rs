//! Measurements: who may give them, and what the one in the middle makes of an epoch's pay.
#![cfg(test)]

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::FIRST;
use common::{AUDITOR, MARKET, World, did, signed};
use market::{Command, Event};
use types::documents::{AuditKind, Measurement};
use types::{ContractId, Did, Epoch};

fn found(auditor: u8, vantage: &str, provider: Did, answered: u32) -> Measurement {
    Measurement {
        auditor: did(auditor),
        vantage: vantage.into(),
        provider,
        epoch: Epoch(1),
        probes: 4,
        answered,
        first_byte_ms: 20,
        throughput: 1_000_000,
    }
}

fn measure(measurement: Measurement) -> Command {
    Command::Measure(signed(measurement))
}

/// A contract in its first epoch, with the provider of its slot 0.
fn measured() -> (World, ContractId, Did) {
    let mut world = World::staged(5);
    let contract = world.store();
    world.pass_epoch();
    let provider = world.provider(contract, 0);
    (world, contract, provider)
}

/// The share of the epoch that slot 0 is not paid in full for, after a verdict that finds everything proven.
fn is_paid_less(world: &mut World, contract: ContractId) -> bool {
    let passed = world.judged((contract, 0), (Epoch(1), AuditKind::Routine), (0, 65));
    let events = world.done(&passed);
    let [Event::VerdictRecorded { accruals, .. }] = events.as_slice() else { panic!("{events:?}") };
    !accruals.is_empty()
}

#[test]
fn each_measurement_that_may_not_be_given_is_refused_with_what_would_be_right() {
    let (mut world, contract, provider) = measured();
    let idle = (FIRST..FIRST + 5).map(did).find(|did| world.market.holdings(did).count() == 0);
    let fine = || found(AUDITOR, "eu", provider, 4);
    let far = "x".repeat(65);
    for (measurement, code, right) in [
        (Measurement { auditor: did(77), ..fine() }, "foreign_party", "only"),
        (Measurement { auditor: provider, ..fine() }, "foreign_party", "only"),
        (Measurement { epoch: Epoch(0), ..fine() }, "invalid_field", "within one epoch"),
        (Measurement { epoch: Epoch(2), ..fine() }, "invalid_field", "within one epoch"),
        (Measurement { vantage: String::new(), ..fine() }, "invalid_field", "give 1 to 64"),
        (Measurement { vantage: far, ..fine() }, "invalid_field", "give 1 to 64"),
        (Measurement { probes: 0, answered: 0, ..fine() }, "invalid_field", "send one at least"),
        (Measurement { answered: 5, ..fine() }, "invalid_field", "count each once"),
        (
            Measurement { provider: idle.expect("one of five is in no slot"), ..fine() },
            "invalid_field",
            "keeps nothing here",
        ),
    ] {
        world.refuse(&measure(measurement), code, right);
    }
    world.done(&measure(fine()));
    assert!(world.done(&measure(fine())).is_empty(), "the same measurement again is the same");
    let second = Measurement { answered: 0, ..fine() };
    world.refuse(&measure(second), "already_used", "vantage point");
    assert!(!is_paid_less(&mut world, contract));
}

#[test]
fn a_vantage_point_is_an_auditors_own_and_there_are_so_many_and_no_more() {
    let (mut world, _, provider) = measured();
    world.done(&measure(found(AUDITOR, "eu", provider, 4)));
    world.done(&measure(found(MARKET, "eu", provider, 4)));
    for place in 2..32 {
        world.done(&measure(found(MARKET, &format!("place {place}"), provider, 4)));
    }
    let late = measure(found(MARKET, "late", provider, 4));
    world.refuse(&late, "invalid_field", "measure in the next");
}

#[test]
fn the_median_over_vantage_points_decides_what_an_epoch_pays() {
    // How many of four probes each place has answered, and whether the epoch is paid less for it.
    for (answered, less) in [
        (vec![], false),
        (vec![4], false),
        (vec![0], true),
        (vec![4, 0], false),
        (vec![0, 4, 4], false),
        (vec![0, 0, 4], true),
        (vec![4, 4, 0, 0], false),
        (vec![4, 0, 0, 0], true),
    ] {
        let (mut world, contract, provider) = measured();
        for (place, answered) in answered.iter().enumerate() {
            let auditor = if place % 2 == 0 { AUDITOR } else { MARKET };
            world.done(&measure(found(auditor, &format!("place {place}"), provider, *answered)));
        }
        assert_eq!(is_paid_less(&mut world, contract), less, "{answered:?}");
    }
}

#[test]
fn a_measurement_after_the_verdict_is_kept_and_moves_nothing() {
    let (mut world, contract, provider) = measured();
    assert!(!is_paid_less(&mut world, contract));
    let before = world.market.unposted(common::stage::slot_id(contract, 0));
    assert_eq!(world.names(&measure(found(AUDITOR, "eu", provider, 0))), ["measured"]);
    assert_eq!(world.market.unposted(common::stage::slot_id(contract, 0)), before);
}
