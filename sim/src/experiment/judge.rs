//! Whether what must hold does: by the 95 % interval of a mean, or of a mean difference between arms with the same seeds.

use crate::results::{Finding, Run};
use crate::scenario::Must;
use crate::statistics::{self, USUAL};

/// Why something cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JudgeError {
    /// No run, or not every one, has the figure.
    #[error("arm {arm} with seed {seed} has no figure {figure:?}; there are {known}")]
    Figure {
        /// Which arm.
        arm: String,
        /// Which seed.
        seed: u64,
        /// What was asked for.
        figure: String,
        /// What there is.
        known: String,
    },
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
    let mut values = figures(runs, &must.arm, &must.figure)?;
    if let Some(minus) = &must.minus {
        let other = figures(runs, minus, &must.figure)?;
        let seeds =
            |values: &[(u64, f64)]| values.iter().map(|(seed, _)| *seed).collect::<Vec<_>>();
        if seeds(&values) != seeds(&other) {
            return Err(JudgeError::Unpaired(must.arm.clone(), minus.clone()));
        }
        for ((_, value), (_, less)) in values.iter_mut().zip(other) {
            *value -= less;
        }
    }
    let values: Vec<f64> = values.into_iter().map(|(_, value)| value).collect();
    if values.len() < 2 {
        return Err(JudgeError::TooFew(must.arm.clone(), values.len()));
    }
    let statistics::Estimate { mean: found, interval: (low, high), .. } =
        statistics::mean(&values, USUAL);
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
    Ok(Finding { must, found, interval: (low, high), runs: values.len(), holds, refuted })
}

/// A figure of an arm's runs, by seed.
fn figures(runs: &[Run], arm: &str, figure: &str) -> Result<Vec<(u64, f64)>, JudgeError> {
    let of_arm = runs.iter().filter(|run| run.arm == arm);
    let mut found = of_arm
        .map(|run| {
            let value = run.figures.get(figure).ok_or_else(|| JudgeError::Figure {
                arm: arm.to_owned(),
                seed: run.seed,
                figure: figure.to_owned(),
                known: run.figures.keys().cloned().collect::<Vec<_>>().join(", "),
            });
            value.map(|value| (run.seed, *value))
        })
        .collect::<Result<Vec<_>, _>>()?;
    found.sort_by_key(|(seed, _)| *seed);
    Ok(found)
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
