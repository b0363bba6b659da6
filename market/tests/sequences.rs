//! What must always hold, over random sequences of commands; and a dozen broken markets that this catches.

#[expect(dead_code, reason = "random sequences need no stage")]
mod common;

use common::{Fault, World, did, honest};
use market::Event;
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use types::{Msat, Span};

/// One thing that somebody tries.
#[derive(Clone, Debug)]
enum Attempt {
    Deposit(u8, i64),
    Withdraw(u8, i64),
    Ask(u8, u64, u32),
    Quote(u8, u64, u64, u8),
    Accept(usize),
    Confirm(usize, bool),
    Revise(usize, u64),
    Epoch,
    Audit(usize, u32, bool),
    Intensify(usize, u32),
    Confess(usize, u64),
    Rebuild(usize),
    Voucher(usize, u64),
    Due(u8),
    Wait(u64),
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let (party, pick) = (0u8..12, 0usize..64);
    prop_oneof![
        1 => (party.clone(), -5i64..1_000_000_000).prop_map(|(p, a)| Attempt::Deposit(p, a)),
        1 => (party.clone(), -5i64..1_000_000).prop_map(|(p, a)| Attempt::Withdraw(p, a)),
        1 => (2u8..12, 0u64..20, 0u32..500).prop_map(|(p, g, c)| Attempt::Ask(p, g, c)),
        3 => (0u8..2, 1u64..3000, 1u64..20, any::<u8>()).prop_map(|(c, m, d, s)| Attempt::Quote(c, m, d, s)),
        4 => pick.clone().prop_map(Attempt::Accept),
        12 => (pick.clone(), prop::bool::weighted(0.1)).prop_map(|(p, d)| Attempt::Confirm(p, d)),
        5 => (pick.clone(), 0u64..=1001).prop_map(|(p, f)| Attempt::Revise(p, f)),
        4 => Just(Attempt::Epoch),
        12 => (pick.clone(), prop_oneof![4 => Just(0u32), 1 => 1u32..256], prop::bool::weighted(0.15))
            .prop_map(|(p, m, s)| Attempt::Audit(p, m, s)),
        3 => (pick.clone(), 0u32..300).prop_map(|(p, m)| Attempt::Intensify(p, m)),
        1 => (pick.clone(), 0u64..1000).prop_map(|(p, m)| Attempt::Confess(p, m)),
        4 => pick.clone().prop_map(Attempt::Rebuild),
        2 => (pick, 0u64..4000).prop_map(|(p, m)| Attempt::Voucher(p, m)),
        6 => any::<u8>().prop_map(Attempt::Due),
        1 => (1u64..200_000).prop_map(Attempt::Wait),
    ]
}

/// A market with ten providers that can afford bonds and two clients that can pay.
fn founded(fault: Fault) -> Result<World, String> {
    let mut world = World::new(fault);
    for n in 0..12 {
        let deposit = world.deposit(did(n), 50_000_000);
        world.run(&deposit)?;
    }
    for n in 2..12 {
        let ask = world.ask(n, 20, 100);
        world.run(&ask)?;
    }
    Ok(world)
}

fn attempted(world: &mut World, attempt: &Attempt) -> Result<(), String> {
    let command = match *attempt {
        Attempt::Deposit(party, amount) => Some(world.deposit(did(party), amount)),
        Attempt::Withdraw(party, amount) => Some(world.withdraw(did(party), amount)),
        Attempt::Ask(party, gigabytes, price) => Some(world.ask(party, gigabytes, price)),
        Attempt::Quote(client, megabytes, days, seed) => {
            // A refused quote changes nothing, and what it may be refused for has tests of its own.
            let _refused = world.quote(client, megabytes, days, seed);
            None
        }
        Attempt::Accept(pick) => world.accept(pick),
        Attempt::Confirm(pick, declined) => world.confirm(pick, declined),
        Attempt::Revise(pick, permille) => world.revise(pick, permille),
        Attempt::Epoch => world.open_epoch(),
        Attempt::Audit(pick, missed, silent) => world.audit(pick, missed, silent),
        Attempt::Intensify(pick, missed) => world.intensify(pick, missed),
        Attempt::Confess(pick, permille) => world.confess(pick, permille),
        Attempt::Rebuild(pick) => world.finish_rebuild(pick),
        Attempt::Voucher(pick, megabytes) => world.voucher(pick, megabytes),
        Attempt::Due(seed) => return world.due(seed).map(drop),
        Attempt::Wait(seconds) => {
            world.now = world.now.after(Span(seconds * Span::SECOND.0));
            None
        }
    };
    command.map_or(Ok(()), |command| world.run(&command).map(drop))
}

