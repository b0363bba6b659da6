//! PostgreSQL: a connection to a server, through sqlx.
//!
//! The store asks and waits, as it does with SQLite: sockets are watched by one thread of their own, and the
//! thread that asks sleeps until its answer is there. So a connection may be used wherever a file could be.

mod copy;

use super::{Bulk, Column, Driver, Mode, Row, StoreError, Value, no_bytes};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{ConnectOptions, Connection, Executor, Row as _, TypeInfo, ValueRef};
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake};
use std::thread::Thread;
use std::time::Duration;
use tokio::runtime::Runtime;

/// From so many rows on they are copied: that asks the server once more, and costs it less for each row.
const COPY_MIN: usize = 32;
/// How long an answer is waited for before the connection counts as broken.
const ANSWER_MAX: Duration = Duration::from_mins(1);
/// How long a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// What every session is set to. A server that hears nothing of a client for some seconds gives its locks to
/// others; nothing waits long for a lock.
const SESSION: [(&str, &str); 6] = [
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("tcp_keepalives_idle", "2"),
    ("tcp_keepalives_interval", "1"),
    ("tcp_keepalives_count", "3"),
    ("client_min_messages", "warning"),
];
/// What is acknowledged is durable, also where the server's setting is laxer.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false) \
                       WHERE current_setting('synchronous_commit') = 'off'";
const IS_FOUNDED: &str = "SELECT count(*) FROM information_schema.tables \
                          WHERE table_schema = current_schema() AND table_name = 'meta'";
/// The advisory lock of the one writer: the letters `bondstor`.
const LOCK: i64 = 0x626f_6e64_7374_6f72;
/// The advisory lock of the one transaction that indexes: the letters `bondlots`.
const INDEX_LOCK: i64 = 0x626f_6e64_6c6f_7473;
const TRY_ALONE: &str = "SELECT CAST(pg_try_advisory_xact_lock($1) AS INT)";
const ALONE: &str = "SELECT 1 FROM (SELECT pg_advisory_xact_lock($1)) AS waited";
const ELECT: &str = "SELECT CAST(pg_try_advisory_lock($1) AS INT)";
const RESIGN: &str = "SELECT pg_advisory_unlock_all()";
/// Ends the connections that hold the advisory lock $1.
macro_rules! depose {
    () => {
        "SELECT count(pg_terminate_backend(pid)) FROM pg_locks \
         WHERE locktype = 'advisory' AND objsubid = 1 AND granted \
         AND (CAST(classid AS BIGINT) << 32) + CAST(objid AS BIGINT) = $1 \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND pid <> pg_backend_pid()"
    };
}
const DEPOSE: &str = depose!();
/// As [`DEPOSE`], where the term $2 is the newest.
const END_INDEXER: &str =
    concat!(depose!(), " AND (SELECT term FROM writer WHERE only_row = 1) = $2");
const MIGRATIONS: [&str; 6] = [
    include_str!("../../../migrations/postgres/0001_tables.sql"),
    include_str!("../../../migrations/postgres/0002_terms.sql"),
    include_str!("../../../migrations/postgres/0003_snapshot_parts.sql"),
    include_str!("../../../migrations/postgres/0004_roots.sql"),
    include_str!("../../../migrations/postgres/0005_reserves.sql"),
    include_str!("../../../migrations/postgres/0006_marks.sql"),
];

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Postgres {
    db: RefCell<PgConnection>,
    in_transaction: Cell<bool>,
}

