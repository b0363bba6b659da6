//! Which tables there are, their columns, and what their files say about themselves.

use std::fmt;

/// The version of these tables, written into each file. It rises when a column changes its meaning.
pub const VERSION: &str = "1";

/// Under which key a file says which table it holds.
pub(super) const KEY_TABLE: &str = "bondstore.table";
/// Under which key a file says its version.
pub(super) const KEY_VERSION: &str = "bondstore.version";
/// Under which key a file names its scenario.
pub(super) const KEY_SCENARIO: &str = "bondstore.scenario";
/// Under which key the runs' file has the scenario's claim.
pub(super) const KEY_CLAIM: &str = "bondstore.claim";
/// Under which key the runs' file has the length of an epoch, in seconds.
pub(super) const KEY_EPOCH: &str = "bondstore.epoch_s";

/// One of the three tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// One row for each run.
    Runs,
    /// One row for each figure of each run.
    Figures,
    /// One row for each epoch of each series of each run.
    Series,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// A whole number from 0 to 2^64 − 1.
    Count,
    /// A number of 64 bits that may be none (NaN).
    Value,
}

impl Table {
    /// The file's name without its ending.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Figures => "figures",
            Self::Series => "series",
        }
    }

    /// The columns, in order.
    pub const fn columns(self) -> &'static [(&'static str, Kind)] {
        use Kind::{Count, Text, Value};
        match self {
            Self::Runs => &[("scenario", Text), ("arm", Text), ("seed", Count), ("trace", Text)],
            Self::Figures => &[
                ("scenario", Text),
                ("arm", Text),
                ("seed", Count),
                ("name", Text),
                ("value", Value),
            ],
            Self::Series => &[
                ("scenario", Text),
                ("arm", Text),
                ("seed", Count),
                ("epoch", Count),
                ("name", Text),
                ("value", Value),
            ],
        }
    }

    /// The table in Parquet's own schema language.
    pub(super) fn message(self) -> String {
        let column = |(name, kind): &(&str, Kind)| match kind {
            Kind::Text => format!("REQUIRED BYTE_ARRAY {name} (UTF8);"),
            Kind::Count => format!("REQUIRED INT64 {name} (INTEGER(64,false));"),
            Kind::Value => format!("REQUIRED DOUBLE {name};"),
        };
        let columns: String = self.columns().iter().map(column).collect();
        format!("message {} {{ {columns} }}", self.name())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.parquet", self.name())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "BYTE_ARRAY",
            Self::Count => "INT64",
            Self::Value => "DOUBLE",
        })
    }
}
