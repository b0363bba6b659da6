//! What is wrong with a file, and what would be right.

use super::schema::{Kind, Table, VERSION};
use parquet::errors::ParquetError;

/// Why a file is not one of a report's tables.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// It is no Parquet, or damaged.
    #[error("{table} cannot be read as Parquet ({why}): give the file as a simulation wrote it")]
    Parquet {
        /// What was looked for.
        table: Table,
        /// What is wrong with the bytes.
        why: ParquetError,
    },
    /// It is another table, or one of some other program.
    #[error("this file says that it holds {found:?} where {table} is needed")]
    OtherTable {
        /// What was looked for.
        table: Table,
        /// What the file says it is; nothing for a file of another program.
        found: String,
    },
    /// It was written by another version.
    #[error(
        "{table} is of version {found:?} and this program reads version {VERSION:?}: \
         read it with the program that wrote it, or run the scenario again"
    )]
    OtherVersion {
        /// What was looked for.
        table: Table,
        /// Its version.
        found: String,
    },
    /// It does not say something that it must say about itself.
    #[error("{table} has no good value under {key:?}: give the file as a simulation wrote it")]
    About {
        /// The table.
        table: Table,
        /// The key in the file's own description.
        key: &'static str,
    },
    /// A column is missing.
    #[error("{table} has no column {column:?}: it has {found:?}")]
    MissingColumn {
        /// The table.
        table: Table,
        /// The column that is needed.
        column: &'static str,
        /// Those that are there.
        found: Vec<String>,
    },
    /// A column is of another type.
    #[error("{table}'s column {column:?} is {found} and must be {kind}")]
    OtherType {
        /// The table.
        table: Table,
        /// The column.
        column: &'static str,
        /// Its Parquet type.
        found: String,
        /// What it must hold.
        kind: Kind,
    },
    /// A cell has nothing in it, or text that is none, or a hash that is none.
    #[error("{table} has a cell in column {column:?} that is empty or not of its kind")]
    Cell {
        /// The table.
        table: Table,
        /// The column.
        column: &'static str,
    },
    /// Rows are of another scenario.
    #[error("{table} holds rows of {found:?} beside {scenario:?}: give files of one scenario")]
    OtherScenario {
        /// The table.
        table: Table,
        /// The scenario of the runs.
        scenario: String,
        /// The other one.
        found: String,
    },
    /// A row belongs to a run that the runs' table has not.
    #[error(
        "{table} has rows of arm {arm:?}, seed {seed}, which runs.parquet has not: \
         give the three files of one report"
    )]
    UnknownRun {
        /// The table.
        table: Table,
        /// The arm.
        arm: String,
        /// The seed.
        seed: u64,
    },
    /// A row is there twice, or out of order.
    #[error(
        "{table}: {what} of arm {arm:?}, seed {seed}, is there twice or out of order: \
         give each shard once, and leave rows in their order"
    )]
    Row {
        /// The table.
        table: Table,
        /// The arm.
        arm: String,
        /// The seed.
        seed: u64,
        /// Which of its rows.
        what: String,
    },
}
