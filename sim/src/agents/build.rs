//! From a scenario's group to its agents: which kinds there are.

use super::{
    Agent, client, deserter, dumper, flaky, griefer, honest, lazy, outsourcer, ransomer, scripted,
    sly, sybil, wash, whitewash,
};
use crate::overlay::{self, OverlayError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use types::{Bytes, Span, Terms};

/// Makes the agents of one group; an agent's number in its group sets it apart.
pub type Maker = Box<dyn Fn(u32) -> Box<dyn Agent>>;

/// Reads a group's settings once for all its agents.
pub type Read = fn(&Value) -> Result<Maker, KindError>;

/// Why a group has no agents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KindError {
    /// There is no such kind.
    #[error("{found:?} is no kind of agent; there are {known}")]
    Unknown {
        /// What was asked for.
        found: String,
        /// Every kind.
        known: String,
    },
    /// Its settings are not those of the kind.
    #[error("{0}")]
    Settings(String),
    /// The kind has no such setting, or it makes no sense.
    #[error(transparent)]
    Setting(#[from] OverlayError),
}

impl KindError {
    /// The setting that is wrong, where it is one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Setting(
                OverlayError::Unknown { name, .. } | OverlayError::Value { name, .. },
            ) => Some(name),
            Self::Unknown { .. } | Self::Settings(_) => None,
        }
    }
}

/// Every kind of agent, by the name that scenarios use.
pub fn kinds() -> &'static [(&'static str, Read)] {
    &[
        ("client", |settings| of(settings, client::Client::new)),
        ("deserter", |settings| of(settings, deserter::Deserter::new)),
        ("dumper", |settings| of(settings, dumper::Dumper::new)),
        ("flaky", |settings| of(settings, flaky::Flaky::new)),
        ("griefer", |settings| of(settings, griefer::Griefer::new)),
        ("honest", |settings| of(settings, honest::Honest::new)),
        ("lazy", |settings| of(settings, lazy::Lazy::new)),
        ("outsourcer", |settings| of(settings, outsourcer::Outsourcer::new)),
        ("ransomer", |settings| of(settings, ransomer::Ransomer::new)),
        ("scripted", |settings| of(settings, |own, _| scripted::Scripted::new(own))),
        ("sly", |settings| of(settings, sly::Sly::new)),
        ("sybil", |settings| of(settings, sybil::Sybil::new)),
        ("wash", |settings| of(settings, wash::Wash::new)),
        ("whitewash", |settings| of(settings, whitewash::Whitewash::new)),
    ]
}

/// What makes the agents of a group of `kind` with these settings.
///
/// # Errors
/// [`KindError`] where there is no such kind, or the settings are not its own.
pub fn maker(kind: &str, settings: &Value) -> Result<Maker, KindError> {
    let known = kinds().iter().find(|(name, _)| *name == kind);
    let (_, read) = known.ok_or_else(|| KindError::Unknown {
        found: kind.to_owned(),
        known: kinds().iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
    })?;
    read(settings)
}

fn of<S: Clone + DeserializeOwned + Serialize + 'static, A: Agent + 'static>(
    settings: &Value,
    make: fn(S, u32) -> A,
) -> Result<Maker, KindError> {
    let wrong = |error: serde_json::Error| KindError::Settings(error.to_string());
    let read: S = serde_json::from_value(settings.clone()).map_err(wrong)?;
    // Written down again it has every name that the kind knows.
    if let (Value::Object(all), Some(said)) =
        (serde_json::to_value(&read).map_err(wrong)?, settings.as_object())
    {
        if let Some(name) = said.keys().find(|name| !all.contains_key(*name)) {
            let known = all.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(OverlayError::Unknown { name: name.clone(), known }.into());
        }
        sensible(&all)?;
    }
    Ok(Box::new(move |number| Box::new(make(read.clone(), number))))
}

/// Whether every setting makes sense, by its name: shares are at most a whole (those in `_ppm`, a spread, what is filled or to be
/// sold), no number is below zero, and sizes, spans and terms can be read.
fn sensible(all: &Map<String, Value>) -> Result<(), OverlayError> {
    let wrong =
        |name: &str, reason: String| Err(OverlayError::Value { name: name.to_owned(), reason });
    for (name, value) in all {
        let most = match name.as_str() {
            "spread" => 1.0,
            name if name.ends_with("_ppm") => 1e6,
            "fill_permille" | "target_permille" => 1e3,
            _ => f64::INFINITY,
        };
        let numbers = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for number in numbers.iter().filter_map(Value::as_f64) {
            if number < 0.0 && most.is_infinite() {
                return wrong(name, format!("{number}; give 0 or more"));
            }
            if number < 0.0 || number > most {
                return wrong(name, format!("{number}; give 0 to {most}"));
            }
        }
        let Some(text) = value.as_str().filter(|text| !text.is_empty()) else { continue };
        let unread = match name.as_str() {
            "capacity" | "size" | "minimum_use" => {
                text.parse::<Bytes>().err().map(|error| error.to_string())
            }
            "duration" => text.parse::<Span>().err().map(|error| error.to_string()),
            _ => None,
        };
        if let Some(reason) = unread {
            return wrong(name, reason);
        }
    }
    let terms = all.get("terms").unwrap_or(&Value::Null);
    let fit = overlay::over(&Terms::standard(Bytes(1), Span::DAY), terms);
    fit.map(|_| ()).or_else(|error| wrong("terms", error.to_string()))
}
