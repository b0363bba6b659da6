//! Bounds as pictures: theory's line over the frontiers that were measured.

use super::chart::{Chart, Spot};
use super::drawing::Ink;
use super::page::{self, between, counted, scale};
use super::unit::{Unit, heading};
use crate::bounds::{Bracketed, CONFIDENCE};
use maud::{Markup, html};

/// The page of all bounds: each one's frontier, by theory and as measured, as a picture and in numbers.
///
/// The same bounds give the same page.
pub fn bounds_html(bounds: &[Bracketed]) -> String {
    let fail = bounds.iter().filter(|bound| !bound.holds()).count();
    let verdict = match fail {
        0 => format!("all {} lie where theory has them", bounds.len()),
        1 => format!("1 of {} does not lie where theory has it", bounds.len()),
        _ => format!("{fail} of {} do not lie where theory has them", bounds.len()),
    };
    let class = if fail == 0 { "holds" } else { "fails" };
    let interval = format!("measured, with its {} % interval", CONFIDENCE * 100.0);
    let claim = "Below each bound the attack pays, above it it does not: what theory says, and what the shipped rules turn out to do.";
    let places = bounds.iter().map(|bound| bound.points.len()).sum::<usize>();
    let facts = [("Bounds", bounds.len().to_string()), ("Places", places.to_string())];
    let verdict_line = html! { p.sum.(class) { span.verdict { (heading(&verdict)) } } };
    let body = html! {
        (page::header(("Simulator", "Bounds"), claim, Some(verdict_line), &facts))
        main {
            (page::legend([(interval.as_str(), Ink::of(0)), ("theory", Ink::THEORY)].into_iter()))
            div.plots { @for bound in bounds { (picture(bound)) } }
            h2 { "In numbers" }
            (table(bounds))
        }
    };
    page::page(&format!("Bounds: {verdict}"), &body)
}

/// A label without its unit where that is money, and the unit.
fn unit(label: &str) -> (&str, Unit) {
    label.strip_suffix(", msat").map_or((label, Unit::Plain), |bare| (bare, Unit::Money))
}

fn picture(bound: &Bracketed) -> Markup {
    let spots = bound.points.iter().map(|point| {
        let (low, high) = point.interval;
        Spot { x: point.x, mean: point.measured, low, high }
    });
    let spots: Vec<Spot> = spots.collect();
    let curve = bound.points.iter().map(|point| (point.x, point.analytic)).collect();
    let theory = ("theory".to_owned(), curve);
    let (Some(first), Some(last)) = (spots.first(), spots.last()) else {
        return html! { p.note { (bound.name) ": nothing was measured." } };
    };
    let room =
        if last.x > first.x { 0.05 * (last.x - first.x) } else { 0.5 * first.x.abs().max(1.0) };
    let ((along, across), (found, up)) = (unit(bound.along), unit(bound.found));
    let (label, places) = (heading(along), counted(spots.len(), "place"));
    let chart = Chart {
        alt: format!("{}: {found} over {along}, in {places}, beside theory", bound.name),
        size: (1000, 560),
        across: (&label, across, first.x - room..last.x + room),
        up,
        lines: vec![(Ink::of(0), spots.clone())],
        level: None,
        theory: Some(&theory),
    };
    let (drawing, shown) = chart.draw();
    let shown = if shown.is_empty() { found.to_owned() } else { format!("{found}, {shown}") };
    page::figure(&heading(bound.name), &shown, &drawing)
}

fn table(bounds: &[Bracketed]) -> Markup {
    html! {
        div.table { table {
            thead { tr {
                th { "Bound" } th { "Along" } th { "What is found" } th.number { "Theory" } th.number { "Measured" }
                th.number { (format!("{} % interval", CONFIDENCE * 100.0)) }
            } }
            tbody { @for bound in bounds { @for point in &bound.points { tr {
                @let (along, across) = unit(bound.along);
                @let (found, up) = unit(bound.found);
                @let scale = scale(up, point.measured, point.interval);
                td { (bound.name) }
                td { (along) " " (across.scale(point.x.abs()).quantity(point.x)) }
                td { (found) }
                td.number { (scale.quantity(point.analytic)) }
                td.number { (scale.quantity(point.measured)) }
                td.number { (between(scale, point.interval)) }
            } } } }
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounds::Point;

    fn bound(measured: f64) -> Bracketed {
        let point = |x: f64, analytic: f64| Point {
            x,
            analytic,
            measured,
            interval: (measured - 1.0, measured + 1.0),
        };
        Bracketed {
            name: "leaving <b>: bond",
            along: "remaining earnings, msat",
            found: "the bond, msat",
            points: vec![point(0.0, 10.0), point(5.0, 10.5)],
        }
    }

    #[test]
    fn each_bound_has_its_picture_and_the_page_says_whether_it_holds() {
        let page = bounds_html(&[bound(10.0), bound(10.2)]);
        assert_eq!(page.matches("<svg class=\"plot\"").count(), 2);
        assert!(page.contains("All 2 lie where theory has them"), "{page}");
        assert!(page.contains("leaving &lt;b&gt;") && !page.contains("NaN"));
        let page = bounds_html(&[bound(10.0), bound(99.0)]);
        assert!(page.contains("1 of 2 does not lie where theory has it"));
    }

    #[test]
    fn a_bound_that_was_found_nowhere_is_said_to_be() {
        let page = bounds_html(&[Bracketed { points: vec![], ..bound(1.0) }]);
        assert!(page.contains("nothing was measured"), "{page}");
        let unknown =
            Point { x: 1.0, analytic: 1.0, measured: f64::NAN, interval: (f64::NAN, f64::NAN) };
        let page = bounds_html(&[Bracketed { points: vec![unknown], ..bound(1.0) }]);
        assert!(page.contains("no interval"), "{page}");
    }
}
