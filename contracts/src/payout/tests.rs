//! Curves by table; accruals against a plain sum, under any interleaving of epochs, exceptions and postings.

use super::*;
use proptest::prelude::*;

const COST: SlotCost =
    SlotCost { base: Msat(7_001), premium: Msat(703), bonus: Msat(1_051), ingress: Msat(97) };

fn point(compliance: u16, paid_permille: u16) -> PayoutPoint {
    PayoutPoint { compliance, paid_permille }
}

#[test]
fn the_standard_curve() {
    let curve = PayoutCurve::standard();
    for (compliance, paid, bonus) in [
        (0, 0, 0),
        (500, 0, 0),
        (501, 2, 0),
        (725, 500, 0),
        (949, 997, 0),
        (950, 1000, 0),
        (975, 1000, 500),
        (999, 1000, 980),
        (1000, 1000, 1000),
        (u16::MAX, 1000, 1000),
    ] {
        let expected = PayoutShare { paid_permille: paid, bonus_permille: bonus };
        assert_eq!(share(&curve, compliance), expected, "{compliance}");
    }
}

#[test]
fn odd_curves_stay_flat_outside_their_points() {
    let curve = PayoutCurve { points: vec![point(300, 100), point(300, 1000)], target: 1000 };
    let paid = |compliance| share(&curve, compliance).paid_permille;
    assert_eq!([0, 299, 300, 301, 1000].map(paid), [100, 100, 1000, 1000, 1000]);
    assert_eq!([999, 1000].map(|c| share(&curve, c).bonus_permille), [0, 1000]);
    let empty = PayoutCurve { points: Vec::new(), target: 0 };
    assert_eq!(share(&empty, 1000).paid_permille, 0);
}

#[test]
fn a_slot_that_keeps_everything_earns_its_whole_price() {
    let mut accrual = Accrual { ingress_bytes: 10, ..Accrual::default() };
    accrual.catch_up(Epoch(30), 10);
    assert_eq!(accrual.due(&COST, 300, Bytes(10)), COST.total());
    accrual.catch_up(Epoch(29), 10);
    assert_eq!(accrual.through, Epoch(30));
}

#[test]
fn what_is_withheld_is_a_part_of_what_was_earned_and_never_more_than_its_epochs_pay() {
    for (epochs, counted, bytes, left) in [
        (0, 10, 7, 70),
        (3, 10, 7, 49),
        (10, 10, 7, 0),
        (99, 10, 7, 0),
        (3, 0, 7, 49),
        (3, 0, 1_000, 0),
        // More is kept now than before: a part of what was earned.
        (3, 10, 1_000, 49),
        // Less is kept now: no more than that earns.
        (3, 10, 2, 64),
    ] {
        let mut accrual = Accrual { ingress_bytes: 7, ..Accrual::default() };
        accrual.catch_up(Epoch(10), 7);
        accrual.withhold(epochs, counted, bytes);
        let expected = (left * 1_000, left * 1_000, 7, Epoch(10));
        let Accrual { keeping, bonus, ingress_bytes, through, .. } = accrual;
        assert_eq!((keeping, bonus, ingress_bytes, through), expected, "{epochs} of {counted}");
    }
}

#[test]
fn a_verdict_that_comes_after_the_money_is_made_up_for() {
    let mut early = Accrual::default();
    early.catch_up(Epoch(3), 10);
    early.exception(Epoch(1), 10, PayoutShare::NOTHING);
    let mut late = Accrual::default();
    late.exception(Epoch(1), 10, PayoutShare::NOTHING);
    late.catch_up(Epoch(3), 10);
    assert_eq!(early, late);
}

#[test]
fn the_largest_counts_do_not_overflow() {
    let mut accrual = Accrual::default();
    accrual.catch_up(Epoch(u64::MAX), u64::MAX);
    accrual.exception(Epoch(u64::MAX), u64::MAX, PayoutShare::FULL);
    let cost = SlotCost { base: Msat(i64::MAX), ..SlotCost::default() };
    assert_eq!(accrual.due(&cost, u128::MAX, Bytes(u64::MAX)), Ok(Msat(i64::MAX)));
    assert_eq!(accrual.due(&cost, 0, Bytes(0)), Ok(Msat::ZERO));
    let negative = SlotCost { base: Msat(-1), ..SlotCost::default() };
    assert!(accrual.due(&negative, 1, Bytes(1)).is_err());
}

