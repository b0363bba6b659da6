//! One line per field and fault: what is broken, and the text that names it.

use super::*;
use proptest::prelude::*;
use types::terms::{PayoutPoint, PenaltyStep, RailKind};

fn broken(change: impl FnOnce(&mut Terms)) -> String {
    let mut terms = Terms::standard(Bytes(1 << 30), Span(30 * Span::DAY.0));
    change(&mut terms);
    validate(&terms).expect_err("these terms are broken").to_string()
}

fn point(compliance: u16, paid_permille: u16) -> PayoutPoint {
    PayoutPoint { compliance, paid_permille }
}

fn step(fraction_ppm: u32, slash_permille: u16) -> PenaltyStep {
    PenaltyStep { fraction_ppm, slash_permille }
}

/// Each fault with how its text begins.
#[test]
fn every_fault_names_its_field() {
    for (text, begins) in [
        (broken(|t| t.capacity = Bytes(0)), "capacity is 0 B; give 1 B to 100.00 PB"),
        (broken(|t| t.capacity = Bytes(u64::MAX)), "capacity is"),
        (broken(|t| t.duration = Span(0)), "duration is 0s; give 1m to 3653d"),
        (broken(|t| t.duration = Span(u64::MAX)), "duration is"),
        (broken(|t| t.redundancy.data = 0), "redundancy.data is 0; give 1 to 64 data shards"),
        (broken(|t| t.redundancy.data = 65), "redundancy.data is 65"),
        (broken(|t| t.redundancy.parity = 0), "redundancy.parity is 0"),
        (broken(|t| t.redundancy.parity = u16::MAX), "redundancy.parity is 65535"),
        (broken(|t| t.shard_bytes = 0), "shard_bytes is 0; give 262144 to 4194304 bytes"),
        (broken(|t| t.shard_bytes = 1_000_001), "shard_bytes is 1000001; give a multiple of 64"),
        (broken(|t| t.availability_permille = 0), "availability_permille is 0"),
        (broken(|t| t.availability_permille = 1001), "availability_permille is 1001"),
        (broken(|t| t.first_byte = Span(0)), "first_byte is 0s; give 1ms to 1h"),
        (
            broken(|t| t.throughput = u64::MAX),
            "throughput is 18446744073709551615; give 0 to 100000000000 bytes per second",
        ),
        (broken(|t| t.early_exit_permille = 1001), "early_exit_permille is 1001; give 0 to 1000"),
        (broken(|t| t.maintenance = Span(31 * Span::DAY.0)), "maintenance is 31d; give 0s to 30d"),
        (broken(|t| t.repair_time = Span(0)), "repair_time is 0s; give 1s to 30d"),
        (broken(|t| t.detection.fraction_ppm = 0), "detection.fraction_ppm is 0"),
        (broken(|t| t.detection.fraction_ppm = 1_000_001), "detection.fraction_ppm is 1000001"),
        (broken(|t| t.detection.confidence_ppm = 0), "detection.confidence_ppm is 0"),
        (broken(|t| t.detection.confidence_ppm = 1_000_000), "detection.confidence_ppm is"),
        (broken(|t| t.detection.within = Span(0)), "detection.within is 0s; give 1d to 366d"),
        (
            broken(|t| t.placement.regions = vec![String::new()]),
            "placement.regions holds a name of",
        ),
        (broken(|t| t.placement.tags = vec!["x".repeat(65)]), "placement.tags holds a name of 65"),
        (broken(|t| t.placement.tags = vec!["x".into(); 65]), "placement.tags has 65 entries"),
        (
            broken(|t| t.placement.regions = vec!["x".into(); 65]),
            "placement.regions has 65 entries",
        ),
        (broken(|t| t.payout.points.clear()), "payout.points has 0 entries; give 1 to 64"),
        (broken(|t| t.payout.points = vec![point(1001, 1000)]), "payout.points.compliance is 1001"),
        (broken(|t| t.payout.points = vec![point(0, 1001)]), "payout.points.paid_permille is 1001"),
        (broken(|t| t.payout.points.reverse()), "payout.points: entry 1 does not rise"),
        (
            broken(|t| t.payout.points = vec![point(1, 9), point(2, 8)]),
            "payout.points: entry 1 falls",
        ),
        (broken(|t| t.payout.points = vec![point(1, 999)]), "payout.points end at 999 permille"),
        (broken(|t| t.payout.target = 1001), "payout.target is 1001; give 0 to 1000"),
        (broken(|t| t.penalties.steps = vec![step(0, 1)]), "penalties.steps.fraction_ppm is 0"),
        (broken(|t| t.penalties.steps = vec![step(1_000_001, 1)]), "penalties.steps.fraction_ppm"),
        (broken(|t| t.penalties.steps = vec![step(1, 0)]), "penalties.steps.slash_permille is 0"),
        (broken(|t| t.penalties.steps = vec![step(1, 1001)]), "penalties.steps.slash_permille is"),
        (broken(|t| t.penalties.steps.reverse()), "penalties.steps: entry 1 does not rise"),
        (
            broken(|t| t.penalties.steps = vec![step(1, 9), step(2, 8)]),
            "penalties.steps: entry 1 falls",
        ),
        (broken(|t| t.penalties.steps = vec![step(1, 9); 65]), "penalties.steps has 65 entries"),
        (broken(|t| t.penalties.per_epoch_permille = 1001), "penalties.per_epoch_permille is 1001"),
        (broken(|t| t.penalties.confessed_permille = 0), "penalties.confessed_permille is 0"),
        (broken(|t| t.penalties.confessed_permille = 1001), "penalties.confessed_permille is 1001"),
        (broken(|t| t.penalties.replace_above_ppm = 1_000_000), "penalties.replace_above_ppm is"),
        (broken(|t| t.bond_ratio_permille = u32::MAX), "bond_ratio_permille is 4294967295"),
        (broken(|t| t.egress = Bytes(u64::MAX)), "egress is"),
    ] {
        assert!(text.starts_with(begins), "{text:?} does not begin with {begins:?}");
    }
}

