//! Settings over defaults: what a scenario says replaces what ships, by the names that documents use.
//!
//! Spans and sizes may be written as people do (`"7d"`, `"10GB"`) wherever the default is a number.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use types::{Bytes, Span};

/// Why settings cannot be laid over defaults.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverlayError {
    /// There is no such name.
    #[error("there is no {name}; there are {known}")]
    Unknown {
        /// What was said.
        name: String,
        /// What could have been.
        known: String,
    },
    /// The value is of another kind than the default.
    #[error("{name}: {reason}")]
    Value {
        /// Which.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

/// `default` with everything that `settings` says laid over it.
///
/// # Errors
/// [`OverlayError`] names what `default` does not have, or has otherwise.
pub fn over<T: Serialize + DeserializeOwned>(
    default: &T,
    settings: &Value,
) -> Result<T, OverlayError> {
    let value = |reason: serde_json::Error| OverlayError::Value {
        name: "settings".into(),
        reason: reason.to_string(),
    };
    let mut base = serde_json::to_value(default).map_err(value)?;
    lay(&mut base, settings, "")?;
    serde_json::from_value(base).map_err(value)
}

fn lay(base: &mut Value, settings: &Value, path: &str) -> Result<(), OverlayError> {
    match (base, settings) {
        (_, Value::Null) => Ok(()),
        (Value::Object(base), Value::Object(settings)) => {
            let known = base.keys().cloned().collect::<Vec<_>>().join(", ");
            settings.iter().try_for_each(|(name, value)| {
                let inner = joined(path, name);
                let unknown =
                    || OverlayError::Unknown { name: inner.clone(), known: known.clone() };
                lay(base.get_mut(name).ok_or_else(unknown)?, value, &inner)
            })
        }
        (Value::Array(base), Value::Object(settings)) => {
            settings.iter().try_for_each(|(name, value)| {
                let inner = joined(path, name);
                let place = name.parse::<usize>().ok().and_then(|place| base.get_mut(place));
                let known = "its places, from 0".to_owned();
                let unknown = || OverlayError::Unknown { name: inner.clone(), known };
                lay(place.ok_or_else(unknown)?, value, &inner)
            })
        }
        (base @ Value::Number(_), Value::String(text)) => {
            let reason = || OverlayError::Value {
                name: path.to_owned(),
                reason: format!("{text:?} is not a number, a span (7d) or a size (10GB)"),
            };
            *base = measured(text).ok_or_else(reason)?.into();
            Ok(())
        }
        (base, settings) => {
            *base = settings.clone();
            Ok(())
        }
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A span in microseconds or a size in bytes.
fn measured(text: &str) -> Option<u64> {
    let span = text.parse::<Span>().map(|span| span.0).ok();
    span.or_else(|| text.parse::<Bytes>().map(|bytes| bytes.0).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use types::Terms;

    fn terms() -> Terms {
        Terms::standard(Bytes(1_000_000), Span::DAY)
    }

    #[test]
    fn what_is_said_replaces_what_ships_and_the_rest_stays() {
        let settings = json!({
            "redundancy": { "data": 2 }, "repair_time": "3h", "egress": "5MB", "bond_ratio_permille": 0,
            "penalties": { "steps": { "0": { "slash_permille": 7 } } },
        });
        let found = over(&terms(), &settings).unwrap();
        let mut expected = terms();
        (expected.redundancy.data, expected.bond_ratio_permille) = (2, 0);
        (expected.repair_time, expected.egress) = (Span(3 * Span::HOUR.0), Bytes(5_000_000));
        expected.penalties.steps[0].slash_permille = 7;
        assert_eq!(found, expected);
        assert_eq!(over(&terms(), &Value::Null), Ok(terms()));
    }

    #[test]
    fn what_there_is_not_is_refused_by_name() {
        for (settings, text) in [
            (
                json!({ "redundancy": { "copies": 3 } }),
                "there is no redundancy.copies; there are data, parity",
            ),
            (json!({ "repair_time": "soon" }), "repair_time: \"soon\" is not a number"),
            (json!({ "redundancy": { "data": -1 } }), "invalid value: integer `-1`"),
            (json!({ "penalties": { "steps": { "9": {} } } }), "there is no penalties.steps.9"),
        ] {
            let found = over(&terms(), &settings).unwrap_err().to_string();
            assert!(found.contains(text), "{found}");
        }
    }
}
