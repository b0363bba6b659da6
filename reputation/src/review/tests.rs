//! Reviews on hand-made records.

use super::*;
use crate::record::{Evidence, Outcome};
use proptest::prelude::*;
use types::{Hash, Score};

const PERIOD: u64 = 168;

fn policy() -> ReputationPolicy {
    ReputationPolicy::default()
}

/// A record of `standing` and `points` that has been there for `periods`, and has seen only good things lately.
fn record(standing: Standing, points: i32, periods: u64) -> (Record, Epoch) {
    let mut record = Record::new(Epoch(0));
    let now = Epoch(periods * PERIOD);
    for epoch in now.0.saturating_sub(PERIOD)..now.0 {
        note(&mut record, epoch, Dimension::Availability, 1, 0);
    }
    record.score = Score { standing, points, ..record.score };
    (record, now)
}

fn note(record: &mut Record, epoch: u64, dimension: Dimension, good: u32, bad: u32) {
    let evidence = Evidence { epoch: Epoch(epoch), document: Hash([1; 32]) };
    record.note(&policy(), Outcome { dimension, good, bad }, evidence);
}

fn reviewed(record: &Record, epoch: Epoch) -> Change {
    record.review(&policy(), epoch).expect("a review is due")
}

#[test]
fn a_review_is_due_once_a_period_and_waits_for_evidence() {
    let (record, now) = record(Standing::New, 1000, 1);
    for epoch in [0, now.0 - 1, now.0 + 1] {
        assert_eq!(record.review(&policy(), Epoch(epoch)), None, "{epoch}");
    }
    let change = reviewed(&record, now);
    assert_eq!((change.points_from, change.points_to, change.to), (1000, 1500, Standing::New));
    let mut idle = Record::new(Epoch(0));
    note(&mut idle, 1, Dimension::Availability, 23, 0);
    assert_eq!(idle.review(&policy(), now), None, "23 outcomes are too few");
    note(&mut idle, 170, Dimension::Availability, 1, 0);
    assert!(idle.review(&policy(), Epoch(2 * PERIOD)).is_some(), "and are not forgotten");
}

#[test]
fn a_review_changes_nothing_until_it_is_adopted_and_then_counts_anew() {
    let (mut record, now) = record(Standing::New, 1000, 1);
    let before = record.clone();
    let change = reviewed(&record, now);
    assert_eq!(record, before);
    assert_eq!(change.since, Epoch(0));
    record.adopt(&policy(), &change, now);
    assert_eq!(record.score().points, 1500);
    assert_eq!(record.reviewed(), now);
    assert_eq!(record.review(&policy(), now), None);
}

/// (bad among 168 hours, points moved)
#[test]
fn points_move_by_a_hundred_to_five_hundred_either_way() {
    for (bad, moved) in [(0u32, 500), (1, 264), (2, -107), (5, -186), (17, -500), (60, -500)] {
        let counts = Counts { good: u64::from(168 - bad), bad: u64::from(bad) };
        let (step, finding) = step(&policy().points, 10_000, counts);
        assert_eq!(step, moved, "{bad} bad");
        assert_eq!(matches!(finding, Finding::Kept { .. }), moved > 0);
    }
}

/// (standing, points, periods since it came) → standing after a perfect review, which adds 500.
#[test]
fn standings_follow_points_and_time() {
    use Standing::{High, Low, New, Standard};
    for (standing, points, periods, to) in [
        (New, 1000, 1, New),
        (New, 5000, 3, New),
        (New, 1499, 4, New),
        (New, 1500, 4, Standard),
        (New, 3500, 42, High),
        (Low, 1, 9, Low),
        (Low, 499, 9, Low),
        (Low, 500, 9, Standard),
        (Low, 1400, 3, Low),
        (Standard, 3500, 41, Standard),
        (Standard, 3499, 42, Standard),
        (Standard, 3500, 42, High),
        (High, 4900, 50, High),
    ] {
        let (record, now) = record(standing, points, periods);
        let change = reviewed(&record, now);
        assert_eq!(change.to, to, "{standing:?} {points} after {periods}");
        assert_eq!(change.points_to, (points + 500).min(5000));
    }
}

