//! That every row holds, and would not if the figure were another.

use super::*;
use std::collections::BTreeSet;

/// Whether a figure that is a share of `off` larger, or smaller, lies outside the interval: of nothing, one more.
fn would_see(row: &Row, off: f64) -> bool {
    let moved = if row.published == 0.0 { 1.0 } else { row.published * off };
    !row.allows(row.published + moved) && !row.allows(row.published - moved)
}

#[test]
fn validate_holds_for_every_row_and_for_no_figure_that_is_wrong() {
    let rows: Vec<Row> = (1..=2).flat_map(|seed| validate(Seed(seed), Effort::Quick)).collect();
    let numbers: BTreeSet<u8> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=9).collect(), "every row of the table is there");
    let failing: Vec<&Row> = rows.iter().filter(|row| !row.holds || row.runs == 0).collect();
    assert!(failing.is_empty(), "{failing:#?}");
    let blind: Vec<&Row> = rows.iter().filter(|row| !would_see(row, 0.05)).collect();
    assert!(blind.is_empty(), "5 % more or less would pass for {blind:#?}");
    let sharp = rows.iter().filter(|row| would_see(row, 0.01)).count();
    assert!(sharp * 2 > rows.len(), "{sharp} of {} rows see one per cent", rows.len());
}

#[test]
fn validate_says_the_same_with_one_thread_and_names_each_row_once() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let alone = pool.install(|| validate(Seed(3), Effort::Quick));
    assert_eq!(alone, validate(Seed(3), Effort::Quick));
    let names: BTreeSet<&str> = alone.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names.len(), alone.len());
}
