//! Contracts whose data is gone: the client is made whole from the escrow that nobody earned, then from the bonds at fault,
//! then from what the contract's own penalties left in the pool, in this order and no further.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::World;
use common::stage::{BOND, CLIENT, DAILY, DEPOSIT, ESCROW, FEES, GB, terms};
use contracts::{Account, ContractState, Posting};
use market::{Command, Event};
use types::terms::PenaltyStep;
use types::{ContractId, Did, Msat};

/// What a slot of [`terms`] has for taking in its bytes and for the one epoch that is over when the data is gone.
const EARNED: i64 = 10_000 + DAILY;
/// What nobody has earned by then.
const UNEARNED: i64 = ESCROW - FEES - 4 * EARNED;
/// What those who lose their part pay into the pool where the last slot is silent: for taking it in again, and for
/// reading it from two others, from one, from none.
const REPAIRS: i64 = (10_000 + 2 * 50_000) + (10_000 + 50_000) + 10_000;

/// A contract in whose second epoch three of four slots lose all, and say so; each such loss, and each slot at fault, costs
/// `permille` of its bond. The last one is `silent` then, or is asked nothing.
fn gone(permille: u16, silent: bool) -> (World, ContractId, Vec<Did>) {
    gone_among(4, (permille, silent))
}

/// As [`gone`], in a market with so many providers.
fn gone_among(providers: u8, (permille, silent): (u16, bool)) -> (World, ContractId, Vec<Did>) {
    let mut world = World::staged(providers);
    let mut terms = terms();
    let schedule = &mut terms.penalties;
    schedule.steps = vec![PenaltyStep { fraction_ppm: 1_000_000, slash_permille: permille }];
    (schedule.per_epoch_permille, schedule.confessed_permille) = (0, 1000);
    let contract = world.store_under(&terms);
    assert_eq!(world.slot(contract, 0).quoted.bond, Msat(BOND));
    world.audit_until(1);
    world.pass_epoch();
    if silent {
        let silence = world.silence(contract, 3);
        world.done(&silence);
    }
    let providers = world.providers(contract);
    for slot in 0..3 {
        let confession = world.confession(contract, slot, GB);
        world.done(&confession);
    }
    assert_eq!(world.known(contract).state, ContractState::Failed);
    (world, contract, providers)
}

/// What settling a failed contract posts, in order.
fn settled(world: &mut World, contract: ContractId) -> Vec<Posting> {
    let events = world.done(&Command::Settle(contract));
    assert_eq!(world.known(contract).state, ContractState::Settled);
    events.iter().flat_map(Event::postings).copied().collect()
}

/// What `purse` gives the client in `postings`.
fn gives(postings: &[Posting], purse: Account) -> i64 {
    let to_client = postings.iter().filter(|p| p.credit == Account::Available(CLIENT));
    to_client.filter(|p| p.debit == purse).map(|p| p.amount.0).sum()
}

/// Each line: what a loss costs; what the penalties before have given the client and the pool; then what escrow, bond and pool
/// give at the end, and what the client is left without.
#[test]
fn the_next_purse_pays_only_what_the_one_before_does_not_cover() {
    // What the client has lost by then: fees, and what was earned.
    let lost = FEES + 4 * EARNED;
    for (permille, compensated, bond, pool, missing) in [
        (136, 840_000, 8_000, 0, 0),
        (103, 592_500, 255_500, 0, 0),
        (102, 585_000, 255_000, 8_000, 0),
        (100, 570_000, 250_000, 28_000, 0),
        (85, 457_500, 212_500, 178_000, 0),
        (84, 450_000, 210_000, REPAIRS, 8_000),
        (60, 270_000, 150_000, REPAIRS, 248_000),
    ] {
        let (mut world, contract, _) = gone(permille, true);
        let slash = BOND * i64::from(permille) / 1000;
        assert_eq!(compensated, 3 * slash - REPAIRS, "the repair comes first");
        assert_eq!(world.share(contract, CLIENT).0, compensated, "{permille}");
        assert_eq!(world.balance(Account::RepairPool), REPAIRS);
        let postings = settled(&mut world, contract);
        assert_eq!(gives(&postings, Account::Escrow(contract)), UNEARNED, "{permille}");
        assert_eq!(gives(&postings, Account::Bond(contract, 3)), bond, "{permille}");
        assert_eq!(gives(&postings, Account::RepairPool), pool, "{permille}");
        assert_eq!(lost - compensated - bond - pool, missing, "the figures of this line");
        assert_eq!(world.money(CLIENT), DEPOSIT - missing, "{permille}");
        // What the bond at fault loses beyond the client's loss stays for nobody.
        assert_eq!(world.balance(Account::RepairPool), REPAIRS + slash - bond - pool);
        assert!(bond == slash || pool == 0, "no pool before the bond is spent");
        assert!(pool == REPAIRS || missing == 0, "nothing is missing before the pool is spent");
        world.adds_up(4);
    }
}

#[test]
fn where_all_three_fall_short_every_msat_of_them_is_posted_in_a_stated_order() {
    let (mut world, contract, providers) = gone(60, true);
    let postings = settled(&mut world, contract);
    let (client, last) = (Account::Available(CLIENT), Account::Available(providers[3]));
    let (escrow, bond) = (Account::Escrow(contract), Account::Bond(contract, 3));
    let posting = |debit, credit, amount| Posting { debit, credit, amount: Msat(amount) };
    assert_eq!(
        postings,
        [
            // The penalty of the slot at fault is an event of its own, before the settlement that counts on it.
            posting(bond, client, 150_000),
            posting(escrow, last, EARNED),
            posting(escrow, client, UNEARNED),
            posting(Account::RepairPool, client, REPAIRS),
            posting(bond, last, BOND - 150_000),
        ]
    );
    assert_eq!(world.balance(Account::RepairPool), 0);
    assert_eq!(world.money(CLIENT), DEPOSIT - 248_000, "nobody else pays for the rest");
    assert_eq!(world.balance(Account::Fees), FEES, "and the fees are no purse of the client's");
    world.adds_up(4);
}

#[test]
fn a_slot_that_kept_its_promise_pays_nothing_however_much_is_missing() {
    let (mut world, contract, providers) = gone(100, false);
    // All three could be read from somebody still, so the repairs come to more.
    assert_eq!(world.balance(Account::RepairPool), 280_000);
    let postings = settled(&mut world, contract);
    assert_eq!(gives(&postings, Account::Bond(contract, 3)), 0);
    assert_eq!(gives(&postings, Account::RepairPool), 280_000);
    assert_eq!(world.share(contract, providers[3]), (EARNED, BOND, 0));
    assert_eq!(world.money(CLIENT), DEPOSIT - 98_000);
    world.adds_up(4);
}

#[test]
fn the_pool_of_other_contracts_is_no_purse_of_this_one() {
    let (mut world, contract, _) = gone_among(12, (60, true));
    let other = world.store();
    let confession = world.confession(other, 0, GB);
    world.done(&confession);
    let richer = world.balance(Account::RepairPool) - REPAIRS;
    assert!(richer > 0, "there is more in the pool");
    let postings = settled(&mut world, contract);
    assert_eq!(gives(&postings, Account::RepairPool), REPAIRS);
    assert_eq!(world.balance(Account::RepairPool), richer, "what is another contract's stays");
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
        let all = world.providers(contract);
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
        world.adds_up(4);
    }
}
