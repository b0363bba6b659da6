//! How restless a price is: whether it has come to rest at the end of a run, and how high it was on the way.

use crate::statistics::real;
use std::collections::BTreeMap;

/// What counts as a turn: a change of direction after a way of this share of the price.
const TURN: f64 = 0.01;

/// Adds what is known of the series called `price.asked_msat` to the figures of a run.
pub(super) fn tell(series: &BTreeMap<String, Vec<f64>>, figures: &mut BTreeMap<String, f64>) {
    let Some(price) = series.get("price.asked_msat") else { return };
    let late = &price[price.len() - price.len().div_ceil(4)..];
    let (low, high) = extremes(late);
    let mean = late.iter().sum::<f64>() / real(late.len().max(1) as u64);
    let (_, peak) = extremes(price);
    figures.insert("price.late_swing_permille".into(), 1_000.0 * (high - low) / mean.max(1e-9));
    figures.insert("price.late_turns".into(), f64::from(turns(late)));
    figures.insert("price.peak_msat".into(), peak);
}

fn extremes(values: &[f64]) -> (f64, f64) {
    let both = |(low, high): (f64, f64), value: &f64| (low.min(*value), high.max(*value));
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), both)
}

/// How often a series turns round after it has gone at least [`TURN`] one way.
fn turns(values: &[f64]) -> u32 {
    let Some(mut end) = values.first().copied() else { return 0 };
    let (mut way, mut count) = (0.0, 0);
    for value in values {
        let gone = (value - end) / end.max(1e-9);
        if gone * way > 0.0 {
            end = *value;
        } else if gone.abs() >= TURN {
            count += u32::from(way != 0.0);
            way = gone.signum();
            end = *value;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(price: Vec<f64>) -> BTreeMap<String, f64> {
        let mut figures = BTreeMap::new();
        tell(&BTreeMap::from([("price.asked_msat".into(), price)]), &mut figures);
        figures
    }

    #[test]
    fn a_price_that_rests_has_no_swing_and_one_that_swings_turns() {
        let rests = told(vec![50.0, 200.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0]);
        assert!(rests["price.late_swing_permille"] < 1e-9);
        assert_eq!((rests["price.late_turns"], rests["price.peak_msat"]), (0.0, 200.0));
        let swings = (0..80).map(|epoch| if epoch % 4 < 2 { 90.0 } else { 110.0 }).collect();
        let swings = told(swings);
        assert!((swings["price.late_swing_permille"] - 200.0).abs() < 1e-9);
        assert!((swings["price.late_turns"] - 8.0).abs() < 1e-9, "of 20 late epochs");
    }

    #[test]
    fn small_steps_are_no_turns_and_a_climb_is_none_either() {
        assert_eq!(turns(&[100.0, 100.5, 100.0, 100.5, 100.0]), 0);
        assert_eq!(turns(&[100.0, 102.0, 104.0, 103.5, 106.0]), 0);
        assert_eq!(turns(&[100.0, 102.0, 104.0, 102.0, 106.0]), 2);
    }
}
