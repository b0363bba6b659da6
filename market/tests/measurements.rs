//! Measurements: who may give them, and what the one in the middle makes of an epoch's pay.
#![cfg(test)]

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{FIRST, GB, terms};
use common::{AUDITOR, MARKET, World, did, signed};
use market::{Command, Event, schedule};
use types::documents::{Ask, AuditKind, Measurement};
use types::{Bytes, ContractId, Did, Dimension, Epoch, Span};

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
    let withdrawn = Ask { capacity: Bytes(0), ..world.ask_of(78) };
    let expired = Ask { expires: world.now.after(Span(1)), ..world.ask_of(79) };
    for ask in [withdrawn, expired] {
        world.publish(ask);
    }
    world.now = world.now.after(Span(1));
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
        (Measurement { provider: did(77), ..fine() }, "invalid_field", "from its next ask on"),
        (Measurement { provider: did(78), ..fine() }, "invalid_field", "no ask that stands"),
        (Measurement { provider: did(79), ..fine() }, "invalid_field", "no ask that stands"),
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
fn auditors_leave_a_place_for_the_market() {
    let (mut world, _, provider) = measured();
    for place in 0..31 {
        world.done(&measure(found(AUDITOR, &format!("place {place}"), provider, 4)));
    }
    let more = measure(found(AUDITOR, "another", provider, 4));
    world.refuse(&more, "invalid_field", "31 of at most 32");
    world.done(&measure(found(MARKET, "here", provider, 4)));
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

/// The one of five providers that is in no slot of [`measured`]'s contract.
fn idle(world: &World) -> Did {
    let holds = |did: &Did| world.market.holdings(did).next().is_some();
    (FIRST..FIRST + 5).map(did).find(|did| !holds(did)).expect("four slots have four providers")
}

/// What is noted of a provider's availability when it is measured so: how many probes were answered and how many not.
fn noted(world: &mut World, measurement: Measurement) -> Option<(u32, u32)> {
    let events = world.done(&measure(measurement));
    let noted = events.iter().find_map(|event| match event {
        Event::AvailabilityNoted { outcome, .. } => Some(*outcome),
        _ => None,
    });
    noted.map(|outcome| {
        assert_eq!(outcome.dimension, Dimension::Availability);
        (outcome.good, outcome.bad)
    })
}

#[test]
fn a_provider_that_nobody_audits_is_noted_as_the_market_finds_it_once_an_epoch() {
    let (mut world, _, provider) = measured();
    let idle = idle(&world);
    let bound = |world: &World, did| world.market.score(did).bounds[1];
    let before = bound(&world, &idle);
    assert_eq!(noted(&mut world, found(AUDITOR, "eu", idle, 4)), None, "the market has the word");
    assert_eq!(bound(&world, &idle), before);
    assert_eq!(noted(&mut world, found(MARKET, "eu", idle, 3)), Some((4, 0)), "the better of two");
    let known = bound(&world, &idle);
    assert!(known > before);
    assert_eq!(
        noted(&mut world, found(MARKET, "us", idle, 4)),
        None,
        "an epoch is one observation"
    );
    assert_eq!(noted(&mut world, found(AUDITOR, "us", idle, 0)), None, "it comes too late");
    assert_eq!(bound(&world, &idle), known);
    let audited = noted(&mut world, found(MARKET, "eu", provider, 4));
    assert_eq!(audited, None, "of whom audits ask verdicts tell");
    world.pass_epoch();
    let silent = Measurement { epoch: Epoch(2), ..found(MARKET, "eu", idle, 0) };
    assert_eq!(noted(&mut world, silent), Some((0, 4)));
    assert!(bound(&world, &idle) < known);
}

#[test]
fn the_median_over_vantage_points_is_what_is_noted() {
    for (auditors, market, expected) in [
        (vec![], 4, (4, 0)),
        (vec![], 1, (1, 3)),
        (vec![0, 0], 4, (0, 4)),
        (vec![4, 4], 0, (4, 0)),
        (vec![1, 4], 2, (2, 2)),
    ] {
        let (mut world, _, _) = measured();
        let idle = idle(&world);
        for (place, answered) in auditors.iter().enumerate() {
            let place = format!("place {place}");
            assert_eq!(noted(&mut world, found(AUDITOR, &place, idle, *answered)), None);
        }
        let closed = noted(&mut world, found(MARKET, "here", idle, market));
        assert_eq!(closed, Some(expected), "{auditors:?} and {market}");
    }
}

#[test]
fn whoever_has_announced_to_be_away_is_not_held_to_be_there() {
    let (mut world, _, _) = measured();
    let idle = idle(&world);
    let notice = world.announce(idle.0[0], 1, 1);
    world.done(&notice);
    world.pass_epoch();
    let before = world.market.score(&idle);
    let silent = |epoch| Measurement { epoch: Epoch(epoch), ..found(MARKET, "eu", idle, 0) };
    assert_eq!(noted(&mut world, silent(2)), None);
    assert_eq!(world.market.score(&idle), before);
    world.pass_epoch();
    assert_eq!(noted(&mut world, silent(3)), Some((0, 4)));
}

#[test]
fn a_provider_is_asked_once_it_offers_until_it_is_audited() {
    let mut world = World::staged(5);
    let asked = |world: &World| schedule::unaudited(&world.market, world.now);
    assert_eq!(asked(&world).len(), 5);
    let contract = world.agree(&terms());
    for slot in 0..4 {
        let confirm = world.confirmation(contract, slot, None);
        world.done(&confirm);
    }
    assert_eq!(asked(&world).len(), 5, "a slot that holds nothing yet has nothing to be asked for");
    let revise = world.revision(contract, &[GB; 4]);
    world.done(&revise);
    let idle = idle(&world);
    assert_eq!(asked(&world), [idle]);
    let withdrawn = Ask { capacity: Bytes(0), ..world.ask_of(idle.0[0]) };
    world.publish(withdrawn);
    assert_eq!(asked(&world), []);
}
