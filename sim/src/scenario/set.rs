//! Changing a world by paths, as arms, mutants and sweeps do.

use crate::world::WorldSettings;
use serde_json::{Map, Value};

/// Why a change does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct SetError {
    /// Which.
    pub path: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// `world` with these changes.
pub(super) fn changed<'a>(
    world: &Value,
    changes: impl Iterator<Item = (&'a String, &'a Value)>,
) -> Result<WorldSettings, SetError> {
    let mut world = world.clone();
    for (path, value) in changes {
        put(&mut world, path, value)
            .and_then(|()| {
                let read = serde_json::from_value::<WorldSettings>(world.clone());
                read.map(|_| ()).map_err(|error| error.to_string())
            })
            .map_err(|reason| SetError { path: path.clone(), reason })?;
    }
    serde_json::from_value(world)
        .map_err(|error| SetError { path: "world".into(), reason: error.to_string() })
}

/// Puts `value` at `path`; groups of agents are found by what they are called.
fn put(world: &mut Value, path: &str, value: &Value) -> Result<(), String> {
    let mut place = world;
    for name in path.split('.') {
        place = match place {
            Value::Array(items) => {
                let known: Vec<String> = items.iter().filter_map(called).collect();
                let at = name.parse().ok().or_else(|| known.iter().position(|group| group == name));
                let known = known.join(", ");
                at.and_then(|at: usize| items.get_mut(at))
                    .ok_or_else(|| format!("there is no {name:?}; there are {known}"))?
            }
            Value::Object(fields) => fields.entry(name).or_insert(Value::Null),
            empty @ Value::Null => {
                *empty = Value::Object(Map::new());
                match empty {
                    Value::Object(fields) => fields.entry(name).or_insert(Value::Null),
                    _ => return Err("this cannot hold anything".into()),
                }
            }
            _ => return Err(format!("what is above {name:?} is one value, and has no parts")),
        };
    }
    *place = value.clone();
    Ok(())
}

fn called(group: &Value) -> Option<String> {
    let name = group.get("name").or_else(|| group.get("kind"))?;
    name.as_str().map(str::to_owned)
}
