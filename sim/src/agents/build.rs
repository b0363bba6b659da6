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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use std::collections::BTreeMap;

    /// Settings of every kind, as the scenarios that ship have them.
    fn shipped() -> BTreeMap<String, Value> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let read = |path| Scenario::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
        let worlds = files.map(read).flat_map(|scenario| {
            let arm = scenario.arms.keys().next().cloned().unwrap_or_default();
            scenario.world_of(&arm, false).unwrap().agents
        });
        worlds.map(|group| (group.kind, Value::Object(group.settings))).collect()
    }

    #[test]
    fn no_kind_takes_a_name_that_it_does_not_know() {
        let kinds = shipped();
        assert!(kinds.len() > 10, "{:?}", kinds.keys());
        for (kind, settings) in kinds {
            assert!(build(&kind, &settings, 0).is_ok(), "{kind}");
            let mut more = settings.clone();
            more["drpo"] = 5.into();
            let error = build(&kind, &more, 0).err().unwrap().to_string();
            assert!(error.contains("drpo") && error.contains("money"), "{kind}: {error}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        let kinds = shipped();
        for (kind, name, value, text) in [
            ("honest", "price", Value::from(-4), "price: -4; give 0 or more"),
            ("lazy", "drop_ppm", 2_000_000.into(), "drop_ppm: 2000000; give 0 to 1000000"),
            ("honest", "spread", 5.into(), "spread: 5; give 0 to 1"),
            ("honest", "capacity", "-4TB".into(), "capacity: "),
            ("client", "duration", "soon".into(), "duration: "),
            ("client", "worth", serde_json::json!([1, -1]), "worth: -1; give 0 or more"),
            ("client", "terms", serde_json::json!({ "nope": 1 }), "terms: there is no nope"),
            ("client", "fill_permille", 1_001.into(), "fill_permille: 1001; give 0 to 1000"),
        ] {
            let mut settings = kinds[kind].clone();
            settings[name] = value;
            let error = build(kind, &settings, 0).err().unwrap();
            assert!(error.to_string().contains(text), "{error}");
            assert_eq!(error.name(), Some(name));
        }
    }
}
