//! A report in figures for programs: each arm's means with their intervals, and what holds.

use crate::results::{Finding, Report, Run};
use crate::statistics;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The report's `summary.json`: scenario, claim, `trace_hash`, for each arm and figure `n`, `mean` and the 95 %
/// `interval`, and the findings.
///
/// A run whose figure is not finite knows none, so that `n` can be below the arm's `runs`. What cannot be said is
/// `null`: the mean of no runs, the interval of one.
///
/// ```
/// # use sim::{results::Report, summary};
/// let (scenario, claim) = ("honest baseline".into(), "The price finds its place.".into());
/// let report = Report { scenario, claim, epoch_s: 3600.0, runs: vec![], findings: vec![] };
/// assert_eq!(summary::of(&report)["holds"], true);
/// ```
pub fn of(report: &Report) -> Value {
    json!({
        "scenario": report.scenario,
        "claim": report.claim,
        "trace_hash": report.trace().to_string(),
        "epoch_s": report.epoch_s,
        "holds": report.holds(),
        "arms": arms(report).into_iter().map(arm).collect::<Map<_, _>>(),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

/// Each arm with its runs, in the order of the report.
pub(crate) fn arms(report: &Report) -> Vec<(&str, Vec<&Run>)> {
    let mut arms: Vec<(&str, Vec<&Run>)> = Vec::new();
    for run in &report.runs {
        match arms.iter_mut().find(|(arm, _)| *arm == run.arm) {
            Some((_, runs)) => runs.push(run),
            None => arms.push((&run.arm, vec![run])),
        }
    }
    arms
}

/// What is known of one figure in some runs.
pub(crate) fn known(runs: &[&Run], figure: &str) -> Vec<f64> {
    let values = runs.iter().filter_map(|run| run.figures.get(figure).copied());
    values.filter(|value| value.is_finite()).collect()
}

/// The mean and the 95 % interval around it. Of one value the interval is all numbers, of none both are none (NaN).
pub(crate) fn interval(values: &[f64]) -> (f64, (f64, f64)) {
    let found = statistics::mean(values, statistics::USUAL);
    if values.is_empty() { (f64::NAN, (f64::NAN, f64::NAN)) } else { (found.mean, found.interval) }
}

#[expect(clippy::cast_precision_loss, reason = "no more runs, epochs or cells than 2^53")]
pub(crate) const fn count(things: usize) -> f64 {
    things as f64
}

fn arm((arm, runs): (&str, Vec<&Run>)) -> (String, Value) {
    let names: BTreeSet<&String> = runs.iter().flat_map(|run| run.figures.keys()).collect();
    let figure = |name: &String| {
        let values = known(&runs, name);
        let (mean, (low, high)) = interval(&values);
        json!({ "n": values.len(), "mean": mean, "interval": [low, high] })
    };
    let figures: Map<_, _> = names.into_iter().map(|name| (name.clone(), figure(name))).collect();
    (arm.to_owned(), json!({ "runs": runs.len(), "figures": figures }))
}

fn finding(finding: &Finding) -> Value {
    json!({
        "must": finding.must,
        "holds": finding.holds,
        "refuted": finding.refuted,
        "found": finding.found,
        "interval": [finding.interval.0, finding.interval.1],
        "runs": finding.runs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use types::Hash;

    fn run(seed: u64, profit: f64) -> Run {
        let figures = [("profit.lazy_msat".to_owned(), profit)].into();
        Run { arm: "lazy".into(), seed, trace: Hash::default(), figures, series: BTreeMap::new() }
    }

    fn report(profits: &[f64]) -> Report {
        let finding = Finding {
            must: "profit is below 0".into(),
            found: -2.0,
            interval: (-3.0, 1.0),
            runs: 3,
            holds: false,
            refuted: false,
        };
        Report {
            scenario: "lazy storage".into(),
            claim: "It loses money.".into(),
            epoch_s: 3600.0,
            runs: (0..).zip(profits).map(|(seed, profit)| run(seed, *profit)).collect(),
            findings: vec![finding],
        }
    }

    #[test]
    fn the_interval_of_three_values_is_the_textbooks() {
        let (mean, (low, high)) = interval(&[1.0, 2.0, 3.0]);
        let half = 4.302_653 / 3.0_f64.sqrt();
        assert!((mean - 2.0).abs() < 1e-12);
        assert!((low - (2.0 - half)).abs() < 1e-6 && (high - (2.0 + half)).abs() < 1e-6);
    }

    #[test]
    fn each_arm_and_figure_has_its_mean_and_what_is_unknown_is_not_counted() {
        let summary = of(&report(&[-1.0, f64::INFINITY, -3.0]));
        let lazy = &summary["arms"]["lazy"];
        assert_eq!(lazy["runs"], 3);
        assert_eq!(lazy["figures"]["profit.lazy_msat"]["n"], 2);
        assert_eq!(lazy["figures"]["profit.lazy_msat"]["mean"], -2.0);
        assert_eq!(summary["trace_hash"].as_str().map(str::len), Some(64));
        assert_eq!(
            (&summary["holds"], &summary["findings"][0]["holds"]),
            (&json!(false), &json!(false))
        );
    }

    #[test]
    fn what_cannot_be_said_is_null() {
        let one = of(&report(&[-1.0]));
        let figure = &one["arms"]["lazy"]["figures"]["profit.lazy_msat"];
        assert_eq!(*figure, json!({ "n": 1, "mean": -1.0, "interval": [null, null] }));
        let none = of(&report(&[f64::NAN]));
        assert_eq!(none["arms"]["lazy"]["figures"]["profit.lazy_msat"]["mean"], Value::Null);
    }
}
