//! What must hold, and whether it does.

use super::page::{between, counted, scale};
use super::unit::{Scale, Unit};
use crate::results::{Finding, Report};
use maud::{Markup, html};

/// The verdict on all findings in a few words.
pub(super) fn words(report: &Report) -> String {
    let all = report.findings.len();
    let fail = report.findings.iter().filter(|finding| !finding.holds).count();
    match (all, fail) {
        (0, _) => "nothing was judged".into(),
        (1, 0) => "it holds".into(),
        (1, _) => "it fails".into(),
        (_, 0) => format!("all {all} findings hold"),
        (_, 1) => format!("1 of {all} findings fails"),
        _ => format!("{fail} of {all} findings fail"),
    }
}

/// The verdict on all findings, if there are any.
pub(super) fn sum(report: &Report) -> Option<Markup> {
    let verdict = super::unit::heading(&words(report));
    let class = class(report.holds());
    (!report.findings.is_empty())
        .then(|| html! { p.sum.(class) { span.verdict { (mark(report.holds())) " " (verdict) } } })
}

/// Every finding with its verdict.
pub(super) fn section(report: &Report) -> Markup {
    html! {
        @if !report.findings.is_empty() {
            section {
                h2 { "What must hold" }
                p.note { "A finding holds when all of its 95 % interval is on the right side, and is refuted when all of it is on the wrong side." }
                @for finding in &report.findings { (card(report, finding)) }
            }
        }
    }
}

/// Whether a finding speaks of a figure.
pub(super) fn names(finding: &Finding, figure: &str) -> bool {
    let parts = finding.must.match_indices(figure);
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    parts.into_iter().any(|(start, _)| {
        let (before, after) = (&finding.must[..start], &finding.must[start + figure.len()..]);
        !before.ends_with(|c: char| part_of_name(c) || c == '.') && !after.starts_with(part_of_name)
    })
}

/// What was found, and the interval around it, as people read them: with their unit.
pub fn in_words(report: &Report, finding: &Finding) -> (String, String) {
    let scale = scale_of(report, finding);
    (scale.quantity(finding.found), between(scale, finding.interval))
}

fn scale_of(report: &Report, finding: &Finding) -> Scale {
    let mut figures = report.runs.iter().flat_map(|run| run.figures.keys());
    let figure = figures.find(|figure| names(finding, figure));
    let unit = figure.map_or(Unit::Plain, |figure| Unit::of(figure));
    scale(unit, finding.found, finding.interval)
}

fn card(report: &Report, finding: &Finding) -> Markup {
    let scale = scale_of(report, finding);
    html! {
        div.finding.(class(finding.holds)) {
            div { span.verdict { (mark(finding.holds)) " " (word(finding)) } }
            p { (finding.must) }
            div {
                span.found { (scale.quantity(finding.found)) }
                span { (between(scale, finding.interval)) " · " (counted(finding.runs, "run")) }
            }
        }
    }
}

const fn word(finding: &Finding) -> &'static str {
    match (finding.holds, finding.refuted) {
        (true, _) => "holds",
        (false, true) => "refuted",
        (false, false) if finding.found.is_nan() => "unknown",
        (false, false) => "open: more seeds would tell",
    }
}

const fn class(holds: bool) -> &'static str {
    if holds { "holds" } else { "fails" }
}

const fn mark(holds: bool) -> &'static str {
    if holds { "\u{2713}" } else { "\u{2717}" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_a_figure_only_as_a_whole() {
        let must = "detected.lazy_epochs is at most 14.".to_owned();
        let finding = Finding {
            must,
            found: 0.0,
            interval: (0.0, 0.0),
            runs: 1,
            holds: true,
            refuted: false,
        };
        let cases =
            [("detected.lazy_epochs", true), ("lazy_epochs", false), ("detected.lazy", false)];
        for (figure, expected) in cases {
            assert_eq!(names(&finding, figure), expected, "{figure}");
        }
    }
}
