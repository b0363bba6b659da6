//! Whether what must hold does: by the 95 % interval of a mean, or of a mean difference between arms with the same seeds.

use crate::results::{Finding, Run};
use crate::scenario::Must;
use crate::statistics::{self, USUAL};

/// Why something cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JudgeError {
    /// Two arms were run with different seeds.
    #[error("arm {0} and arm {1} have not the same seeds, so that nothing can be paired")]
    Unpaired(String, String),
    /// Fewer runs than an interval needs.
    #[error("arm {0} has {1} runs; an interval needs two at least")]
    TooFew(String, usize),
}

/// What is found of everything that must hold.
pub(super) fn all(musts: &[Must], runs: &[Run]) -> Result<Vec<Finding>, JudgeError> {
    musts.iter().map(|must| one(must, runs)).collect()
}

fn one(must: &Must, runs: &[Run]) -> Result<Finding, JudgeError> {
    let mut values = figures(runs, &must.arm, &must.figure);
    if let Some(minus) = &must.minus {
        let other = figures(runs, minus, &must.figure);
        let seeds = |values: &[(u64, Option<f64>)]| {
            values.iter().map(|(seed, _)| *seed).collect::<Vec<_>>()
        };
        if seeds(&values) != seeds(&other) {
            return Err(JudgeError::Unpaired(must.arm.clone(), minus.clone()));
        }
        for ((_, value), (_, less)) in values.iter_mut().zip(other) {
            *value = value.zip(less).map(|(value, less)| value - less);
        }
    }
    if values.len() < 2 {
        return Err(JudgeError::TooFew(must.arm.clone(), values.len()));
    }
    let known: Vec<f64> = values.iter().filter_map(|(_, value)| *value).collect();
    let without = values.iter().find(|(_, value)| value.is_none()).map(|(seed, _)| *seed);
    Ok(without.map_or_else(|| judged(must, &known), |seed| unknown(must, seed, known.len())))
}

/// What the figure's `values`, one for each run, show.
fn judged(must: &Must, values: &[f64]) -> Finding {
    let statistics::Estimate { mean: found, interval: (low, high), .. } =
        statistics::mean(values, USUAL);
    let holds = must.below.is_none_or(|most| high < most)
        && must.above.is_none_or(|least| low > least)
        && must
            .equals
            .is_none_or(|exactly| values.iter().all(|value| value.total_cmp(&exactly).is_eq()));
    let exact = must.equals.is_some();
    let refuted = must.below.is_some_and(|most| low >= most)
        || must.above.is_some_and(|least| high <= least)
        || must.equals.is_some_and(|exactly| values.iter().any(|v| v.total_cmp(&exactly).is_ne()));
    let mut must = said(must);
    if holds && exact {
        let otherwise = 100.0 * statistics::none_of(values.len() as u64);
        must = format!(
            "{must} (with 95 % confidence it is otherwise in less than {otherwise:.1} % of runs)"
        );
    }
    Finding { must, found, interval: (low, high), runs: values.len(), holds, refuted }
}

/// What is found where runs, that of `seed` among them, have no such figure and `runs` others do: nothing. What never happened
/// has no mean, and a mean over the other runs would be of chosen ones.
fn unknown(must: &Must, seed: u64, runs: usize) -> Finding {
    let said = said(must);
    let must = format!(
        "{said} (unknown: with seed {seed} what it is the mean of never happened; ask for something that every run has)"
    );
    let interval = (f64::NAN, f64::NAN);
    Finding { must, found: f64::NAN, interval, runs, holds: false, refuted: false }
}

/// A figure of an arm's runs, by seed; nothing where a run does not have it.
fn figures(runs: &[Run], arm: &str, figure: &str) -> Vec<(u64, Option<f64>)> {
    let of_arm = runs.iter().filter(|run| run.arm == arm);
    let mut found: Vec<_> =
        of_arm.map(|run| (run.seed, run.figures.get(figure).copied())).collect();
    found.sort_by_key(|(seed, _)| *seed);
    found
}

/// What must hold, in words.
fn said(must: &Must) -> String {
    let Must { figure, arm, because, .. } = must;
    let minus = must.minus.as_ref().map_or_else(String::new, |minus| format!(" less {minus}"));
    let bounds = [("below", must.below), ("above", must.above), ("equal to", must.equals)];
    let bounds: Vec<String> = bounds
        .iter()
        .filter_map(|(word, bound)| bound.map(|bound| format!("{word} {bound}")))
        .collect();
    format!("{figure} of {arm}{minus} is {}: {because}", bounds.join(" and "))
}