impl Postgres {
    /// Connects to the database that `url` names.
    pub(crate) fn connect(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)?;
        let options =
            options.options(SESSION).application_name("bondstore").disable_statement_logging();
        let connecting = async {
            let connecting =
                tokio::time::timeout(CONNECT_MAX, PgConnection::connect_with(&options));
            connecting.await.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut))
        };
        let db = RefCell::new(wait(connecting)?);
        let postgres = Self { db, in_transaction: Cell::new(false) };
        postgres.query(DURABLE, &[])?;
        Ok(postgres)
    }

    /// As [`Postgres::connect`], for a connection that never writes.
    pub(crate) fn connect_for_reading(url: &str) -> Result<Self, StoreError> {
        let postgres = Self::connect(url)?;
        postgres.script("SET default_transaction_read_only = on")?;
        Ok(postgres)
    }

    /// Whether a market has been founded in it.
    pub(crate) fn is_founded(&self) -> Result<bool, StoreError> {
        self.number(IS_FOUNDED, &[]).map(|tables| tables > 0)
    }

    fn number(&self, sql: &'static str, values: &[Value]) -> Result<i64, StoreError> {
        let rows = self.query(sql, values)?;
        rows.first().map_or(Ok(0), |row| row.int(0))
    }

    /// Has the server parse a statement and resolve its names.
    #[cfg(test)]
    pub(crate) fn prepare(&self, sql: &'static str) -> Result<(), StoreError> {
        self.ask(async |db| db.prepare(sqlx::SqlSafeStr::into_sql_str(sql)).await).map(drop)
    }

    /// Adds every row of `columns` to a table.
    fn copy(&self, sql: &'static str, columns: &[Column<'_>]) -> Result<(), StoreError> {
        let rows = copy::encode(columns)?;
        self.ask(async |db| {
            let mut copy = db.copy_in_raw(sql).await?;
            copy.send(rows).await?;
            copy.finish().await
        })
        .map(drop)
    }

    /// Has the server understand a copy, of no rows.
    #[cfg(test)]
    pub(crate) fn prepare_copy(&self, sql: &'static str) -> Result<(), StoreError> {
        self.copy(sql, &[])
    }

    /// Runs `work` on the connection, for as long as an answer may take.
    fn ask<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let mut db = self.db.borrow_mut();
        let answered = wait(async { tokio::time::timeout(ANSWER_MAX, work(&mut db)).await });
        let late = || StoreError::Unavailable(format!("it did not answer within {ANSWER_MAX:?}"));
        Ok(answered.map_err(|_| late())??)
    }
}

impl Driver for Postgres {
    fn query(&self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let rows = self.ask(async |db| db.fetch_all(with_values(sql, values)).await)?;
        rows.iter().map(row).collect()
    }

    fn read_into(
        &self,
        sql: &'static str,
        values: &[Value],
        buffer: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let row = self.ask(async |db| db.fetch_optional(with_values(sql, values)).await)?;
        let row = row.ok_or_else(no_bytes)?;
        buffer.clear();
        buffer.extend_from_slice(row.try_get(0)?);
        Ok(())
    }

    fn execute(&self, sql: &'static str, values: &[Value]) -> Result<u64, StoreError> {
        let done = self.ask(async |db| db.execute(with_values(sql, values)).await)?;
        Ok(done.rows_affected())
    }

    fn each(&self, bulk: Bulk, columns: &[Column<'_>]) -> Result<(), StoreError> {
        if let Some(sql) = bulk.copy
            && columns.first().map_or(0, Column::len) >= COPY_MIN
        {
            return self.copy(sql, columns);
        }
        let query = columns.iter().fold(sqlx::query(bulk.postgres), |query, column| match column {
            Column::Ints(values) => query.bind(values.as_slice()),
            Column::Bytes(values) => query.bind(values.as_slice()),
            Column::Maybe(values) => query.bind(values.as_slice()),
            Column::Texts(values) => query.bind(values.as_slice()),
        });
        self.ask(async |db| db.execute(query).await).map(drop)
    }

    fn script(&self, sql: &'static str) -> Result<(), StoreError> {
        self.ask(async |db| db.execute(sqlx::raw_sql(sql)).await).map(drop)
    }

    fn begin(&self, mode: Mode) -> Result<(), StoreError> {
        self.in_transaction.set(true);
        self.script(match mode {
            Mode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Mode::Write => "BEGIN",
            // Whoever wants to read a table queues behind who waits to change it, so that must not wait for long.
            Mode::Migrate => "BEGIN; SET LOCAL lock_timeout = '100ms'",
        })
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.script("COMMIT")?;
        self.in_transaction.set(false);
        Ok(())
    }

    fn roll_back(&self) -> Result<(), StoreError> {
        if self.in_transaction.replace(false) { self.script("ROLLBACK") } else { Ok(()) }
    }

    fn migrations(&self) -> &'static [&'static str] {
        &MIGRATIONS
    }

