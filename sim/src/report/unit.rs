//! Names into words, and numbers into what fits beside an axis.

use std::ops::Range;

/// What a name is measured in, by its ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Millisatoshi, shown as satoshi where large.
    Money,
    /// Thousandths, shown as per cent.
    Share,
    Epochs,
    /// Milliseconds, shown in what suits their size.
    Time,
    Plain,
}

const ENDINGS: [(&str, Unit); 4] = [
    ("_msat", Unit::Money),
    ("_permille", Unit::Share),
    ("_epochs", Unit::Epochs),
    ("_ms", Unit::Time),
];

/// How numbers of one size are written: how much one shown is, and what stands behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) divisor: f64,
    suffix: &'static str,
    pub(super) unit: &'static str,
}

/// Where an axis has its marks, and with how many decimals they are written.
pub(super) struct Ticks {
    pub(super) at: Vec<f64>,
    pub(super) decimals: usize,
}

fn split(name: &str) -> (&str, Unit) {
    let ending = |(ending, unit): &(&str, Unit)| Some((name.strip_suffix(ending)?, *unit));
    ENDINGS.iter().find_map(ending).unwrap_or((name, Unit::Plain))
}

/// The first part of a name, without its unit: what stands together on the page.
pub(super) fn group(name: &str) -> &str {
    let bare = split(name).0;
    bare.split_once('.').map_or(bare, |(group, _)| group)
}

/// A name without its group and unit, in words.
pub(super) fn rest(name: &str) -> String {
    let bare = split(name).0;
    words(bare.split_once('.').map_or(bare, |(_, rest)| rest))
}

/// A whole name in words, without its unit: `profit.lazy_msat` is "profit: lazy".
pub(super) fn title(name: &str) -> String {
    let bare = split(name).0;
    match bare.split_once('.') {
        Some((group, rest)) => format!("{}: {}", words(group), words(rest)),
        None => words(bare),
    }
}

