//! What matters: Morris screening finds the parameters that move a figure at all, Sobol indices say how much of its
//! variance each explains.
//!
//! Both ask for points first and are told the figure's values at them afterwards, so that whoever runs the worlds may do so in
//! any order.

use crate::chance::{Seed, Stream};
use crate::statistics::{Moments, real};
use serde::Serialize;

/// How many levels a parameter has in a screening (Morris 1991 uses an even number).
const LEVELS: u64 = 4;

/// A parameter between two values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Parameter {
    /// Its path in the world.
    pub path: String,
    /// The least it is.
    pub low: f64,
    /// The most.
    pub high: f64,
}

/// What a screening finds of one parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// Which parameter.
    pub path: String,
    /// μ*: the mean size of its effect over the whole of its range, in the figure's unit.
    pub size: f64,
    /// μ: the mean effect, with its sign.
    pub mean: f64,
    /// σ: how much the effect differs from place to place, by itself or with others.
    pub spread: f64,
}

/// What variance a parameter explains, as shares of all of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Index {
    /// Which parameter.
    pub path: String,
    /// By itself.
    pub first: f64,
    /// With everything it interacts with.
    pub total: f64,
}

impl Parameter {
    fn at(&self, share: f64) -> f64 {
        self.low + (self.high - self.low) * share
    }
}

impl std::str::FromStr for Parameter {
    type Err = String;

    /// Reads `PATH=LOW..HIGH`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no range; give PATH=LOW..HIGH, for example agents.lazy.drop_ppm=0..500000"
            )
        };
        let (path, range) = text.split_once('=').ok_or_else(wrong)?;
        let (low, high) = range.split_once("..").ok_or_else(wrong)?;
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
        let (low, high) = (number(low).ok_or_else(wrong)?, number(high).ok_or_else(wrong)?);
        if path.trim().is_empty() || low >= high {
            return Err(wrong());
        }
        Ok(Self { path: path.trim().to_owned(), low, high })
    }
}

/// The points of a screening of `trajectories` walks: in each, every parameter moves once (Morris, "Factorial sampling plans for
/// preliminary computational experiments", 1991). Each walk has one point more than there are parameters.
pub fn walks(parameters: &[Parameter], trajectories: u64, seed: Seed) -> Vec<Vec<f64>> {
    let mut points = Vec::new();
    for walk in 0..trajectories {
        let mut draws = seed.draws(Stream::Population, 0, walk);
        let half = LEVELS / 2;
        let mut levels: Vec<u64> = parameters.iter().map(|_| draws.below(LEVELS)).collect();
        let mut order: Vec<usize> = (0..parameters.len()).collect();
        draws.shuffle(&mut order);
        points.push(placed(parameters, &levels));
        for moved in order {
            levels[moved] = (levels[moved] + half) % LEVELS;
            points.push(placed(parameters, &levels));
        }
    }
    points
}

fn placed(parameters: &[Parameter], levels: &[u64]) -> Vec<f64> {
    let share = |level: u64| real(level) / real(LEVELS - 1);
    parameters.iter().zip(levels).map(|(parameter, level)| parameter.at(share(*level))).collect()
}

/// What the figure's values at the points of [`walks`] say of each parameter.
///
/// # Panics
/// Unless there is one value for each point.
pub fn effects(parameters: &[Parameter], points: &[Vec<f64>], values: &[f64]) -> Vec<Effect> {
    assert_eq!(points.len(), values.len(), "each point has its value");
    let mut found = vec![(Moments::default(), Moments::default()); parameters.len()];
    let length = parameters.len() + 1;
    for (walk, values) in points.chunks(length).zip(values.chunks(length)) {
        for (pair, change) in walk.windows(2).zip(values.windows(2)) {
            let differs = |at: &usize| (pair[0][*at] - pair[1][*at]).abs() > 0.0;
            let Some(moved) = (0..parameters.len()).find(differs) else { continue };
            let parameter = &parameters[moved];
            let step = (pair[1][moved] - pair[0][moved]) / (parameter.high - parameter.low);
            let effect = (change[1] - change[0]) / step;
            found[moved].0.add(effect);
            found[moved].1.add(effect.abs());
        }
    }
    let told = |(parameter, (effect, size)): (&Parameter, (Moments, Moments))| Effect {
        path: parameter.path.clone(),
        size: size.mean(),
        mean: effect.mean(),
        spread: effect.deviation(),
    };
    parameters.iter().zip(found).map(told).collect()
}

