//! Whole lives of contracts without a loss, with every msat accounted for.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{CLIENT, DEPOSIT, ESCROW_FEE, FIRST, GB, terms};
use common::{World, did, signed};
use contracts::{Account, ContractState, SlotState};
use market::{Command, Event};
use types::documents::{AuditKind, Withdrawal};
use types::{ContractId, Did, Epoch, Msat, Span};

/// What goes into a contract of four slots: the escrow and the bonds.
const ESCROW: i64 = 5_448_000;
const BOND: i64 = 2_500_000;

/// The settlement's figures, when it is the last thing that happened.
fn settlement(world: &World) -> types::documents::Settlement {
    match world.journal.last() {
        Some(Event::ContractSettled { settlement, .. }) => settlement.clone(),
        other => panic!("not a settlement: {other:?}"),
    }
}

/// Everything that went in came out: what parties received and have back, the fees, the pool's part.
fn adds_up(world: &World, went_in: i64) {
    let settlement = settlement(world);
    let out: i64 = settlement.shares.iter().map(|s| s.received.0 + s.returned.0).sum();
    assert_eq!(out + settlement.fees.0 + settlement.to_pool.0, went_in);
    world.replayed().expect("a replay gives the same state");
}

fn providers(world: &World, contract: ContractId) -> Vec<Did> {
    (0..4).map(|slot| world.provider(contract, slot)).collect()
}

#[test]
fn kept_promises_are_paid_in_full_and_unread_reads_return() {
    let mut world = World::staged(8);
    let quote = world.quoted(&terms(), 1).unwrap();
    assert_eq!(quote.cost.escrow(), Ok(Msat(ESCROW)));
    assert!(quote.slots.iter().all(|slot| slot.bond == Msat(BOND)));
    let contract = world.store();
    assert_eq!(world.money(CLIENT), DEPOSIT - ESCROW);
    assert_eq!(world.balance(Account::Fees), 308_000, "fees with the first revision");
    assert_eq!(world.known(contract).first_epoch, Some(Epoch(1)));
    let kept = providers(&world, contract);
    world.live_out(contract);
    assert_eq!(world.market.epoch(), Epoch(12), "ten epochs, and one for late vouchers");
    for provider in kept {
        assert_eq!(world.share(contract, provider), (1_260_000, BOND, 0));
        assert_eq!(world.money(provider), DEPOSIT + 1_260_000);
    }
    assert_eq!(world.share(contract, CLIENT), (0, 100_000, 0));
    assert_eq!(world.balance(Account::Fees), 308_000);
    adds_up(&world, ESCROW + 4 * BOND);
}

#[test]
fn what_is_not_stored_is_not_earned() {
    let mut world = World::staged(8);
    let contract = world.agree(&terms());
    for slot in 0..4 {
        let confirm = world.confirmation(contract, slot, None);
        world.done(&confirm);
    }
    let half = world.revision(contract, &[GB / 2; 4]);
    world.done(&half);
    (0..4).for_each(|_| world.audit_epoch(&[]));
    // From the fourth of ten epochs on it is full: 3 × 62,500 + 7 × 125,000, and all was taken in.
    let full = world.revision(contract, &[GB; 4]);
    world.done(&full);
    let provider = world.provider(contract, 0);
    world.live_out(contract);
    assert_eq!(world.share(contract, provider), (3 * 62_500 + 7 * 125_000 + 10_000, BOND, 0));
    let unearned = 4 * (1_250_000 - 3 * 62_500 - 7 * 125_000) + 100_000;
    assert_eq!(world.share(contract, CLIENT), (0, unearned, 0));
    adds_up(&world, ESCROW + 4 * BOND);
}

#[test]
fn earnings_can_be_withdrawn_as_they_are_earned() {
    let mut world = World::staged(8);
    let contract = world.store();
    let provider = world.provider(contract, 0);
    (0..4).for_each(|_| world.audit_epoch(&[]));
    let earned = 3 * 125_000 + 10_000;
    assert_eq!(world.market.unposted(common::stage::slot_id(contract, 0)), Msat(earned));
    let everything = DEPOSIT - BOND + earned;
    let one_more = world.withdraw(provider, everything + 1);
    assert_eq!(world.refused(&one_more).code(), "insufficient_funds");
    let all = world.withdraw(provider, everything);
    assert_eq!(world.names(&all), ["earnings_posted", "withdrawn"]);
    assert_eq!(world.money(provider), 0);
    world.live_out(contract);
    assert_eq!(world.share(contract, provider), (1_260_000, BOND, 0));
    adds_up(&world, ESCROW + 4 * BOND);
}

#[test]
fn reads_are_paid_from_the_allowance_first_and_then_by_the_client() {
    let mut world = World::staged(8);
    let contract = world.store();
    let provider = world.provider(contract, 0);
    let before = world.money(CLIENT);
    for (bytes, from_client) in [(GB, 0), (2 * GB, 0), (3 * GB, 50_000)] {
        let voucher = world.voucher_of(contract, 0, bytes);
        assert_eq!(world.names(&voucher), ["voucher_redeemed"]);
        assert!(world.done(&voucher).is_empty(), "a voucher is paid once");
        assert_eq!(world.money(CLIENT), before - from_client);
    }
    let older = world.voucher_of(contract, 0, 2 * GB);
    assert!(world.done(&older).is_empty(), "only the highest voucher counts");
    let withdrawal =
        Withdrawal { party: CLIENT, amount: Msat(before - 50_000), to: "home".into(), nonce: 9 };
    world.done(&Command::Withdraw(signed(withdrawal)));
    let beyond = world.voucher_of(contract, 0, 4 * GB);
    let refusal = world.refused(&beyond);
    assert_eq!(refusal.code(), "reads_unpaid");
    assert!(refusal.to_string().contains("the client must deposit the difference"), "{refusal}");
    world.live_out(contract);
    assert_eq!(world.share(contract, provider), (1_260_000 + 150_000, BOND, 0));
    assert_eq!(world.share(contract, CLIENT), (0, 0, 0));
    adds_up(&world, ESCROW + 50_000 + 4 * BOND);
}

