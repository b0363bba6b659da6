//! Contracts that become longer or larger after they were agreed, and bonds that are made whole, with every msat accounted for.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{BOND, CLIENT, DAILY, ESCROW, FEES, FIRST, GB, slot_id, terms};
use common::{World, did};
use contracts::Account;
use market::Event;
use types::terms::Renewal;
use types::{Bytes, ContractId, Epoch, Msat, Span};

/// A contract that renews itself, stored.
fn automatic(world: &mut World) -> ContractId {
    let mut terms = terms();
    terms.renewal = Renewal::Automatic;
    let contract = world.agree(&terms);
    for slot in 0..4 {
        let confirm = world.confirmation(contract, slot, None);
        world.done(&confirm);
    }
    let revise = world.revision(contract, &[GB; 4]);
    world.done(&revise);
    contract
}

#[test]
fn an_extension_is_paid_at_once_at_the_price_that_was_quoted() {
    let mut world = World::staged(6);
    let contract = world.store();
    let kept = world.providers(contract);
    world.audit_until(3);
    let before = (world.money(CLIENT), world.money(kept[0]));
    let extension = world.extension(contract, 20, false);
    assert_eq!(world.names(&extension), ["contract_extended"]);
    assert!(world.done(&extension).is_empty(), "it counts once");
    let escrow = ESCROW - 4 * 10_000 - 100_000;
    assert_eq!(before.0 - world.money(CLIENT), escrow, "nothing more is taken in or read");
    assert_eq!(world.balance(Account::Fees), 2 * FEES);
    // 17 epochs lie ahead, where ten did.
    assert_eq!(before.1 - world.money(kept[0]), BOND * 17 / 10 - BOND);
    let known = world.known(contract);
    assert_eq!((known.epochs, known.agreed.epochs, known.end()), (20, 10, Some(Epoch(21))));
    assert_eq!(known.terms.duration, Span(20 * Span::DAY.0));
    assert_eq!(known.agreed.cost.escrow(), Ok(Msat(ESCROW)));
    world.live_out(contract);
    for provider in kept {
        assert_eq!(world.share(contract, provider), (20 * DAILY + 10_000, BOND * 17 / 10, 0));
    }
    assert_eq!(world.share(contract, CLIENT), (0, 100_000, 0));
    world.adds_up(6);
}

#[test]
fn an_extension_that_leaves_no_more_ahead_than_before_needs_no_more_bond() {
    let mut world = World::staged(4);
    let contract = world.store();
    world.audit_until(3);
    let before = world.money(did(FIRST));
    let extension = world.extension(contract, 13, false);
    world.done(&extension);
    assert_eq!(world.money(did(FIRST)), before);
    assert_eq!(world.slot(contract, 0).quoted.bond, Msat(BOND));
}

#[test]
fn growth_is_paid_from_the_open_epoch_on() {
    let mut world = World::staged(4);
    let contract = world.store();
    let kept = world.providers(contract);
    world.audit_until(3);
    let before = world.money(CLIENT);
    let growth = world.growth(contract, 4 * GB);
    assert_eq!(world.names(&growth), ["contract_grown"]);
    assert!(world.done(&growth).is_empty());
    // Eight of ten epochs, 10,000 for taking in as much again, and 7 % of what keeping costs.
    assert_eq!(before - world.money(CLIENT), 4 * (8 * DAILY + 10_000) + FEES * 8 / 10);
    assert_eq!(world.market.committed(&kept[0]), Bytes(2 * GB));
    assert_eq!(world.slot(contract, 0).quoted.bond, Msat(7 * 2 * DAILY * 2), "seven lie ahead");
    let known = world.known(contract);
    assert_eq!((known.terms.capacity, known.agreed.capacity), (Bytes(4 * GB), Bytes(2 * GB)));
    let full = world.revision(contract, &[2 * GB; 4]);
    world.done(&full);
    world.live_out(contract);
    for provider in kept {
        let earned = 2 * DAILY + 8 * 2 * DAILY + 20_000;
        assert_eq!(world.share(contract, provider), (earned, 3_500_000, 0));
        assert_eq!(world.market.committed(&provider), Bytes(0));
    }
    assert_eq!(world.share(contract, CLIENT), (0, 100_000, 0));
    world.adds_up(4);
}