/// Runs every attempt, then time until every contract is over; nothing may stay locked.
fn lived(fault: Fault, attempts: &[Attempt]) -> Result<World, String> {
    let mut world = founded(fault)?;
    for attempt in attempts {
        attempted(&mut world, attempt)?;
    }
    world.now = world.now.after(Span(30 * Span::DAY.0));
    while let Some(epoch) = world.open_epoch() {
        world.settle_down(1)?;
        world.run(&epoch)?;
    }
    world.settle_down(2)?;
    if world.market.open_contracts().next().is_some() {
        return Err("a contract never ends".into());
    }
    for (account, totals) in world.market.ledger().accounts() {
        let locked =
            matches!(account, contracts::Account::Escrow(_) | contracts::Account::Bond(..));
        if locked && totals.balance() != Msat::ZERO {
            return Err(format!("{account} still holds {}", totals.balance()));
        }
    }
    world.replayed()?;
    Ok(world)
}

/// How many sequences: 10,000, or as `PROPTEST_CASES` says.
#[expect(clippy::disallowed_methods, reason = "how long a test runs is whoever runs it to say")]
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_invariant_holds_after_every_step(attempts in prop::collection::vec(attempt(), 1..120)) {
        if let Err(breach) = lived(honest, &attempts) {
            prop_assert!(false, "{breach}");
        }
    }
}

/// The first posting of one kind of event, changed.
fn first_posting(
    events: Vec<Event>,
    name: &str,
    change: fn(&mut Vec<contracts::Posting>),
) -> Vec<Event> {
    events
        .into_iter()
        .map(|mut event| {
            if event.name() == name {
                match &mut event {
                    Event::Deposited { postings, .. }
                    | Event::Withdrawn { postings, .. }
                    | Event::ContractAgreed { postings, .. }
                    | Event::SlotConfirmed { postings, .. }
                    | Event::ContractExpired { postings, .. }
                    | Event::RevisionAccepted { postings, .. }
                    | Event::Penalised { postings, .. }
                    | Event::SlotVacated { postings, .. }
                    | Event::RepairOrdered { postings, .. }
                    | Event::RebuildFinished { postings, .. }
                    | Event::EarningsPosted { postings, .. }
                    | Event::VoucherRedeemed { postings, .. }
                    | Event::ContractSettled { postings, .. } => change(postings),
                    _ => {}
                }
            }
            event
        })
        .collect()
}

fn drop_last(postings: &mut Vec<contracts::Posting>) {
    postings.pop();
}

#[expect(clippy::ptr_arg, reason = "one of several changes of a list")]
fn one_more(postings: &mut Vec<contracts::Posting>) {
    if let Some(posting) = postings.first_mut() {
        posting.amount = Msat(posting.amount.0 + 1);
    }
}

fn one_less(postings: &mut Vec<contracts::Posting>) {
    postings.retain_mut(|posting| {
        posting.amount = Msat(posting.amount.0 - 1);
        posting.amount > Msat::ZERO
    });
}

#[expect(clippy::ptr_arg, reason = "one of several changes of a list")]
fn to_the_market(postings: &mut Vec<contracts::Posting>) {
    for posting in postings.iter_mut().filter(|p| p.credit == contracts::Account::RepairPool) {
        posting.credit = contracts::Account::Fees;
    }
}

fn twice(postings: &mut Vec<contracts::Posting>) {
    let again = postings.clone();
    postings.extend(again);
}

