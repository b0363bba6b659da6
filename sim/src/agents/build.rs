//! From a scenario's group to its agents: which kinds there are.

use super::{
    Agent, client, deserter, dumper, flaky, griefer, honest, lazy, outsourcer, ransomer, scripted,
    sly, sybil, wash, whitewash,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

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

fn of<S: DeserializeOwned, A: Agent + 'static>(
    settings: &Value,
    make: impl FnOnce(S) -> A,
) -> Result<Box<dyn Agent>, KindError> {
    let settings = serde_json::from_value(settings.clone());
    let settings = settings.map_err(|error| KindError::Settings(error.to_string()))?;
    Ok(Box::new(make(settings)))
}
