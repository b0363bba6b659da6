//! Contracts that change after they were agreed, with every msat accounted for.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{CLIENT, DEPOSIT, FIRST, GB, slot_id, terms};
use common::{World, did};
use contracts::{Account, ContractState, SlotState};
use market::{Command, Event};
use types::terms::Renewal;
use types::{Bytes, ContractId, Did, Epoch, Msat, Span};

const ESCROW: i64 = 5_448_000;
const BOND: i64 = 2_500_000;
/// The fees of [`terms`].
const FEES: i64 = 308_000;
/// What a slot earns in an epoch, bonus included.
const DAILY: i64 = 125_000;

fn providers(world: &World, contract: ContractId) -> Vec<Did> {
    (0..4).map(|slot| world.provider(contract, slot)).collect()
}

/// Nobody has more or less than they should: all that was ever deposited is in free accounts, fees and the pool.
fn adds_up(world: &World, parties: u8) {
    let free: i64 = (FIRST..FIRST + parties).map(|n| world.money(did(n))).sum();
    let markets = world.balance(Account::Fees) + world.balance(Account::RepairPool);
    let all = i64::from(parties + 1) * DEPOSIT;
    assert_eq!(free + world.money(CLIENT) + markets, all);
    world.replayed().expect("a replay gives the same state");
}

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
    let kept = providers(&world, contract);
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
    adds_up(&world, 6);
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
    let kept = providers(&world, contract);
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
    adds_up(&world, 4);
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
    adds_up(&world, 4);
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
fn what_was_not_stored_is_cancelled_at_no_cost() {
    for confirmed in [0, 2, 4] {
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
        assert_eq!(world.money(CLIENT), DEPOSIT);
        adds_up(&world, 8);
    }
}

#[test]
fn a_client_that_leaves_early_pays_part_of_what_could_still_be_earned() {
    let mut world = World::staged(4);
    let contract = world.store();
    let kept = providers(&world, contract);
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
    adds_up(&world, 4);
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
    adds_up(&world, 4);
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
    adds_up(&world, 4);
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
    adds_up(&world, 5);
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
    adds_up(&world, 4);
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
    adds_up(&world, 5);
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
    adds_up(&world, 4);
}

#[test]
fn a_client_whose_data_is_gone_is_made_whole_and_no_more() {
    for silent_too in [false, true] {
        let mut world = World::staged(4);
        let contract = world.store();
        world.audit_until(3);
        if silent_too {
            world.pass_epoch();
            let silence = world.silence(contract, 3);
            world.done(&silence);
        }
        let all = providers(&world, contract);
        for slot in 0..3 {
            let confession = world.confession(contract, slot, GB);
            world.done(&confession);
        }
        world.settle_down(1).unwrap();
        assert_eq!(world.known(contract).state, ContractState::Settled);
        let (received, returned, _) = world.share(contract, CLIENT);
        assert_eq!(received + returned, ESCROW, "all that it paid");
        assert_eq!(world.money(CLIENT), DEPOSIT);
        let slashed = world.share(contract, all[3]).2;
        let expected = if silent_too { BOND / 10 } else { 0 };
        assert_eq!(slashed, expected, "a fault that nobody measured costs the least");
        adds_up(&world, 4);
    }
}
