//! Random lives of contracts that are extended, grown, left and topped up: every invariant holds after every step, and
//! in the end every msat is somebody's.
#![cfg(test)]

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::World;
use common::did;
use common::stage::{CLIENT, DEPOSIT, FIRST, GB, terms};
use contracts::{Account, ContractState, SlotState};
use market::Command;
use proptest::prelude::*;
use std::collections::BTreeMap;
use types::terms::Renewal;
use types::{ContractId, Msat, Terms};

const PROVIDERS: u8 = 8;
/// More than any of these lives lasts: no ask signs for more than 60 epochs ahead.
const EPOCHS: u64 = 400;

/// One thing that somebody tries with one of two contracts.
#[derive(Clone, Copy, Debug)]
enum Attempt {
    Extend(u64, bool),
    Grow(u64),
    Cancel,
    Depart(u16),
    TopUp(u16, i64),
    Confess(u16, u64),
    Rebuild(u16),
    Confirm(u16, bool),
    Revise(u64),
    Read(u16, u64),
    Withdraw(u8, i64),
    Ask(u8, u32),
    Epoch(u8),
    Fail(u16),
}

fn attempt() -> impl Strategy<Value = (bool, Attempt)> {
    use Attempt::{
        Ask, Cancel, Confess, Confirm, Depart, Epoch, Extend, Fail, Grow, Read, Rebuild, Revise,
        TopUp, Withdraw,
    };
    let slot = 0u16..4;
    let attempt = prop_oneof![
        6 => (0u64..9, any::<bool>()).prop_map(|(more, automatic)| Extend(more, automatic)),
        6 => (0u64..2_000_000_000).prop_map(Grow),
        1 => Just(Cancel),
        4 => slot.clone().prop_map(Depart),
        4 => (slot.clone(), -1_000i64..1_000).prop_map(|(slot, off)| TopUp(slot, off)),
        5 => (slot.clone(), prop_oneof![1u64..20_000_000, Just(GB)])
            .prop_map(|(slot, bytes)| Confess(slot, bytes)),
        8 => slot.clone().prop_map(Rebuild),
        8 => (slot.clone(), prop::bool::weighted(0.1)).prop_map(|(slot, no)| Confirm(slot, no)),
        4 => (0u64..=1_000).prop_map(Revise),
        2 => (slot.clone(), 0u64..3 * GB).prop_map(|(slot, bytes)| Read(slot, bytes)),
        3 => (FIRST - 1..FIRST + PROVIDERS, 0i64..3_000_000).prop_map(|(n, a)| Withdraw(n, a)),
        1 => (FIRST..FIRST + PROVIDERS, 99_999u32..100_002).prop_map(|(n, price)| Ask(n, price)),
        10 => any::<u8>().prop_map(Epoch),
        1 => slot.prop_map(Fail),
    ];
    (any::<bool>(), attempt)
}

fn stored(world: &mut World, terms: &Terms) -> ContractId {
    let contract = world.agree(terms);
    for slot in 0..4 {
        let confirm = world.confirmation(contract, slot, None);
        world.done(&confirm);
    }
    let revise = world.revision(contract, &[GB; 4]);
    world.done(&revise);
    contract
}

fn command(world: &mut World, contract: ContractId, attempt: Attempt) -> Option<Command> {
    let known = world.known(contract);
    let (epochs, capacity) = (known.epochs, known.terms.capacity.0);
    Some(match attempt {
        Attempt::Extend(more, automatic) => world.extension(contract, epochs + more, automatic),
        Attempt::Grow(more) => world.growth(contract, capacity + more),
        Attempt::Cancel => world.cancellation(contract),
        Attempt::Depart(slot) => world.departure(contract, slot),
        Attempt::TopUp(slot, off) => {
            let bond = world.slot(contract, slot).quoted.bond.0;
            world.top_up(contract, slot, bond + off.min(0))
        }
        Attempt::Confess(slot, bytes) => world.confession(contract, slot, bytes),
        Attempt::Rebuild(slot) => world.rebuilt(contract, slot),
        Attempt::Confirm(slot, no) => world.confirmation(contract, slot, no.then_some("full")),
        Attempt::Revise(permille) => {
            let room = known.slots.iter().map(|slot| slot.capacity.0 / 1_000 * permille);
            let room: Vec<u64> = room.collect();
            world.revision(contract, &room)
        }
        Attempt::Read(slot, bytes) => world.voucher_of(contract, slot, bytes),
        Attempt::Withdraw(n, amount) => {
            let party = if n < FIRST { CLIENT } else { did(n) };
            world.withdraw(party, amount)
        }
        Attempt::Ask(n, price) => {
            let mut ask = world.ask_of(n);
            ask.price = types::Price::whole(price);
            Command::PublishAsk { ask: common::signed(ask), network: format!("10.0.{n}.0/24") }
        }
        Attempt::Fail(slot) => world.silence(contract, slot),
        Attempt::Epoch(_) => return None,
    })
}