/// What one epoch brings.
#[derive(Clone, Copy, Debug)]
struct Turn {
    bytes: u64,
    /// The epoch's share, where a verdict says that it earns less.
    share: Option<PayoutShare>,
    /// Whether earnings are posted after it.
    post: bool,
}

prop_compose! {
    fn turn()(bytes in 0u64..=50, share in prop::option::of((0u16..=1000, 0u16..=1000)), post: bool) -> Turn {
        let share = share.map(|(paid_permille, bonus_permille)| PayoutShare { paid_permille, bonus_permille });
        Turn { bytes, share, post }
    }
}

/// Runs through `turns` as the market does and returns what was posted each time.
fn posted(turns: &[Turn], post_every_turn: bool) -> (Accrual, Vec<Msat>) {
    let mut accrual = Accrual::default();
    let mut postings = Vec::new();
    for (number, turn) in (0u64..).zip(turns) {
        if let Some(share) = turn.share {
            accrual.exception(Epoch(number), turn.bytes, share);
        }
        let changes =
            turns.get(usize::try_from(number + 1).unwrap()).is_none_or(|t| t.bytes != turn.bytes);
        let posts = turn.post || post_every_turn;
        if changes || posts {
            accrual.catch_up(Epoch(number + 1), turn.bytes);
        }
        if posts {
            let due = accrual.due(&COST, 50 * 40, Bytes(50)).unwrap();
            postings.push(due.sub(accrual.posted).unwrap());
            accrual.posted = due;
        }
    }
    (accrual, postings)
}

/// base + premium and bonus, summed epoch by epoch and rounded down once.
fn plain_sum(turns: &[Turn]) -> Msat {
    let sum = |permille: fn(PayoutShare) -> u16| -> i64 {
        turns
            .iter()
            .map(|t| {
                i64::try_from(t.bytes).unwrap()
                    * i64::from(permille(t.share.unwrap_or(PayoutShare::FULL)))
            })
            .sum()
    };
    let keeping = 7_704 * sum(|s| s.paid_permille) / (50 * 40 * 1000);
    Msat(keeping + 1_051 * sum(|s| s.bonus_permille) / (50 * 40 * 1000))
}

proptest! {
    #[test]
    fn postings_add_up_to_what_is_due_however_they_interleave(turns in prop::collection::vec(turn(), 1..=40)) {
        let (accrual, postings) = posted(&turns, false);
        let (often, every) = posted(&turns, true);
        let due = accrual.due(&COST, 50 * 40, Bytes(50)).unwrap();
        prop_assert_eq!(due, plain_sum(&turns));
        prop_assert_eq!(Msat::sum(postings.iter().copied()).unwrap(), accrual.posted);
        prop_assert_eq!(Msat::sum(every.iter().copied()).unwrap(), due);
        prop_assert_eq!((often.keeping, often.bonus), (accrual.keeping, accrual.bonus));
        prop_assert!(every.iter().chain(&postings).all(|amount| *amount >= Msat::ZERO));
        prop_assert!(due <= COST.total().unwrap());
    }

    #[test]
    fn nothing_counted_earns_more_than_the_price(through: u64, keeping: u128, bonus: u128, ingress_bytes: u64,
        capacity: u64, byte_epochs: u128, base in 0i64..1 << 60, extra in 0i64..1 << 60) {
        let accrual = Accrual { through: Epoch(through), keeping, bonus, ingress_bytes, posted: Msat::ZERO };
        let cost = SlotCost { base: Msat(base), premium: Msat(extra), bonus: Msat(extra), ingress: Msat(base) };
        let due = accrual.due(&cost, byte_epochs, Bytes(capacity)).unwrap();
        prop_assert!(Msat::ZERO <= due && due <= cost.total().unwrap());
    }

    #[test]
    fn more_compliance_never_earns_less(a in 0u16..=1000, b in 0u16..=1000) {
        let curve = PayoutCurve::standard();
        let (low, high) = (share(&curve, a.min(b)), share(&curve, a.max(b)));
        prop_assert!(low.paid_permille <= high.paid_permille && low.bonus_permille <= high.bonus_permille);
    }
}
