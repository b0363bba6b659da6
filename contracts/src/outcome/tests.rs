use super::*;
use crate::ledger::{Account, Ledger, Posting};
use crate::payout::Accrual;
use crate::rail::{LedgerRail, Rail};
use proptest::prelude::*;
use types::terms::PayoutPoint;
use types::{Bytes, ContractId, Did, Epoch};

const CLIENT: Did = Did([1; 32]);
const PROVIDER: Did = Did([2; 32]);
const CONTRACT: ContractId = types::Hash([3; 32]);

fn stake() -> Stake {
    Stake {
        curve: PayoutCurve::standard(),
        cost: SlotCost { base: Msat(900), premium: Msat(100), bonus: Msat(150), ingress: Msat(50) },
        bond: Msat(4_000),
        repair_cost: Msat(1_700),
    }
}

#[test]
fn what_outcomes_are_worth_on_the_standard_curve() {
    for (outcome, provider, client, pool) in [
        (0, 50, 2_150, 3_000),
        (1, 58, 2_150, 2_992),
        (250, 2_050, 1_450, 1_700),
        (499, 4_042, 1_150, 8),
        (500, 4_050, 1_150, 0),
        (725, 4_550, 650, 0),
        (950, 5_050, 150, 0),
        (975, 5_125, 75, 0),
        (1000, 5_200, 0, 0),
        (1023, 5_200, 0, 0),
    ] {
        let expected = Split { provider: Msat(provider), client: Msat(client), pool: Msat(pool) };
        assert_eq!(stake().split(outcome), Ok(expected), "{outcome}");
    }
}

#[test]
fn a_curve_that_always_pays_forfeits_the_bond_at_nothing_alone() {
    let points = vec![PayoutPoint { compliance: 0, paid_permille: 1000 }];
    let stake = Stake { curve: PayoutCurve { points, target: 950 }, ..stake() };
    assert_eq!(stake.split(0).unwrap().provider, Msat(50));
    assert_eq!(stake.split(1).unwrap().provider, Msat(5_050));
}

#[test]
fn a_slot_that_was_lost_late_has_the_outcome_that_pays_no_more() {
    for (due, outcome) in [(0, 0), (57, 0), (58, 1), (4_050, 500), (4_051, 500), (5_200, 1000)] {
        assert_eq!(stake().outcome(Msat(due)), Ok(outcome), "{due}");
    }
    assert_eq!(stake().outcome(Msat(i64::MAX)), Ok(1000));
}

#[test]
fn negative_and_boundless_stakes_are_refused() {
    assert!(Stake { bond: Msat(-1), ..stake() }.split(1).is_err());
    assert!(Stake { repair_cost: Msat(-1), ..stake() }.split(1).is_err());
    assert!(Stake { bond: Msat(i64::MAX), ..stake() }.split(1).is_err());
}

prop_compose! {
    fn curves()(
        mut at in proptest::collection::btree_map(0u16..=1000, 0u16..=1000, 1..6), target in 0u16..=1000,
    ) -> PayoutCurve {
        let mut paid: Vec<u16> = at.values().copied().collect();
        paid.sort_unstable();
        *paid.last_mut().expect("at least one") = 1000;
        at.values_mut().zip(paid).for_each(|(value, paid)| *value = paid);
        let points = at.into_iter();
        let points = points.map(|(compliance, paid_permille)| PayoutPoint { compliance, paid_permille });
        PayoutCurve { points: points.collect(), target }
    }
}

prop_compose! {
    fn stakes()(
        curve in curves(), lines in prop::array::uniform4(0i64..1_000_000_000), bond in 0i64..1_000_000_000_000,
        repair in 0i64..1_000_000_000_000,
    ) -> Stake {
        let [base, premium, bonus, ingress] = lines.map(Msat);
        let cost = SlotCost { base, premium, bonus, ingress };
        Stake { curve, cost, bond: Msat(bond), repair_cost: Msat(repair) }
    }
}

