//! Disputes: who is wrongly accused has everything back, who is rightly accused has not, and no msat comes or goes.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::court::{Case, Kept};
use common::stage::{CLIENT, GB};
use common::{World, did, signed};
use contracts::{Account, SlotState};
use market::{Command, Event};
use proptest::prelude::*;
use types::documents::AuditKind::{Intensified, Routine};
use types::documents::{Dispute, Proof};
use types::{ContractId, Did, Hash, Msat, Standing};

const BOND: i64 = 2_500_000;

/// Slot 0 fails its routine audit, and the estimate finds that `passed` of 256 are there.
fn convicted(world: &mut World, contract: ContractId, passed: u32) -> [Case; 2] {
    world.pass_epoch();
    let first = world.case((contract, 0), Routine, (65, Some(64)));
    world.done(&first.command());
    let second = world.case((contract, 0), Intensified, (256, Some(passed)));
    world.done(&second.command());
    [first, second]
}

fn event<'a>(events: &'a [Event], name: &str) -> &'a Event {
    let found = events.iter().find(|event| event.name() == name);
    found.unwrap_or_else(|| panic!("no {name} in {events:?}"))
}

fn worth(world: &World, party: Did) -> i64 {
    world.balance(Account::Available(party))
}

#[test]
fn who_is_wrongly_accused_of_a_small_loss_is_as_if_nothing_had_been_said() {
    for which in [0, 1] {
        let (mut world, contract, kept) = World::court(5);
        let provider = world.provider(contract, 0);
        let cases = convicted(&mut world, contract, 250);
        assert_eq!(world.slot(contract, 0).state, SlotState::AtFault);
        assert_eq!(world.balance(Account::Bond(contract, 0)), BOND - BOND / 4);
        let contested = world.balance(Account::Contested(contract, 0));
        assert!(contested > 0, "what is the client's waits");
        let before = worth(&world, CLIENT);
        let events = world.done(&cases[which].dispute(provider, &kept[0]));
        assert_eq!(events[0].name(), "dispute_upheld");
        assert_eq!(world.slot(contract, 0).state, SlotState::Filled);
        assert_eq!(world.slot(contract, 0).fault, None);
        assert_eq!(world.balance(Account::Bond(contract, 0)), BOND);
        assert_eq!(world.balance(Account::Contested(contract, 0)), 0);
        assert_eq!(world.balance(Account::RepairPool), 0);
        assert_eq!(worth(&world, CLIENT), before, "the client has lost and won nothing");
        if which == 1 {
            // The first verdict stands until it is disputed too: the epoch's bonus is short.
            world.done(&cases[0].dispute(provider, &kept[0]));
        }
        let score = world.market.score(&provider);
        assert_eq!(score.bounds[0], 500, "nothing is known of its possession");
        assert_eq!(score.bounds[3], 500, "and nothing of its honesty");
        world.live_out(contract);
        assert_eq!(world.share(contract, provider), (10 * 125_000, BOND, 0));
        world.replayed().expect("a replay gives the same state");
    }
}

#[test]
fn a_slot_that_was_replaced_stays_replaced_and_the_money_comes_back() {
    let (mut world, contract, kept) = World::court(6);
    let provider = world.provider(contract, 0);
    let had = worth(&world, provider);
    let [first, second] = convicted(&mut world, contract, 0);
    assert_eq!(world.slot(contract, 0).state, SlotState::Vacated);
    world.settle_down(1).unwrap();
    let confirm = world.confirmation(contract, 0, None);
    world.done(&confirm);
    let rebuilt = world.rebuilt(contract, 0);
    world.done(&rebuilt);
    let next = world.provider(contract, 0);
    let (pool, fees) = (world.balance(Account::RepairPool), world.balance(Account::Fees));
    let events = world.done(&first.dispute(provider, &kept[0]));
    let Event::PenaltyReversed { to_bond, to_provider, owed, .. } =
        event(&events, "penalty_reversed")
    else {
        unreachable!("by its name")
    };
    assert_eq!((to_bond.0, to_provider.0, owed.0), (0, BOND, 0));
    // What the pool has spent on the rebuild is made good by the market, whose verdict it was.
    let made_good = fees - world.balance(Account::Fees);
    assert!(made_good > 0, "the judge pays for its error");
    assert_eq!(world.balance(Account::RepairPool), 0, "{pool}");
    assert_eq!(world.provider(contract, 0), next);
    assert_eq!(worth(&world, provider), had + BOND + 125_000, "the epoch's pay as well");
    assert_eq!(world.share(contract, provider).2, 0);
    // The estimate was wrong as well, and there is nothing left to give back.
    assert_eq!(world.names(&second.dispute(provider, &kept[0])), ["dispute_upheld"]);
    world.live_out(contract);
    assert_eq!(
        world.share(contract, CLIENT).0,
        0,
        "it has no compensation for a loss that was none"
    );
    world.replayed().expect("a replay gives the same state");
}

