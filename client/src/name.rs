//! What an object is called: a bucket and a name in it.

use crate::keys::DEFAULT_BUCKET;
use serde::{Deserialize, Serialize};

/// The longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 1024;

/// Why something cannot be an object's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("an object's name is empty; give one of 1 to {NAME_BYTES_MAX} bytes")]
    Empty,
    /// Too long.
    #[error("an object's name has {0} bytes; give one of 1 to {NAME_BYTES_MAX}")]
    TooLong(usize),
    /// Control characters would garble listings.
    #[error("an object's name has a control character at byte {0}; leave it out")]
    Control(usize),
}

/// A bucket and a name in it. Where no bucket is named, it is [`DEFAULT_BUCKET`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectName {
    /// The bucket.
    pub bucket: String,
    /// The name.
    pub name: String,
}

impl ObjectName {
    /// An object of the default bucket.
    ///
    /// # Errors
    /// Says what the name must not be: empty, too long, or with control characters.
    pub fn new(name: &str) -> Result<Self, NameError> {
        Self::in_bucket(DEFAULT_BUCKET, name)
    }

    /// An object of the bucket `bucket`.
    ///
    /// # Errors
    /// As [`ObjectName::new`], for both parts.
    pub fn in_bucket(bucket: &str, name: &str) -> Result<Self, NameError> {
        for part in [bucket, name] {
            if part.is_empty() {
                return Err(NameError::Empty);
            }
            if part.len() > NAME_BYTES_MAX {
                return Err(NameError::TooLong(part.len()));
            }
            if let Some(at) = part.find(char::is_control) {
                return Err(NameError::Control(at));
            }
        }
        Ok(Self { bucket: bucket.to_owned(), name: name.to_owned() })
    }
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.bucket == DEFAULT_BUCKET {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.bucket, self.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_listed_are_refused() {
        for (name, refused) in [
            ("", NameError::Empty),
            ("a\nb", NameError::Control(1)),
            (&"x".repeat(1025), NameError::TooLong(1025)),
        ] {
            assert_eq!(ObjectName::new(name), Err(refused));
        }
        assert_eq!(ObjectName::in_bucket("", "a"), Err(NameError::Empty));
    }

    #[test]
    fn the_default_bucket_is_not_shown() {
        let shown = |bucket, name| ObjectName::in_bucket(bucket, name).unwrap().to_string();
        assert_eq!(shown(DEFAULT_BUCKET, "dir/über.txt"), "dir/über.txt");
        assert_eq!(shown("photos", "a b"), "photos/a b");
    }
}
