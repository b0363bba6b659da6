//! Sizes in bytes, written as people write them.

use crate::text::{self, TextError};
use serde::{Deserialize, Serialize};

/// A number of bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Bytes(pub u64);

const UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
];

impl std::str::FromStr for Bytes {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let parts = text::number_and_unit(text, "10GB or 512MiB")?;
        text::scale(parts, UNITS, "B, kB, MB, GB, TB, PB, KiB, MiB, GiB, TiB, PiB", "9 EB")
            .map(Self)
    }
}

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (mut value, mut unit) = (u128::from(self.0) * 100, "B");
        for next in ["kB", "MB", "GB", "TB", "PB"] {
            if value < 100_000 {
                break;
            }
            (value, unit) = (value / 1000, next);
        }
        if unit == "B" {
            write!(f, "{} B", self.0)
        } else {
            write!(f, "{}.{:02} {unit}", value / 100, value % 100)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("10GB", 10_000_000_000),
            ("512MiB", 536_870_912),
            ("1", 1),
            ("1.5 kB", 1500),
            ("0", 0),
            ("1_000b", 1000),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_what_would_be_right() {
        for text in [
            "",
            "GB",
            "-1GB",
            "1XB",
            "99999999PB",
            "1.2.3GB",
            "340282366920938463463374607431768211456",
        ] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
        assert!("5 parsecs".parse::<Bytes>().unwrap_err().to_string().contains("MiB"));
    }

    #[test]
    fn sizes_are_shown_in_decimal_units() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (1_500_000, "1.50 MB"),
            (u64::MAX, "18446.74 PB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}