#[test]
fn room_that_is_grown_and_not_used_is_paid_back() {
    let mut world = World::staged(4);
    let contract = world.store();
    world.audit_until(3);
    let growth = world.growth(contract, 3 * GB);
    world.done(&growth);
    let earned: Vec<Msat> = (0..4).map(|n| world.market.unposted(slot_id(contract, n))).collect();
    assert_eq!(earned, [Msat(2 * DAILY + 10_000); 4], "what was earned is as it was");
    let provider = world.provider(contract, 0);
    world.live_out(contract);
    // Half as much room again for eight epochs, and what it would have cost to fill it.
    let unused = 8 * DAILY / 2 + 5_000;
    assert_eq!(world.share(contract, provider).0, 10 * DAILY + 10_000);
    assert_eq!(world.share(contract, CLIENT), (0, 100_000 + 4 * unused, 0));
    world.adds_up(4);
}

#[test]
fn a_standing_ask_that_does_not_cover_it_is_no_consent() {
    type Case = (fn(&mut types::documents::Ask), &'static str);
    let refusals: [Case; 7] = [
        (|ask| ask.price = types::Price::whole(100_001), "it must lower its ask"),
        (|ask| ask.egress = types::GbPrice::whole(50_001), "for reads"),
        (|ask| ask.capacity = Bytes(0), "withdrawn"),
        (|ask| ask.duration_max = Span(11 * Span::DAY.0), "it signs for 11d at most"),
        (|ask| ask.tiers = vec![types::Tier::Cold], "serves"),
        (|ask| ask.minimum_use = Bytes(2 * GB), "at least"),
        (|ask| ask.expires = types::Timestamp(1_700_000_000_000_001), "expired"),
    ];
    for (change, right) in refusals {
        let mut world = World::staged(4);
        let contract = world.store();
        world.audit_until(3);
        let mut ask = world.ask_of(FIRST);
        change(&mut ask);
        world.publish(ask);
        world.now = world.now.after(Span(2));
        let extension = world.extension(contract, 20, false);
        world.refuse(&extension, "no_consent", &did(FIRST).to_string());
        let refusal = world.refused(&extension).to_string();
        assert!(refusal.contains(right), "{right}: {refusal}");
        let switch = world.extension(contract, 10, true);
        assert_eq!(world.names(&switch), ["contract_extended"], "that binds nobody yet");
    }
}

#[test]
fn growth_needs_room_and_sound_slots() {
    let mut world = World::staged(5);
    let contract = world.store();
    world.audit_until(3);
    let mut ask = world.ask_of(FIRST);
    ask.capacity = Bytes(GB + GB / 2);
    world.publish(ask);
    let growth = world.growth(contract, 4 * GB);
    world.refuse(&growth, "no_consent", "room");
    let smaller = world.growth(contract, GB);
    world.refuse(&smaller, "superseded", "is not above 2000000000");
    let confession = world.confession(contract, 1, GB);
    world.done(&confession);
    let small = world.growth(contract, 2 * GB + 1_000_000);
    world.refuse(&small, "wrong_state", "wait until it is rebuilt");
}

#[test]
fn who_cannot_pay_cannot_extend_or_grow() {
    let mut world = World::staged(4);
    let contract = world.store();
    world.audit_until(2);
    let all = world.withdraw(CLIENT, world.money(CLIENT));
    world.done(&all);
    for command in [world.extension(contract, 20, false), world.growth(contract, 4 * GB)] {
        world.refuse(&command, "insufficient_funds", "deposit the difference");
    }
    let provider = world.provider(contract, 2);
    let mut world = World::staged(4);
    let contract = world.store();
    world.audit_until(2);
    let all = world.withdraw(provider, world.money(provider));
    world.done(&all);
    let growth = world.growth(contract, 4 * GB);
    world.refuse(&growth, "no_consent", "bond");
}

#[test]
fn what_is_out_of_range_stays_so_after_an_amendment() {
    let mut world = World::staged(4);
    let contract = world.store();
    let decades = world.extension(contract, 3_654, false);
    world.refuse(&decades, "invalid_terms", "duration");
    let shorter = world.extension(contract, 9, false);
    world.refuse(&shorter, "invalid_field", "a contract ends early by its cancellation");
    let huge = world.growth(contract, u64::MAX);
    world.refuse(&huge, "invalid_terms", "capacity");
}

#[test]
fn an_older_extension_is_not_taken_again() {
    let mut world = World::staged(4);
    let contract = world.store();
    let on = world.extension(contract, 10, true);
    world.done(&on);
    let off = world.extension(contract, 10, false);
    world.done(&off);
    world.refuse(&on, "superseded", "extension number 1 is not above 2");
    assert_eq!(world.known(contract).terms.renewal, Renewal::Manual);
}

#[test]
fn a_contract_renews_itself_while_its_client_can_pay() {
    let mut world = World::staged(4);
    let contract = automatic(&mut world);
    world.audit_until(9);
    assert_eq!(world.known(contract).epochs, 10);
    world.audit_until(10);
    assert_eq!(world.known(contract).epochs, 20, "in its last epoch");
    assert_eq!(world.slot(contract, 0).quoted.bond, Msat(BOND), "ten epochs lie ahead again");
    let all = world.withdraw(CLIENT, world.money(CLIENT));
    world.done(&all);
    world.audit_until(20);
    let refused = world.journal.iter().find_map(|event| match event {
        Event::RenewalRefused { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert!(refused.expect("it says so").contains("deposit the difference first"));
    assert!(world.is_active(contract), "it may still be extended by hand");
    world.live_out(contract);
    assert_eq!(world.market.epoch(), Epoch(22));
    assert_eq!(world.share(contract, world.provider(contract, 0)).0, 20 * DAILY + 10_000);
}

#[test]
fn a_contract_whose_providers_became_dearer_ends() {
    let mut world = World::staged(4);
    let contract = automatic(&mut world);
    let mut ask = world.ask_of(FIRST);
    ask.price = types::Price::whole(100_001);
    world.publish(ask);
    world.live_out(contract);
    assert_eq!(world.market.epoch(), Epoch(12));
    let refused = world.journal.iter().find(|event| event.name() == "renewal_refused");
    let Some(Event::RenewalRefused { reason, .. }) = refused else { panic!("it says why") };
    assert!(reason.contains("100001") && reason.contains(&did(FIRST).to_string()), "{reason}");
}

#[test]
fn a_worn_bond_is_topped_up_once_for_each_loss() {
    let mut world = World::staged(4);
    let contract = world.store();
    world.audit_until(2);
    let early = world.top_up(contract, 0, BOND);
    assert!(world.done(&early).is_empty(), "it is whole");
    let confession = world.confession(contract, 0, 1);
    world.done(&confession);
    world.refuse(&early, "invalid_field", "the bond has lost 125,000 msat");
    let lost = BOND / 20;
    let more = world.top_up(contract, 0, BOND + 1);
    world.refuse(&more, "invalid_field", "give at most that");
    let part = world.top_up(contract, 0, BOND - 1_000);
    assert_eq!(world.names(&part), ["bond_topped_up"]);
    let whole = world.top_up(contract, 0, BOND);
    world.done(&whole);
    assert!(world.done(&part).is_empty() && world.done(&whole).is_empty());
    assert_eq!(world.balance(Account::Bond(contract, 0)), BOND);
    let rebuilt = world.rebuilt(contract, 0);
    world.done(&rebuilt);
    let again = world.confession(contract, 0, 1);
    world.done(&again);
    world.refuse(&whole, "invalid_field", "sign one that says");
    let provider = world.provider(contract, 0);
    assert_eq!(world.share(contract, provider).2, 2 * lost);
    world.live_out(contract);
    world.adds_up(4);
}
