//! Who sees what, over whole lives of a market by chance, of every kind of event: told by the state in which it
//! happened, while the views are made on the state in which the life has ended.

use super::event;
use attempts::{lived, step};
use common::{AUDITOR, MARKET, World, did, honest};
use contracts::{Account, Slot, SlotState};
use market::event::SlotId;
use market::{Event, Market};
use proptest::collection::vec;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeSet;
use types::{ContractId, Did, Timestamp};

#[path = "../../../../tests/sequences/attempts.rs"]
mod attempts;
#[path = "../../../../tests/common/mod.rs"]
#[expect(dead_code, reason = "lives by chance need no stage")]
#[expect(clippy::duplicate_mod, reason = "the writer's tests have a stage of their own")]
mod common;

/// How many lives there are at most until everything has happened.
const LIVES_MAX: usize = 400;
/// Who never does anything.
const STRANGER: Did = Did([77; 32]);

/// Whom an event reaches beside the operator and those on whose accounts it moves money: without a wildcard, so that a
/// new kind of event is to be told apart here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Everybody,
    /// Whoever it names.
    Named,
    /// Whoever it names, and the clients of its contracts.
    Contract,
}

fn reach(event: &Event) -> Reach {
    match event {
        Event::EpochOpened { .. } => Reach::Everybody,
        Event::AskPublished { .. }
        | Event::Deposited { .. }
        | Event::Withdrawn { .. }
        | Event::MaintenanceAnnounced { .. }
        | Event::Measured { .. }
        | Event::Granted { .. }
        | Event::GrantRevoked { .. }
        | Event::StandingChanged { .. }
        | Event::AvailabilityNoted { .. } => Reach::Named,
        Event::ContractAgreed { .. }
        | Event::SlotConfirmed { .. }
        | Event::SlotReassigned { .. }
        | Event::ContractExpired { .. }
        | Event::RevisionAccepted { .. }
        | Event::ContractExtended { .. }
        | Event::ContractRenewed { .. }
        | Event::RenewalRefused { .. }
        | Event::ContractGrown { .. }
        | Event::ContractCancelled { .. }
        | Event::ContractLeft { .. }
        | Event::SlotDeparting { .. }
        | Event::BondToppedUp { .. }
        | Event::VerdictRecorded { .. }
        | Event::LossConfessed { .. }
        | Event::SlotFaulted { .. }
        | Event::SlotRecovered { .. }
        | Event::Penalised { .. }
        | Event::DisputeUpheld { .. }
        | Event::DisputeDismissed { .. }
        | Event::PayRestored { .. }
        | Event::PayCompensated { .. }
        | Event::PenaltyReversed { .. }
        | Event::PenaltyReleased { .. }
        | Event::SlotRelieved { .. }
        | Event::EarningsHeld { .. }
        | Event::SlotVacated { .. }
        | Event::RepairOrdered { .. }
        | Event::RepairDelayed { .. }
        | Event::RebuildFinished { .. }
        | Event::EscrowConcluded { .. }
        | Event::EarningsPosted { .. }
        | Event::VoucherRedeemed { .. }
        | Event::GuestPaid { .. }
        | Event::ContractCompleted { .. }
        | Event::ContractFailed { .. }
        | Event::ContractSettled { .. } => Reach::Contract,
    }
}

/// Everyone there is.
fn everyone() -> Vec<Did> {
    let parties = (0..16).chain([AUDITOR, MARKET]).map(did);
    parties.chain([STRANGER]).collect()
}

/// Whose account it is as an event happens, by the states before and after it.
fn owner((before, after): (&Market, &Market), account: Account) -> Option<Did> {
    match account {
        Account::Available(party) | Account::Held(party) | Account::OnChain(party) => Some(party),
        Account::Escrow(id) | Account::Contested(id, _) => client_of(after, &id),
        Account::Bond(contract, slot) => holder(before, SlotId { contract, slot }),
        Account::World
        | Account::Fees
        | Account::FeesOnChain
        | Account::RepairPool
        | Account::PoolOnChain
        | Account::Rounding => None,
    }
}

