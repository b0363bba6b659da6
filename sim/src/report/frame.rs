//! The plane of a plot: where numbers lie in a drawing, and the axes that say so.

use super::drawing::{Area, DARK, Drawn, FAINT, GREY, LETTERS, text_style, width};
use super::unit::{Scale, Ticks, Unit};
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;
use std::ops::Range;

/// One direction of a plot: what it measures, from where to where, and its marks.
pub(super) struct Axis {
    pub(super) range: Range<f64>,
    pub(super) scale: Scale,
    pub(super) ticks: Ticks,
}

/// Where the plane lies in its drawing, and which numbers it shows.
pub(super) struct Frame {
    pub(super) x: Range<f64>,
    pub(super) y: Range<f64>,
    /// Points of the drawing to the left of the plane, and to its right end.
    pub(super) across: Range<u32>,
    /// Points of the drawing above the plane, and to its lower end.
    pub(super) down: Range<u32>,
}

impl Axis {
    /// An axis on which all `values` have room, with zero where it is near.
    pub(super) fn around(unit: Unit, values: impl Iterator<Item = f64>, most: u32) -> Self {
        let finite = values.filter(|value| value.is_finite());
        let ends = finite.fold(None, |ends: Option<(f64, f64)>, value| {
            Some(ends.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
        });
        let (mut low, mut high) = ends.unwrap_or((0.0, 1.0));
        let span = high - low;
        if low.abs().min(high.abs()) < span {
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        let room = 0.05 * (high - low).max(high.abs() * 1e-6).max(1e-12);
        let below = if low == 0.0 && high > 0.0 { 0.0 } else { room };
        let above = if high == 0.0 && low < 0.0 { 0.0 } else { room };
        Self::between(unit, low - below..high + above, most)
    }

    /// An axis from one number to another, which lie apart, with at most so many marks.
    pub(super) fn between(unit: Unit, range: Range<f64>, most: u32) -> Self {
        let scale = unit.scale(range.start.abs().max(range.end.abs()));
        let ticks = scale.ticks(&range, most);
        Self { range, scale, ticks }
    }

    /// What is written at the marks, and where they are.
    pub(super) fn marks(&self) -> impl Iterator<Item = (f64, String)> {
        self.ticks.at.iter().map(|at| (*at, self.scale.tick(*at, self.ticks.decimals)))
    }

    /// How wide the widest mark is, in points of a drawing.
    pub(super) fn width(&self) -> u32 {
        self.marks().map(|(_, mark)| width(&mark)).max().unwrap_or(0)
    }
}

impl Frame {
    /// The point of the drawing at which two numbers lie.
    pub(super) fn at(&self, x: f64, y: f64) -> (i32, i32) {
        let across = part(x, &self.x) * f64::from(self.across.end - self.across.start);
        let down = part(y, &self.y) * f64::from(self.down.end - self.down.start);
        (point(f64::from(self.across.start) + across), point(f64::from(self.down.end) - down))
    }

    /// Whether both numbers are on the plane.
    pub(super) fn holds(&self, x: f64, y: f64) -> bool {
        x >= self.x.start && x <= self.x.end && y >= self.y.start && y <= self.y.end
    }

    /// The axis below with its marks and what it measures.
    pub(super) fn draw_below(&self, area: &Area<'_>, axis: &Axis, label: &str) -> Drawn {
        let (foot, letters) = (point(f64::from(self.down.end)), LETTERS.cast_signed());
        for (at, mark) in axis.marks() {
            let x = self.at(at, self.y.start).0;
            area.draw(&line(vec![(x, self.at(at, self.y.end).1), (x, foot)], FAINT))?;
            let style = text_style(DARK, HPos::Center);
            area.draw(&Text::new(mark, (x, foot + letters * 3 / 4), style))?;
        }
        let middle = (self.across.start + self.across.end).cast_signed() / 2;
        let style = text_style(DARK, HPos::Center);
        area.draw(&Text::new(label.to_owned(), (middle, foot + letters * 15 / 8), style))
    }

    /// The axis to the left with its marks.
    pub(super) fn draw_left(&self, area: &Area<'_>, axis: &Axis) -> Drawn {
        for (at, mark) in axis.marks() {
            let (left, y) = self.at(self.x.start, at);
            area.draw(&line(vec![(left, y), (self.at(self.x.end, at).0, y)], FAINT))?;
            area.draw(&Text::new(mark, (left - 12, y), text_style(DARK, HPos::Right)))?;
        }
        Ok(())
    }

    /// The upright line at zero, or at the edge where zero is not on the plane.
    pub(super) fn draw_upright(&self, area: &Area<'_>) -> Drawn {
        let x = zero(&self.x);
        area.draw(&line(vec![self.at(x, self.y.start), self.at(x, self.y.end)], GREY))
    }

    /// The level line at zero, or at the edge.
    pub(super) fn draw_level(&self, area: &Area<'_>) -> Drawn {
        let y = zero(&self.y);
        area.draw(&line(vec![self.at(self.x.start, y), self.at(self.x.end, y)], GREY))
    }
}

fn zero(range: &Range<f64>) -> f64 {
    if range.contains(&0.0) { 0.0 } else { range.start }
}

/// A thin line through points of the drawing.
fn line(points: Vec<(i32, i32)>, colour: RGBColor) -> PathElement<(i32, i32)> {
    PathElement::new(points, colour.stroke_width(2))
}

/// How far along a range a number lies: 0 at its start, 1 at its end.
fn part(value: f64, range: &Range<f64>) -> f64 {
    (value - range.start) / (range.end - range.start)
}

#[expect(clippy::cast_possible_truncation, reason = "a drawing is a few thousand points wide")]
pub(super) const fn point(value: f64) -> i32 {
    value.round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_shown_where_it_is_near() {
        let range = |values: &[f64]| Axis::around(Unit::Plain, values.iter().copied(), 6).range;
        assert!(range(&[4.0, 10.0]).contains(&0.0));
        assert!(range(&[-3.0, -1.0]).end.abs() < 1e-12);
        assert!(range(&[100.0, 101.0]).start > 99.0);
    }

    #[test]
    fn axes_without_numbers_or_with_one_still_have_a_range() {
        for values in [&[][..], &[f64::NAN], &[7.0], &[0.0], &[1e15]] {
            let axis = Axis::around(Unit::Money, values.iter().copied(), 6);
            assert!(axis.range.end > axis.range.start, "{values:?}: {:?}", axis.range);
            assert!(axis.ticks.at.len() < 9, "{values:?}");
        }
    }

    #[test]
    fn the_corners_lie_in_the_corners() {
        let frame = Frame { x: 0.0..2.0, y: -1.0..1.0, across: 100..300, down: 10..60 };
        assert_eq!((frame.at(0.0, -1.0), frame.at(2.0, 1.0)), ((100, 60), (300, 10)));
        assert!(frame.holds(2.0, 1.0) && !frame.holds(2.1, 0.0));
    }
}
