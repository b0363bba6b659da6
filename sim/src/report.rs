//! A report for people: one HTML file with a verdict on each finding and plots, readable without a network.
//!
//! [`html()`] shows a scenario's report, [`sweep_html`] one figure over swept parameters, [`bounds_html`] bounds beside their
//! theory. Figures may have any names: what stands before the first dot groups, the ending (`_msat`, `_permille`, `_epochs`,
//! `_ms`) is the unit.

mod bars;
mod bounds;
mod chart;
mod drawing;
mod figures;
mod findings;
mod frame;
mod heat;
mod page;
mod series;
pub mod sweep;
mod unit;

pub use bounds::bounds_html;
pub use findings::in_words;
pub use sweep::{Cell, Sweep, sweep_html};

use crate::results::Report;
use crate::summary::{arms, count};
use maud::html;

/// The page of one report: what is claimed and whether it holds, figures at the end, and series over time.
///
/// The same report gives the same page.
pub fn html(report: &Report) -> String {
    let arms = arms(report);
    let body = html! {
        (page::header(("Scenario", &report.scenario), &report.claim, findings::sum(report), &facts(report)))
        main {
            (findings::section(report))
            (figures::section(report, &arms))
            (series::sections(report, &arms))
            (figures::table(&arms))
        }
        footer { p.note { "Trace of all runs: " (report.trace()) } }
    };
    page::page(&format!("{}: {}", report.scenario, findings::words(report)), &body)
}

fn facts(report: &Report) -> [(&'static str, String); 5] {
    let arms = arms(report);
    let most = arms.iter().map(|(_, runs)| runs.len()).max().unwrap_or(0);
    let lengths = report.runs.iter().flat_map(|run| run.series.values().map(Vec::len));
    let epochs = lengths.max().unwrap_or(0);
    let days = unit::Unit::Plain.scale(0.0).exact(series::days(report, count(epochs)));
    [
        ("Arms", arms.len().to_string()),
        ("Seeds in each arm", most.to_string()),
        ("Runs", report.runs.len().to_string()),
        ("Length", format!("{days} days, {}", page::counted(epochs, "epoch"))),
        ("Trace", report.trace().short()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Finding, Run};
    use types::Hash;

    const NASTY: &str = "</style></title></svg><script>&\"'";

    fn report() -> Report {
        let run = |arm: &str, seed: u32| Run {
            arm: arm.into(),
            seed: seed.into(),
            trace: Hash::default(),
            figures: [(format!("profit.{NASTY}_msat"), f64::from(seed)), ("x".into(), f64::NAN)]
                .into(),
            series: [
                (format!("{NASTY}.price_msat"), vec![f64::from(seed), f64::NAN, 4.0]),
                ("none".into(), vec![]),
                ("odd".into(), vec![f64::INFINITY; 3]),
            ]
            .into(),
        };
        let finding = Finding {
            must: format!("{NASTY} is below 0"),
            found: 1.0,
            interval: (f64::NEG_INFINITY, f64::INFINITY),
            runs: 1,
            holds: false,
            refuted: false,
        };
        Report {
            scenario: NASTY.into(),
            claim: NASTY.into(),
            epoch_s: 3600.0,
            runs: vec![run(NASTY, 1), run("lazy", 1), run("lazy", 2)],
            findings: vec![finding],
        }
    }

    #[test]
    fn no_name_breaks_the_page() {
        let page = html(&report());
        assert!(!page.contains("<script>") && page.matches("</style>").count() == 1, "{page}");
        let svgs = (page.matches("<svg").count(), page.matches("</svg>").count());
        assert_eq!(svgs.0, svgs.1);
        assert!(page.contains("<title>&lt;/style&gt;"), "{page}");
    }

    #[test]
    fn the_page_needs_nothing_else_and_says_what_each_plot_shows() {
        let page = html(&report());
        for outside in ["http:", "https:", "src=", "href=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        let plots = page.matches("<svg class=\"plot\"").count();
        assert!(plots > 2 && page.matches("role=\"img\" aria-label=\"").count() == plots);
        assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
    }

    #[test]
    fn verdicts_are_written_in_words() {
        let mut report = report();
        assert!(html(&report).contains("It fails"));
        report.findings.push(Finding { holds: true, ..report.findings[0].clone() });
        assert!(html(&report).contains("1 of 2 findings fails"));
        report.findings.clear();
        report.runs.clear();
        assert!(html(&report).contains("nothing was judged"));
    }
}