#[test]
fn who_is_rightly_accused_keeps_its_penalty_and_the_client_is_paid_after_the_window() {
    let (mut world, contract, kept) = World::court(6);
    let provider = world.provider(contract, 0);
    let [first, _] = convicted(&mut world, contract, 190);
    let waiting = world.balance(Account::Contested(contract, 0));
    let before = (worth(&world, CLIENT), worth(&world, provider));
    let dispute = first.dispute(provider, &kept[0].damaged());
    let events = world.done(&dispute);
    let [Event::DisputeDismissed { reason, .. }] = events.as_slice() else { panic!("{events:?}") };
    assert!(reason.contains("of 65 chunks are proven"), "{reason}");
    assert!(world.done(&dispute).is_empty(), "it is judged once");
    assert_eq!((worth(&world, CLIENT), worth(&world, provider)), before);
    assert!(world.market.score(&provider).bounds[3] < 500, "it counts against its honesty");
    for left in [3, 2, 1, 0] {
        assert_eq!(world.balance(Account::Contested(contract, 0)), waiting, "{left} epochs left");
        world.pass_epoch();
    }
    assert_eq!(world.balance(Account::Contested(contract, 0)), 0);
    assert_eq!(worth(&world, CLIENT), before.0 + waiting);
    world.refuse(&first.dispute(provider, &kept[0]), "dispute_too_late", "through epoch 4");
    world.live_out(contract);
    world.replayed().expect("a replay gives the same state");
}

#[test]
fn silence_stays_unpaid_but_who_has_the_bytes_has_not_lost_them() {
    let (mut world, contract, kept) = World::court(6);
    let provider = world.provider(contract, 0);
    let had = worth(&world, provider);
    world.pass_epoch();
    let silent = world.case((contract, 0), Routine, (65, None));
    world.done(&silent.command());
    let early = world.refused(&silent.dispute(provider, &kept[0]));
    assert_eq!(early.code(), "not_disputable");
    assert!(early.to_string().contains("answer the next challenge"), "{early}");
    world.pass_epoch();
    world.pass_epoch();
    assert_ne!(world.provider(contract, 0), provider, "it was away for too long");
    assert_eq!(worth(&world, provider), had);
    let events = world.done(&silent.dispute(provider, &kept[0]));
    let names: Vec<_> = events.iter().map(Event::name).collect();
    assert_eq!(names, ["dispute_upheld", "penalty_reversed"]);
    // It still pays for the repair that its absence caused; the reads of 12 kB cost next to nothing.
    let lost = BOND - (worth(&world, provider) - had);
    assert!((1..100).contains(&lost), "{lost}");
    assert!(world.market.score(&provider).bounds[1] < 500, "it was not there when it was asked");
    world.live_out(contract);
    world.replayed().expect("a replay gives the same state");
}

