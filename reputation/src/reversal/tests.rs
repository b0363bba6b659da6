//! What is taken back was never there.

use super::*;
use crate::record::Evidence;
use proptest::prelude::*;
use types::{Dimension, Epoch, Hash};

const PERIOD: u64 = 168;

fn policy() -> ReputationPolicy {
    ReputationPolicy::default()
}

fn document(n: u64) -> Hash {
    Hash::of(&n.to_le_bytes())
}

fn possession(good: u32, bad: u32) -> Outcome {
    Outcome { dimension: Dimension::Possession, good, bad }
}

fn reversal(n: u64) -> Reversal {
    Reversal { document: document(n), by: Hash([7; 32]) }
}

/// Notes an hour in which nothing is wrong but for the proofs of which `bad` fail.
fn hour(record: &mut Record, epoch: u64, bad: u32) {
    let evidence = Evidence { epoch: Epoch(epoch), document: document(epoch) };
    record.note(&policy(), possession(9, bad), evidence);
}

/// Opens `epoch`, and adopts what that changes.
fn open(record: &mut Record, epoch: u64) -> Option<Change> {
    let change = record.review(&policy(), Epoch(epoch))?;
    record.adopt(&policy(), &change, Epoch(epoch));
    Some(change)
}

/// A life of so many hours, in which so many proofs fail in the hours that `bad` names.
fn lived(hours: u64, bad: impl Fn(u64) -> u32) -> Record {
    let mut record = Record::new(Epoch(0));
    for epoch in 1..=hours {
        open(&mut record, epoch);
        hour(&mut record, epoch, bad(epoch));
    }
    record
}

#[test]
fn what_costs_points_gives_them_back_once() {
    let honest = lived(2 * PERIOD + 20, |_| 0);
    let mut record = lived(2 * PERIOD + 20, |epoch| u32::from(epoch == 200) * 9);
    assert!(record.score().points < honest.score().points);
    assert!(record.retract(&policy(), possession(9, 9), reversal(200)));
    assert_eq!(record.score().bounds, honest.score().bounds);
    let change = open(&mut record, 2 * PERIOD + 21).expect("points come back at once");
    assert_eq!((change.occasion, change.since), (Occasion::Reversal, Epoch(2 * PERIOD)));
    assert_eq!(record.score(), honest.score());
    let text = change.to_string();
    assert!(text.contains("possession: 9 of 18 outcomes bad, reversed by"), "{text}");
    assert!(!record.retract(&policy(), possession(9, 9), reversal(200)), "nothing is left of it");
    assert_eq!(open(&mut record, 2 * PERIOD + 22), None);
    let epochs: Vec<u64> = record.history().map(|past| past.epoch.0).collect();
    assert_eq!(epochs, [PERIOD, 2 * PERIOD, 2 * PERIOD + 21]);
}

#[test]
fn a_ban_is_lifted_by_the_reversal_of_what_it_rests_on_and_by_nothing_else() {
    // Fifteen hours in which no proof was right raise the alarm.
    let bad = |epoch: u64| if (1_500..1_515).contains(&epoch) { 9 } else { 0 };
    let all_bad = |record: &mut Record, epoch: u64, bad: u32| {
        let evidence = Evidence { epoch: Epoch(epoch), document: document(epoch) };
        record.note(&policy(), possession(9 - bad, bad), evidence);
    };
    let mut record = Record::new(Epoch(0));
    for epoch in 1..=1_520 {
        open(&mut record, epoch);
        all_bad(&mut record, epoch, bad(epoch));
    }
    assert_eq!((record.score().standing, record.score().points), (Standing::Banned, 0));
    let before = record.history().next_back().map(|past| past.change.points_from);
    for epoch in 1_521..1_700 {
        assert_eq!(open(&mut record, epoch), None, "time lifts no ban");
    }
    for epoch in [1_514, 1_500, 1_501] {
        assert!(record.retract(&policy(), possession(0, 9), reversal(epoch)));
        assert_eq!(open(&mut record, 1_700), None, "twelve hours are an alarm");
    }
    assert!(record.retract(&policy(), possession(0, 9), reversal(1_502)));
    let change = open(&mut record, 1_700).expect("eleven are none");
    assert_eq!((change.from, change.to), (Standing::Banned, Standing::Standard));
    assert_eq!(Some(change.points_to), before);
}

