//! A figure over two parameters as colours, with the frontier where it turns.

mod colours;

use super::chart::{Theory, draw_theory};
use super::drawing::{Area, DARK, Drawn, LETTERS, svg, text_style, width};
use super::frame::{Frame, point};
use super::sweep::Measured;
use super::unit::{Scale, Unit, heading, title};
use crate::summary::count;
use colours::{Colours, is_dark};
use maud::Markup;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

const WIDE: u32 = 1400;
/// Room for the bar of colours and what is written beside it.
const BAR: u32 = 190;
/// More columns than so many have no number in each cell.
const NUMBERED: usize = 9;

/// Everything that one map shows.
pub(super) struct Map<'a> {
    pub(super) alt: String,
    pub(super) across: &'a str,
    pub(super) up: &'a str,
    pub(super) unit: Unit,
    /// By `y`, then by `x`.
    pub(super) cells: &'a [Measured],
    pub(super) level: Option<f64>,
    pub(super) theory: Option<&'a Theory>,
}

/// The values of both parameters in order, the plane they lie on by their place in that order, and the colours.
struct Grid<'a> {
    map: &'a Map<'a>,
    xs: Vec<f64>,
    ys: Vec<f64>,
    frame: Frame,
    colours: Colours,
}

/// The drawing of a map that has a cell at least. Cells are all of one size, whatever the steps between parameters.
pub(super) fn draw(map: &Map<'_>) -> Markup {
    let grid = Grid::new(map);
    svg((WIDE, grid.frame.down.end + LETTERS * 5 / 2), &map.alt, |area| {
        for cell in map.cells {
            grid.draw_cell(area, cell)?;
        }
        grid.draw_frontier(area)?;
        if let Some((_, curve)) = map.theory {
            draw_theory(area, curve, |x, y| {
                Some(grid.frame.at(place(&grid.xs, x)?, place(&grid.ys, y)?))
            })?;
        }
        grid.draw_marks(area)?;
        grid.draw_bar(area)
    })
}

fn distinct(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.dedup_by(|a, b| a.total_cmp(b).is_eq());
    values
}

/// Where a value lies among `steps`, up to half a step beyond the ends. Between steps it is in proportion, or in
/// proportion of logarithms where steps are uneven and positive.
fn place(steps: &[f64], value: f64) -> Option<f64> {
    if let [only] = steps {
        return (value.total_cmp(only).is_eq()).then_some(0.0);
    }
    let next = steps.partition_point(|step| *step <= value).clamp(1, steps.len() - 1);
    let bend = |value: f64| if is_uneven(steps) { libm::log(value) } else { value };
    let (low, high) = (bend(steps[next - 1]), bend(steps[next]));
    let place = count(next - 1) + (bend(value) - low) / (high - low);
    (place >= -0.5 && place <= count(steps.len()) - 0.5).then_some(place)
}

fn is_uneven(steps: &[f64]) -> bool {
    let widths = || steps.windows(2).map(|pair| pair[1] - pair[0]);
    let (least, most) = (widths().fold(f64::INFINITY, f64::min), widths().fold(0.0, f64::max));
    steps[0] > 0.0 && most > 1.5 * least
}

impl<'a> Grid<'a> {
    fn new(map: &'a Map<'a>) -> Self {
        let xs = distinct(map.cells.iter().map(|cell| cell.x));
        let ys = distinct(map.cells.iter().map(|cell| cell.y));
        let left = marks(map.up, &ys).iter().map(|mark| width(mark)).max().unwrap_or(0) + 24;
        let columns = u32::try_from(xs.len()).unwrap_or(u32::MAX);
        let rows = u32::try_from(ys.len()).unwrap_or(u32::MAX);
        let right = WIDE - BAR;
        let tall = ((right - left) * 3 / 5 / columns).clamp(LETTERS + 12, 100);
        let top = LETTERS * 2;
        let frame = Frame {
            x: -0.5..count(xs.len()) - 0.5,
            y: -0.5..count(ys.len()) - 0.5,
            across: left..right,
            down: top..top + rows.saturating_mul(tall).max(tall * 3),
        };
        Self { map, xs, ys, frame, colours: Colours::of(map) }
    }