#[test]
fn each_dispute_that_may_not_be_is_refused_with_its_reason() {
    let (mut world, contract, kept) = World::court(6);
    let provider = world.provider(contract, 0);
    let [first, second] = convicted(&mut world, contract, 250);
    let passed = world.case((contract, 1), Routine, (65, Some(65)));
    world.done(&passed.command());
    let never = world.case((contract, 2), Routine, (64, Some(3)));
    let boxed = |contest| Command::Dispute(Box::new(contest));
    let with = |change: &dyn Fn(&mut market::command::Contest)| {
        let mut contest = first.contest(provider, &kept[0]);
        change(&mut contest);
        boxed(contest)
    };
    let other = world.provider(contract, 1);
    let stranger = with(&|c| {
        let dispute = Dispute { provider: did(77), ..(*c.dispute).clone() };
        c.dispute = signed(dispute);
    });
    world.refuse(&stranger, "foreign_party", "only");
    world.refuse(&passed.dispute(other, &kept[1]), "not_disputable", "nothing to reverse");
    let third = world.provider(contract, 2);
    world.refuse(&never.dispute(third, &kept[2]), "not_disputable", "holds nothing against");
    let foreign = [
        with(&|c| c.challenge = second.challenge.clone()),
        with(&|c| c.verdict = second.verdict.clone()),
        with(&|c| c.proof = second.contest(provider, &kept[0]).proof),
        with(&|c| c.answers = c.answers.slice(1..)),
        with(&|c| {
            let proof = Proof { provider: other, ..(*c.proof).clone() };
            c.proof = signed(proof);
            c.dispute = signed(Dispute { proof: c.proof.id(), ..(*c.dispute).clone() });
        }),
        with(&|c| {
            let proof = Proof { challenge: Hash([4; 32]), ..(*c.proof).clone() };
            c.proof = signed(proof);
            c.dispute = signed(Dispute { proof: c.proof.id(), ..(*c.dispute).clone() });
        }),
    ];
    for command in foreign {
        world.refuse(&command, "foreign_evidence", "the evidence shows nothing here");
    }
    world.done(&first.dispute(provider, &kept[0].damaged()));
    world.refuse(&first.dispute(provider, &kept[0]), "already_used", "one dispute");
}

#[test]
fn what_neither_pool_nor_fees_cover_is_owed_and_never_made_from_nothing() {
    let (mut world, contract, kept) = World::court(5);
    let provider = world.provider(contract, 0);
    let [first, _] = convicted(&mut world, contract, 0);
    // The pool's part goes to nobody yet: all of it comes back, and nothing is owed.
    let events = world.done(&first.dispute(provider, &kept[0]));
    let Event::PenaltyReversed { owed, postings, .. } = event(&events, "penalty_reversed") else {
        unreachable!("by its name")
    };
    assert_eq!(*owed, Msat::ZERO);
    assert!(postings.iter().all(|p| p.debit != Account::World && p.credit != Account::World));
    assert!(postings.iter().all(|p| p.credit != Account::Fees), "no rule pays the judge");
}

#[test]
fn a_ban_that_rests_on_lies_is_lifted() {
    let (mut world, contract, kept) = World::court(6);
    let provider = world.provider(contract, 0);
    let mut cases = Vec::new();
    while world.market.score(&provider).standing != Standing::Banned {
        world.pass_epoch();
        let case = world.case((contract, 0), Routine, (65, Some(64)));
        world.done(&case.command());
        assert_eq!(world.slot(contract, 0).state, SlotState::AtFault, "it is lied about again");
        let estimate = world.case((contract, 0), Intensified, (256, Some(255)));
        world.done(&estimate.command());
        let rebuilt = world.rebuilt(contract, 0);
        world.done(&rebuilt);
        cases.push((world.market.epoch(), [case, estimate]));
    }
    let ask = world.ask_of(provider.0[0]);
    let publish = Command::PublishAsk { ask: signed(ask), network: "10.0.1.0/24".into() };
    world.refuse(&publish, "banned", "is banned");
    let (now, window) = (world.market.epoch(), world.market.genesis().dispute_epochs);
    let mut upheld = 0;
    for (epoch, case) in cases.iter().flat_map(|(epoch, cases)| cases.iter().map(|c| (*epoch, c))) {
        let dispute = case.dispute(provider, &kept[0]);
        if epoch.plus(window) < now {
            world.refuse(&dispute, "dispute_too_late", "through epoch");
        } else {
            assert_eq!(world.names(&dispute)[0], "dispute_upheld");
            upheld += 1;
        }
    }
    assert!(upheld > 0, "some lies are young enough");
    world.pass_epoch();
    assert_ne!(world.market.score(&provider).standing, Standing::Banned);
    world.done(&publish);
}

/// One thing that happens between a market that may lie and providers that may lose.
#[derive(Clone, Debug)]
enum Step {
    Epoch,
    Accuse { slot: u16, lie: bool, silent: bool },
    Dispute(usize),
    Replace(u8),
    Rebuild(u16),
    Withdraw(u8, i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Epoch),
        4 => (0u16..4, any::<bool>(), prop::bool::weighted(0.2))
            .prop_map(|(slot, lie, silent)| Step::Accuse { slot, lie, silent }),
        5 => (0usize..32).prop_map(Step::Dispute),
        2 => any::<u8>().prop_map(Step::Replace),
        2 => (0u16..4).prop_map(Step::Rebuild),
        1 => (10u8..18, 1i64..5_000_000).prop_map(|(who, amount)| Step::Withdraw(who, amount)),
    ]
}

