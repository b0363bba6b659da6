//! The tables as a backup reads and restores them, the same from either database.

use super::driver::{Bulk, Column, StoreError, Value};
use super::{Store, catalogue, dialect};
use crate::error::OpenError;

/// How rows are put back.
#[derive(Clone, Copy, Debug)]
enum Put {
    /// Many at once.
    Each(Bulk),
    /// One after the other: they may be large.
    One(&'static str),
}

/// A table that a backup holds.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Rows behind a key, by rising key.
    read: &'static str,
    /// Which columns are the key, and what is before every key.
    key: &'static [usize],
    first: fn() -> Vec<Value>,
    put: Put,
}

fn before_numbers() -> Vec<Value> {
    vec![Value::Int(i64::MIN)]
}

fn before_numbered_pairs() -> Vec<Value> {
    vec![Value::Int(i64::MIN), Value::Int(i64::MIN)]
}

fn before_marks() -> Vec<Value> {
    vec![Value::Int(i64::MIN), Value::Int(i64::MIN), Value::Int(i64::MIN)]
}

fn before_names() -> Vec<Value> {
    vec![Value::Bytes(Vec::new())]
}

fn before_pairs() -> Vec<Value> {
    vec![Value::Bytes(Vec::new()), Value::Bytes(Vec::new())]
}

fn before_keys() -> Vec<Value> {
    vec![Value::Bytes(Vec::new()), Value::Text(String::new())]
}

/// Every table but those that follow from others.
pub(crate) const TABLES: [Table; 12] = [
    Table {
        name: "blocks",
        read: catalogue::COPY_BLOCKS,
        key: &[0],
        first: before_numbers,
        put: Put::One(catalogue::ADD_BLOCK),
    },
    Table {
        name: "tree",
        read: catalogue::COPY_TREE,
        key: &[0],
        first: before_numbers,
        put: Put::One(catalogue::ADD_NODES),
    },
    Table {
        name: "snapshots",
        read: catalogue::COPY_SNAPSHOTS,
        key: &[0],
        first: before_numbers,
        put: Put::One(catalogue::ADD_SNAPSHOT),
    },
    Table {
        name: "snapshot_parts",
        read: catalogue::COPY_PARTS,
        key: &[0, 1],
        first: before_numbered_pairs,
        put: Put::One(catalogue::ADD_SNAPSHOT_PART),
    },
    Table {
        name: "documents",
        read: catalogue::COPY_DOCUMENTS,
        key: &[0],
        first: before_numbers,
        put: Put::Each(dialect::ADD_DOCUMENTS),
    },
    Table {
        name: "answers",
        read: catalogue::COPY_ANSWERS,
        key: &[0],
        first: before_names,
        put: Put::Each(dialect::ADD_ANSWERS),
    },
    Table {
        name: "idempotency",
        read: catalogue::COPY_KEYS,
        key: &[0, 1],
        first: before_keys,
        put: Put::Each(dialect::ADD_KEYS),
    },
    Table {
        name: "outbox",
        read: catalogue::COPY_OUTBOX,
        key: &[0],
        first: before_numbers,
        put: Put::Each(dialect::ADD_EFFECTS),
    },
    Table {
        name: "postings",
        read: catalogue::COPY_POSTINGS,
        key: &[0],
        first: before_numbers,
        put: Put::Each(dialect::ADD_POSTINGS),
    },
    Table {
        name: "layouts",
        read: catalogue::COPY_LAYOUTS,
        key: &[1, 2],
        first: before_pairs,
        put: Put::One(catalogue::RESTORE_LAYOUT),
    },
    Table {
        name: "backups",
        read: catalogue::COPY_BACKUPS,
        key: &[0],
        first: before_names,
        put: Put::One(catalogue::PUT_BACKUP),
    },
    Table {
        name: "marks",
        read: catalogue::COPY_MARKS,
        key: &[0, 1, 2],
        first: before_marks,
        put: Put::One(catalogue::ADD_MARK),
    },
];

impl Store {
    /// Reads a table from its beginning to its end, some rows at a time.
    pub(crate) fn copy<E: From<StoreError>>(
        &self,
        table: &Table,
        mut visit: impl FnMut(Vec<Vec<Value>>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut after = (table.first)();
        loop {
            let rows = self.driver.query(table.read, &after)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = table.key.iter().map(|column| last.0[*column].clone()).collect();
            visit(rows.into_iter().map(|row| row.0).collect())?;
        }
    }

    /// Adds rows that [`Store::copy`] read.
    pub(crate) fn put(&self, table: &Table, rows: &[Vec<Value>]) -> Result<(), StoreError> {
        match table.put {
            Put::One(sql) => {
                rows.iter().try_for_each(|row| self.driver.execute(sql, row).map(drop))
            }
            Put::Each(bulk) => {
                let width = rows.first().map_or(0, Vec::len);
                if rows.iter().any(|row| row.len() != width) {
                    return Err(StoreError::Malformed("rows of different lengths".into()));
                }
                let columns = (0..width).map(|column| gather(rows, column));
                self.driver.each(bulk, &columns.collect::<Result<Vec<_>, _>>()?)
            }
        }
    }

    /// Begins the restoring of a market that was founded with `genesis`, in a new database. Nothing of it stays
    /// unless [`Store::finish_restore`] ends it.
    pub(crate) fn begin_restore(place: &super::Place, genesis: &str) -> Result<Self, OpenError> {
        let store = Self::on(super::create(place)?, place);
        store.lay_out(Self::SCHEMA, genesis).map_err(|error| store.refused(error))?;
        Ok(store)
    }

    /// Derives what follows from the restored rows, and makes them stay.
    pub(crate) fn finish_restore(&self, epoch_opened: i64, term: u64) -> Result<(), StoreError> {
        self.driver.execute(catalogue::SET_EPOCH_OPENED, &[epoch_opened.into()])?;
        self.driver.execute(catalogue::SET_TERM, &[term.into()])?;
        self.index_all()?;
        self.driver.commit()
    }
}

/// One column of many rows.
fn gather(rows: &[Vec<Value>], column: usize) -> Result<Column<'_>, StoreError> {
    let mixed = || StoreError::Malformed(format!("column {column} of different kinds"));
    let values = || rows.iter().map(|row| &row[column]);
    let ints = || values().map(|v| if let Value::Int(v) = v { Some(*v) } else { None });
    let texts = || values().map(|v| if let Value::Text(v) = v { Some(v.as_str()) } else { None });
    let bytes = values().map(|value| match value {
        Value::Bytes(bytes) => Some(Some(bytes.as_slice())),
        Value::Null => Some(None),
        _ => None,
    });
    match rows.first().map(|row| &row[column]) {
        Some(Value::Int(_)) => ints().collect::<Option<_>>().map(Column::Ints),
        Some(Value::Text(_)) => texts().collect::<Option<_>>().map(Column::Texts),
        _ => bytes.collect::<Option<_>>().map(Column::Maybe),
    }
    .ok_or_else(mixed)
}