/// Markets with one bug each.
const BROKEN: &[(&str, Fault)] = &[
    ("an escrow is not locked", |_, e| first_posting(e, "contract_agreed", drop_last)),
    ("an escrow is one msat short", |_, e| first_posting(e, "contract_agreed", one_less)),
    ("a bond is not locked", |_, e| first_posting(e, "slot_confirmed", drop_last)),
    ("a bond is locked twice", |_, e| first_posting(e, "slot_confirmed", twice)),
    ("an expired contract keeps a bond", |_, e| first_posting(e, "contract_expired", drop_last)),
    ("fees are rounded the other way", |_, e| first_posting(e, "revision_accepted", one_less)),
    ("fees are taken twice", |_, e| first_posting(e, "revision_accepted", twice)),
    ("a slash is one msat short", |_, e| first_posting(e, "penalised", one_less)),
    ("a slash pays the market", |_, e| first_posting(e, "penalised", to_the_market)),
    ("a vacated slot keeps its bond", |_, e| first_posting(e, "slot_vacated", drop_last)),
    ("a settlement forgets the client", |_, e| first_posting(e, "contract_settled", drop_last)),
    ("a settlement pays one msat more", |_, e| first_posting(e, "contract_settled", one_more)),
    ("a reader's payment is one msat more", |_, e| first_posting(e, "voucher_redeemed", one_more)),
    ("a repair's reads are paid twice", |_, e| first_posting(e, "rebuild_finished", twice)),
    ("a fault is forgotten", |_, e| e.into_iter().filter(|e| e.name() != "slot_faulted").collect()),
    ("a lost slot is not vacated", |_, e| {
        e.into_iter().filter(|e| e.name() != "slot_vacated").collect()
    }),
    ("a contract without data goes on", |_, e| {
        e.into_iter().filter(|e| e.name() != "contract_failed").collect()
    }),
    ("a completion is skipped", |_, e| {
        e.into_iter().filter(|e| e.name() != "contract_completed").collect()
    }),
    ("a revision is taken twice", |_, e| {
        let again = |event: &Event| event.name() == "revision_accepted";
        e.iter().filter(|e| again(e)).cloned().collect::<Vec<_>>().into_iter().chain(e).collect()
    }),
    ("a repair pays for one msat more than there is", |_, e| {
        e.into_iter()
            .map(|mut event| {
                if let Event::VerdictRecorded { accruals, .. } = &mut event {
                    accruals.clear();
                }
                if let Event::SlotVacated { accrual, .. } = &mut event {
                    accrual.posted = Msat(accrual.posted.0 + 1);
                }
                event
            })
            .collect()
    }),
];

#[test]
fn every_broken_market_is_caught() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, TestRng, TestRunner};
    let rng = TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let sequence = prop::collection::vec(attempt(), 100..120);
    let sequences: Vec<Vec<Attempt>> = (0..60)
        .map(|_| sequence.new_tree(&mut runner).expect("a strategy without filters").current())
        .collect();
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let survives = |fault: Fault| {
        sequences.iter().all(|attempts| {
            matches!(
                catch_unwind(AssertUnwindSafe(|| lived(fault, attempts).map(drop))),
                Ok(Ok(()))
            )
        })
    };
    let missed: Vec<&str> =
        BROKEN.iter().filter(|(_, fault)| survives(*fault)).map(|(name, _)| *name).collect();
    let sound = survives(honest);
    std::panic::set_hook(quiet);
    assert!(sound, "the same sequences break nothing in the market as it is");
    assert_eq!(missed, Vec::<&str>::new(), "these bugs were not caught");
    assert!(BROKEN.len() >= 10);
}

/// The sequences reach what they are for: every kind of command is taken, many times.
#[test]
fn random_sequences_reach_every_command() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, TestRng, TestRunner};
    let rng = TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let sequence = prop::collection::vec(attempt(), 100..120);
    let mut taken = std::collections::BTreeMap::<&str, u64>::new();
    for _ in 0..60 {
        let attempts =
            sequence.new_tree(&mut runner).expect("a strategy without filters").current();
        for (name, count) in lived(honest, &attempts).expect("a sound market").taken {
            *taken.entry(name).or_default() += count;
        }
    }
    for name in [
        "publish_ask",
        "deposit",
        "withdraw",
        "accept",
        "confirm",
        "revise",
        "open_epoch",
        "record_verdict",
        "confess",
        "finish_rebuild",
        "redeem_voucher",
        "reassign",
        "expire",
        "replace",
        "complete",
        "settle",
    ] {
        assert!(
            taken.get(name).is_some_and(|count| *count >= 5),
            "{name} was taken too seldom: {taken:?}"
        );
    }
}
