//! The market's database: one SQLite file with the journal, what derives from it, and the bulk data beside it.
//!
//! [`blocks`] reads the journal back, [`write`] holds what one transaction of the writer adds, [`read`] what
//! requests ask for.

pub(crate) mod blocks;
pub(crate) mod read;
pub(crate) mod write;

use crate::error::OpenError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use types::Hash;

/// The layout of tables that this program reads and writes.
const SCHEMA: i64 = 1;
/// The database's file in a data directory.
pub(crate) const FILE: &str = "market.db";
/// Pages of write-ahead log between two checkpoints: 32 MiB.
const CHECKPOINT_PAGES: u32 = 8_192;

/// An open database.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) db: Connection,
    path: PathBuf,
}

impl Store {
    /// Creates the database of a market that is founded with `genesis`.
    pub(crate) fn found(dir: &Path, genesis: &str) -> Result<(), OpenError> {
        let path = dir.join(FILE);
        if path.exists() {
            return Err(OpenError::AlreadyFounded(dir.to_owned()));
        }
        let db = Connection::open(&path)?;
        db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE;")?;
        db.execute_batch(include_str!("store/schema.sql"))?;
        db.execute(
            "INSERT INTO meta (only_row, schema, genesis) VALUES (1, ?1, ?2)",
            (SCHEMA, genesis),
        )?;
        db.execute_batch("COMMIT")?;
        Ok(())
    }

    /// Opens the database in `dir` for the writer, after a check of its structure.
    pub(crate) fn open(dir: &Path, pages_max: Option<u64>) -> Result<Self, OpenError> {
        let store = Self::connect(dir, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        store.tune(pages_max).map_err(|error| store.corrupt(error))?;
        Ok(store)
    }

    /// Opens the database in `dir` for reading; another process may be writing it.
    pub(crate) fn open_for_reading(dir: &Path) -> Result<Self, OpenError> {
        Self::connect(dir, OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    fn connect(dir: &Path, mode: OpenFlags) -> Result<Self, OpenError> {
        let path = dir.join(FILE);
        if !path.is_file() {
            return Err(OpenError::NotFounded(dir.to_owned()));
        }
        let db = Connection::open_with_flags(&path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        // Closing must not touch a file that was found damaged; the writer checkpoints by itself.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        db.busy_timeout(std::time::Duration::from_secs(10))?;
        db.set_prepared_statement_cache_capacity(64);
        let store = Self { db, path };
        store.check_schema()?;
        Ok(store)
    }

    fn check_schema(&self) -> Result<(), OpenError> {
        let found: i64 = self
            .db
            .query_row("SELECT schema FROM meta WHERE only_row = 1", [], |row| row.get(0))
            .map_err(|error| self.corrupt(error))?;
        if found == SCHEMA { Ok(()) } else { Err(OpenError::Schema { found, expected: SCHEMA }) }
    }

    fn tune(&self, pages_max: Option<u64>) -> rusqlite::Result<()> {
        self.db.execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;")?;
        self.db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        if let Some(pages) = pages_max {
            self.db.pragma_update(
                None,
                "max_page_count",
                i64::try_from(pages).unwrap_or(i64::MAX),
            )?;
        }
        Ok(())
    }

    /// Checks the structure of every table and index.
    ///
    /// # Errors
    /// [`OpenError::CorruptDatabase`] with the first damage found.
    pub(crate) fn check_structure(&self) -> Result<(), OpenError> {
        let found: String = self
            .db
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|error| self.corrupt(error))?;
        if found == "ok" {
            return Ok(());
        }
        Err(OpenError::CorruptDatabase { path: self.path.clone(), reason: found })
    }

    /// The genesis, as it was written.
    pub(crate) fn genesis(&self) -> Result<String, OpenError> {
        self.db
            .query_row("SELECT genesis FROM meta WHERE only_row = 1", [], |row| row.get(0))
            .map_err(|error| self.corrupt(error))
    }

    /// Moves the write-ahead log into the database file, before a closing that was asked for.
    pub(crate) fn checkpoint(&self) -> rusqlite::Result<()> {
        self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    /// What a refusal of the database means at start.
    fn corrupt(&self, error: rusqlite::Error) -> OpenError {
        let damaged = matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown)
        );
        let malformed = matches!(
            error,
            rusqlite::Error::QueryReturnedNoRows | rusqlite::Error::InvalidColumnType(..)
        );
        if damaged || malformed {
            return OpenError::CorruptDatabase {
                path: self.path.clone(),
                reason: error.to_string(),
            };
        }
        OpenError::Database(error)
    }
}

/// A hash from a column.
fn hash(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Hash> {
    row.get(column).map(Hash)
}