/// (standing, points) → standing after a review that takes 500 for lost bytes.
#[test]
fn losing_points_costs_standing() {
    use Standing::{Banned, High, Low, New, Standard};
    for (standing, points, to) in [
        (High, 4000, High),
        (High, 3999, Standard),
        (Standard, 1000, Standard),
        (Standard, 999, Low),
        (New, 999, Low),
        (New, 1000, New),
        (Low, 500, Banned),
        (New, 300, Banned),
    ] {
        let (mut record, _) = record(standing, points, 49);
        for epoch in 49 * PERIOD..50 * PERIOD {
            note(&mut record, epoch, Dimension::Possession, 98, 2);
        }
        record.score.bounds[0] = 990;
        let change = reviewed(&record, Epoch(50 * PERIOD));
        assert_eq!(change.to, to, "{standing:?} {points}");
        assert_eq!(change.points_to, (points - 500).max(0));
        assert!(
            change.reasons.iter().any(|r| matches!(r.finding, Finding::Broken { lost: 500, .. }))
        );
    }
}

#[test]
fn the_banned_stay_banned() {
    let (record, now) = record(Standing::Banned, 0, 9);
    assert_eq!(record.review(&policy(), now), None);
}

#[test]
fn an_alarm_expels_at_once_and_names_its_document() {
    let mut record = Record::new(Epoch(0));
    for epoch in 1..=12 {
        note(&mut record, epoch, Dimension::Possession, 0, 3);
    }
    let change = reviewed(&record, Epoch(13));
    assert!(change.expels());
    assert_eq!(change.reasons.len(), 1);
    assert_eq!(change.reasons[0].document, Some(Hash([1; 32])));
    record.adopt(&policy(), &change, Epoch(13));
    assert_eq!(record.score().standing, Standing::Banned);
    assert_eq!(record.review(&policy(), Epoch(PERIOD)), None);
}

#[test]
fn being_slow_makes_low_but_never_bans() {
    let mut record = Record::new(Epoch(0));
    for epoch in 1..=20 * PERIOD {
        note(&mut record, epoch, Dimension::Latency, 0, 1);
        note(&mut record, epoch, Dimension::Availability, 1, 0);
        if let Some(change) = record.review(&policy(), Epoch(epoch)) {
            record.adopt(&policy(), &change, Epoch(epoch));
        }
    }
    assert_eq!((record.score().standing, record.score().points), (Standing::Low, 1));
}

#[test]
fn losses_that_others_found_count_against_honesty_and_confessions_for_it() {
    let judged = |confessed: u32, found: u32| {
        let (mut record, now) = record(Standing::Standard, 2000, 9);
        for loss in 0..confessed + found {
            let epoch = now.0 - 100 + u64::from(loss);
            let said = u32::from(loss < confessed);
            note(&mut record, epoch, Dimension::Honesty, said, 1 - said);
        }
        reviewed(&record, now)
    };
    assert_eq!(judged(0, 1).to, Standing::Standard, "one that was missed happens");
    assert_eq!(judged(0, 3).to, Standing::Low);
    assert!(judged(0, 7).expels());
    assert_eq!(judged(7, 1).to, Standing::Standard);
}

#[test]
fn a_bound_that_was_low_does_not_outlast_a_vetting() {
    // Eleven epochs without any answer are the most that do not expel a newcomer.
    let mut record = Record::new(Epoch(0));
    for epoch in 1..=11 + policy().points.vetting {
        note(
            &mut record,
            epoch,
            Dimension::Availability,
            u32::from(epoch > 11),
            u32::from(epoch <= 11),
        );
        note(&mut record, epoch, Dimension::Latency, u32::from(epoch > 11), u32::from(epoch <= 11));
        assert_eq!(record.expulsion(&policy()), None);
    }
    for dimension in [Dimension::Availability, Dimension::Latency] {
        assert_eq!(
            record.limits(policy().rule(dimension), dimension),
            None,
            "{:?}",
            record.score()
        );
    }
}

proptest! {
    #[test]
    fn every_review_moves_within_its_steps_and_names_evidence(
        counts in prop::collection::vec((0u32..3, 0u32..40, 0u32..3), 30..400), points in 1i32..5000,
    ) {
        let policy = policy();
        let mut record = Record::new(Epoch(0));
        record.score.points = points;
        for (epoch, (dimension, good, bad)) in (1u64..).zip(counts) {
            note(&mut record, epoch, Dimension::ALL[dimension as usize], good, bad);
            let Some(change) = record.review(&policy, Epoch(epoch)) else { continue };
            let moved = change.points_to - change.points_from;
            let whole = (100..=500).contains(&moved.abs());
            let clamped = change.points_to <= 1 || change.points_to == policy.points.most;
            prop_assert!(whole || clamped, "{change}");
            prop_assert!(!change.reasons.is_empty());
            prop_assert!(change.reasons.iter().all(|r| r.good + r.bad > 0));
            prop_assert!((0..=policy.points.most).contains(&change.points_to));
            prop_assert_eq!(change.points_to == 0, change.to == Standing::Banned);
            record.adopt(&policy, &change, Epoch(epoch));
        }
    }
}