/// A case with whose it is, and what that provider can answer.
type Filed = (Case, Did, Kept);

fn accuse(
    world: &mut World,
    contract: ContractId,
    (slot, lie, silent): (u16, bool, bool),
    kept: &Kept,
) -> Vec<Filed> {
    let provider = world.provider(contract, slot);
    let has = if lie { kept.clone() } else { kept.damaged() };
    let passed = (!silent).then_some(48);
    let first = world.case((contract, slot), Routine, (65, passed));
    let _judged = world.attempt(&first.command());
    let second = world.case((contract, slot), Intensified, (256, Some(190)));
    let _judged = world.attempt(&second.command());
    [first, second].map(|case| (case, provider, has.clone())).into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_is_disputed_the_books_balance_and_everything_ends(steps in prop::collection::vec(step(), 1..60)) {
        let (mut world, contract, kept) = World::court(9);
        let mut filed: Vec<Filed> = Vec::new();
        for step in steps {
            match step {
                Step::Epoch => {
                    if world.market.epoch().0 < 40 {
                        world.pass_epoch();
                    }
                }
                Step::Accuse { slot, lie, silent } => {
                    let kept = &kept[usize::from(slot)];
                    filed.extend(accuse(&mut world, contract, (slot, lie, silent), kept));
                }
                Step::Dispute(pick) if !filed.is_empty() => {
                    let (case, provider, kept) = filed[pick % filed.len()].clone();
                    let _judged = world.attempt(&case.dispute(provider, &kept));
                }
                Step::Dispute(_) => {}
                Step::Replace(seed) => {
                    let _settled = world.settle_down(seed);
                    for slot in 0..4 {
                        let confirm = world.confirmation(contract, slot, None);
                        let _judged = world.attempt(&confirm);
                    }
                }
                Step::Rebuild(slot) => {
                    let rebuilt = world.rebuilt(contract, slot);
                    let _judged = world.attempt(&rebuilt);
                }
                Step::Withdraw(who, amount) => {
                    let withdraw = world.withdraw(did(who), amount);
                    let _judged = world.attempt(&withdraw);
                }
            }
        }
        world.live_out(contract);
        prop_assert!(!world.known(contract).state.is_open());
        for (account, totals) in world.market.ledger().accounts() {
            let locked = matches!(account, Account::Escrow(_) | Account::Bond(..) | Account::Contested(..));
            prop_assert!(!locked || totals.balance() == Msat::ZERO, "{account} holds {}", totals.balance());
        }
        world.replayed().map_err(TestCaseError::fail)?;
    }
}

#[test]
fn a_slot_of_a_gigabyte_is_paid_as_such() {
    let (world, contract, _) = World::court(4);
    assert_eq!(world.slot(contract, 0).earning_bytes(), GB);
}

#[test]
fn an_answer_that_failed_is_not_made_good_by_another_that_is_made_later() {
    let (mut world, contract, kept) = World::court(5);
    let provider = world.provider(contract, 0);
    world.pass_epoch();
    let case = world.case((contract, 0), Routine, (65, Some(64)));
    // The first quarter is not there when it is asked for, and is fetched later.
    let given = case.contest(provider, &kept[0].damaged());
    let case = case.naming(given.proof.id());
    world.done(&case.command());
    world.refuse(
        &case.dispute(provider, &kept[0]),
        "foreign_evidence",
        "the answer that it judged",
    );
    let events = world.done(&case.dispute(provider, &kept[0].damaged()));
    assert_eq!(events[0].name(), "dispute_dismissed");
    assert_eq!(world.slot(contract, 0).state, SlotState::AtFault);
}

#[test]
fn the_answer_that_was_judged_wrongly_refutes_the_verdict_that_names_it() {
    let (mut world, contract, kept) = World::court(5);
    let provider = world.provider(contract, 0);
    world.pass_epoch();
    let case = world.case((contract, 0), Routine, (65, Some(64)));
    let case = case.naming(case.contest(provider, &kept[0]).proof.id());
    world.done(&case.command());
    let events = world.done(&case.dispute(provider, &kept[0]));
    assert_eq!(events[0].name(), "dispute_upheld");
    assert_eq!(world.slot(contract, 0).state, SlotState::Filled);
}
