//! What the store asks of a database: statements with values, rows in bulk, transactions.

#[cfg(test)]
mod faulty;
mod postgres;
mod sqlite;

#[cfg(test)]
pub(crate) use faulty::{Fault, Faulty};

pub(crate) use postgres::Postgres;
pub(crate) use sqlite::Sqlite;

use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use types::Hash;

/// A database's answer to a statement, and what a statement is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Bytes(Vec<u8>),
    Text(String),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Int(value.cast_signed())
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

/// One row of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Row(pub(crate) Vec<Value>);

impl Row {
    pub(crate) fn int(&self, column: usize) -> Result<i64, StoreError> {
        match self.0.get(column) {
            Some(Value::Int(value)) => Ok(*value),
            other => Err(unexpected("a number", other)),
        }
    }

    /// A number that is never below zero.
    pub(crate) fn count(&self, column: usize) -> Result<u64, StoreError> {
        self.int(column).map(i64::cast_unsigned)
    }

    pub(crate) fn text(&mut self, column: usize) -> Result<String, StoreError> {
        match self.0.get_mut(column) {
            Some(Value::Text(value)) => Ok(std::mem::take(value)),
            other => Err(unexpected("a text", other.as_deref())),
        }
    }

    pub(crate) fn bytes(&mut self, column: usize) -> Result<Vec<u8>, StoreError> {
        match self.0.get_mut(column) {
            Some(Value::Bytes(value)) => Ok(std::mem::take(value)),
            other => Err(unexpected("bytes", other.as_deref())),
        }
    }

    /// A hash, or nothing.
    pub(crate) fn maybe_hash(&self, column: usize) -> Result<Option<Hash>, StoreError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.hash(column).map(Some),
        }
    }

    pub(crate) fn hash(&self, column: usize) -> Result<Hash, StoreError> {
        match self.0.get(column) {
            Some(Value::Bytes(value)) => <[u8; 32]>::try_from(value.as_slice())
                .map(Hash)
                .map_err(|_| StoreError::Malformed(format!("{} bytes for a hash", value.len()))),
            other => Err(unexpected("a hash", other)),
        }
    }
}

/// A row is missing, or holds something else.
fn no_bytes() -> StoreError {
    StoreError::Malformed("nothing where bytes belong".into())
}

fn unexpected(wanted: &str, found: Option<&Value>) -> StoreError {
    let found = match found {
        None => "no column",
        Some(Value::Null) => "nothing",
        Some(Value::Int(_)) => "a number",
        Some(Value::Bytes(_)) => "bytes",
        Some(Value::Text(_)) => "a text",
    };
    StoreError::Malformed(format!("{found} where {wanted} belongs"))
}

/// One column of many rows that are inserted at once. All columns of an insertion are equally long.
#[derive(Debug)]
pub(crate) enum Column<'a> {
    Ints(Vec<i64>),
    Bytes(Vec<&'a [u8]>),
    /// Bytes, or nothing.
    Maybe(Vec<Option<&'a [u8]>>),
    Texts(Vec<&'a str>),
}

impl Column<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Ints(values) => values.len(),
            Self::Bytes(values) => values.len(),
            Self::Maybe(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }
}

/// A statement over many rows: SQLite runs it for each, PostgreSQL once over arrays. Where rows are only added, and they are
/// many, PostgreSQL takes them by `COPY` in its binary format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bulk {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
    pub(crate) copy: Option<&'static str>,
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One moment of the database, however long it is read.
    Read,
    /// Changes.
    Write,
    /// Changes of the tables themselves: they give way to whoever reads, with [`StoreError::Busy`].
    Migrate,
}

/// Why a database refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no room.
    #[error("its disk is full ({0}); make room")]
    Full(String),
    /// What is stored is damaged.
    #[error("it is damaged: {0}; restore it from a copy")]
    Damaged(String),
    /// A column holds what this program does not write.
    #[error("it holds {0}; restore it from a copy")]
    Malformed(String),
    /// Others hold what the statement needs.
    #[error(
        "others use it ({0}); try again when what takes long there, such as a backup, has ended"
    )]
    Busy(String),
    /// A newer program has changed its tables meanwhile.
    #[error("it has schema {0} now, and this program writes schema {own}; run a newer program", own = super::Store::SCHEMA)]
    Newer(u64),
    /// Another run of the writer has begun since.
    #[error("a later term of the writer has begun than {0}; its writer is the one to ask")]
    Superseded(u64),
    /// It cannot be reached, or refuses.
    #[error("{0}")]
    Unavailable(String),
}

/// A connection to a database.
pub(crate) trait Driver: Debug + Send {
    /// Every row of the answer to a statement of the catalogue.
    fn query(&self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, StoreError>;

    /// Reads the bytes in the first column of the one row that there must be, into a buffer that they fill.
    fn read_into(
        &self,
        sql: &'static str,
        values: &[Value],
        buffer: &mut Vec<u8>,
    ) -> Result<(), StoreError>;

    /// Runs a statement of the catalogue; how many rows it changed.
    fn execute(&self, sql: &'static str, values: &[Value]) -> Result<u64, StoreError>;

    /// Does for many rows at once what `bulk` says.
    fn each(&self, bulk: Bulk, columns: &[Column<'_>]) -> Result<(), StoreError>;

    /// Runs several statements that take no values.
    fn script(&self, sql: &'static str) -> Result<(), StoreError>;

    fn begin(&self, mode: Mode) -> Result<(), StoreError>;

    fn commit(&self) -> Result<(), StoreError>;

    /// Undoes the transaction, if one is open.
    fn roll_back(&self) -> Result<(), StoreError>;

    /// The layouts of tables, in order; the first is number one.
    fn migrations(&self) -> &'static [&'static str];

    /// Checks every table and index, where the database can.
    fn check_structure(&self) -> Result<(), StoreError>;

    /// What is to be done before a closing that was asked for.
    fn tidy(&self) -> Result<(), StoreError>;

    /// Becomes the writer for as long as this connection lasts, unless another connection is.
    fn elect(&self) -> Result<bool, StoreError>;

    /// Leaves the writer's place to others, where this connection holds it.
    fn resign(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Ends the connections of whoever is the writer.
    fn depose(&self) -> Result<(), StoreError>;

    /// Makes the transaction the only one that indexes until it ends. One that is not at its end by now is of a writer that
    /// has stopped in the middle, and ends here, if `term` is the newest.
    fn index_alone(&self, term: u64) -> Result<(), StoreError>;
}
