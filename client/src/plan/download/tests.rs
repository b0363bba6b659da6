use super::*;
use proptest::prelude::*;

const K: u16 = 4;
const N: u16 = 6;

fn plan(segments: u64) -> DownloadPlan {
    DownloadPlan::new(K, N, 0..segments, Pace { window: 2, ..Pace::default() })
}

fn at(millis: i64) -> Timestamp {
    Timestamp(millis * 1000)
}

fn all_next(plan: &mut DownloadPlan, now: Timestamp) -> Vec<Fetch> {
    std::iter::from_fn(|| plan.next(now)).collect()
}

fn slots(fetches: &[Fetch]) -> Vec<u16> {
    fetches.iter().map(|fetch| fetch.slot).collect()
}

fn passing() -> Failure {
    Failure::Passing("no answer".into())
}

#[test]
fn data_shards_are_asked_for_first_and_the_window_bounds_what_is_begun() {
    let mut plan = plan(10);
    let begun = all_next(&mut plan, at(0));
    assert_eq!(slots(&begun), [0, 1, 2, 3, 0, 1, 2, 3]);
    assert!(begun.iter().all(|fetch| fetch.segment < 2));
}

#[test]
fn a_segment_is_ready_with_any_k_and_the_window_moves_when_it_is_consumed() {
    let mut plan = plan(3);
    let begun = all_next(&mut plan, at(0));
    for fetch in &begun[..3] {
        assert_eq!(plan.arrived(*fetch, at(1)), Arrival::Counts);
    }
    assert_eq!(plan.ready(), None);
    assert_eq!(plan.arrived(begun[3], at(1)), Arrival::Completes { drop: vec![] });
    assert_eq!(plan.ready(), Some(0));
    assert_eq!(plan.next(at(1)), None);
    plan.consumed();
    assert_eq!(slots(&all_next(&mut plan, at(1))), [0, 1, 2, 3]);
    assert!(!plan.is_done());
}

#[test]
fn a_failed_shard_is_asked_of_parity_and_its_slot_comes_last_from_then_on() {
    let mut plan = plan(3);
    let begun = all_next(&mut plan, at(0));
    plan.failed(begun[0], &passing()).unwrap();
    assert_eq!(slots(&all_next(&mut plan, at(1))), [4]);
    for fetch in &begun[4..] {
        plan.arrived(*fetch, at(1));
    }
    for fetch in &begun[1..4] {
        plan.arrived(*fetch, at(1));
    }
    assert_eq!(
        plan.arrived(Fetch { segment: 0, slot: 4, attempt: 0 }, at(2)),
        Arrival::Completes { drop: vec![] }
    );
    plan.consumed();
    plan.distrust(0, "was silent before");
    assert_eq!(slots(&all_next(&mut plan, at(2))), [1, 2, 3, 4]);
}

#[test]
fn a_slow_shard_is_hedged_and_the_first_of_both_counts() {
    let mut plan = plan(1);
    let begun = all_next(&mut plan, at(0));
    for fetch in &begun[1..] {
        plan.arrived(*fetch, at(10));
    }
    assert_eq!(plan.wake_at(), Some(at(1_500)));
    assert_eq!(plan.overdue(at(1_499)), []);
    assert_eq!(plan.overdue(at(1_500)), [begun[0]]);
    assert_eq!(plan.overdue(at(1_600)), [], "a shard becomes slow once");
    let hedge = plan.next(at(1_500)).unwrap();
    assert_eq!(hedge.slot, 4);
    assert_eq!(plan.next(at(1_500)), None);
    assert_eq!(plan.arrived(hedge, at(1_510)), Arrival::Completes { drop: vec![0] });
    assert_eq!(plan.arrived(begun[0], at(1_511)), Arrival::Surplus);
}

#[test]
fn patience_follows_the_median_once_there_is_one() {
    let mut plan = plan(9);
    for fetch in all_next(&mut plan, at(0)) {
        plan.arrived(fetch, at(100));
    }
    plan.consumed();
    plan.consumed();
    all_next(&mut plan, at(100));
    assert_eq!(plan.wake_at(), Some(at(500)), "four times the median of 100 ms");
    assert_eq!(plan.overdue(at(500)).len(), 8);
}

#[test]
fn a_hanging_slot_costs_one_wait_and_not_one_per_segment() {
    let mut plan = plan(50);
    let mut now = at(0);
    let mut asked_of_2 = 0;
    while !plan.is_done() {
        let begun = all_next(&mut plan, now);
        now = now.after(Span::from_millis(1));
        for fetch in begun {
            if fetch.slot == 2 {
                asked_of_2 += 1;
            } else {
                plan.arrived(fetch, now);
            }
        }
        while plan.ready().is_some() {
            plan.consumed();
        }
        if let Some(wake) = plan.wake_at() {
            now = wake.max(now);
            plan.overdue(now);
        }
    }
    assert!(asked_of_2 <= 2, "asked {asked_of_2} times");
}

