//! Extensions of contracts on Bitcoin: agreed, in force once every provider sees its new escrow, and settled whichever escrow the chain has.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{BOND, CLIENT, DEPOSIT, slot_id, terms};
use common::{World, signed};
use contracts::outcome::Stake;
use contracts::{Account, ContractState};
use market::{Command, Event};
use types::documents::{Extension, Sighting};
use types::terms::RailKind;
use types::{Bytes, ContractId, Did, Msat, Terms};

fn stored(rail: RailKind) -> (World, ContractId) {
    let mut world = World::staged(8);
    let contract = world.store_under(&Terms { rail, egress: Bytes(0), ..terms() });
    (world, contract)
}

/// A contract of 10 epochs in its fourth, whose extension to 20 is agreed.
fn agreed() -> (World, ContractId) {
    let (mut world, contract) = stored(RailKind::Bitcoin);
    world.audit_until(4);
    let extension = world.extension(contract, 20, false);
    let events = world.done(&extension);
    assert!(matches!(events.as_slice(), [Event::ExtensionAgreed { number: 1, .. }]), "{events:?}");
    assert_eq!(world.done(&extension), vec![], "again");
    (world, contract)
}

fn sighted_by_all(world: &mut World, contract: ContractId) {
    for slot in 0..4 {
        let sighting = world.sighting(contract, slot);
        world.done(&sighting);
        assert_eq!(world.done(&sighting), vec![], "again");
    }
}

/// What each output of a provider's time in a slot pays it, and what it is due.
fn paid(world: &World, contract: ContractId, slot: u16, provider: Did) -> Vec<(u64, i64, i64)> {
    let terms = world.known(contract).terms.clone();
    let escrow = world.market.escrows().get(slot_id(contract, slot), provider).unwrap();
    let outputs = escrow.outputs.iter().map(|output| {
        let stake = Stake::of(&terms, &output.quoted).unwrap();
        let split = stake.split(output.outcome.unwrap()).unwrap();
        (output.extension, split.provider.0, escrow.due(output).unwrap().0)
    });
    outputs.collect()
}

#[test]
fn an_extension_is_in_force_once_all_see_their_escrows() {
    let (mut world, contract) = agreed();
    for slot in 0..3 {
        let sighting = world.sighting(contract, slot);
        let events = world.done(&sighting);
        assert!(matches!(events.as_slice(), [Event::ExtensionSighted { .. }]), "{events:?}");
    }
    assert_eq!(world.known(contract).epochs, 10);
    world.audit_epoch(&[]);
    let last = world.sighting(contract, 3);
    let events = world.done(&last);
    let both = matches!(
        events.as_slice(),
        [Event::ExtensionSighted { .. }, Event::ContractExtended { number: 1, .. }]
    );
    assert!(both, "{events:?}");
    assert_eq!((world.known(contract).epochs, world.done(&last)), (20, vec![]));
    assert_eq!(world.market.escrows().awaited(contract), None);
    world.live_out(contract);
    for slot in 0..4 {
        let provider = world.provider(contract, slot);
        let escrow = world.market.escrows().get(slot_id(contract, slot), provider).unwrap();
        let outcomes: Vec<_> = escrow.outputs.iter().map(|o| (o.extension, o.outcome)).collect();
        assert_eq!(outcomes, [(0, Some(1000)), (1, Some(1000))], "slot {slot}");
    }
    world.replayed().unwrap();
}

/// The amounts of all postings, in order, without what only one of the rails tells.
fn amounts(world: &World) -> Vec<(String, Vec<i64>)> {
    let own = ["escrow_concluded", "extension_agreed", "extension_sighted"];
    let events = world.journal.iter().filter(|event| !own.contains(&event.name()));
    let line = |event: &Event| {
        (event.name().to_owned(), event.postings().iter().map(|p| p.amount.0).collect())
    };
    events.map(line).collect()
}

#[test]
fn a_longer_contract_has_one_economy_on_both_rails() {
    let (mut ledger, on_ledger) = stored(RailKind::Ledger);
    ledger.audit_until(4);
    let extension = ledger.extension(on_ledger, 20, false);
    ledger.done(&extension);
    let (mut bitcoin, on_bitcoin) = agreed();
    sighted_by_all(&mut bitcoin, on_bitcoin);
    assert_eq!(ledger.known(on_ledger).cost, bitcoin.known(on_bitcoin).cost);
    ledger.live_out(on_ledger);
    bitcoin.live_out(on_bitcoin);
    assert_eq!(amounts(&ledger), amounts(&bitcoin));
    for party in bitcoin.providers(on_bitcoin).into_iter().chain([CLIENT]) {
        let earned = ledger.money(party) - DEPOSIT;
        assert_eq!(bitcoin.balance(Account::OnChain(party)), earned, "{party}");
        assert_eq!(bitcoin.money(party), DEPOSIT, "{party}");
    }
}

