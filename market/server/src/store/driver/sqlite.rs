//! SQLite: one file in a data directory, through rusqlite.

mod checkpoints;

use super::{Bulk, Column, Driver, Mode, Row, StoreError, Value, no_bytes};
use checkpoints::Checkpoints;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement, ToSql};
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The writer makes a checkpoint itself when the log has so many pages: 128 MiB. The thread beside it has done most of that by then.
const CHECKPOINT_PAGES: u32 = 32_768;
/// How long a statement waits for another process.
const BUSY_MAX: Duration = Duration::from_secs(10);
const MIGRATIONS: [&str; 6] = [
    include_str!("../../../migrations/sqlite/0001_tables.sql"),
    include_str!("../../../migrations/sqlite/0002_terms.sql"),
    include_str!("../../../migrations/sqlite/0003_snapshot_parts.sql"),
    include_str!("../../../migrations/sqlite/0004_roots.sql"),
    include_str!("../../../migrations/sqlite/0005_reserves.sql"),
    include_str!("../../../migrations/sqlite/0006_marks.sql"),
];

/// A connection to the file.
#[derive(Debug)]
pub(crate) struct Sqlite {
    pub(crate) db: Connection,
    /// The file, where it is written here.
    written: Option<PathBuf>,
    in_writing: Cell<bool>,
    /// From the first transaction on that wrote: a file that is only looked at is left as it is.
    checkpoints: RefCell<Option<Checkpoints>>,
}

impl Sqlite {
    /// Makes a new file.
    pub(crate) fn create(path: &Path) -> Result<Self, StoreError> {
        let db = Connection::open(path)?;
        db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        Ok(Self::of(db))
    }

    fn of(db: Connection) -> Self {
        Self { db, written: None, in_writing: Cell::new(false), checkpoints: RefCell::default() }
    }

    /// Opens a file that is there, for reading; another process may be writing it.
    pub(crate) fn open_for_reading(path: &Path) -> Result<Self, StoreError> {
        Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    /// Opens a file that is there, for writing up to `pages_max`.
    pub(crate) fn open(path: &Path, pages_max: Option<u64>) -> Result<Self, StoreError> {
        let mut sqlite = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        sqlite.written = Some(path.to_owned());
        sqlite.db.execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;")?;
        sqlite.db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        if let Some(pages) = pages_max {
            let pages = i64::try_from(pages).unwrap_or(i64::MAX);
            sqlite.db.pragma_update(None, "max_page_count", pages)?;
        }
        Ok(sqlite)
    }

    fn connect(path: &Path, mode: OpenFlags) -> Result<Self, StoreError> {
        let db = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        // Closing must not touch a file that was found damaged; the writer checkpoints by itself.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        db.busy_timeout(BUSY_MAX)?;
        db.set_prepared_statement_cache_capacity(64);
        Ok(Self::of(db))
    }
}

impl Driver for Sqlite {
    fn query(&self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.db.prepare_cached(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        let mut answer = Vec::new();
        while let Some(row) = rows.next()? {
            let values = (0..columns).map(|column| value(row.get_ref(column)?));
            answer.push(Row(values.collect::<Result<_, _>>()?));
        }
        Ok(answer)
    }

    fn read_into(
        &self,
        sql: &'static str,
        values: &[Value],
        buffer: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        let row = rows.next()?.ok_or_else(no_bytes)?;
        let ValueRef::Blob(bytes) = row.get_ref(0)? else { return Err(no_bytes()) };
        buffer.clear();
        buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn execute(&self, sql: &'static str, values: &[Value]) -> Result<u64, StoreError> {
        let mut statement = self.db.prepare_cached(sql)?;
        Ok(statement.execute(rusqlite::params_from_iter(values))? as u64)
    }

    fn each(&self, bulk: Bulk, columns: &[Column<'_>]) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(bulk.sqlite)?;
        for row in 0..columns.first().map_or(0, Column::len) {
            for (at, column) in (1..).zip(columns) {
                bind(&mut statement, at, column, row)?;
            }
            statement.raw_execute()?;
        }
        Ok(())
    }

    fn script(&self, sql: &'static str) -> Result<(), StoreError> {
        Ok(self.db.execute_batch(sql)?)
    }

    fn begin(&self, mode: Mode) -> Result<(), StoreError> {
        self.in_writing.set(mode != Mode::Read);
        let begin = if mode == Mode::Read { "BEGIN DEFERRED" } else { "BEGIN IMMEDIATE" };
        self.script(begin)
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.script("COMMIT")?;
        if self.in_writing.get()
            && self.checkpoints.borrow().is_none()
            && let Some(file) = &self.written
        {
            // Without them the writer's own are all there are.
            self.checkpoints.replace(Checkpoints::begin(file).ok());
        }
        Ok(())
    }

    fn roll_back(&self) -> Result<(), StoreError> {
        if self.db.is_autocommit() { Ok(()) } else { self.script("ROLLBACK") }
    }

    fn migrations(&self) -> &'static [&'static str] {
        &MIGRATIONS
    }

    fn check_structure(&self) -> Result<(), StoreError> {
        let found: String = self.db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if found == "ok" { Ok(()) } else { Err(StoreError::Damaged(found)) }
    }

    fn tidy(&self) -> Result<(), StoreError> {
        // Of two checkpoints at once the second does nothing.
        self.checkpoints.take();
        let busy: bool =
            self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        let busy = busy.then(|| StoreError::Busy("others read what is still in its log".into()));
        busy.map_or(Ok(()), Err)
    }

    fn elect(&self) -> Result<bool, StoreError> {
        // The lock on the data directory has elected this process already.
        Ok(true)
    }

    fn depose(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn index_alone(&self, _: u64) -> Result<(), StoreError> {
        // A file has one transaction that writes.
        Ok(())
    }
}

fn bind(
    statement: &mut Statement<'_>,
    at: usize,
    column: &Column<'_>,
    row: usize,
) -> rusqlite::Result<()> {
    match column {
        Column::Ints(values) => statement.raw_bind_parameter(at, values[row]),
        Column::Bytes(values) => statement.raw_bind_parameter(at, values[row]),
        Column::Maybe(values) => statement.raw_bind_parameter(at, values[row]),
        Column::Texts(values) => statement.raw_bind_parameter(at, values[row]),
    }
}

fn value(value: ValueRef<'_>) -> Result<Value, StoreError> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Blob(value) => Value::Bytes(value.to_vec()),
        ValueRef::Text(value) => match str::from_utf8(value) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(error) => return Err(StoreError::Malformed(error.to_string())),
        },
        ValueRef::Real(value) => {
            return Err(StoreError::Malformed(format!("the fraction {value}")));
        }
    })
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Bytes(value) => ValueRef::Blob(value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
        }))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(error.to_string()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown) => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}