    fn corners(&self, cell: &Measured) -> Option<[(i32, i32); 2]> {
        let (x, y) = (place(&self.xs, cell.x)?, place(&self.ys, cell.y)?);
        Some([self.frame.at(x - 0.5, y + 0.5), self.frame.at(x + 0.5, y - 0.5)])
    }

    fn draw_cell(&self, area: &Area<'_>, cell: &Measured) -> Drawn {
        let Some([(left, top), (right, foot)]) = self.corners(cell) else { return Ok(()) };
        let colour = self.colours.of_mean(cell.mean);
        area.draw(&Rectangle::new([(left, top), (right, foot)], colour.filled()))?;
        let letters = if is_dark(colour) { WHITE } else { DARK };
        if self.xs.len() <= NUMBERED {
            let middle = (i32::midpoint(left, right), i32::midpoint(top, foot));
            let mean = self.colours.written(cell.mean);
            area.draw(&Text::new(mean, middle, text_style(letters, HPos::Center)))?;
        }
        let (low, high) = cell.interval;
        if self.map.level.is_some_and(|level| low <= level && level <= high) {
            let at = (right - 11, top + 11);
            area.draw(&Circle::new(at, 6, letters.stroke_width(2)))?;
        }
        Ok(())
    }

    /// A line between neighbours of which one lies above the level and one does not.
    fn draw_frontier(&self, area: &Area<'_>) -> Drawn {
        let Some(level) = self.map.level else { return Ok(()) };
        let find = |x: Option<&f64>, y: Option<&f64>| {
            let (x, y) = x.zip(y)?;
            let by_place = |cell: &Measured| cell.y.total_cmp(y).then(cell.x.total_cmp(x));
            let cell = &self.map.cells[self.map.cells.binary_search_by(by_place).ok()?];
            (!cell.mean.is_nan()).then_some(cell.mean > level)
        };
        for (column, x) in self.xs.iter().enumerate() {
            for (row, y) in self.ys.iter().enumerate() {
                let (here, x1, y1) =
                    (find(Some(x), Some(y)), count(column) + 0.5, count(row) + 0.5);
                let turns =
                    |there: Option<bool>| there.is_some() && here.is_some() && there != here;
                if turns(find(self.xs.get(column + 1), Some(y))) {
                    self.draw_edge(area, [(x1, y1 - 1.0), (x1, y1)])?;
                }
                if turns(find(Some(x), self.ys.get(row + 1))) {
                    self.draw_edge(area, [(x1 - 1.0, y1), (x1, y1)])?;
                }
            }
        }
        Ok(())
    }

    fn draw_edge(&self, area: &Area<'_>, ends: [(f64, f64); 2]) -> Drawn {
        let ends = ends.map(|(x, y)| self.frame.at(x, y));
        area.draw(&PathElement::new(ends.to_vec(), DARK.stroke_width(6)))
    }

    fn draw_marks(&self, area: &Area<'_>) -> Drawn {
        let (left, foot) = self.frame.at(-0.5, -0.5);
        let style = text_style(DARK, HPos::Center);
        let below = marks(self.map.across, &self.xs);
        let widest = below.iter().map(|mark| f64::from(width(mark)) + 14.0).fold(1.0, f64::max);
        let step = f64::from(self.frame.across.end - self.frame.across.start) / count(below.len());
        let every = usize::try_from(point((widest / step).ceil())).unwrap_or(1).max(1);
        for (column, mark) in below.into_iter().enumerate().step_by(every) {
            let x = self.frame.at(count(column), 0.0).0;
            area.draw(&Text::new(mark, (x, foot + 22), style.clone()))?;
        }
        for (row, mark) in marks(self.map.up, &self.ys).into_iter().enumerate() {
            let y = self.frame.at(0.0, count(row)).1;
            area.draw(&Text::new(mark, (left - 12, y), text_style(DARK, HPos::Right)))?;
        }
        let middle = (self.frame.across.start + self.frame.across.end).cast_signed() / 2;
        area.draw(&Text::new(name(self.map.across, &self.xs), (middle, foot + 54), style))?;
        let up = format!("\u{2191} {}", name(self.map.up, &self.ys));
        area.draw(&Text::new(up, (4, 22), text_style(DARK, HPos::Left)))
    }

