//! Terms in a file: as much of a contract's promise as its writer cares to say, over the standard one.
//!
//! Fields are called as in a quote's `terms`, so that a quote's or a contract's can be given back. Times and sizes may
//! be written as on the command line, `"2d"` and `"10GB"`; as numbers they count microseconds and bytes.

use ::client::StorageWish;
use anyhow::{Context, Result, bail};
use figment::Figment;
use figment::providers::{Format, Toml};
use serde_json::{Map, Value};
use std::path::Path;
use types::{Bytes, Span, Terms};

/// Fields that are lengths of time.
const TIMES: [&str; 5] =
    ["duration", "first_byte", "repair_time", "detection.within", "maintenance"];
/// Fields that are sizes.
const SIZES: [&str; 4] = ["capacity", "egress", "throughput", "shard_bytes"];

/// What a file says.
#[derive(Debug)]
pub(crate) struct TermsFile {
    /// The standard terms with what is said in their places.
    terms: Terms,
    /// What is said.
    said: Map<String, Value>,
}

impl TermsFile {
    /// Reads a file: JSON where its name ends so, else TOML.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its field.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let place = path.display();
        let text =
            std::fs::read_to_string(path).with_context(|| format!("{place} cannot be read"))?;
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        let said = if is_json {
            serde_json::from_str(&text).map_err(|error| error.to_string())
        } else {
            Figment::from(Toml::string(&text)).extract().map_err(|error| error.to_string())
        };
        let said = said.map_err(|error| {
            let error = error.split_whitespace().collect::<Vec<_>>().join(" ");
            anyhow::anyhow!("{place} holds no terms in JSON (.json) or TOML: {error}")
        })?;
        match Self::of(said) {
            Ok(file) => Ok(file),
            Err(faults) => bail!("{place}: {}", faults.join("; ")),
        }
    }

    fn of(said: Map<String, Value>) -> Result<Self, Vec<String>> {
        let standard = Terms::standard(Bytes(1), Span(30 * Span::DAY.0));
        let mut whole = serde_json::to_value(&standard).expect("terms have string keys");
        let (mut leaves, mut faults) = (Vec::new(), Vec::new());
        collect(&whole, (&Value::Object(said.clone()), String::new()), &mut leaves, &mut faults);
        for (path, value) in leaves {
            let pointer = format!("/{}", path.replace('.', "/"));
            let place =
                whole.pointer_mut(&pointer).expect("only fields of the terms are collected");
            let before = std::mem::replace(place, value);
            if let Err(error) = serde_json::from_value::<Terms>(whole.clone()) {
                faults.push(format!("{path}: {error}"));
                *whole.pointer_mut(&pointer).expect("it is there") = before;
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let terms = serde_json::from_value(whole).map_err(|error| vec![error.to_string()])?;
        Ok(Self { terms, said })
    }

    /// Lets `wish` be as the file says. What follows from size and time still does, where the file does not say it.
    pub(crate) fn apply(self, wish: &mut StorageWish) {
        let Self { terms, said } = self;
        // Every field by name, so that none that comes to be is forgotten here.
        let Terms {
            capacity,
            duration,
            redundancy,
            shard_bytes,
            tier,
            availability_permille,
            first_byte,
            throughput,
            repair_time,
            detection,
            placement,
            payout,
            penalties,
            bond_ratio_permille,
            renewal,
            early_exit_permille,
            maintenance,
            egress,
            rail,
        } = terms;
        let size = wish.size;
        *wish = StorageWish {
            redundancy,
            tier,
            availability_permille,
            throughput,
            placement,
            payout,
            penalties,
            bond_ratio_permille,
            renewal,
            early_exit_permille,
            maintenance,
            rail,
            detection: Some(detection),
            capacity: said.contains_key("capacity").then_some(capacity),
            shard_bytes: said.contains_key("shard_bytes").then_some(shard_bytes),
            first_byte: said.contains_key("first_byte").then_some(first_byte),
            repair_time: said.contains_key("repair_time").then_some(repair_time),
            egress: said.contains_key("egress").then_some(egress),
            ..StorageWish::new(size, duration)
        };
    }
}

/// Collects what `said` says, field by field, in units of the terms; and what no terms have.
fn collect(
    standard: &Value,
    (said, path): (&Value, String),
    leaves: &mut Vec<(String, Value)>,
    faults: &mut Vec<String>,
) {
    let Value::Object(fields) = standard else {
        match in_units(&path, said) {
            Ok(value) => leaves.push((path, value)),
            Err(fault) => faults.push(format!("{path}: {fault}")),
        }
        return;
    };
    let there = || fields.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let Value::Object(said) = said else {
        return faults.push(format!("{path}: it holds {}, not one value", there()));
    };
    for (name, value) in said {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match fields.get(name) {
            Some(standard) => collect(standard, (value, path), leaves, faults),
            None => faults.push(format!("{path} is none of the terms; there are {}", there())),
        }
    }
}

/// A time or size that is written as text, as a number; anything else as it is.
fn in_units(path: &str, said: &Value) -> Result<Value, String> {
    let Value::String(text) = said else { return Ok(said.clone()) };
    let number = if TIMES.contains(&path) {
        text.parse::<Span>().map(|span| span.0)
    } else if SIZES.contains(&path) {
        text.parse::<Bytes>().map(|bytes| bytes.0)
    } else {
        return Ok(said.clone());
    };
    number.map(Value::from).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(value: Value) -> Map<String, Value> {
        let Value::Object(said) = value else { panic!("{value} is no object") };
        said
    }

    fn terms(value: Value) -> Terms {
        let mut wish = StorageWish::new(Bytes(1000), Span::DAY);
        TermsFile::of(said(value)).unwrap().apply(&mut wish);
        wish.terms().unwrap()
    }

    #[test]
    fn a_whole_contracts_terms_come_back_as_they_were() {
        let mut whole = Terms::standard(Bytes(5_000_000), Span(90 * Span::DAY.0));
        whole.placement.tags = vec!["ssd".into()];
        whole.payout.points[0].paid_permille = 100;
        whole.penalties.per_epoch_permille = 20;
        whole.repair_time = Span::DAY;
        whole.throughput = 7;
        assert_eq!(terms(serde_json::to_value(&whole).unwrap()), whole);
    }

    #[test]
    fn what_follows_from_size_and_time_still_does() {
        let found = terms(json!({ "duration": "1d", "throughput": "10MB" }));
        assert_eq!((found.duration, found.repair_time), (Span::DAY, Span::DAY));
        assert_eq!((found.throughput, found.egress), (10_000_000, found.capacity));
    }

    #[test]
    fn all_that_no_terms_are_is_said_at_once_by_field() {
        let faults = TermsFile::of(said(json!({
            "availability": 990,
            "availability_permille": -1,
            "first_byte": "soon",
            "placement": { "standing_min": "great", "tag": ["ssd"] },
            "payout": { "points": [{ "compliance": 1 }] },
            "detection": 3,
        })))
        .unwrap_err();
        for parts in [
            ["availability is none of the terms", "availability_permille"],
            ["availability_permille: ", "-1"],
            ["first_byte: ", "30d or 1h"],
            ["placement.standing_min: ", "`standard`"],
            ["placement.tag is none of the terms", "tags"],
            ["payout.points: ", "paid_permille"],
            ["detection: it holds ", "within"],
        ] {
            let named = |fault: &&String| parts.iter().all(|part| fault.contains(part));
            assert!(faults.iter().any(|fault| named(&fault)), "{parts:?}: {faults:?}");
        }
        assert_eq!(faults.len(), 7, "{faults:?}");
    }
}
