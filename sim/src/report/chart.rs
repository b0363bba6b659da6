//! Means as lines with their 95 % bands.

use super::drawing::{Area, DARK, Drawn, Ink, LETTERS, inside, svg};
use super::frame::{Axis, Frame};
use super::unit::Unit;
use maud::Markup;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use std::ops::Range;

/// A mean and its 95 % interval at one place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spot {
    pub(super) x: f64,
    pub(super) mean: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// So few places are marked each with a dot.
const FEW: usize = 40;

/// A curve that theory gives, and its name.
pub(super) type Theory = (String, Vec<(f64, f64)>);

/// Everything that one chart shows.
pub(super) struct Chart<'a> {
    /// In words what is seen.
    pub(super) alt: String,
    /// Points of the drawing across and down.
    pub(super) size: (u32, u32),
    /// What is measured across, its unit and from where to where.
    pub(super) across: (&'a str, Unit, Range<f64>),
    /// The unit of what is measured upwards.
    pub(super) up: Unit,
    /// One line for each arm.
    pub(super) lines: Vec<(Ink, Vec<Spot>)>,
    /// A level at which something turns.
    pub(super) level: Option<f64>,
    /// What theory says.
    pub(super) theory: Option<&'a Theory>,
}

impl Spot {
    fn is_known(&self) -> bool {
        self.x.is_finite() && self.mean.is_finite()
    }

    fn has_band(&self) -> bool {
        self.is_known() && self.low.is_finite() && self.high.is_finite()
    }
}

impl Chart<'_> {
    /// The drawing, and the unit that its upward axis turned out to have.
    pub(super) fn draw(&self) -> (Markup, &'static str) {
        let up = Axis::around(self.up, self.heights(), 7);
        let (label, unit, range) = &self.across;
        let across = Axis::between(*unit, range.clone(), 7);
        let (wide, high) = self.size;
        let frame = Frame {
            x: range.clone(),
            y: up.range.clone(),
            across: up.width() + 24..wide - 36,
            down: LETTERS / 2 + 4..high - LETTERS * 5 / 2,
        };
        let label = across.scale.label(label);
        let drawing = svg(self.size, &self.alt, |area| {
            frame.draw_left(area, &up)?;
            frame.draw_below(area, &across, &label)?;
            frame.draw_upright(area)?;
            frame.draw_level(area)?;
            for (ink, spots) in &self.lines {
                draw_bands(area, &frame, *ink, spots)?;
            }
            for (ink, spots) in &self.lines {
                draw_line(area, &frame, *ink, spots)?;
            }
            self.draw_bounds(area, &frame)
        });
        (drawing, up.scale.unit)
    }

    fn heights(&self) -> impl Iterator<Item = f64> {
        let spots = self.lines.iter().flat_map(|(_, spots)| spots);
        let range = &self.across.2;
        let theory = self.theory.iter().flat_map(|(_, curve)| curve);
        let theory = theory.filter(|(x, _)| range.contains(x)).map(|(_, y)| *y);
        spots.flat_map(|spot| [spot.mean, spot.low, spot.high]).chain(theory).chain(self.level)
    }

    fn draw_bounds(&self, area: &Area<'_>, frame: &Frame) -> Drawn {
        if let Some(level) = self.level {
            let ends = [frame.x.start, frame.x.end].map(|x| frame.at(x, level));
            area.draw(&PathElement::new(ends.to_vec(), DARK.stroke_width(3)))?;
        }
        let Some((_, curve)) = self.theory else { return Ok(()) };
        draw_theory(area, curve, |x, y| frame.holds(x, y).then(|| frame.at(x, y)))
    }
}

/// A dashed curve where `place` puts it, as far as it does.
pub(super) fn draw_theory(
    area: &Area<'_>,
    curve: &[(f64, f64)],
    place: impl Fn(f64, f64) -> Option<(i32, i32)>,
) -> Drawn {
    for part in inside(curve, place) {
        dashes(area, part, DARK.stroke_width(5))?;
    }
    Ok(())
}

fn draw_bands(area: &Area<'_>, frame: &Frame, ink: Ink, spots: &[Spot]) -> Drawn {
    for part in spots.chunk_by(|a, b| a.has_band() && b.has_band()) {
        let upper = part.iter().map(|spot| frame.at(spot.x, spot.high));
        let lower = part.iter().rev().map(|spot| frame.at(spot.x, spot.low));
        if part.len() > 1 {
            area.draw(&Polygon::new(upper.chain(lower).collect::<Vec<_>>(), ink.colour.mix(0.2)))?;
        }
    }
    Ok(())
}

fn draw_line(area: &Area<'_>, frame: &Frame, ink: Ink, spots: &[Spot]) -> Drawn {
    let dot = |area: &Area<'_>, at| area.draw(&Circle::new(at, 7, ink.colour.filled()));
    let parts = spots.chunk_by(|a, b| a.is_known() && b.is_known());
    for part in parts.filter(|part| part[0].is_known()) {
        let points: Vec<_> = part.iter().map(|spot| frame.at(spot.x, spot.mean)).collect();
        let style = ink.colour.stroke_width(4);
        if spots.len() <= FEW {
            points.iter().try_for_each(|point| dot(area, *point))?;
        }
        match points[..] {
            [only] => dot(area, only)?,
            _ if ink.dashed => dashes(area, points, style)?,
            _ => area.draw(&PathElement::new(points, style))?,
        }
    }
    Ok(())
}

fn dashes(area: &Area<'_>, points: Vec<(i32, i32)>, style: ShapeStyle) -> Drawn {
    area.draw(&DashedPathElement::new(points, 18, 10, style))
}
