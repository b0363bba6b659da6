//! Bans: whoever is banned serves on until others have taken its slots, has what is its own, and offers nothing more.
#![cfg(test)]

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::{World, honest, signed};
use contracts::SlotState;
use market::{Command, Event};
use types::documents::AuditKind;
use types::{ContractId, Did, Epoch, Standing};

/// Two contracts on the same four providers of six; the one of slot 0 of the first has lost a little and is banned.
fn banned() -> (World, [ContractId; 2], Did) {
    let mut world = World::hasty(honest).peopled(4);
    let contracts = [world.store(), world.store()];
    for n in 14..16 {
        world.fund(common::did(n), common::stage::DEPOSIT);
        let ask = world.ask_of(n);
        world.publish(ask);
    }
    world.pass_epoch();
    let provider = world.provider(contracts[0], 0);
    loop {
        let now = world.market.epoch();
        for (kind, missed) in [(AuditKind::Routine, (1, 65)), (AuditKind::Intensified, (5, 256))] {
            let failed = world.judged((contracts[0], 0), (now, kind), missed);
            world.done(&failed);
        }
        let rebuilt = world.rebuilt(contracts[0], 0);
        world.done(&rebuilt);
        let epoch = world.open_epoch().unwrap();
        let names = world.names(&epoch);
        let relieved = names.iter().filter(|name| **name == "slot_relieved").count();
        let banned = world.market.score(&provider).standing == Standing::Banned;
        assert_eq!(relieved, if banned { 2 } else { 0 }, "{names:?}");
        if banned {
            break;
        }
        assert!(now < Epoch(6), "so much lost in so many epochs is enough");
    }
    (world, contracts, provider)
}

/// The slots that a party is in.
fn held(world: &World, party: Did) -> usize {
    world.market.holdings(&party).count()
}

#[test]
fn who_is_banned_serves_until_others_take_its_slots_over() {
    let (mut world, contracts, provider) = banned();
    assert_eq!(held(&world, provider), 2, "it serves on");
    // It shows that it has everything; then others are asked, confirm and rebuild.
    world.audit_epoch(&[]);
    world.audit_epoch(&[]);
    assert_eq!(held(&world, provider), 0, "both slots have gone to others");
    for contract in contracts {
        let slot = (0u16..4).find(|slot| world.slot(contract, *slot).state != SlotState::Filled);
        let slot = slot.expect("one slot is to be rebuilt");
        assert_ne!(world.provider(contract, slot), provider);
        let confirm = world.confirmation(contract, slot, None);
        world.done(&confirm);
        let rebuilt = world.rebuilt(contract, slot);
        world.done(&rebuilt);
    }
    let vacated = |event: &&Event| matches!(event, Event::SlotVacated { provider: who, .. } if *who == provider);
    assert_eq!(world.journal.iter().filter(vacated).count(), 2);
    let (received, returned, slashed) = world.share(contracts[1], provider);
    assert_eq!((returned, slashed), (2_500_000, 0), "the sound slot's bond is whole");
    assert!(received > 0, "what it kept was paid");
    for contract in contracts {
        world.live_out(contract);
    }
    world.replayed().expect("a replay gives the same state");
}

#[test]
fn who_is_banned_offers_nothing_more_and_is_asked_no_more() {
    let (mut world, _, provider) = banned();
    let ask = world.ask_of(provider.0[0]);
    let publish = Command::PublishAsk { ask: signed(ask), network: "10.0.1.0/24".into() };
    world.refuse(&publish, "banned", "is banned");
    let quote = world.quoted(&common::stage::terms(), 3).expect("the others suffice");
    let asked = quote.slots.iter().chain(&quote.reserves);
    assert!(asked.clone().all(|slot| slot.provider != provider));
    let why = quote.excluded.iter().find(|excluded| excluded.provider == provider);
    assert!(why.is_some_and(|why| why.reason.contains("banned")), "{why:?}");
}