#[test]
fn a_ban_stands_as_long_as_its_alarm_does() {
    let mut record = lived(400, |epoch| u32::from(epoch > 300) * 900);
    assert_eq!(record.score().standing, Standing::Banned);
    assert!(record.retract(&policy(), possession(9, 900), reversal(301)));
    assert_eq!(open(&mut record, 401), None);
    assert_eq!(record.score().standing, Standing::Banned);
}

#[test]
fn nothing_good_and_nothing_foreign_is_taken_back() {
    let mut record = lived(100, |epoch| u32::from(epoch == 50));
    let before = record.clone();
    assert!(!record.retract(&policy(), possession(9, 0), reversal(50)), "nothing bad in it");
    assert!(!record.retract(&policy(), possession(9, 1), reversal(51)), "nothing bad there");
    assert!(!record.retract(&policy(), possession(9, 1), reversal(1_000_000)), "never noted");
    assert_eq!(record, before);
    assert!(record.retract(&policy(), possession(9, 5), reversal(50)), "as much as there was");
}

#[test]
fn what_is_too_long_ago_stays() {
    let mut record = lived(500, |epoch| u32::from(epoch == 50));
    let before = record.clone();
    assert!(!record.retract(&policy(), possession(9, 1), reversal(50)));
    assert_eq!(record, before);
}

#[test]
fn the_history_keeps_the_latest_changes() {
    let record = lived(20 * PERIOD, |_| 0);
    let epochs: Vec<u64> = record.history().map(|past| past.epoch.0 / PERIOD).collect();
    assert_eq!(epochs, (13..=20).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn noted_and_retracted_is_never_noted(
        life in prop::collection::vec((0u64..3, 0u32..4, 0u32..3), 1..80),
        pick in any::<prop::sample::Index>(), good in 0u32..3, bad in 1u32..4,
    ) {
        let policy = policy();
        let (mut wronged, mut spared) = (Record::new(Epoch(0)), Record::new(Epoch(0)));
        let (at, mut epoch) = (pick.index(life.len()), 1);
        for (n, (passed, good_now, bad_now)) in life.into_iter().enumerate() {
            epoch += passed;
            let evidence = Evidence { epoch: Epoch(epoch), document: document(n as u64) };
            if n == at {
                let wrong = Evidence { document: document(1_000), ..evidence };
                wronged.note(&policy, possession(good, bad), wrong);
            }
            for record in [&mut wronged, &mut spared] {
                record.note(&policy, possession(good_now, bad_now), evidence);
            }
        }
        prop_assert!(wronged.retract(&policy, possession(good, bad), reversal(1_000)));
        // Where nothing else was noted in its epoch, the next outcome makes them equal.
        let next = Evidence { epoch: Epoch(epoch + 1), document: document(2_000) };
        for record in [&mut wronged, &mut spared] {
            record.note(&policy, possession(1, 0), next);
        }
        prop_assert_eq!(wronged, spared);
    }

    #[test]
    fn a_reversal_never_takes_points(
        bad in prop::collection::btree_map(1u64..500, 1u32..40, 1..60), pick in any::<prop::sample::Index>(),
    ) {
        let mut record = lived(504, |epoch| bad.get(&epoch).copied().unwrap_or_default());
        let (epoch, bad) = bad.iter().nth(pick.index(bad.len())).expect("one of them");
        let before = record.score();
        record.retract(&policy(), possession(9, *bad), reversal(*epoch));
        if let Some(change) = record.review(&policy(), Epoch(505)) {
            prop_assert!(change.points_to >= before.points && change.to >= before.standing);
            prop_assert_eq!(change.occasion, Occasion::Reversal);
        }
    }
}
