//! That theory and measurement agree, and would not if a bound were another.

use super::*;
use std::collections::BTreeSet;

#[test]
fn every_bound_lies_where_theory_has_it_and_none_that_is_a_fifth_off_would() {
    let bounds = bracket(Seed(1), Effort::Quick);
    for bound in &bounds {
        println!("{}", bound.name);
        for Point { x, analytic, measured, interval } in &bound.points {
            println!("  {x:.4}: {analytic:.4}, measured {measured:.4} {interval:.4?}");
        }
    }
    let wrong: Vec<&Bracketed> = bounds.iter().filter(|bound| !bound.holds()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for bound in &bounds {
        let blind = bound.points.iter().find(|point| point.allows(0.8) || point.allows(1.2));
        assert_eq!(blind, None, "a fifth more or less would pass for {}", bound.name);
    }
    let names: BTreeSet<&str> = bounds.iter().map(|bound| bound.name).collect();
    assert_eq!((names.len(), bounds.len()), (7, 7));
}