fn client_of(market: &Market, id: &ContractId) -> Option<Did> {
    market.contract(id).map(|contract| contract.client)
}

fn holder(market: &Market, id: SlotId) -> Option<Did> {
    let slot = market.slot(id).map(|(_, slot)| slot);
    slot.filter(|slot| slot.state != SlotState::Vacated).map(Slot::provider)
}

/// Holds the views of a whole life against what everyone had a part in as it happened: what kinds of events there were,
/// and how many in slots that somebody else holds by now.
fn told(world: &World) -> (BTreeSet<&'static str>, usize) {
    let mut then = Market::new(world.market.genesis().clone());
    let (mut kinds, mut former) = (BTreeSet::new(), 0);
    for happened in &world.journal {
        let before = then.clone();
        then.apply(happened);
        kinds.insert(happened.name());
        for party in everyone() {
            holds(world, (&before, &then), happened, party);
        }
        let held = |id: &SlotId| holder(&before, *id) != holder(&world.market, *id);
        former += usize::from(happened.slots().iter().any(held));
    }
    (kinds, former)
}

fn seen(world: &World, happened: &Event, party: Did) -> Vec<network::api::EventView> {
    event(&world.market, party, happened, ("1.1", Timestamp(1)))
}

/// What one party sees of one event is what is its own, and nothing else.
fn holds(world: &World, (before, after): (&Market, &Market), happened: &Event, party: Did) {
    let views = seen(world, happened, party);
    let told = || format!("{} to {party}: {views:?} of {happened:?}", happened.name());
    let shown: Vec<_> = views.iter().flat_map(|view| view.postings.clone()).collect();
    if party == world.market.genesis().market {
        assert!(views.len() == 1 && views[0].event.is_some(), "{}", told());
        assert_eq!(shown.len(), happened.postings().len(), "{}", told());
        return;
    }
    let own = |account| owner((before, after), account) == Some(party);
    let mine = happened.postings().iter().filter(|p| own(p.debit) || own(p.credit));
    let mine: Vec<_> = mine.map(super::posting).collect();
    assert_eq!(shown, mine, "{}", told());
    let (named, reach) = (happened.parties().contains(&party), reach(happened));
    let buys = |id: &ContractId| client_of(after, id) == Some(party);
    let bought: BTreeSet<ContractId> = happened.contracts().into_iter().filter(buys).collect();
    let reached = match reach {
        Reach::Everybody => true,
        Reach::Named => named,
        Reach::Contract => named || !bought.is_empty(),
    };
    assert_eq!(!views.is_empty(), reached || !mine.is_empty(), "{}", told());
    assert!(views.iter().all(|view| view.event.is_none()), "{}", told());
    if !named && mine.is_empty() {
        let contracts: BTreeSet<ContractId> = views.iter().filter_map(|v| v.contract).collect();
        assert_eq!(contracts, bought, "{}", told());
    }
    // Who is out of a slot is not told who comes, nor who comes who was there.
    if named && let Event::SlotReassigned { .. } = happened {
        assert_eq!(views[0].party, Some(party), "{}", told());
    }
}

#[test]
fn everyone_sees_what_was_its_own_when_it_happened_and_nothing_else() {
    let config = Config { failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[24; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let sequence = vec(step(), 80..120);
    let (mut kinds, mut former) = (BTreeSet::new(), 0);
    for life in 0..LIVES_MAX {
        let steps = sequence.new_tree(&mut runner).expect("a strategy without filters").current();
        let world = lived(honest, &steps).unwrap_or_else(|breach| panic!("life {life}: {breach}"));
        let (happened, handed) = told(&world);
        kinds.extend(happened);
        former += handed;
        if kinds.len() == common::book::EVENTS.len() {
            break;
        }
    }
    let missing: Vec<_> =
        common::book::EVENTS.iter().filter(|kind| !kinds.contains(*kind)).collect();
    assert!(missing.is_empty(), "these never happened: {missing:?}");
    assert!(former > 100, "only {former} events were in slots that changed hands later");
}
