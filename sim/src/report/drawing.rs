//! What all plots share: colours, text, and the frame that puts a drawing into a page.

use maud::{Markup, PreEscaped, html};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Where plots are drawn.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// What comes of drawing.
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Text, axes and thin lines.
pub(super) const DARK: RGBColor = RGBColor(0x33, 0x3a, 0x44);
pub(super) const GREY: RGBColor = RGBColor(0x9a, 0xa3, 0xae);
pub(super) const FAINT: RGBColor = RGBColor(0xe6, 0xe9, 0xed);

/// The height of a letter's box in a drawing, which is about twice what is seen on a page.
pub(super) const LETTERS: u32 = 28;

/// Colours that people with any colour vision tell apart (Okabe and Ito, "Color universal design", 2008), those first
/// that stand out best from white.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
];
pub(super) const BLUE: RGBColor = COLOURS[0];
pub(super) const VERMILION: RGBColor = COLOURS[1];

/// How an arm is drawn. When colours run out they come again, dashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ink {
    pub(super) colour: RGBColor,
    pub(super) dashed: bool,
}

impl Ink {
    /// What theory says.
    pub(super) const THEORY: Self = Self { colour: DARK, dashed: true };

    pub(super) const fn solid(self) -> Self {
        Self { dashed: false, ..self }
    }

    pub(super) const fn of(place: usize) -> Self {
        Self { colour: COLOURS[place % COLOURS.len()], dashed: place / COLOURS.len() % 2 == 1 }
    }

    /// A piece of the line, for a legend.
    pub(super) fn swatch(self) -> Markup {
        let RGBColor(red, green, blue) = self.colour;
        let stroke = format!("#{red:02x}{green:02x}{blue:02x}");
        let dashes = if self.dashed { "7 4" } else { "none" };
        html! {
            svg.swatch viewBox="0 0 30 10" aria-hidden="true" {
                line x1="1" y1="5" x2="29" y2="5" stroke=(stroke) stroke-width="4"
                    stroke-dasharray=(dashes) {}
            }
        }
    }
}

/// A drawing of that many points across and down that scales to its place. `alt` says in words what it shows.
pub(super) fn svg(size: (u32, u32), alt: &str, draw: impl FnOnce(&Area<'_>) -> Drawn) -> Markup {
    let mut drawing = String::new();
    {
        let area = SVGBackend::with_string(&mut drawing, size).into_drawing_area();
        draw(&area).and_then(|()| area.present()).expect("drawing into memory cannot fail");
    }
    let inside = drawing.split_once('>').map_or("", |(_, inside)| inside).trim_end();
    let inside = inside.strip_suffix("</svg>").unwrap_or(inside);
    html! {
        svg.plot viewBox=(format!("0 0 {} {}", size.0, size.1)) role="img" aria-label=(alt) {
            title { (alt) }
            (PreEscaped(inside))
        }
    }
}

/// Text that stands to the left of, around, or to the right of its point.
pub(super) fn text_style(colour: RGBColor, side: HPos) -> TextStyle<'static> {
    TextStyle {
        font: ("sans-serif", LETTERS).into_font(),
        color: colour.to_backend_color(),
        pos: Pos::new(side, VPos::Center),
    }
}

/// About how wide a text is; no font is at hand to measure it, so widely.
pub(super) fn width(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX).saturating_mul(LETTERS / 2)
}

/// A text cut to so many letters.
pub(super) fn cut(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    text.chars().take(letters.saturating_sub(1)).chain(['…']).collect()
}

/// The parts of a curve that have a place in the drawing, with points so close that axes may bend it.
pub(super) fn inside(
    curve: &[(f64, f64)],
    place: impl Fn(f64, f64) -> Option<(i32, i32)>,
) -> Vec<Vec<(i32, i32)>> {
    const PIECES: u32 = 1024;
    let mut parts = vec![Vec::new()];
    for ends in curve.windows(2) {
        let ((x0, y0), (x1, y1)) = (ends[0], ends[1]);
        for piece in 0..=PIECES {
            let part = f64::from(piece) / f64::from(PIECES);
            match place(x0 + (x1 - x0) * part, y0 + (y1 - y0) * part) {
                Some(point) => parts.last_mut().expect("there is one at least").push(point),
                None => parts.push(Vec::new()),
            }
        }
    }
    parts.iter_mut().for_each(thin);
    parts.retain(|part| part.len() > 1);
    parts
}

/// Leaves out points that lie close to the one before, on which dashes would lose their measure.
fn thin(points: &mut Vec<(i32, i32)>) {
    points.dedup_by(|next, kept| (next.0 - kept.0).abs().max((next.1 - kept.1).abs()) < 10);
}

#[cfg(test)]
mod tests {
    use super::super::frame::point;
    use super::*;

    #[test]
    fn what_a_drawing_says_cannot_break_the_page() {
        let drawn = svg((10, 10), "a <b> & \"c\"", |area| {
            area.draw(&Text::new("<script>", (1, 1), text_style(DARK, HPos::Left)))
        });
        let drawn = drawn.into_string();
        assert!(drawn.contains("<title>a &lt;b&gt; &amp; "), "{drawn}");
        assert!(drawn.contains("&lt;script&gt;") && !drawn.contains("<script>"), "{drawn}");
        assert!(drawn.ends_with("</svg>") && drawn.matches("</svg>").count() == 1, "{drawn}");
    }

    #[test]
    fn a_curve_is_cut_where_it_leaves() {
        let place = |x: f64, y: f64| (y <= 2.0).then(|| (point(x * 100.0), point(y * 100.0)));
        let parts = inside(&[(0.0, 0.0), (1.0, 4.0), (2.0, 0.0)], place);
        assert_eq!(parts.len(), 2);
        assert!(parts.iter().flatten().all(|(_, y)| *y <= 200));
    }

    #[test]
    fn no_two_arms_of_twelve_are_drawn_alike() {
        let inks: Vec<Ink> = (0..12).map(Ink::of).collect();
        assert!((0..12).all(|a| (0..a).all(|b| inks[a] != inks[b])));
    }
}