    /// The colours from the least to the greatest, with what they stand for.
    fn draw_bar(&self, area: &Area<'_>) -> Drawn {
        const STEPS: u32 = 60;
        let colours = &self.colours;
        let at = |part: f64| colours.low + (colours.high - colours.low) * part;
        let bar = Frame {
            x: 0.0..1.0,
            y: 0.0..f64::from(STEPS),
            across: WIDE - BAR + 40..WIDE - BAR + 70,
            down: self.frame.down.clone(),
        };
        for step in 0..STEPS {
            let colour = colours.of_mean(at((f64::from(step) + 0.5) / f64::from(STEPS)));
            let corners = [bar.at(0.0, f64::from(step) + 1.0), bar.at(1.0, f64::from(step))];
            area.draw(&Rectangle::new(corners, colour.filled()))?;
        }
        let ticks = colours.scale.ticks(&(colours.low..colours.high), 6);
        for tick in &ticks.at {
            let part = (tick - colours.low) / (colours.high - colours.low);
            let (x, y) = bar.at(1.0, part * f64::from(STEPS));
            let mark = colours.scale.tick(*tick, ticks.decimals);
            area.draw(&PathElement::new(vec![(x, y), (x + 7, y)], DARK.stroke_width(2)))?;
            area.draw(&Text::new(mark, (x + 13, y), text_style(DARK, HPos::Left)))?;
        }
        let unit =
            Text::new(colours.scale.unit, (bar.at(0.0, 0.0).0, 22), text_style(DARK, HPos::Left));
        area.draw(&unit)
    }
}

/// How the values of a parameter are written, and in which unit all of them.
fn scaled(name: &str, values: &[f64]) -> Scale {
    Unit::of(name).scale(values.iter().map(|value| value.abs()).fold(0.0, f64::max))
}

fn marks(name: &str, values: &[f64]) -> Vec<String> {
    let scale = scaled(name, values);
    values.iter().map(|value| scale.exact(*value)).collect()
}

fn name(name: &str, values: &[f64]) -> String {
    scaled(name, values).label(&heading(&title(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lies_between_its_neighbours_whatever_the_steps() {
        let cases: [(&[f64], f64, Option<f64>); 6] = [
            (&[1.0, 2.0, 3.0], 2.5, Some(1.5)),
            (&[1.0, 2.0, 3.0], 3.75, None),
            (&[0.0, 1.0, 10.0], 5.5, Some(1.5)),
            (&[1.0, 4.0, 16.0], 2.0, Some(0.5)),
            (&[1.0, 4.0, 16.0], 0.0, None),
            (&[3.0], 3.0, Some(0.0)),
        ];
        for (steps, value, expected) in cases {
            let found = place(steps, value);
            let close = found.zip(expected).is_some_and(|(a, b)| (a - b).abs() < 1e-12);
            assert!(close || found == expected, "{steps:?} {value}: {found:?}");
        }
        assert_eq!(place(&[3.0], 4.0), None);
    }

    #[test]
    fn marks_are_written_as_they_were_chosen() {
        assert_eq!(marks("a", &[1.0, 2.0, 3.0]), ["1", "2", "3"]);
        assert_eq!(marks("a_permille", &[0.0, 1.0, 15.0]), ["0", "0.1", "1.5"]);
    }
}
