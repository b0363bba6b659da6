//! One figure in each arm: every run as a dot, the mean and its 95 % interval.

use super::drawing::{Area, DARK, Drawn, Ink, LETTERS, cut, svg, text_style, width};
use super::frame::{Axis, Frame};
use super::unit::Unit;
use crate::summary::{count, interval};
use maud::Markup;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

/// What one arm shows: its name, its colour, and the figure in each run that knows it.
pub(super) type Row<'a> = (&'a str, Ink, Vec<f64>);

const WIDE: u32 = 900;
const ROW: u32 = 62;
/// Longer names are cut.
const NAME: usize = 20;
/// More runs than so many are not drawn one by one.
const DOTS: usize = 200;

/// The drawing of a figure in the unit of its name. `alt` says in words what it shows.
pub(super) fn draw(alt: &str, unit: Unit, rows: &[Row<'_>]) -> Markup {
    let range = Axis::around(unit, rows.iter().flat_map(|(_, _, values)| extent(values)), 6).range;
    let room = 0.04 * (range.end - range.start);
    let axis = Axis::between(unit, range.start - room..range.end + room, 6);
    let names = rows.iter().map(|(name, _, _)| width(&cut(name, NAME)));
    let tall = u32::try_from(rows.len()).unwrap_or(u32::MAX).saturating_mul(ROW);
    let frame = Frame {
        x: axis.range.clone(),
        y: 0.0..count(rows.len()).max(1.0),
        across: names.max().unwrap_or(0) + 24..WIDE - 36,
        down: 6..6 + tall.max(ROW),
    };
    svg((WIDE, frame.down.end + LETTERS * 5 / 2), alt, |area| {
        frame.draw_below(area, &axis, axis.scale.unit)?;
        frame.draw_upright(area)?;
        for (place, row) in rows.iter().enumerate() {
            draw_row(area, &frame, count(rows.len() - place) - 0.5, row)?;
        }
        Ok(())
    })
}

/// What must have room on the axis.
fn extent(values: &[f64]) -> Vec<f64> {
    let (mean, (low, high)) = interval(values);
    let runs = if values.len() <= DOTS { values } else { &[] };
    runs.iter().copied().chain([mean, low, high]).collect()
}

fn draw_row(area: &Area<'_>, frame: &Frame, y: f64, (name, ink, values): &Row<'_>) -> Drawn {
    let (left, middle) = frame.at(frame.x.start, y);
    area.draw(&Text::new(cut(name, NAME), (left - 12, middle), text_style(DARK, HPos::Right)))?;
    let (mean, (low, high)) = interval(values);
    if !mean.is_finite() {
        let style = text_style(DARK, HPos::Left);
        return area.draw(&Text::new("not known", (left + 60, middle), style));
    }
    if values.len() <= DOTS {
        // Dots of like value are set apart a little.
        for (value, shift) in values.iter().zip([0, 9, -9, 5, -5, 13, -13].iter().cycle()) {
            let at = (frame.at(*value, y).0, middle + shift);
            area.draw(&Circle::new(at, 5, ink.colour.mix(0.3).filled()))?;
        }
    }
    if low.is_finite() && high.is_finite() {
        let (low, high) = (frame.at(low, y).0, frame.at(high, y).0);
        let style = DARK.stroke_width(4);
        area.draw(&PathElement::new(vec![(low, middle), (high, middle)], style))?;
        for end in [low, high] {
            area.draw(&PathElement::new(vec![(end, middle - 17), (end, middle + 17)], style))?;
        }
    }
    let mean = frame.at(mean, y);
    area.draw(&Circle::new(mean, 9, WHITE.filled()))?;
    area.draw(&Circle::new(mean, 7, ink.colour.filled()))
}
