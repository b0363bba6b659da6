//! The bound by example, and against every fraction with the penalties that would really be charged.

use super::*;
use crate::penalty::{Loss, assess};
use proptest::prelude::*;

/// The bond of a slot of `capacity` for `days`, in epochs of a day or, for less than a day, of an hour.
struct Case {
    terms: Terms,
    plan: AuditPlan,
    epoch: Span,
    cost: SlotCost,
}

impl Case {
    fn new(capacity: u64, duration: Span, epoch: Span, price: i64) -> Self {
        let terms = Terms::standard(Bytes(capacity), duration);
        let plan = audit_plan::plan(&terms);
        Self { terms, plan, epoch, cost: SlotCost { base: Msat(price), ..SlotCost::default() } }
    }

    fn inputs(&self) -> BondInputs<'_> {
        let epochs = self.terms.duration.epochs(self.epoch);
        let (terms, plan, epoch, cost) = (&self.terms, &self.plan, self.epoch, &self.cost);
        BondInputs { terms, plan, epoch, epochs, cost, repair_cost: Msat::ZERO }
    }

    /// Whether losing `fraction_ppm` loses money with `bond` at stake, by the rules that charge for it.
    fn is_deterred(&self, fraction_ppm: u32, bond: Msat) -> bool {
        let inputs = self.inputs();
        let (step, challenges) = audit_plan::least_step(inputs.plan, inputs.epoch);
        let found = u128::from(fixed::all_missing(fraction_ppm, challenges).complement());
        let price = u128::from(self.cost.base.0.unsigned_abs());
        let loss = |fraction_ppm, confessed| {
            let loss = Loss { fraction_ppm, epochs_at_fault: 0, confessed };
            assess(&self.terms.penalties, &loss, bond).unwrap().amount
        };
        let judged = u128::from(loss(fraction_ppm.div_ceil(2), false).0.unsigned_abs());
        let confessed =
            u128::from(loss(1, true).0.unsigned_abs()) + price / u128::from(inputs.epochs);
        let expected =
            fixed::mul_div(judged.min(confessed), found, u128::from(Chance::SCALE)).unwrap();
        let saved = price * u128::from(fraction_ppm) * u128::from(step);
        expected + 1 >= saved / (u128::from(PPM) * u128::from(inputs.epochs))
    }
}

const DAY: Span = Span::DAY;

fn days(count: u64) -> Span {
    Span(count * DAY.0)
}

#[test]
fn an_ordinary_contract_needs_twice_its_price() {
    let case = Case::new(100_000_000_000, days(30), Span::HOUR, 1_000_000);
    assert_eq!(required(&case.inputs()), Ok(Msat(2_000_000)));
    let small = Case::new(1, days(30), DAY, 1_000_000);
    assert_eq!(required(&small.inputs()), Ok(Msat(2_000_000)));
}

#[test]
fn a_short_contract_of_little_data_needs_more() {
    // One challenge in the whole term: a tenth of the bond must be worth more than the whole price
    // (by one msat, and one for the chance that is rounded against the provider).
    let one_day = Case::new(1, DAY, DAY, 1_000_000);
    assert_eq!(required(&one_day.inputs()), Ok(Msat(10_000_020)));
    // Three challenges, one a day: a tenth of the bond must be worth more than a day's price.
    let three_days = Case::new(1, days(3), DAY, 3_000_000);
    assert_eq!(required(&three_days.inputs()), Ok(Msat(10_000_020)));
}

#[test]
fn the_repair_cost_binds_where_reads_are_dear() {
    let case = Case::new(1 << 30, days(30), DAY, 100);
    let inputs = BondInputs { repair_cost: Msat(12_345), ..case.inputs() };
    assert_eq!(required(&inputs), Ok(Msat(12_345)));
}

#[test]
fn a_repair_reads_from_the_dearest_and_takes_in_again() {
    let gb = Bytes(1_000_000_000);
    let others = [3, 1, 4, 1, 5].map(GbPrice::whole);
    assert_eq!(repair_cost(gb, 4, &others, GbPrice::whole(7)), Ok(Msat(3 + 4 + 5 + 1 + 7)));
    assert_eq!(repair_cost(gb, 4, &[], GbPrice::whole(7)), Ok(Msat(7)));
    assert_eq!(repair_cost(Bytes(0), 4, &others, GbPrice::whole(7)), Ok(Msat::ZERO));
    let dear = GbPrice::whole(u32::MAX);
    assert_eq!(repair_cost(Bytes(u64::MAX), 1, &[dear], dear), Err(PriceError::Overflow));
}

#[test]
fn what_is_free_needs_no_bond_and_what_overflows_is_refused() {
    assert_eq!(required(&Case::new(1, DAY, DAY, 0).inputs()), Ok(Msat::ZERO));
    let case = Case::new(1, DAY, DAY, i64::MAX / 5);
    assert_eq!(required(&case.inputs()), Err(MoneyError::Overflow));
    assert!(required(&Case::new(1, DAY, DAY, -1).inputs()).is_err());
}

proptest! {
    #[test]
    fn no_fraction_pays(capacity in 1u64..1 << 40, duration in 1u64..2_000, hourly: bool,
        price in 1_000_000i64..1_000_000_000_000, fraction in 1u32..=1_000_000) {
        let epoch = if hourly { Span::HOUR } else { DAY };
        let case = Case::new(capacity, Span(duration * Span::HOUR.0), epoch, price);
        let bond = required(&case.inputs()).unwrap();
        prop_assert!(case.is_deterred(fraction, bond), "{fraction} ppm pays with {bond}");
    }

    #[test]
    fn the_bound_is_not_wasteful(capacity in 1u64..1 << 40, duration in 1u64..2_000, hourly: bool,
        price in 1_000_000i64..1_000_000_000_000) {
        let epoch = if hourly { Span::HOUR } else { DAY };
        let case = Case::new(capacity, Span(duration * Span::HOUR.0), epoch, price);
        let bond = deterrence(&case.inputs()).unwrap();
        let less = bond.scale_down(95, 100).unwrap();
        let pays = [20_000, 100_000, 400_000, 1_000_000].into_iter().any(|f| !case.is_deterred(f, less));
        prop_assert!(pays || bond < Msat(1_000), "{less} would do");
    }

    #[test]
    fn a_bond_is_never_below_any_of_its_three(price in 0i64..1 << 40, repair in 0i64..1 << 40, duration in 1u64..400) {
        let case = Case::new(1, days(duration), DAY, price);
        let inputs = BondInputs { repair_cost: Msat(repair), ..case.inputs() };
        let bond = required(&inputs).unwrap();
        prop_assert!(bond >= Msat(2 * price) && bond >= Msat(repair) && bond >= deterrence(&inputs).unwrap());
    }
}