#[test]
fn contradictions_name_both_fields() {
    for (text, begins) in [
        (
            broken(|t| t.duration = Span::DAY),
            "repair_time and duration contradict each other: a slot that stays away for 2d is replaced, but",
        ),
        (
            broken(|t| t.payout.target = 949),
            "payout.target and payout.points contradict each other: a bonus from compliance 949 on",
        ),
        (
            broken(|t| {
                t.renewal = types::terms::Renewal::Automatic;
                t.duration = Span(DURATION_MAX.0 / 2 + 1);
            }),
            "renewal and duration contradict each other",
        ),
        (
            broken(|t| t.rail = RailKind::Bitcoin),
            "rail and egress contradict each other: escrows on Bitcoin pay once, at the end, so",
        ),
        (
            broken(|t| {
                t.rail = RailKind::Bitcoin;
                t.egress = Bytes(0);
                t.duration = Span(401 * Span::DAY.0);
            }),
            "rail and duration contradict each other: an escrow on Bitcoin refunds both sides",
        ),
        (
            broken(|t| {
                t.rail = RailKind::Bitcoin;
                t.egress = Bytes(0);
                t.renewal = types::terms::Renewal::Automatic;
            }),
            "rail and renewal contradict each other: escrows on Bitcoin are funded once",
        ),
    ] {
        assert!(text.starts_with(begins), "{text:?} does not begin with {begins:?}");
    }
}

#[test]
fn what_only_looks_like_a_contradiction_is_fine() {
    let mut terms = Terms::standard(Bytes(1 << 30), Span(2 * Span::DAY.0));
    assert_eq!(validate(&terms), Ok(()), "detection within seven days is a rate");
    terms.redundancy = types::Redundancy { data: 64, parity: 64 };
    assert_eq!(validate(&terms), Ok(()), "128 distinct operators may exist");
    (terms.rail, terms.egress) = (RailKind::Bitcoin, Bytes(0));
    assert_eq!(validate(&terms), Ok(()), "reads need not be paid for in advance");
    terms.maintenance = MAINTENANCE_PER;
    terms.availability_permille = 1000;
    terms.payout.target = 1000;
    assert_eq!(validate(&terms), Ok(()));
}

#[test]
fn a_schedule_without_steps_takes_the_whole_bond_for_any_loss() {
    let mut terms = Terms::standard(Bytes(1), Span::DAY);
    terms.penalties.steps.clear();
    assert_eq!(validate(&terms), Ok(()));
    assert_eq!(crate::penalty::step_permille(&terms.penalties, 1), 1000);
}

proptest! {
    #[test]
    fn the_standard_terms_are_sensible(
        capacity in 1..=CAPACITY_MAX.0,
        duration in DURATION_MIN.0..=DURATION_MAX.0,
    ) {
        prop_assert_eq!(validate(&Terms::standard(Bytes(capacity), Span(duration))), Ok(()));
    }
}
