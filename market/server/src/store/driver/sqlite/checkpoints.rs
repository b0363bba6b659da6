//! Checkpoints beside the writer: what is in the write-ahead log goes into the file while the writer goes on.

use super::{Sqlite, StoreError};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often there is one, if anything is in the log.
const EVERY: Duration = Duration::from_millis(100);
const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// The thread that makes them, which ends with this.
#[derive(Debug)]
pub(super) struct Checkpoints {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Begins to make checkpoints of the database at `path`.
    pub(super) fn begin(path: &Path) -> Result<Self, StoreError> {
        let db = Sqlite::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?.db;
        let (stop, stopped) = channel();
        let make = move || {
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                checkpoint(&db);
            }
        };
        let thread = std::thread::Builder::new().name("market-checkpoint".into()).spawn(make);
        let thread = thread.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

/// What cannot be done now is done the next time; the writer makes one itself when the log grows long.
fn checkpoint(db: &Connection) {
    if let Err(error) = db.query_row(CHECKPOINT, [], |_| Ok(())) {
        tracing::debug!(%error, "no checkpoint was made");
    }
}

impl Drop for Checkpoints {
    /// Waits until the thread has closed the file.
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic was reported where it happened.
            let _ = thread.join();
        }
    }
}