/// Opens an epoch, does what is due, and audits everyone; who is silent is one in sixteen, by `chance`.
fn epoch(world: &mut World, chance: u8) {
    let silent = (chance < 16 * PROVIDERS).then(|| did(FIRST + chance % PROVIDERS));
    let silent: Vec<_> = silent.filter(|_| chance.is_multiple_of(16)).into_iter().collect();
    world.audit_epoch(&silent);
}

/// Lets time pass until both contracts are over, with whoever is asked to rebuild doing so.
fn ends(world: &mut World, contracts: [ContractId; 2]) {
    for contract in contracts {
        let off = world.extension(contract, world.known(contract).epochs, false);
        // A contract that is over, or that cannot renew itself any more, says so.
        let _refused = world.attempt(&off);
    }
    while contracts.iter().any(|id| world.known(*id).state.is_open()) {
        world.audit_epoch(&[]);
        assert!(world.market.epoch().0 + 1 < EPOCHS, "a contract never ends");
    }
}

fn lived(attempts: &[(bool, Attempt)]) -> World {
    let mut world = World::staged_for(EPOCHS, PROVIDERS);
    let mut automatic = terms();
    automatic.renewal = Renewal::Automatic;
    let contracts = [stored(&mut world, &terms()), stored(&mut world, &automatic)];
    for (which, attempt) in attempts {
        if let Attempt::Epoch(chance) = attempt {
            epoch(&mut world, *chance);
            continue;
        }
        let contract = contracts[usize::from(*which)];
        if let Some(command) = command(&mut world, contract, *attempt)
            && let Ok(events) = world.attempt(&command)
            && !events.is_empty()
        {
            let again = world.market.decide(world.now, &command);
            assert!(again.is_err() || again == Ok(Vec::new()), "{} twice", command.name());
        }
    }
    ends(&mut world, contracts);
    world
}

fn adds_up(world: &World) {
    let (mut free, mut out) = (0i64, 0i64);
    for (account, totals) in world.market.ledger().accounts() {
        let balance = totals.balance();
        match account {
            Account::Escrow(_) | Account::Bond(..) => assert_eq!(balance, Msat::ZERO, "{account}"),
            Account::World => out = -balance.0,
            _ => free += balance.0,
        }
    }
    assert_eq!(free, out, "all that came in is somebody's");
    assert!(out <= i64::from(PROVIDERS + 1) * DEPOSIT);
    for contract in world.market.contracts().values() {
        assert!(matches!(contract.state, ContractState::Settled), "{:?}", contract.state);
        for slot in &contract.slots {
            assert_eq!(slot.state, SlotState::Closed);
            let most = slot.quoted.cost.total().unwrap();
            assert!(slot.accrual.posted.add(slot.exit_fee).unwrap() <= most, "above its price");
        }
    }
    world.replayed().expect("a replay gives the same state");
}

/// How many sequences: 500, or as `PROPTEST_CASES` says.
#[expect(clippy::disallowed_methods, reason = "how long a test runs is whoever runs it to say")]
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(500)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_agreed_later_every_msat_is_somebodys(
        attempts in prop::collection::vec(attempt(), 1..80),
    ) {
        adds_up(&lived(&attempts));
    }
}

/// The sequences reach what they are for.
#[test]
fn random_lives_reach_every_agreement() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let sequence = prop::collection::vec(attempt(), 60..80);
    let mut taken = BTreeMap::<&str, u64>::new();
    let mut events = BTreeMap::<&str, u64>::new();
    for _ in 0..240 {
        let attempts = sequence.new_tree(&mut runner).expect("no filters").current();
        let world = lived(&attempts);
        for (name, count) in &world.book.tally.taken {
            *taken.entry(name).or_default() += count;
        }
        for event in &world.journal {
            *events.entry(event.name()).or_default() += 1;
        }
    }
    for name in ["extend", "grow", "cancel", "depart", "top_up", "finish_rebuild", "revise"] {
        assert!(taken.get(name).is_some_and(|count| *count >= 5), "{name}: {taken:?}");
    }
    for name in ["contract_renewed", "renewal_refused", "contract_failed", "repair_ordered"] {
        assert!(events.contains_key(name), "{name}: {events:?}");
    }
}
