//! Sweeps: one scenario in many worlds, every combination of some values.

use crate::scenario::Changes;
use serde_json::Value;

/// One thing that is varied.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Its path in the world, as in `agents.lazy.drop_ppm`.
    pub path: String,
    /// The values it takes.
    pub values: Vec<Value>,
}

/// Why a text is no axis.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AxisError {
    /// There is no `=` with something on both sides.
    #[error(
        "{0:?} varies nothing; give PATH=VALUE,VALUE,…, for example agents.lazy.drop_ppm=0,10000,500000"
    )]
    Shape(String),
    /// A value is there twice.
    #[error("{path} takes {value} twice; give each value once")]
    Twice {
        /// Which axis.
        path: String,
        /// Which value.
        value: String,
    },
}

impl std::str::FromStr for Axis {
    type Err = AxisError;

    /// Reads `PATH=VALUE,VALUE,…`: values are numbers, `true`, `false`, or words.
    fn from_str(text: &str) -> Result<Self, AxisError> {
        let shape = || AxisError::Shape(text.to_owned());
        let (path, values) = text.split_once('=').ok_or_else(shape)?;
        let values: Vec<Value> = values.split(',').map(|value| read(value.trim())).collect();
        if path.trim().is_empty() || values.iter().any(|value| value == "") {
            return Err(shape());
        }
        let path = path.trim().to_owned();
        for (at, value) in values.iter().enumerate() {
            if values[..at].contains(value) {
                return Err(AxisError::Twice { path, value: value.to_string() });
            }
        }
        Ok(Self { path, values })
    }
}

fn read(text: &str) -> Value {
    let whole = text.parse::<i64>().map(Value::from).ok();
    let real = || {
        text.parse::<f64>()
            .ok()
            .and_then(|real| serde_json::Number::from_f64(real).map(Value::Number))
    };
    let said = || text.parse::<bool>().map(Value::from).ok();
    whole.or_else(real).or_else(said).unwrap_or_else(|| Value::from(text))
}

/// Every combination of the axes' values, the last axis fastest.
pub fn cells(axes: &[Axis]) -> Vec<Changes> {
    axes.iter().fold(vec![Changes::new()], |cells, axis| {
        let extended = |cell: &Changes| {
            axis.values
                .iter()
                .map(|value| {
                    let mut cell = cell.clone();
                    cell.insert(axis.path.clone(), value.clone());
                    cell
                })
                .collect::<Vec<_>>()
        };
        cells.iter().flat_map(extended).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn axes_are_read_and_crossed() {
        let axes = ["a.b=1,2.5,7d", "c=true,false"].map(|text| text.parse::<Axis>().unwrap());
        assert_eq!(axes[0].values, [json!(1), json!(2.5), json!("7d")]);
        let cells = cells(&axes);
        assert_eq!(cells.len(), 6);
        assert_eq!(cells[1], [("a.b".into(), json!(1)), ("c".into(), json!(false))].into());
        assert_eq!(super::cells(&[]), [Changes::new()]);
    }

    #[test]
    fn what_is_no_axis_is_refused_with_an_example() {
        for text in ["a", "=1", "a=", "a=1,,2"] {
            let error = text.parse::<Axis>().unwrap_err().to_string();
            assert!(error.contains("give PATH=VALUE"), "{error}");
        }
        let error = "a=1,2,1".parse::<Axis>().unwrap_err().to_string();
        assert_eq!(error, "a takes 1 twice; give each value once");
    }
}
