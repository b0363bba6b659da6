//! One figure over one or two swept parameters, beside what theory says.

use super::chart::{Chart, Spot, Theory};
use super::drawing::{BLUE, Ink, VERMILION};
use super::heat::{self, Map};
use super::page::{self, between, counted, scale};
use super::unit::{Unit, heading, title};
use crate::summary::interval;
use maud::{Markup, html};

/// What was measured over one or two parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// The scenario's name.
    pub scenario: String,
    /// What the sweep is to show, in a sentence or two.
    pub claim: String,
    /// The figure's name; its ending is its unit.
    pub figure: String,
    /// Whose it is: an arm, or an arm less another.
    pub of: String,
    /// The name of the parameter that runs across; its ending is its unit.
    pub across: String,
    /// The name of the one that runs upwards, if there are two.
    pub up: Option<String>,
    /// What was measured where, in any order.
    pub cells: Vec<Cell>,
    /// The value of the figure at which something turns, such as a profit of 0.
    pub level: Option<f64>,
    /// A name and a curve: over two parameters where the turn is expected, over one what is expected of the figure.
    pub theory: Option<Theory>,
}

/// What was measured at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The value of the parameter that runs across.
    pub x: f64,
    /// The value of the one that runs upwards; not looked at when there is one parameter.
    pub y: f64,
    /// The figure in each run; those that are not finite are unknown and not counted.
    pub values: Vec<f64>,
}

/// The page of one sweep: over two parameters a heat map with its measured frontier, over one a line with its band.
///
/// ```
/// # use sim::report::{Cell, Sweep, sweep_html};
/// let cell = |slash: f64| Cell { x: slash, y: 0.0, values: vec![3.0 - slash, 3.1 - slash] };
/// let sweep = Sweep {
///     scenario: "lazy storage".into(),
///     claim: "Above the bound cheating loses money.".into(),
///     of: "lazy less honest".into(),
///     figure: "profit.lazy_msat".into(),
///     across: "slash_permille".into(),
///     up: None,
///     cells: vec![cell(1.0), cell(2.0), cell(4.0)],
///     level: Some(0.0),
///     theory: Some(("g/P".into(), vec![(0.0, 3.0), (4.0, -1.0)])),
/// };
/// assert!(sweep_html(&sweep).contains("<svg"));
/// ```
pub fn sweep_html(sweep: &Sweep) -> String {
    let cells = measured(sweep);
    let body = html! {
        (page::header(("Sweep", &sweep.scenario), &sweep.claim, None, &facts(sweep)))
        main {
            h2 { (heading(&title(&sweep.figure))) ", " (sweep.of) }
            (legend(sweep))
            figure { (plot(sweep, &cells)) }
            (table(sweep, &cells))
        }
    };
    page::page(&format!("{}: {}", sweep.scenario, title(&sweep.figure)), &body)
}

/// A cell's place, how many runs know the figure there, its mean and its interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) runs: usize,
    pub(super) mean: f64,
    pub(super) interval: (f64, f64),
}

fn measured(sweep: &Sweep) -> Vec<Measured> {
    let measure = |cell: &Cell| {
        let values: Vec<f64> = cell.values.iter().copied().filter(|v| v.is_finite()).collect();
        let (mean, interval) = interval(&values);
        let y = if sweep.up.is_some() { cell.y } else { 0.0 };
        Measured { x: cell.x, y, runs: values.len(), mean, interval }
    };
    let mut cells: Vec<Measured> = sweep.cells.iter().map(measure).collect();
    cells.retain(|cell| cell.x.is_finite() && cell.y.is_finite());
    cells.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.x.total_cmp(&b.x)));
    cells
}

fn facts(sweep: &Sweep) -> Vec<(&'static str, String)> {
    let runs = sweep.cells.iter().map(|cell| cell.values.len()).sum::<usize>();
    let mut facts = vec![("Of", sweep.of.clone()), ("Across", title(&sweep.across))];
    facts.extend(sweep.up.as_ref().map(|up| ("Upwards", title(up))));
    facts.extend([("Places", sweep.cells.len().to_string()), ("Runs", runs.to_string())]);
    facts
}

fn legend(sweep: &Sweep) -> Markup {
    let two = sweep.up.is_some();
    let level = |level| chosen(&sweep.figure, level);
    html! {
        ul.legend {
            @if !two { li { (Ink::of(0).swatch()) "mean and 95 % interval" } }
            @if let Some(at) = sweep.level {
                @if two {
                    li { (swatch(BLUE)) "below " (level(at)) }
                    li { (swatch(VERMILION)) "above " (level(at)) }
                    li { (Ink::THEORY.solid().swatch()) "measured frontier" }
                    li { "\u{25cb} the 95 % interval includes " (level(at)) }
                } @else { li { (Ink::THEORY.solid().swatch()) (level(at)) } }
            }
            @if let Some((name, _)) = &sweep.theory { li { (Ink::THEORY.swatch()) (name) } }
        }
    }
}

fn swatch(colour: plotters::style::RGBColor) -> Markup {
    Ink { colour, dashed: false }.swatch()
}

