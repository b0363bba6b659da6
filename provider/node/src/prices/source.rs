//! Where the price of a bitcoin is found: one number in a JSON file or document that the operator names.

use rust_decimal::Decimal;
use std::path::PathBuf;

/// The longest document that is read.
const BYTES_MAX: usize = 1 << 20;

/// A number in a JSON document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateSource {
    /// A file's path, or an `http://` or `https://` address.
    pub place: String,
    /// Where in the document the number is (RFC 6901), for example `/data/amount`; empty for the whole document.
    pub pointer: String,
    /// How many cents the number counts: 100 where it counts dollars or euros.
    pub cents: u32,
}

/// Why there is no number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The file.
    #[error("{} cannot be read: {reason}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The address.
    #[error(transparent)]
    Fetch(#[from] network::fetch::FetchError),
    /// The document.
    #[error("{place} holds no JSON: {reason}")]
    Json {
        /// Which.
        place: String,
        /// Why.
        reason: String,
    },
    /// The number.
    #[error(
        "{place} has no number at {pointer:?}; name its place with a JSON pointer such as /data/amount"
    )]
    Pointer {
        /// Which document.
        place: String,
        /// Where.
        pointer: String,
    },
}

impl RateSource {
    /// What a bitcoin costs, in cents.
    ///
    /// # Errors
    /// [`SourceError`] says what is missing.
    pub async fn read(&self) -> Result<Decimal, SourceError> {
        let is_web = self.place.starts_with("http://") || self.place.starts_with("https://");
        let document = if is_web {
            network::fetch::fetch(&self.place, BYTES_MAX).await?.to_vec()
        } else {
            let failed = |reason: String| SourceError::File { path: (&*self.place).into(), reason };
            let size =
                tokio::fs::metadata(&self.place).await.map_err(|e| failed(e.to_string()))?.len();
            if size > BYTES_MAX as u64 {
                return Err(failed(format!("{size} bytes are more than {BYTES_MAX}")));
            }
            tokio::fs::read(&self.place).await.map_err(|e| failed(e.to_string()))?
        };
        self.find(&document)
    }

    fn find(&self, document: &[u8]) -> Result<Decimal, SourceError> {
        let json: serde_json::Value = serde_json::from_slice(document).map_err(|error| {
            SourceError::Json { place: self.place.clone(), reason: error.to_string() }
        })?;
        let number = json.pointer(&self.pointer).and_then(|value| match value {
            serde_json::Value::Number(number) => decimal(&number.to_string()),
            serde_json::Value::String(text) => decimal(text.trim()),
            _ => None,
        });
        let cents = number.and_then(|number| number.checked_mul(self.cents.into()));
        cents.ok_or_else(|| SourceError::Pointer {
            place: self.place.clone(),
            pointer: self.pointer.clone(),
        })
    }
}

/// `100000.5` or `1.000005e5`.
fn decimal(text: &str) -> Option<Decimal> {
    text.parse().ok().or_else(|| Decimal::from_scientific(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(pointer: &str) -> RateSource {
        RateSource { place: "rate.json".into(), pointer: pointer.into(), cents: 100 }
    }

    #[test]
    fn the_number_is_found_where_the_pointer_says_in_whatever_form() {
        for (pointer, document, cents) in [
            ("/data/amount", r#"{"data":{"amount":"98765.43"}}"#, "9876543"),
            ("/0/price", r#"[{"price":100000}]"#, "10000000"),
            ("", "5e4", "5000000"),
            ("/a", r#"{"a":" 1.5 "}"#, "150"),
        ] {
            let found = source(pointer).find(document.as_bytes()).unwrap();
            assert_eq!(found.normalize().to_string(), cents, "{document}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused_with_its_place() {
        for document in ["{}", r#"{"a":null}"#, r#"{"a":"much"}"#, r#"{"a":[1]}"#] {
            let error = source("/a").find(document.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("rate.json has no number at \"/a\""), "{error}");
        }
        assert!(matches!(source("").find(b"<html>"), Err(SourceError::Json { .. })));
    }

    #[tokio::test]
    async fn a_file_is_read_and_a_missing_one_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rate.json");
        let source = RateSource { place: path.display().to_string(), ..source("/usd") };
        let error = source.read().await.unwrap_err();
        assert!(
            matches!(error, SourceError::File { .. }) && error.to_string().contains("rate.json")
        );
        std::fs::write(&path, r#"{"usd": 61000}"#).unwrap();
        assert_eq!(source.read().await.unwrap(), Decimal::from(6_100_000));
    }
}