#[test]
fn a_slot_that_lies_is_not_asked_for_that_shard_again() {
    let mut plan = plan(1);
    let begun = all_next(&mut plan, at(0));
    plan.failed(begun[1], &Failure::WrongBytes("other bytes".into())).unwrap();
    assert_eq!(slots(&all_next(&mut plan, at(0))), [4]);
    plan.failed(begun[2], &Failure::Lasting("has it not".into())).unwrap();
    assert_eq!(slots(&all_next(&mut plan, at(0))), [5]);
    let missing = plan.failed(begun[3], &Failure::Lasting("gone".into())).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "segment 0 needs 4 of its 6 shards and only 3 can be had; missing slot 1 (other bytes), \
         slot 2 (has it not), slot 3 (gone)"
    );
}

#[test]
fn passing_failures_are_tried_again_and_then_named() {
    let mut plan = plan(1);
    let mut asked = 0;
    let missing = 'outer: loop {
        let begun = all_next(&mut plan, at(0));
        assert!(!begun.is_empty(), "it neither asks nor gives up");
        for fetch in begun {
            asked += 1;
            if fetch.slot < 3 {
                if let Err(missing) = plan.failed(fetch, &passing()) {
                    break 'outer missing;
                }
            } else {
                plan.arrived(fetch, at(1));
            }
        }
    };
    let named: Vec<u16> = missing.missing.0.iter().map(|(slot, _)| *slot).collect();
    assert!(named.iter().all(|slot| *slot < 3) && named.len() == 3, "{named:?}");
    assert_eq!(asked, 3 + 3 * 3, "each missing slot three times, the others once");
}

#[test]
fn an_object_of_no_segments_is_done_at_once() {
    let mut plan = plan(0);
    assert!(plan.is_done());
    assert_eq!((plan.next(at(0)), plan.ready(), plan.wake_at()), (None, None, None));
}

/// What a slot does with every request, in a simulated download.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Habit {
    Good,
    Flaky,
    Lying,
    Hanging,
    Gone,
}

fn habit() -> impl Strategy<Value = Habit> {
    prop_oneof![
        Just(Habit::Good),
        Just(Habit::Flaky),
        Just(Habit::Lying),
        Just(Habit::Hanging),
        Just(Habit::Gone)
    ]
}

/// Runs a download against slots with these habits. A hanging fetch is cut off by the door after 10 s.
fn simulate(habits: &[Habit], k: u16, segments: u64) -> Result<u64, Missing> {
    let mut plan =
        DownloadPlan::new(k, u16::try_from(habits.len()).unwrap(), 0..segments, Pace::default());
    let (mut now, mut hanging, mut fetched) = (at(0), Vec::new(), 0);
    while !plan.is_done() {
        let begun = all_next(&mut plan, now);
        let idle = begun.is_empty();
        for fetch in begun {
            match habits[usize::from(fetch.slot)] {
                Habit::Flaky if fetch.attempt == 0 => plan.failed(fetch, &passing())?,
                Habit::Good | Habit::Flaky => drop(plan.arrived(fetch, now.after(Span(100)))),
                Habit::Lying => plan.failed(fetch, &Failure::WrongBytes("lies".into()))?,
                Habit::Gone => plan.failed(fetch, &Failure::Lasting("gone".into()))?,
                Habit::Hanging => hanging.push((now.after(Span(10 * Span::SECOND.0)), fetch)),
            }
        }
        while plan.ready().is_some() {
            plan.consumed();
            fetched += 1;
        }
        if idle && !plan.is_done() {
            let cut = hanging.iter().map(|(end, _)| *end).min();
            now = [plan.wake_at(), cut].into_iter().flatten().min().expect("something is awaited");
            plan.overdue(now);
        }
        for (_, fetch) in hanging.extract_if(.., |(end, _)| *end <= now) {
            plan.failed(fetch, &passing())?;
        }
    }
    Ok(fetched)
}

proptest! {
    #[test]
    fn a_download_ends_well_exactly_when_k_slots_serve(
        habits in prop::collection::vec(habit(), 2..10), k in 1_u16..6, segments in 0_u64..20,
    ) {
        prop_assume!(usize::from(k) < habits.len());
        let serving = habits.iter().filter(|h| matches!(h, Habit::Good | Habit::Flaky)).count();
        match simulate(&habits, k, segments) {
            Ok(fetched) => {
                prop_assert_eq!(fetched, segments);
                prop_assert!(segments == 0 || serving >= usize::from(k));
            }
            Err(missing) => {
                prop_assert!(serving < usize::from(k));
                let named = missing.missing.0;
                prop_assert_eq!(named.len(), habits.len() - missing.have);
                let bad = |slot: &u16| !matches!(habits[usize::from(*slot)], Habit::Good | Habit::Flaky);
                let all_bad = named.iter().all(|(slot, _)| bad(slot));
                prop_assert!(all_bad, "a serving slot is named");
            }
        }
    }
}
