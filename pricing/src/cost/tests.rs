//! What slots and quotes cost: figures by hand, and what holds for all of them.

use super::*;
use proptest::prelude::*;
use types::{Did, Tier, Timestamp};

/// An ask of `price` msat per GB and day that charges nothing for moving.
pub(crate) fn ask(price: u32) -> Ask {
    Ask {
        provider: Did([7; 32]),
        sequence: 1,
        endpoint: "http://127.0.0.1:1".into(),
        region: "eu-west".into(),
        operator: "one".into(),
        capacity: Bytes(1_000_000_000_000),
        price: Price::whole(price),
        egress: GbPrice::whole(0),
        ingress: GbPrice::whole(0),
        tiers: Tier::ALL.to_vec(),
        minimum_use: Bytes(0),
        duration_max: Span(365 * Span::DAY.0),
        volume_discounts: Vec::new(),
        duration_discounts: Vec::new(),
        tags: Vec::new(),
        counter: None,
        held_bond_permille: 0,
        expires: Timestamp(i64::MAX),
    }
}

fn terms(bytes: u64, span: Span) -> Terms {
    let mut terms = Terms::standard(Bytes(bytes), span);
    terms.shard_bytes = 1_000_000;
    terms
}

fn keeping(ask: &Ask, span: Span) -> Keeping {
    Keeping { price: ask.price, span }
}

fn total(cost: &CostVector) -> i64 {
    cost.lines().iter().filter(|(name, _)| *name != "bond").map(|(_, line)| line.0).sum()
}

#[test]
fn ten_gigabytes_for_thirty_days_cost_what_the_page_says() {
    let policy = PricingPolicy::default();
    let month = Span(30 * Span::DAY.0);
    let terms = terms(10_000_000_000, month);
    let ask = ask(100);
    let slot = slot_cost(&policy, &ask, &terms, keeping(&ask, month)).unwrap();
    let expected =
        SlotCost { base: Msat(7_500), premium: Msat(750), bonus: Msat(1_125), ingress: Msat(0) };
    assert_eq!(slot, expected);
    let cost = cost_vector(&policy, &[slot; 6], Msat(42), Msat(99_000)).unwrap();
    let lines = cost.lines().map(|(_, amount)| amount.0);
    assert_eq!(lines, [45_000, 4_500, 2_475, 990, 6_750, 0, 42, 99_000]);
    assert_eq!(cost.escrow(), Ok(Msat(total(&cost))));
}

#[test]
fn a_slot_pays_for_its_minimum_use_and_for_taking_bytes_in() {
    let policy = PricingPolicy::default();
    let terms = terms(4_000_000_000, Span::DAY);
    let mut ask = ask(100);
    ask.ingress = GbPrice::whole(7);
    ask.minimum_use = Bytes(3_000_000_000);
    let slot = slot_cost(&policy, &ask, &terms, keeping(&ask, Span::DAY)).unwrap();
    assert_eq!((slot.base, slot.ingress), (Msat(300), Msat(7)));
}

#[test]
fn without_guarantees_there_is_no_premium_and_without_a_target_no_bonus() {
    let policy = PricingPolicy::default();
    let mut terms = terms(4_000_000_000, Span::DAY);
    let ask = ask(100);
    terms.availability_permille = 0;
    terms.bond_ratio_permille = 0;
    terms.payout.target = 1000;
    let slot = slot_cost(&policy, &ask, &terms, keeping(&ask, Span::DAY)).unwrap();
    assert_eq!((slot.premium, slot.bonus), (Msat::ZERO, Msat::ZERO));
    terms.bond_ratio_permille = 1;
    let slot = slot_cost(&policy, &ask, &terms, keeping(&ask, Span::DAY)).unwrap();
    assert_eq!(slot.premium, Msat(10));
}

#[test]
fn reads_in_advance_are_priced_at_the_dearest_slots_that_may_answer() {
    let mut terms = terms(4_000_000_000, Span::DAY);
    terms.egress = Bytes(8_000_000_000);
    let prices = [5, 1, 9, 2, 7, 3].map(GbPrice::whole);
    assert_eq!(egress_cost(&terms, &prices), Ok(Msat(2 * (9 + 7 + 5 + 3))));
    let error = egress_cost(&terms, &prices[..3]).unwrap_err();
    assert_eq!(error, PricingError::TooFewSlots { found: 3, needed: 4 });
    terms.egress = Bytes(0);
    assert_eq!(egress_cost(&terms, &[]), Ok(Msat::ZERO));
}

#[test]
fn nothing_to_keep_and_too_much_to_keep_are_refused_with_what_would_be_right() {
    let policy = PricingPolicy::default();
    let ask = ask(100);
    let cost = |bytes, span| slot_cost(&policy, &ask, &terms(bytes, span), keeping(&ask, span));
    for (bytes, span, code, remedy) in [
        (0, Span::DAY, "nothing_to_keep", "above zero"),
        (1, Span(0), "nothing_to_keep", "above zero"),
        (u64::MAX, Span(u64::MAX), "invalid_price", "ask for less storage"),
    ] {
        let error = cost(bytes, span).unwrap_err();
        assert_eq!(error.code(), code, "{bytes} {span}");
        assert!(error.to_string().contains(remedy), "{error}");
    }
    let most = SlotCost { base: Msat(i64::MAX), ..SlotCost::default() };
    let error = cost_vector(&policy, &[most, most], Msat(0), Msat(0)).unwrap_err();
    assert_eq!(error.code(), "money_overflow");
    assert!(error.to_string().contains("ask for less storage"));
    let error = cost_vector(&policy, &[], Msat(-1), Msat(0)).unwrap_err();
    assert!(error.to_string().contains("negative"));
}

