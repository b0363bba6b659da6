//! The controller at, below and above its bound.

use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;
use types::Bytes;

/// The price at which demand meets the target, in msat.
const BALANCE: i128 = 1_000;
/// The target, in parts per million.
const TARGET: i128 = 500_000;

fn controller(step_ppm: u32, price: u32) -> BaseFee {
    let rules = BaseFeeRules {
        step_ppm,
        target_ppm: 500_000,
        floor: Price::whole(1),
        ceiling: Price::whole(1_000_000),
    };
    BaseFee { rules: rules.validated().unwrap(), price: Price::whole(price) }
}

/// What is sold at `price`: on target at the balance, and `elasticity_ppm` as much less as the price is above it.
fn demand(price: Price, elasticity_ppm: u32) -> u32 {
    let off = (price.0 - rust_decimal::Decimal::from(BALANCE)) * rust_decimal::Decimal::from(1_000);
    let off = i128::try_from(off.round()).unwrap();
    let sold = TARGET - TARGET * off * i128::from(elasticity_ppm) / (BALANCE * 1_000 * 1_000_000);
    u32::try_from(sold.clamp(0, 2 * TARGET)).unwrap()
}

/// How far from the balance the price is at most in the last eighth of so many steps, in millionths of it.
fn unrest(step_ppm: u32, elasticity_ppm: u32, delay: usize, steps: usize) -> i128 {
    let mut state = controller(step_ppm, 1_050);
    let mut late: VecDeque<u32> = VecDeque::from(vec![demand(state.price, elasticity_ppm); delay]);
    let mut worst = 0;
    for step in 0..steps {
        late.push_back(demand(state.price, elasticity_ppm));
        let observed = late.pop_front().unwrap();
        state = state.after_ppm(observed);
        let off = (state.price.0 * rust_decimal::Decimal::ONE_THOUSAND).round();
        let off = (i128::try_from(off).unwrap() - BALANCE * 1_000).abs();
        if step >= steps - steps / 8 {
            worst = worst.max(off);
        }
    }
    worst
}

#[test]
fn twenty_full_blocks_make_the_price_tenfold() {
    let mut state = controller(125_000, 100);
    for _ in 0..20 {
        state = state.next(Use { capacity: Bytes(10), sold: Bytes(10) });
    }
    assert_eq!(state.price.0.round().to_string(), "1055", "1.125 ^ 20 is 10.5");
    for _ in 0..200 {
        state = state.next(Use { capacity: Bytes(10), sold: Bytes(0) });
    }
    assert_eq!(state.price, Price::whole(1), "it falls to the floor and no further");
}

#[test]
fn the_bound_is_the_published_one() {
    for (delay, ppm) in [(0, 2_000_000), (1, 1_000_000), (2, 618_033), (3, 445_041), (4, 347_296)] {
        assert!(stable_step_ppm(delay).abs_diff(ppm) <= 1, "{delay}: {}", stable_step_ppm(delay));
    }
    let demand = |elasticity_ppm| Demand { elasticity_ppm, delay: 2 };
    assert!(controller(125_000, 100).rules.is_stable(demand(4_000_000)));
    assert!(!controller(125_000, 100).rules.is_stable(demand(5_000_000)));
}

/// Step × elasticity below the bound, at each delay it is stated for; half the price is the most in any case.
#[test]
fn the_largest_step_that_rests_follows_from_the_demand() {
    for (elasticity_ppm, delay, step_max_ppm) in [
        (4_000_000, 0, 499_999),
        (4_000_000, 1, 249_999),
        (4_000_000, 2, 154_508),
        (4_000_000, 4, 86_823),
        (1_000_000, 1, 500_000),
        (0, 100, 500_000),
        (u32::MAX, 0, 465),
    ] {
        let demand = Demand { elasticity_ppm, delay };
        assert_eq!(demand.step_max_ppm(), step_max_ppm, "{demand:?}");
        let rules = |step_ppm| BaseFeeRules { step_ppm, ..controller(1, 1).rules };
        assert_eq!(rules(step_max_ppm).validated_for(demand), Ok(rules(step_max_ppm)));
        let above = rules(step_max_ppm + 1).validated_for(demand).unwrap_err().to_string();
        let right = if step_max_ppm == 500_000 {
            "give 1 to 500000".to_owned()
        } else {
            format!("shows {delay} steps late; give at most {step_max_ppm},")
        };
        assert!(above.contains(&right), "{demand:?}: {above}");
    }
}

