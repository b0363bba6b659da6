//! Series over time: the mean over seeds with its 95 % band, a line for each arm.

use super::chart::{Chart, Spot};
use super::drawing::Ink;
use super::page::{figure, legend};
use super::unit::{Unit, group, heading, rest, title};
use crate::results::{Report, Run};
use crate::summary::{count, interval};
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};

/// A line of more places is thinned to so many pairs of a lowest and a highest.
const PAIRS: usize = 200;
const DAY_S: f64 = 86_400.0;

/// How many days so many epochs are.
pub(super) fn days(report: &Report, epochs: f64) -> f64 {
    epochs * report.epoch_s / DAY_S
}

/// Plots in a section for each first part of the series' names.
pub(super) fn sections(report: &Report, arms: &[(&str, Vec<&Run>)]) -> Markup {
    let names = report.runs.iter().flat_map(|run| run.series.keys().map(String::as_str));
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for name in names {
        groups.entry(group(name)).or_default().insert(name);
    }
    html! {
        @if !groups.is_empty() {
            h2 { "Over time" }
            p.note { "The mean over seeds in its 95 % band." }
            (legend(arms.iter().enumerate().map(|(place, (arm, _))| (*arm, Ink::of(place)))))
            div.groups {
                @for (group, names) in groups {
                    section.many[names.len() > 1] {
                        h3 { (heading(group)) }
                        div.plots { @for name in names { (plot(report, arms, name)) } }
                    }
                }
            }
        }
    }
}

fn plot(report: &Report, arms: &[(&str, Vec<&Run>)], name: &str) -> Markup {
    let lines: Vec<(Ink, Vec<Spot>)> = arms
        .iter()
        .enumerate()
        .map(|(place, (_, runs))| (Ink::of(place), thin(&line(report, runs, name))))
        .collect();
    let last = lines.iter().filter_map(|(_, spots)| spots.last()).map(|spot| spot.x);
    let end = last.fold(0.0, f64::max);
    let end = if end > 0.0 && end.is_finite() { end } else { 1.0 };
    let unit = Unit::of(name);
    let chart = Chart {
        alt: alt(arms, name, &lines),
        size: (900, 440),
        across: ("days", Unit::Plain, 0.0..end),
        up: unit,
        lines,
        level: None,
        theory: None,
    };
    let (drawing, unit) = chart.draw();
    figure(&heading(&rest(name)), unit, &drawing)
}

fn alt(arms: &[(&str, Vec<&Run>)], name: &str, lines: &[(Ink, Vec<Spot>)]) -> String {
    let ends = arms.iter().zip(lines).filter_map(|((arm, _), (_, spots))| {
        let mean = spots.last()?.mean;
        Some(format!("{arm} {}", Unit::of(name).scale(mean).quantity(mean)))
    });
    format!("{} over time; at the end: {}", title(name), ends.collect::<Vec<_>>().join(", "))
}

/// The mean and its interval at the end of each epoch.
fn line(report: &Report, runs: &[&Run], name: &str) -> Vec<Spot> {
    let series: Vec<&Vec<f64>> = runs.iter().filter_map(|run| run.series.get(name)).collect();
    let epochs = series.iter().map(|series| series.len()).max().unwrap_or(0);
    let spot = |epoch: usize| {
        let values = series.iter().filter_map(|series| series.get(epoch).copied());
        let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        let (mean, (low, high)) = interval(&values);
        Spot { x: days(report, count(epoch + 1)), mean, low, high }
    };
    (0..epochs).map(spot).collect()
}

/// A long line as the lowest and the highest mean of each of some stretches, in the wider bands of the stretches:
/// a spike stays visible.
fn thin(spots: &[Spot]) -> Vec<Spot> {
    if spots.len() <= 2 * PAIRS {
        return spots.to_vec();
    }
    let stretch = |spots: &[Spot]| {
        let low = spots.iter().map(|spot| spot.low).fold(f64::NAN, f64::min);
        let high = spots.iter().map(|spot| spot.high).fold(f64::NAN, f64::max);
        let by_mean = |a: &&Spot, b: &&Spot| a.mean.total_cmp(&b.mean);
        let known = || spots.iter().filter(|spot| !spot.mean.is_nan());
        let (Some(least), Some(most)) = (known().min_by(by_mean), known().max_by(by_mean)) else {
            return spots[..1].to_vec();
        };
        let mut pair = [*least, *most].map(|spot| Spot { low, high, ..spot });
        pair.sort_by(|a, b| a.x.total_cmp(&b.x));
        pair.to_vec()
    };
    let stretches = spots.chunks(spots.len().div_ceil(PAIRS));
    stretches.flat_map(stretch).chain(spots.last().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_thinned_and_keeps_its_spike() {
        let mean = |epoch: u32| if epoch == 7_777 { 99.0 } else { 1.0 };
        let spot = |epoch| Spot { x: f64::from(epoch), mean: mean(epoch), low: 0.5, high: 1.5 };
        let thinned = thin(&(0..10_000).map(spot).collect::<Vec<_>>());
        assert_eq!(thinned.len(), 2 * PAIRS + 1);
        assert!(thinned.iter().any(|spot| spot.mean > 98.0));
        assert!(thinned.is_sorted_by(|a, b| a.x <= b.x));
    }

    #[test]
    fn a_band_is_as_wide_as_its_widest_epoch_and_gaps_stay() {
        let gap = Spot { x: 0.0, mean: f64::NAN, low: f64::NAN, high: f64::NAN };
        let thinned = thin(&vec![gap; 1000]);
        assert!(thinned.len() < 2 * PAIRS && thinned.iter().all(|spot| spot.mean.is_nan()));
    }
}