    fn check_structure(&self) -> Result<(), StoreError> {
        // The server checks its own files.
        Ok(())
    }

    fn tidy(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn elect(&self) -> Result<bool, StoreError> {
        self.number(ELECT, &[LOCK.into()]).map(|held| held == 1)
    }

    fn resign(&self) -> Result<(), StoreError> {
        self.script(RESIGN)
    }

    fn depose(&self) -> Result<(), StoreError> {
        self.number(DEPOSE, &[LOCK.into()])?;
        // It may hold the term for a lot.
        self.number(DEPOSE, &[INDEX_LOCK.into()]).map(drop)
    }

    fn index_alone(&self, term: u64) -> Result<(), StoreError> {
        if self.number(TRY_ALONE, &[INDEX_LOCK.into()])? == 0 {
            self.number(END_INDEXER, &[INDEX_LOCK.into(), term.into()])?;
            self.query(ALONE, &[INDEX_LOCK.into()])?;
        }
        Ok(())
    }
}

fn with_values<'a>(
    sql: &'static str,
    values: &'a [Value],
) -> Query<'a, sqlx::Postgres, PgArguments> {
    values.iter().fold(sqlx::query(sql), |query, value| match value {
        // Only columns of bytes may hold nothing.
        Value::Null => query.bind(None::<&[u8]>),
        Value::Int(value) => query.bind(value),
        Value::Bytes(value) => query.bind(value.as_slice()),
        Value::Text(value) => query.bind(value.as_str()),
    })
}

fn row(row: &PgRow) -> Result<Row, StoreError> {
    (0..row.len()).map(|column| value(row, column)).collect::<Result<_, _>>().map(Row)
}

fn value(row: &PgRow, column: usize) -> Result<Value, StoreError> {
    let raw = row.try_get_raw(column)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info();
    Ok(match kind.name() {
        "INT8" => Value::Int(row.try_get(column)?),
        "INT4" => Value::Int(row.try_get::<i32, _>(column)?.into()),
        "BYTEA" => Value::Bytes(row.try_get(column)?),
        "TEXT" => Value::Text(row.try_get(column)?),
        other => return Err(StoreError::Malformed(format!("a column of type {other}"))),
    })
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code =
            error.as_database_error().and_then(|e| e.code().map(std::borrow::Cow::into_owned));
        match code.as_deref() {
            Some("53100") => return Self::Full(error.to_string()),
            // It waited for a lock as long as it may, or the other waited for it too.
            Some("55P03" | "40P01") => return Self::Busy(error.to_string()),
            Some("XX001" | "XX002") => return Self::Damaged(error.to_string()),
            _ => {}
        }
        match error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                Self::Malformed(error.to_string())
            }
            sqlx::Error::PoolTimedOut => {
                Self::Unavailable(format!("it did not take a connection within {CONNECT_MAX:?}"))
            }
            error => Self::Unavailable(error.to_string()),
        }
    }
}

/// Wakes the thread that waits.
struct Awake(Thread);

impl Wake for Awake {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Sleeps until `work` is done. Unlike a runtime's own waiting, this may be done on any thread.
fn wait<F: Future>(work: F) -> F::Output {
    let _io = io().enter();
    let waker = Arc::new(Awake(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut work = pin!(work);
    loop {
        match work.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// The thread that watches every connection's socket.
fn io() -> &'static Runtime {
    static IO: OnceLock<Runtime> = OnceLock::new();
    IO.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let builder = builder.worker_threads(1).thread_name("market-database").enable_all();
        builder.build().expect("the system gives a process one more thread")
    })
}
