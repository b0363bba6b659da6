//! Amendments against a plain count, under any sequence of growths and extensions.

use super::*;
use crate::payout::Accrual;
use proptest::prelude::*;
use types::documents::QuotedSlot;
use types::{Did, Epoch, GbPrice, Hash, Price, Timestamp};

fn slot(capacity: u64, minimum_use: u64, epochs: u64, base: i64) -> Slot {
    let cost = SlotCost {
        base: Msat(base),
        premium: Msat(base / 10),
        bonus: Msat(base / 7),
        ingress: Msat(base / 100),
    };
    let quoted = QuotedSlot {
        provider: Did([2; 32]),
        ask: Hash::default(),
        price: Price::whole(1),
        egress: GbPrice::whole(1),
        ingress: GbPrice::whole(0),
        minimum_use: Bytes(minimum_use),
        cost,
        bond: Msat(2_000),
        held_bond_max: Msat::ZERO,
    };
    Slot::reserved(quoted, Bytes(capacity), epochs, Timestamp(0))
}

fn amend(slot: &mut Slot, amended: &AmendedSlot) {
    slot.capacity = amended.capacity;
    slot.byte_epochs = amended.byte_epochs;
    slot.quoted.cost = amended.cost;
    slot.quoted.bond = amended.bond;
}

#[test]
fn twice_as_long_and_twice_as_large_cost_twice_as_much() {
    let slot = slot(100, 0, 10, 7_000);
    let longer = AmendedSlot::of(&slot, Bytes(100), 10, 15).unwrap();
    assert_eq!(longer.cost.base, Msat(14_000));
    assert_eq!(longer.cost.ingress, Msat(70), "nothing more is taken in");
    assert_eq!((longer.byte_epochs, longer.capacity), (2_000, Bytes(100)));
    let larger = AmendedSlot::of(&slot, Bytes(200), 0, 10).unwrap();
    assert_eq!((larger.cost.base, larger.cost.ingress), (Msat(14_000), Msat(140)));
    let half_way = AmendedSlot::of(&slot, Bytes(200), 0, 5).unwrap();
    assert_eq!(half_way.cost.base, Msat(10_500), "only what is left is paid for");
    assert_eq!(half_way.added(&slot).unwrap().base, Msat(3_500));
    assert_eq!(half_way.part(500).unwrap().base, Msat(3_500));
}

#[test]
fn a_minimum_use_above_both_sizes_costs_nothing_more() {
    let slot = slot(100, 300, 10, 7_000);
    let larger = AmendedSlot::of(&slot, Bytes(200), 0, 10).unwrap();
    assert_eq!((larger.byte_epochs, larger.cost.base), (3_000, Msat(7_000)));
}

#[test]
fn what_could_still_be_earned() {
    let slot = slot(100, 0, 10, 7_000);
    for (left, earned) in [(0, 0), (1, 870), (5, 4_350), (10, 8_700), (99, 8_700)] {
        assert_eq!(could_earn(&slot, left), Ok(Msat(earned)), "{left}");
    }
}

#[test]
fn amounts_that_do_not_fit_are_refused() {
    let slot = slot(1, 0, 1, i64::MAX / 2);
    assert_eq!(AmendedSlot::of(&slot, Bytes(1), 9, 9).err(), Some(MoneyError::Overflow));
}

proptest! {
    /// Each turn: an epoch passes at full use, then the slot may become longer or larger.
    #[test]
    fn full_use_earns_the_whole_price_and_nothing_earned_is_lost(
        capacity in 1u64..1_000, minimum in 0u64..1_500, epochs in 1u64..20, base in 0i64..1_000_000,
        turns in prop::collection::vec((0u64..4, 0u64..500), 0..30),
    ) {
        let mut slot = slot(capacity, minimum, epochs, base);
        let (mut end, mut accrual, mut now) = (epochs, Accrual::default(), 0);
        for (more, room) in turns {
            if now + 1 >= end {
                break;
            }
            now += 1;
            accrual.catch_up(Epoch(now), slot.paid_capacity().0);
            accrual.posted = slot.earned(&accrual).unwrap();
            let before = slot.quoted.cost.total().unwrap();
            let longer = AmendedSlot::of(&slot, slot.capacity, more, end + more - now).unwrap();
            amend(&mut slot, &longer);
            end += more;
            let larger = Bytes(slot.capacity.0 + room);
            let larger = AmendedSlot::of(&slot, larger, 0, end - now).unwrap();
            amend(&mut slot, &larger);
            prop_assert!(slot.earned(&accrual).unwrap() >= accrual.posted);
            prop_assert!(slot.quoted.cost.total().unwrap() >= before);
        }
        accrual.catch_up(Epoch(end), slot.paid_capacity().0);
        accrual.ingress_bytes = slot.capacity.0;
        prop_assert_eq!(accrual.keeping, slot.byte_epochs * 1000, "every byte-epoch is counted once");
        prop_assert_eq!(slot.earned(&accrual), slot.quoted.cost.total());
    }
}