#[test]
fn what_never_came_into_force_pays_what_is_due_whichever_escrow_there_is() {
    let (mut world, contract) = agreed();
    let sighting = world.sighting(contract, 0);
    world.done(&sighting);
    let provider = world.provider(contract, 0);
    let escrow = world.market.escrows().get(slot_id(contract, 0), provider).unwrap();
    let bonds: Vec<Msat> = escrow.outputs.iter().map(|output| output.quoted.bond).collect();
    assert_eq!(bonds[0], Msat(BOND));
    world.live_out(contract);
    assert_eq!(world.known(contract).epochs, 10);
    let paid = paid(&world, contract, 0, provider);
    let [(0, first, due), (1, second, due_of_second)] = paid[..] else { panic!("{paid:?}") };
    assert_eq!(due_of_second - due, bonds[1].0 - bonds[0].0, "its bond comes back whole");
    // Whole outcomes are coarser than what is due: by a five-hundredth of the price, or of the bond.
    assert!((0..=due / 500).contains(&(due - first)), "{first} of {due}");
    assert!((0..=due_of_second / 250).contains(&(due_of_second - second)), "{paid:?}");
    world.replayed().unwrap();
}

#[test]
fn a_lost_provider_ends_the_waiting_and_every_escrow_says_the_same() {
    let (mut world, contract) = agreed();
    let lost = world.provider(contract, 1);
    while world.provider(contract, 1) == lost {
        world.audit_epoch(&[lost]);
    }
    assert_eq!(world.market.escrows().awaited(contract), None);
    let late = Sighting { provider: world.provider(contract, 0), contract, slot: 0, extension: 1 };
    world.refuse(&Command::Sight(signed(late)), "invalid_field", "extension 1 of contract");
    let confirm = world.confirmation(contract, 1, None);
    world.done(&confirm);
    let rebuilt = world.rebuilt(contract, 1);
    world.done(&rebuilt);
    // It may be agreed anew, and the newcomer has an escrow of that alone.
    let again = world.extension(contract, 20, false);
    let events = world.done(&again);
    assert!(matches!(events.as_slice(), [Event::ExtensionAgreed { number: 2, .. }]), "{events:?}");
    sighted_by_all(&mut world, contract);
    world.live_out(contract);
    for (slot, provider, escrow) in world.market.escrows().of(contract) {
        let numbers: Vec<u64> = escrow.outputs.iter().map(|output| output.extension).collect();
        let expected: &[u64] = match (slot.slot, provider == lost) {
            (1, true) => &[0, 1],
            (1, false) => &[0, 2],
            _ => &[0, 1, 2],
        };
        assert_eq!(numbers, expected, "{slot:?}");
        for (_, pays, due) in paid(&world, contract, slot.slot, provider) {
            assert!(pays <= due, "{slot:?} {provider}: {pays} of {due}");
        }
    }
    world.replayed().unwrap();
}

#[test]
fn what_is_awaited_is_ended_by_as_many_epochs_as_there_are() {
    let (mut world, contract) = agreed();
    let other = world.extension(contract, 15, false);
    world.refuse(&other, "invalid_field", "to the 10 epochs that it has to end that");
    let end = world.extension(contract, 10, false);
    let events = world.done(&end);
    assert!(matches!(events.as_slice(), [Event::ContractExtended { number: 2, .. }]), "{events:?}");
    assert_eq!(world.market.escrows().awaited(contract), None);
    let old = Extension { client: CLIENT, contract, number: 1, epochs: 20, automatic: false };
    assert_eq!(world.refused(&Command::Extend(signed(old))).code(), "superseded");
    let next = world.extension(contract, 15, false);
    let events = world.done(&next);
    assert!(matches!(events.as_slice(), [Event::ExtensionAgreed { number: 3, .. }]), "{events:?}");
    sighted_by_all(&mut world, contract);
    assert_eq!(world.known(contract).epochs, 15);
}

#[test]
fn what_cannot_be_extended_says_why() {
    let (mut world, contract) = stored(RailKind::Bitcoin);
    let automatic = world.extension(contract, 20, true);
    world.refuse(&automatic, "invalid_field", "extend the contract by hand");
    let early = Sighting { provider: world.provider(contract, 0), contract, slot: 0, extension: 0 };
    world.refuse(&Command::Sight(signed(early)), "invalid_field", "is not awaited");
    let foreign = Sighting { provider: CLIENT, contract, slot: 0, extension: 1 };
    assert_eq!(world.refused(&Command::Sight(signed(foreign))).code(), "foreign_party");
    let departure = world.departure(contract, 2);
    world.done(&departure);
    let extension = world.extension(contract, 20, false);
    world.refuse(&extension, "wrong_state", "while all of its slots are filled");
    let (mut world, contract) = agreed();
    while world.known(contract).end() > Some(world.market.epoch()) {
        world.open_epoch().map(|open| world.done(&open));
    }
    assert_eq!(world.known(contract).state, ContractState::Active);
    let late = world.sighting(contract, 0);
    world.refuse(&late, "wrong_state", "before the contract's end");
    world.live_out(contract);
    let over = Sighting { provider: world.provider(contract, 0), contract, slot: 0, extension: 1 };
    world.refuse(&Command::Sight(signed(over)), "invalid_field", "is not awaited");
}

#[test]
fn escrows_are_agreed_a_bounded_number_of_times() {
    let (mut world, contract) = agreed();
    for _ in 0..30 {
        let end = world.extension(contract, 10, false);
        world.done(&end);
        let again = world.extension(contract, 20, false);
        world.done(&again);
    }
    let end = world.extension(contract, 10, false);
    world.done(&end);
    let again = world.extension(contract, 20, false);
    world.refuse(&again, "invalid_field", "make another contract for more");
}