#[test]
fn a_negative_price_never_becomes_a_charge() {
    let policy = PricingPolicy::default();
    let terms = terms(1_000_000, Span::DAY);
    let mut ask = ask(1);
    ask.ingress = GbPrice(rust_decimal::Decimal::NEGATIVE_ONE);
    assert!(slot_cost(&policy, &ask, &terms, keeping(&ask, Span::DAY)).is_err());
    let price = Price(rust_decimal::Decimal::NEGATIVE_ONE);
    let keeping = Keeping { price, span: Span::DAY };
    assert!(slot_cost(&policy, &self::ask(1), &terms, keeping).is_err());
}

/// Prices, sizes and times within what people ask for: up to 1 PB, 10 years, 1 sat per GB and day.
fn demand() -> impl Strategy<Value = (u32, u32, u64, u64)> {
    (0u32..1_000, 0u32..1_000, 1u64..1_000_000_000_000_000, 1u64..315_360_000_000_000)
}

proptest! {
    #[test]
    fn more_bytes_more_time_or_a_higher_price_never_cost_less(
        (price, ingress, bytes, span) in demand(),
        (more_price, more_bytes, more_span) in (0u32..100, 0u64..1_000_000_000_000, 0u64..1_000_000_000_000),
    ) {
        let policy = PricingPolicy::default();
        let cost = |price: u32, bytes: u64, span: u64| {
            let mut ask = ask(price);
            ask.ingress = GbPrice::whole(ingress);
            slot_cost(&policy, &ask, &terms(bytes, Span(span)), keeping(&ask, Span(span)))
        };
        let less = cost(price, bytes, span).unwrap().total().unwrap();
        for more in [
            cost(price + more_price, bytes, span),
            cost(price, bytes + more_bytes, span),
            cost(price, bytes, span + more_span),
        ] {
            prop_assert!(more.unwrap().total().unwrap() >= less);
        }
    }

    #[test]
    fn the_lines_keep_their_relations_and_add_up(
        slots in prop::collection::vec(demand(), 1..8),
        egress in 0i64..1_000_000_000,
        bond in 0i64..1_000_000_000,
    ) {
        let policy = PricingPolicy::default();
        let mut costs = Vec::new();
        for (price, ingress, bytes, span) in slots {
            let mut ask = ask(price);
            ask.ingress = GbPrice::whole(ingress);
            costs.push(slot_cost(&policy, &ask, &terms(bytes, Span(span)), keeping(&ask, Span(span))).unwrap());
        }
        let count = i128::try_from(costs.len()).unwrap();
        let cost = cost_vector(&policy, &costs, Msat(egress), Msat(bond)).unwrap();
        prop_assert!(cost.lines().iter().all(|(_, line)| line.0 >= 0));
        prop_assert_eq!(cost.escrow().unwrap().0, total(&cost));
        // Rounded up, by less than one msat for every line that was rounded.
        let ppm = |of: i64, rate: u32| i128::from(of) * i128::from(rate);
        let near = |line: Msat, exact_ppm: i128, lines: i128| {
            let charged = i128::from(line.0) * 1_000_000;
            charged >= exact_ppm && charged < exact_ppm + lines * 1_000_000
        };
        let kept = cost.storage.0 + cost.premium.0;
        prop_assert!(near(cost.premium, ppm(cost.storage.0, policy.premium_ppm), count));
        prop_assert!(near(cost.bonus, ppm(cost.storage.0, policy.bonus_ppm), count));
        prop_assert!(near(cost.network_fee, ppm(kept, policy.network_fee_ppm), 1));
        prop_assert!(near(cost.escrow_fee, ppm(kept, policy.escrow_fee_ppm), 1));
        let providers: i64 = costs.iter().map(|slot| slot.total().unwrap().0).sum();
        prop_assert_eq!(cost.escrow().unwrap().0, providers + cost.fees().unwrap().0 + egress);
    }

    #[test]
    fn the_base_is_the_exact_product_rounded_up_by_less_than_one((price, _, bytes, span) in demand()) {
        let ask = ask(price);
        let terms = terms(bytes, Span(span));
        let slot = slot_cost(&PricingPolicy::default(), &ask, &terms, keeping(&ask, Span(span))).unwrap();
        let unit = 1_000_000_000 * u128::from(Span::DAY.0);
        let exact = u128::from(price) * u128::from(terms.slot_capacity().0) * u128::from(span);
        let charged = u128::try_from(slot.base.0).unwrap() * unit;
        prop_assert!(charged >= exact && charged - exact < unit);
    }

    #[test]
    fn whatever_is_asked_the_answer_is_a_cost_or_an_error(
        price in any::<u32>(), bytes in any::<u64>(), span in any::<u64>(), ingress in any::<u32>(),
    ) {
        let mut ask = ask(price);
        ask.ingress = GbPrice::whole(ingress);
        let mut terms = terms(bytes, Span(span));
        terms.egress = Bytes(bytes);
        if let Ok(slot) = slot_cost(&PricingPolicy::default(), &ask, &terms, keeping(&ask, Span(span))) {
            prop_assert!(slot.base.0 >= 0 && slot.premium.0 >= 0 && slot.bonus.0 >= 0 && slot.ingress.0 >= 0);
            if let Ok(cost) = cost_vector(&PricingPolicy::default(), &[slot; 3], Msat(0), Msat(0)) {
                prop_assert!(cost.escrow().unwrap() >= slot.total().unwrap());
            }
        }
    }
}
