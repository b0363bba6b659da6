//! From a scenario's group to its agents: which kinds there are.

use super::{
    Agent, client, deserter, dumper, flaky, griefer, honest, lazy, outsourcer, ransomer, scripted,
    sly, sybil, wash, whitewash,
};
use crate::overlay;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use types::{Bytes, Span, Terms};

/// Makes one agent from its group's settings; its number in the group sets it apart.
pub type Build = fn(&Value, u32) -> Result<Box<dyn Agent>, KindError>;

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
    /// The kind has no setting of this name.
    #[error("there is no {name:?}; there are {known}")]
    Name {
        /// What was said.
        name: String,
        /// Every setting of the kind.
        known: String,
    },
    /// A setting makes no sense.
    #[error("{name}: {reason}")]
    Value {
        /// Which.
        name: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

impl KindError {
    /// The setting that is wrong, where it is one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name { name, .. } | Self::Value { name, .. } => Some(name),
            Self::Unknown { .. } | Self::Settings(_) => None,
        }
    }
}

/// Every kind of agent, by the name that scenarios use.
pub fn kinds() -> &'static [(&'static str, Build)] {
    &[
        ("client", |settings, number| of(settings, |own| client::Client::new(own, number))),
        ("deserter", |settings, number| of(settings, |own| deserter::Deserter::new(own, number))),
        ("dumper", |settings, number| of(settings, |own| dumper::Dumper::new(own, number))),
        ("flaky", |settings, number| of(settings, |own| flaky::Flaky::new(own, number))),
        ("griefer", |settings, number| of(settings, |own| griefer::Griefer::new(own, number))),
        ("honest", |settings, number| of(settings, |own| honest::Honest::new(own, number))),
        ("lazy", |settings, number| of(settings, |own| lazy::Lazy::new(own, number))),
        ("outsourcer", |settings, number| {
            of(settings, |own| outsourcer::Outsourcer::new(own, number))
        }),
        ("ransomer", |settings, number| of(settings, |own| ransomer::Ransomer::new(own, number))),
        ("scripted", |settings, _| of(settings, scripted::Scripted::new)),
        ("sly", |settings, number| of(settings, |own| sly::Sly::new(own, number))),
        ("sybil", |settings, number| of(settings, |own| sybil::Sybil::new(own, number))),
        ("wash", |settings, number| of(settings, |own| wash::Wash::new(own, number))),
        ("whitewash", |settings, number| {
            of(settings, |own| whitewash::Whitewash::new(own, number))
        }),
    ]
}

/// The `number`th agent of a group of `kind`.
///
/// # Errors
/// [`KindError`] where there is no such kind, or the settings are not its own.
pub fn build(kind: &str, settings: &Value, number: u32) -> Result<Box<dyn Agent>, KindError> {
    let known = kinds().iter().find(|(name, _)| *name == kind);
    let (_, build) = known.ok_or_else(|| KindError::Unknown {
        found: kind.to_owned(),
        known: kinds().iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
    })?;
    build(settings, number)
}

fn of<S: DeserializeOwned + Serialize, A: Agent + 'static>(
    settings: &Value,
    make: impl FnOnce(S) -> A,
) -> Result<Box<dyn Agent>, KindError> {
    let wrong = |error: serde_json::Error| KindError::Settings(error.to_string());
    let read: S = serde_json::from_value(settings.clone()).map_err(wrong)?;
    // Written down again it has every name that the kind knows.
    if let (Value::Object(all), Some(said)) =
        (serde_json::to_value(&read).map_err(wrong)?, settings.as_object())
    {
        if let Some(name) = said.keys().find(|name| !all.contains_key(*name)) {
            let known = all.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(KindError::Name { name: name.clone(), known });
        }
        sensible(&all)?;
    }
    Ok(Box::new(make(read)))
}

/// Whether every setting makes sense, by its name: shares are at most a whole (those in `_ppm`, a spread, what is filled or to be
/// sold), no number is below zero, and sizes, spans and terms can be read.
fn sensible(all: &Map<String, Value>) -> Result<(), KindError> {
    let wrong =
        |name: &str, reason: String| Err(KindError::Value { name: name.to_owned(), reason });
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
