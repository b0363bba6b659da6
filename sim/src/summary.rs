//! A report in figures for programs: each arm's means with their intervals, and what holds.

use crate::results::{Finding, Report, Run};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The 97.5 % quantile of Student's t for 1 to 30 degrees of freedom (any table of the distribution).
const STUDENT: [f64; 30] = [
    12.706_205, 4.302_653, 3.182_446, 2.776_445, 2.570_582, 2.446_912, 2.364_624, 2.306_004,
    2.262_157, 2.228_139, 2.200_985, 2.178_813, 2.160_369, 2.144_787, 2.131_450, 2.119_905,
    2.109_816, 2.100_922, 2.093_024, 2.085_963, 2.079_614, 2.073_873, 2.068_658, 2.063_899,
    2.059_539, 2.055_529, 2.051_831, 2.048_407, 2.045_230, 2.042_272,
];

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

/// The mean and the 95 % interval around it, by Student's t. Of one value the interval is all numbers, of none both
/// are none (NaN).
pub(crate) fn interval(values: &[f64]) -> (f64, (f64, f64)) {
    let n = count(values.len());
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let half = match values.len() {
        0 => f64::NAN,
        1 => f64::INFINITY,
        more => student(more - 1) * (squares / (n - 1.0) / n).sqrt(),
    };
    (mean, (mean - half, mean + half))
}

/// The 97.5 % quantile of Student's t; beyond the table by the Cornish–Fisher expansion (Abramowitz and Stegun,
/// 26.7.5), which is exact to six digits there.
fn student(freedom: usize) -> f64 {
    if let Some(quantile) = STUDENT.get(freedom - 1) {
        return *quantile;
    }
    let (z, v) = (1.959_963_985_f64, 1.0 / count(freedom));
    let (z3, z5, z7) = (z.powi(3), z.powi(5), z.powi(7));
    let first = (z3 + z) / 4.0;
    let second = (5.0 * z5 + 16.0 * z3 + 3.0 * z) / 96.0;
    let third = (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / 384.0;
    z + v * (first + v * (second + v * third))
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
    fn students_t_is_as_in_the_tables() {
        for (freedom, quantile) in [(1, 12.7062), (29, 2.0452), (31, 2.0395), (120, 1.9799)] {
            assert!((student(freedom) - quantile).abs() < 5e-5, "{freedom}: {}", student(freedom));
        }
    }

    #[test]
    fn the_interval_of_three_values_is_the_textbooks() {
        let (mean, (low, high)) = interval(&[1.0, 2.0, 3.0]);
        let half = 4.302_653 / 3.0_f64.sqrt();
        assert!((mean - 2.0).abs() < 1e-12);
        assert!((low - (2.0 - half)).abs() < 1e-12 && (high - (2.0 + half)).abs() < 1e-12);
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