/// The points from which Sobol indices follow: `base` points twice over, and the first of them with each parameter in turn as in the
/// second (Saltelli et al., "Variance based sensitivity analysis of model output", 2010): `base` × (parameters + 2) of them.
pub fn samples(parameters: &[Parameter], base: u64, seed: Seed) -> Vec<Vec<f64>> {
    let draw = |which: u32| {
        (0..base)
            .map(|at| {
                let mut draws = seed.draws(Stream::Population, 1 + which, at);
                parameters.iter().map(|parameter| parameter.at(draws.uniform())).collect()
            })
            .collect::<Vec<Vec<f64>>>()
    };
    let (first, second) = (draw(0), draw(1));
    let mut points = first.clone();
    points.extend(second.iter().cloned());
    for moved in 0..parameters.len() {
        points.extend(first.iter().zip(&second).map(|(one, other)| {
            let mut point = one.clone();
            point[moved] = other[moved];
            point
        }));
    }
    points
}

/// What the figure's values at the points of [`samples`] say of each parameter, by the estimators of Saltelli (first order) and of
/// Jansen (total), both as in Saltelli et al. 2010, table 2.
///
/// # Panics
/// Unless there is one value for each point.
pub fn indices(parameters: &[Parameter], values: &[f64]) -> Vec<Index> {
    let base = values.len() / (parameters.len() + 2);
    assert_eq!(values.len(), base * (parameters.len() + 2), "each point has its value");
    let (first, rest) = values.split_at(base);
    let (second, rest) = rest.split_at(base);
    let mut all = Moments::default();
    first.iter().chain(second).for_each(|value| all.add(*value));
    let count = real(base as u64);
    let told = |(parameter, mixed): (&Parameter, &[f64])| {
        let triples = || first.iter().zip(second).zip(mixed);
        let alone: f64 = triples().map(|((one, two), both)| two * (both - one)).sum();
        let together: f64 = triples().map(|((one, _), both)| (one - both) * (one - both)).sum();
        Index {
            path: parameter.path.clone(),
            first: alone / count / all.variance(),
            total: together / (2.0 * count) / all.variance(),
        }
    };
    parameters.iter().zip(rest.chunks(base.max(1))).map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ishigami and Homma's function of three angles (1990), with a = 7 and b = 0.1.
    fn ishigami(x: &[f64]) -> f64 {
        let square = libm::pow(libm::sin(x[1]), 2.0);
        libm::sin(x[0]) + 7.0 * square + 0.1 * libm::pow(x[2], 4.0) * libm::sin(x[0])
    }

    fn angles() -> Vec<Parameter> {
        let pi = std::f64::consts::PI;
        ["a", "b", "c"].map(|path| Parameter { path: path.into(), low: -pi, high: pi }).into()
    }

    #[test]
    fn the_indices_of_a_function_with_known_ones_come_out() {
        let parameters = angles();
        let points = samples(&parameters, 20_000, Seed(1));
        let values: Vec<f64> = points.iter().map(|point| ishigami(point)).collect();
        // First order .3139, .4424, 0; total .5576, .4424, .2437 (Saltelli et al. 2008, ch. 4).
        let found = indices(&parameters, &values);
        for (index, (first, total)) in
            found.iter().zip([(0.3139, 0.5576), (0.4424, 0.4424), (0.0, 0.2437)])
        {
            assert!((index.first - first).abs() < 0.03, "{index:?}");
            assert!((index.total - total).abs() < 0.03, "{index:?}");
        }
    }

    #[test]
    fn a_screening_finds_a_straight_line_and_what_does_nothing() {
        let parameters = ["steep", "idle", "bent"].map(|path| Parameter {
            path: path.into(),
            low: 0.0,
            high: 2.0,
        });
        let points = walks(&parameters, 20, Seed(3));
        assert_eq!(points.len(), 80);
        let values: Vec<f64> = points.iter().map(|x| 3.0 * x[0] + x[2] * x[2]).collect();
        let found = effects(&parameters, &points, &values);
        assert!((found[0].size - 6.0).abs() < 1e-9 && found[0].spread < 1e-9, "{:?}", found[0]);
        assert!(found[1].size < 1e-12, "{:?}", found[1]);
        assert!(found[2].size > 1.0 && found[2].spread > 0.1, "{:?}", found[2]);
    }

    #[test]
    fn ranges_are_read_or_refused_with_an_example() {
        let range: Parameter = "a.b=-1..2.5".parse().unwrap();
        assert_eq!((range.low, range.high), (-1.0, 2.5));
        for text in ["a", "a=1", "a=2..1", "=1..2", "a=x..2"] {
            assert!(text.parse::<Parameter>().unwrap_err().contains("give PATH=LOW..HIGH"));
        }
    }
}