fn plot(sweep: &Sweep, cells: &[Measured]) -> Markup {
    if cells.is_empty() {
        return html! { p.note { "Nothing was measured." } };
    }
    let alt = alt(sweep, cells);
    match &sweep.up {
        Some(up) => heat::draw(&Map {
            alt,
            across: &sweep.across,
            up,
            unit: Unit::of(&sweep.figure),
            cells,
            level: sweep.level,
            theory: sweep.theory.as_ref(),
        }),
        None => line(sweep, cells, alt),
    }
}

fn line(sweep: &Sweep, cells: &[Measured], alt: String) -> Markup {
    let spot = |cell: &Measured| {
        let (low, high) = cell.interval;
        Spot { x: cell.x, mean: cell.mean, low, high }
    };
    let (first, last) = (cells[0].x, cells[cells.len() - 1].x);
    let room = if last > first { 0.02 * (last - first) } else { 0.5 * first.abs().max(1.0) };
    let label = heading(&title(&sweep.across));
    let chart = Chart {
        alt,
        size: (1400, 620),
        across: (&label, Unit::of(&sweep.across), first - room..last + room),
        up: Unit::of(&sweep.figure),
        lines: vec![(Ink::of(0), cells.iter().map(spot).collect())],
        level: sweep.level,
        theory: sweep.theory.as_ref(),
    };
    let (drawing, unit) = chart.draw();
    html! { figcaption { small { (unit) } } (drawing) }
}

fn alt(sweep: &Sweep, cells: &[Measured]) -> String {
    let over = match &sweep.up {
        Some(up) => format!("{} and {}", title(&sweep.across), title(up)),
        None => title(&sweep.across),
    };
    let means = || cells.iter().map(|cell| cell.mean).filter(|mean| mean.is_finite());
    let (low, high) = (means().fold(f64::NAN, f64::min), means().fold(f64::NAN, f64::max));
    let scale = scale(Unit::of(&sweep.figure), low, (low, high));
    let range = format!("{} to {}", scale.quantity(low), scale.quantity(high));
    format!("{} over {over}, in {} places: {range}", title(&sweep.figure), cells.len())
}

fn table(sweep: &Sweep, cells: &[Measured]) -> Markup {
    html! {
        details {
            summary { "All places in numbers" }
            div.table { table {
                thead { tr {
                    @if let Some(up) = &sweep.up { th { (heading(&title(up))) } }
                    th { (heading(&title(&sweep.across))) }
                    th.number { (heading(&title(&sweep.figure))) }
                    th.number { "95 % interval" }
                    th.number { "Runs" }
                } }
                tbody { @for cell in cells { tr {
                    @let scale = scale(Unit::of(&sweep.figure), cell.mean, cell.interval);
                    @if let Some(up) = &sweep.up { td { (chosen(up, cell.y)) } }
                    td { (chosen(&sweep.across, cell.x)) }
                    td.number { (scale.quantity(cell.mean)) }
                    td.number { (between(scale, cell.interval)) }
                    td.number { (counted(cell.runs, "run")) }
                } } }
            } }
        }
    }
}

/// A value that someone chose, with the unit of its name; nothing needs no unit.
fn chosen(name: &str, value: f64) -> String {
    let scale = Unit::of(name).scale(value);
    let unit = if value == 0.0 { "" } else { scale.unit };
    format!("{} {unit}", scale.exact(value)).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(up: Option<&str>) -> Sweep {
        let cell = |x: f64, y: f64| Cell { x, y, values: vec![y - x, y - x + 0.5, f64::NAN] };
        Sweep {
            scenario: "<lazy>".into(),
            claim: "It pays & then not.".into(),
            of: "lazy".into(),
            figure: "profit.<lazy>_msat".into(),
            across: "slash_permille".into(),
            up: up.map(str::to_owned),
            cells: (0..9).map(|place| cell(f64::from(place % 3), f64::from(place / 3))).collect(),
            level: Some(0.0),
            theory: Some(("<theory>".into(), vec![(-5.0, -5.0), (9.0, 9.0)])),
        }
    }

    #[test]
    fn a_map_shows_its_frontier_and_theory_and_is_the_same_every_time() {
        let page = sweep_html(&sweep(Some("dropped_permille")));
        assert!(page.contains("measured frontier") && page.contains("&lt;theory&gt;"));
        assert!(!page.contains("<lazy>") && !page.contains("NaN"), "{page}");
        assert_eq!(page, sweep_html(&sweep(Some("dropped_permille"))));
    }

    #[test]
    fn sweeps_of_nothing_of_one_place_and_of_the_unknown_are_pages_too() {
        for up in [None, Some("dropped_permille")] {
            let mut sweep = sweep(up);
            sweep.cells.truncate(1);
            assert!(sweep_html(&sweep).contains("<svg class=\"plot\""));
            sweep.cells[0].values.clear();
            let unknown = sweep_html(&sweep);
            assert!(unknown.contains("unknown") && !unknown.contains("NaN"), "{unknown}");
            sweep.cells.clear();
            assert!(sweep_html(&sweep).contains("Nothing was measured."));
        }
    }
}