/// What is refused would swing, and what is taken rests: the refusal is as true as the bound.
#[test]
fn a_step_that_is_refused_swings_and_one_that_is_taken_rests() {
    let Demand { elasticity_ppm, delay } = Demand::CAUTIOUS;
    let most = Demand::CAUTIOUS.step_max_ppm();
    let late = usize::try_from(delay).unwrap();
    assert!(unrest(most * 9 / 10, elasticity_ppm, late, 2_000) < 3_000);
    assert!(unrest(most * 11 / 10, elasticity_ppm, late, 2_000) > 10_000);
}

#[test]
fn senseless_rules_are_refused_by_name() {
    let rules = controller(1, 1).rules;
    for (rules, text) in [
        (BaseFeeRules { step_ppm: 0, ..rules }, "step_ppm is 0 ppm; give 1 to 500000"),
        (BaseFeeRules { step_ppm: 500_001, ..rules }, "step_ppm is 500001 ppm; give 1 to 500000"),
        (BaseFeeRules { target_ppm: 0, ..rules }, "target_ppm is 0 ppm; give 1 to 1000000"),
        (BaseFeeRules { floor: Price::whole(3), ceiling: Price::whole(2), ..rules }, "floor"),
    ] {
        assert!(rules.validated().unwrap_err().to_string().contains(text), "{text}");
    }
}

#[test]
fn the_smallest_price_still_moves() {
    let mut state = controller(1, 1);
    state.rules.floor = Price::whole(0);
    state.price = "0.000001".parse().unwrap();
    assert_eq!(state.after_ppm(600_000).price.to_string(), "0.000002");
    assert_eq!(state.after_ppm(400_000).price.to_string(), "0");
    assert_eq!(state.after_ppm(500_000).price, state.price);
}

/// The bracket, at every delay the bound is stated for: a tenth below it the price comes to rest, a tenth above it swings.
#[test]
fn below_the_bound_the_price_rests_and_above_it_swings() {
    for delay in [0, 1, 2, 4] {
        let bound = u64::from(stable_step_ppm(u32::try_from(delay).unwrap()));
        let elasticity =
            |permille: u64| u32::try_from(bound * permille / 1_000 * 1_000_000 / 125_000).unwrap();
        let below = unrest(125_000, elasticity(900), delay, 800);
        let above = unrest(125_000, elasticity(1_100), delay, 800);
        assert!(below < 2_000, "delay {delay}: {below} millionths off below the bound");
        assert!(above > 10_000, "delay {delay}: {above} millionths off above the bound");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_step_below_nine_tenths_of_the_bound_the_price_rests(
        step_ppm in 20_000u32..500_000, delay in 0usize..6, permille in 100u64..900,
    ) {
        let bound = u64::from(stable_step_ppm(u32::try_from(delay).unwrap()));
        let elasticity = bound * permille / 1_000 * 1_000_000 / u64::from(step_ppm);
        let elasticity = u32::try_from(elasticity).unwrap();
        let off = unrest(step_ppm, elasticity, delay, 2_000);
        prop_assert!(off < 3_000, "{off} millionths off");
    }

    #[test]
    fn whatever_is_observed_no_step_is_larger_than_stated_nor_leaves_the_bounds(
        step_ppm in 1u32..500_001, observed in prop::collection::vec(any::<u32>(), 1..200),
    ) {
        let mut state = controller(step_ppm, 100);
        for sold_ppm in observed {
            let before = state.price;
            state = state.after_ppm(sold_ppm);
            prop_assert!(state.price >= state.rules.floor && state.price <= state.rules.ceiling);
            let moved = (state.price.0 - before.0).abs();
            let most = before.0 * rust_decimal::Decimal::new(step_ppm.into(), 6);
            prop_assert!(moved <= most + rust_decimal::Decimal::new(1, 6), "{before} to {}", state.price);
        }
    }
}
