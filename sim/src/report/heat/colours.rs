//! The colours of a map: towards one colour below a level and towards another above it, or from pale to dark.

use super::super::drawing::{BLUE, FAINT, VERMILION};
use super::super::frame::point;
use super::super::unit::Scale;
use super::Map;
use plotters::style::RGBColor;

const PALE: RGBColor = RGBColor(0xf4, 0xf5, 0xf6);

/// Which mean has which colour.
pub(super) struct Colours {
    pub(super) low: f64,
    pub(super) high: f64,
    level: Option<f64>,
    pub(super) scale: Scale,
}

impl Colours {
    pub(super) fn of(map: &Map<'_>) -> Self {
        let means = || map.cells.iter().map(|cell| cell.mean).filter(|mean| mean.is_finite());
        let low = means().fold(f64::INFINITY, f64::min);
        let high = means().fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = match map.level {
            Some(level) if low <= high => {
                let far = (high - level).abs().max((low - level).abs());
                (level - far, level + far)
            }
            None if low <= high => (low, high),
            _ => (0.0, 1.0),
        };
        let room = if high > low { 0.0 } else { low.abs().max(1.0) * 0.5 };
        let (low, high) = (low - room, high + room);
        Self { low, high, level: map.level, scale: map.unit.scale(low.abs().max(high.abs())) }
    }

    /// A mean with as many decimals as all others.
    pub(super) fn written(&self, mean: f64) -> String {
        if !mean.is_finite() {
            return "not known".into();
        }
        self.scale.tick(mean, self.scale.decimals(self.low.abs().max(self.high.abs())))
    }

    pub(super) fn of_mean(&self, mean: f64) -> RGBColor {
        if !mean.is_finite() {
            return FAINT;
        }
        let part = (mean - self.low) / (self.high - self.low);
        match self.level {
            Some(_) if part < 0.5 => mixed(PALE, BLUE, 1.0 - 2.0 * part),
            Some(_) => mixed(PALE, VERMILION, 2.0 * part - 1.0),
            None => mixed(PALE, BLUE, part),
        }
    }
}

/// `part` of the way from one colour to the other.
fn mixed(from: RGBColor, to: RGBColor, part: f64) -> RGBColor {
    let mix = |from: u8, to: u8| {
        let mixed = point(f64::from(from) + (f64::from(to) - f64::from(from)) * part);
        u8::try_from(mixed.clamp(0, 255)).unwrap_or(u8::MAX)
    };
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

/// Whether white letters are easier to read on a colour than dark ones.
pub(super) fn is_dark(RGBColor(red, green, blue): RGBColor) -> bool {
    0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue) < 140.0
}

#[cfg(test)]
mod tests {
    use super::super::super::sweep::Measured;
    use super::super::super::unit::Unit;
    use super::*;

    #[test]
    fn the_level_has_the_palest_colour() {
        let cell = |x: f64, mean| Measured { x, y: 0.0, runs: 2, mean, interval: (mean, mean) };
        let cells = [cell(0.0, -1.0), cell(1.0, 5.0)];
        let map = Map {
            alt: String::new(),
            across: "a",
            up: "b",
            unit: Unit::Plain,
            cells: &cells,
            level: Some(2.0),
            theory: None,
        };
        let colours = Colours::of(&map);
        assert_eq!([2.0, 5.0, -1.0].map(|mean| colours.of_mean(mean)), [PALE, VERMILION, BLUE]);
    }
}