#[test]
fn a_reserve_steps_in_for_one_that_declines_and_for_one_that_is_silent() {
    let mut world = World::staged(8);
    let contract = world.agree(&terms());
    let reserves: Vec<Did> = world.known(contract).reserves.iter().map(|r| r.provider).collect();
    assert_eq!(reserves.len(), 2);
    let (declined, silent) = (world.provider(contract, 0), world.provider(contract, 1));
    let no = world.confirmation(contract, 0, Some("full"));
    assert_eq!(world.names(&no), ["slot_reassigned"]);
    assert_eq!(world.provider(contract, 0), reserves[0]);
    assert!(world.market.due(world.now).is_empty());
    world.now = world.now.after(Span(31 * Span::SECOND.0));
    let due = Command::Reassign { contract, slot: 1 };
    assert_eq!(world.names(&due), ["slot_reassigned"]);
    assert_eq!(world.provider(contract, 1), reserves[1]);
    for party in [declined, silent] {
        assert_eq!(world.market.committed(&party).0, 0);
        assert_eq!(world.money(party), DEPOSIT);
    }
    assert!(world.known(contract).reserves.is_empty());
    let no = world.confirmation(contract, 2, Some("full"));
    assert_eq!(world.names(&no), ["contract_expired"], "no reserve is left");
    assert_eq!(world.money(CLIENT), DEPOSIT);
}

#[test]
fn a_contract_that_does_not_come_about_costs_its_client_the_escrow_fee_once_everybody_was_ready() {
    for (confirmed, fee) in [(0, 0), (2, 0), (4, ESCROW_FEE)] {
        let mut world = World::staged(8);
        let contract = world.agree(&terms());
        for slot in 0..confirmed {
            let confirm = world.confirmation(contract, slot, None);
            world.done(&confirm);
        }
        assert_eq!(world.money(CLIENT), DEPOSIT - ESCROW);
        world.now = world.now.after(Span(Span::DAY.0 + 1));
        world.settle_down(1).unwrap();
        assert_eq!(world.known(contract).state, ContractState::Expired);
        assert!(world.known(contract).slots.iter().all(|s| s.state == SlotState::Closed));
        assert_eq!(world.money(CLIENT), DEPOSIT - fee);
        for n in FIRST..FIRST + 8 {
            assert_eq!(world.money(did(n)), DEPOSIT);
            assert_eq!(world.market.committed(&did(n)).0, 0);
        }
        assert_eq!(world.balance(Account::Fees), fee);
        let Some(Event::ContractExpired { reason, .. }) = world.journal.last() else { panic!() };
        assert_eq!(reason.contains("the escrow fee of"), fee > 0, "{reason}");
        world.replayed().unwrap();
    }
}

#[test]
fn a_verdict_that_comes_late_takes_back_what_its_epoch_had_earned() {
    let mut world = World::staged(4);
    let contract = world.store();
    let provider = world.provider(contract, 0);
    world.audit_epoch(&[]);
    world.pass_epoch();
    world.pass_epoch();
    // Epochs 1 and 2 are posted before the verdict on epoch 2 comes.
    let take = world.withdraw(provider, 1);
    world.done(&take);
    assert_eq!(world.slot(contract, 0).accrual.posted, Msat(260_000));
    let late = world.judged((contract, 0), (Epoch(2), AuditKind::Routine), (65, 65));
    assert_eq!(world.names(&late), ["verdict_recorded", "slot_faulted"]);
    assert_eq!(world.slot(contract, 0).fault.unwrap().since, Epoch(2));
    assert!(world.done(&late).is_empty());
    let estimate = world.judged((contract, 0), (Epoch(3), AuditKind::Intensified), (0, 256));
    world.done(&estimate);
    let rebuilt = world.rebuilt(contract, 0);
    world.done(&rebuilt);
    world.live_out(contract);
    // Nothing for epoch 3, in which it was at fault; 400 of compliance earn nothing for epoch 2.
    assert_eq!(world.share(contract, provider).0, 8 * 125_000 + 10_000);
}

#[test]
fn the_last_epochs_verdict_still_counts_after_the_end() {
    let mut world = World::staged(8);
    let contract = world.store();
    let provider = world.provider(contract, 0);
    (0..9).for_each(|_| world.audit_epoch(&[]));
    world.pass_epoch();
    world.pass_epoch();
    assert_eq!(world.known(contract).state, ContractState::Completed);
    let late = world.judged((contract, 0), (Epoch(10), AuditKind::Routine), (65, 65));
    assert_eq!(world.names(&late), ["verdict_recorded", "slot_faulted"]);
    let estimate = world.judged((contract, 0), (Epoch(11), AuditKind::Intensified), (256, 256));
    let found = world.names(&estimate);
    assert_eq!(found, ["verdict_recorded", "penalised", "slot_vacated"]);
    world.live_out(contract);
    assert_eq!(world.share(contract, provider), (9 * 125_000 + 10_000, 0, BOND));
    adds_up(&world, ESCROW + 4 * BOND);
}