/// What the ledger's rail comes to: the slot is full and keeps `outcome` for `epochs`, then its bond loses what the outcome says.
fn on_the_ledger(stake: &Stake, outcome: u16, epochs: u64) -> Split {
    let full = Bytes(1_000);
    let share =
        if outcome == 0 { PayoutShare::NOTHING } else { payout::share(&stake.curve, outcome) };
    let mut accrual = Accrual { ingress_bytes: full.0, ..Accrual::default() };
    for epoch in 0..epochs {
        accrual.exception(Epoch(epoch), full.0, share);
    }
    let earned =
        accrual.due(&stake.cost, u128::from(full.0).saturating_mul(epochs.into()), full).unwrap();
    let slashed = stake.slashed(outcome).unwrap();
    let parts =
        penalty::distribute(slashed, stake.repair_cost, stake.cost.keeping().unwrap()).unwrap();
    let price = stake.cost.total().unwrap();
    let rail = LedgerRail;
    let mut postings = vec![];
    for (party, amount) in [(CLIENT, price), (PROVIDER, stake.bond)] {
        let credit = Account::Available(party);
        if amount > Msat::ZERO {
            postings.push(Posting { debit: Account::World, credit, amount });
        }
    }
    postings.extend(rail.lock_escrow(CONTRACT, CLIENT, price));
    postings.extend(rail.lock_bond(CONTRACT, 0, PROVIDER, stake.bond));
    postings.extend(rail.pay(CONTRACT, PROVIDER, earned));
    postings.extend(rail.refund(CONTRACT, CLIENT, price.sub(earned).unwrap()));
    postings.extend(rail.slash((CONTRACT, 0), (CLIENT, parts.to_client), parts.to_pool));
    postings.extend(rail.release_bond(CONTRACT, 0, PROVIDER, stake.bond.sub(slashed).unwrap()));
    let mut books = Ledger::default();
    books.post_all(&postings).unwrap();
    assert_eq!(books.balance(Account::Escrow(CONTRACT)), Msat::ZERO);
    assert_eq!(books.balance(Account::Bond(CONTRACT, 0)), Msat::ZERO);
    Split {
        provider: books.balance(Account::Available(PROVIDER)),
        client: books.balance(Account::Available(CLIENT)),
        pool: books.balance(Account::RepairPool),
    }
}

proptest! {
    #[test]
    fn a_split_is_what_the_ledgers_rail_pays(stake in stakes(), outcome in 0u16..=1000, epochs in 1u64..40) {
        prop_assert_eq!(stake.split(outcome).unwrap(), on_the_ledger(&stake, outcome, epochs));
    }

    #[test]
    fn every_split_comes_to_the_collateral_and_pays_more_for_more(stake in stakes(), outcome in 0u16..1023) {
        let (this, next) = (stake.split(outcome).unwrap(), stake.split(outcome.saturating_add(1)).unwrap());
        prop_assert_eq!(this.total(), stake.collateral());
        prop_assert!(this.provider <= next.provider);
        prop_assert!(this.client >= Msat::ZERO && this.pool >= Msat::ZERO && this.provider >= Msat::ZERO);
        let paid = stake.cost.total().unwrap().add(stake.cost.keeping().unwrap()).unwrap();
        prop_assert!(this.client <= paid);
    }

    #[test]
    fn an_outcome_gives_a_provider_what_it_is_due_and_less_than_a_step_less(stake in stakes(), due in 0i64..1_100_000_000_000) {
        let outcome = stake.outcome(Msat(due)).unwrap();
        let least = stake.split(0).unwrap().provider;
        prop_assert!(stake.split(outcome).unwrap().provider <= Msat(due).max(least));
        if outcome < 1000 {
            prop_assert!(stake.split(outcome.saturating_add(1)).unwrap().provider > Msat(due));
        }
    }
}