/// With a capital at the start.
pub(super) fn heading(text: &str) -> String {
    let text = words(text);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn words(name: &str) -> String {
    name.replace('_', " ").replace('.', ", ")
}

impl Unit {
    pub(super) fn of(name: &str) -> Self {
        split(name).1
    }

    /// How to write numbers up to the size of `largest`.
    pub(super) fn scale(self, largest: f64) -> Scale {
        let largest = if largest.is_finite() { largest.abs() } else { 0.0 };
        let (divisor, unit) = match self {
            Self::Money if largest >= 10_000.0 => (1000.0, "sat"),
            Self::Money => (1.0, "msat"),
            Self::Share => (10.0, "%"),
            Self::Epochs => (1.0, "epochs"),
            Self::Time => time(largest),
            Self::Plain => (1.0, ""),
        };
        let (factor, suffix) = prefix(largest / divisor);
        Scale { divisor: divisor * factor, suffix, unit }
    }
}

fn time(largest_ms: f64) -> (f64, &'static str) {
    match largest_ms {
        ms if ms < 10_000.0 => (1.0, "ms"),
        ms if ms < 600_000.0 => (1000.0, "s"),
        ms if ms < 4.0 * 3_600_000.0 => (60_000.0, "min"),
        ms if ms < 4.0 * 86_400_000.0 => (3_600_000.0, "h"),
        _ => (86_400_000.0, "days"),
    }
}

fn prefix(largest: f64) -> (f64, &'static str) {
    match largest {
        x if x >= 1e12 => (1e12, "T"),
        x if x >= 1e9 => (1e9, "G"),
        x if x >= 1e6 => (1e6, "M"),
        x if x >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    }
}

impl Scale {
    /// A number with four digits that count, and its suffix.
    pub(super) fn number(self, value: f64) -> String {
        let shown = value / self.divisor;
        if !shown.is_finite() {
            return "unknown".into();
        }
        let digits = libm::floor(libm::log10(shown.abs().max(f64::MIN_POSITIVE)));
        match (0_u8..=6).find(|decimals| f64::from(*decimals) + digits >= 3.0) {
            _ if shown.abs() < 1e4 && (shown - shown.round()).abs() <= shown.abs() * 1e-15 => {
                self.written(shown, 0)
            }
            _ if digits < -4.0 => minus(&format!("{shown:.2e}{}", self.suffix)),
            decimals => self.written(shown, decimals.unwrap_or(6).into()),
        }
    }

    /// A number with its suffix and unit.
    pub(super) fn quantity(self, value: f64) -> String {
        let unit = if value.is_finite() { self.unit } else { "" };
        format!("{} {unit}", self.number(value)).trim_end().to_owned()
    }

    /// What is measured, and in what.
    pub(super) fn label(self, what: &str) -> String {
        if self.unit.is_empty() { what.to_owned() } else { format!("{what} in {}", self.unit) }
    }

    /// A number that someone chose, with no more digits than it has.
    pub(super) fn exact(self, value: f64) -> String {
        let shown = value / self.divisor;
        let whole = |decimals: &u8| {
            let shown = shown.abs() * libm::pow(10.0, f64::from(*decimals));
            shown > 0.5 && (shown - shown.round()).abs() < 1e-6 * shown
        };
        match (0_u8..=5).find(whole) {
            Some(decimals) => self.written(shown, decimals.into()),
            None => self.number(value),
        }
    }

    /// How many decimals give a number three digits that count.
    pub(super) fn decimals(self, value: f64) -> usize {
        let digits = libm::floor(libm::log10((value / self.divisor).abs()));
        (0_u8..=5).find(|decimals| f64::from(*decimals) + digits >= 2.0).unwrap_or(6).into()
    }

    /// What is written at a mark.
    pub(super) fn tick(self, value: f64, decimals: usize) -> String {
        let shown = value / self.divisor;
        if shown.abs() < 1e-12 {
            "0".into()
        } else if decimals > 5 {
            minus(&format!("{shown:.1e}{}", self.suffix))
        } else {
            self.written(shown, decimals)
        }
    }

    /// Marks at 1, 2 or 5 times a power of ten of what is shown, at most `most` of them.
    pub(super) fn ticks(self, range: &Range<f64>, most: u32) -> Ticks {
        let (low, high) = (range.start / self.divisor, range.end / self.divisor);
        let rough = (high - low) / f64::from(most);
        let power = libm::pow(10.0, libm::floor(libm::log10(rough)));
        let step = [1.0, 2.0, 5.0].map(|by| by * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * power);
        let first = (low / step).ceil();
        let marks = (0..=most).map(|index| (first + f64::from(index)) * step);
        let at = marks.filter(|mark| *mark <= high).map(|mark| mark * self.divisor).collect();
        let decimals = (0_u8..6).find(|decimals| {
            let shown = step * libm::pow(10.0, f64::from(*decimals));
            (shown - shown.round()).abs() < 1e-6 && shown > 0.5
        });
        Ticks { at, decimals: decimals.map_or(6, usize::from) }
    }

    fn written(self, shown: f64, decimals: usize) -> String {
        if shown == 0.0 {
            return "0".into();
        }
        minus(&format!("{shown:.decimals$}{}", self.suffix))
    }
}

fn minus(number: &str) -> String {
    number.replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words() {
        assert_eq!(
            (group("profit.lazy_msat"), rest("profit.lazy_msat")),
            ("profit", "lazy".into())
        );
        assert_eq!(title("detected.slow_start.big_epochs"), "detected: slow start, big");
        assert_eq!((group("oddity"), title("oddity")), ("oddity", "oddity".into()));
        assert_eq!(heading("price"), "Price");
        assert_eq!(heading(""), "");
    }

    #[test]
    fn numbers_are_written_in_what_suits_their_size() {
        let cases = [
            ("a_msat", 950.0, "950 msat"),
            ("a_msat", -1_234_567.0, "\u{2212}1235 sat"),
            ("a_msat", 2.5e12, "2.500G sat"),
            ("a_permille", 125.0, "12.50 %"),
            ("a_ms", 7_200_000.0, "120 min"),
            ("a_epochs", 3.0, "3 epochs"),
            ("a", 0.0, "0"),
            ("a", 2e-17, "2.00e\u{2212}17"),
            ("a", 1.25e-7, "1.25e\u{2212}7"),
            ("a_msat", f64::NAN, "unknown"),
        ];
        for (name, value, written) in cases {
            assert_eq!(Unit::of(name).scale(value).quantity(value), written, "{name} {value}");
        }
    }

    #[test]
    fn what_someone_chose_is_written_as_it_was_chosen() {
        let cases = [(0.0, "0"), (5.0, "0.5"), (-800.0, "\u{2212}80"), (100.0 / 3.0, "3.333")];
        for (permille, written) in cases {
            assert_eq!(Unit::Share.scale(permille).exact(permille), written);
        }
    }

    #[test]
    fn marks_are_round_in_the_unit_that_is_shown() {
        let scale = Unit::Money.scale(30_000.0);
        let ticks = scale.ticks(&(-1_000.0..31_000.0), 6);
        assert_eq!(ticks.at, [0.0, 10_000.0, 20_000.0, 30_000.0]);
        assert_eq!(scale.tick(ticks.at[1], ticks.decimals), "10");
        let ticks = Unit::Plain.scale(1.0).ticks(&(0.97..1.04), 6);
        assert_eq!((ticks.at.len(), ticks.decimals), (4, 2));
    }
}
