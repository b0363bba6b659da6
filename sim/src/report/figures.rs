//! Figures at the end of runs: plots of those that findings speak of, and a table of all.

use super::bars::{self, Row};
use super::drawing::Ink;
use super::findings::names;
use super::page::{between, counted, figure, scale};
use super::unit::{Unit, heading, title};
use crate::results::{Report, Run};
use crate::summary::{interval, known};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Plots of the figures that findings speak of, or of all when they speak of none by name.
pub(super) fn section(report: &Report, arms: &[(&str, Vec<&Run>)]) -> Markup {
    let all = all(arms);
    let named = |figure: &&str| report.findings.iter().any(|finding| names(finding, figure));
    let mut shown: Vec<&str> = all.iter().copied().filter(named).collect();
    if shown.is_empty() {
        shown = all.into_iter().collect();
    }
    html! {
        @if !shown.is_empty() {
            section {
                h2 { "At the end" }
                p.note { "Each dot is a run; the mean is shown with its 95 % interval." }
                div.plots { @for name in shown { (plot(name, arms)) } }
            }
        }
    }
}

/// Every figure of every arm in numbers.
pub(super) fn table(arms: &[(&str, Vec<&Run>)]) -> Markup {
    let all = all(arms);
    html! {
        @if !all.is_empty() {
            section {
                h2 { "All figures" }
                p.note { "The mean over runs, and its 95 % interval." }
                div.table { table {
                    thead { tr { th { "Figure" } @for (arm, _) in arms { th.number { (arm) } } } }
                    tbody { @for name in all { tr {
                        td { (heading(&title(name))) }
                        @for (_, runs) in arms { (cell(name, runs)) }
                    } } }
                } }
            }
        }
    }
}

fn all<'a>(arms: &[(&str, Vec<&'a Run>)]) -> BTreeSet<&'a str> {
    let runs = arms.iter().flat_map(|(_, runs)| runs);
    runs.flat_map(|run| run.figures.keys().map(String::as_str)).collect()
}

fn plot(name: &str, arms: &[(&str, Vec<&Run>)]) -> Markup {
    let rows = arms.iter().enumerate().filter(|(_, (_, runs))| has(runs, name));
    let rows: Vec<Row<'_>> =
        rows.map(|(place, (arm, runs))| (*arm, Ink::of(place), known(runs, name))).collect();
    let unit = Unit::of(name);
    let means = rows.iter().map(|(arm, _, values)| {
        let (mean, ends) = interval(values);
        let scale = scale(unit, mean, ends);
        format!("{arm} {} ({})", scale.quantity(mean), between(scale, ends))
    });
    let alt = format!("{} in each arm: {}", title(name), means.collect::<Vec<_>>().join("; "));
    figure(&heading(&title(name)), "", &bars::draw(&alt, unit, &rows))
}

fn has(runs: &[&Run], figure: &str) -> bool {
    runs.iter().any(|run| run.figures.contains_key(figure))
}

fn cell(name: &str, runs: &[&Run]) -> Markup {
    let values = known(runs, name);
    let (mean, ends) = interval(&values);
    let scale = scale(Unit::of(name), mean, ends);
    html! {
        td.number {
            @if has(runs, name) {
                (scale.quantity(mean))
                small { (between(scale, ends)) }
                @if values.len() < runs.len() {
                    small { "known in " (values.len()) " of " (counted(runs.len(), "run")) }
                }
            } @else { "\u{2013}" }
        }
    }
}
