//! What requests ask of the database, on connections of their own.

use super::{Store, hash};
use crate::error::OpenError;
use market::Effect;
use network::api::HistoryEntry;
use rusqlite::OptionalExtension;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use types::{ContractId, Did, DocId, Hash, Msat, Signed, Timestamp};

/// Connections for reading, opened as they are needed.
#[derive(Debug)]
pub(crate) struct Readers {
    dir: PathBuf,
    idle: Mutex<Vec<Store>>,
}

impl Readers {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), idle: Mutex::new(Vec::new()) }
    }

    /// Lets `question` ask a connection, on a thread that may block.
    pub(crate) async fn ask<T: Send + 'static>(
        self: &std::sync::Arc<Self>,
        question: impl FnOnce(&Store) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, OpenError> {
        let readers = self.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let store = readers.take()?;
            let answer = question(&store).map_err(OpenError::Database);
            readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(store);
            answer
        });
        asked.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    fn take(&self) -> Result<Store, OpenError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| Store::open_for_reading(&self.dir), Ok)
    }
}

impl Store {
    /// Up to `limit` postings that touched a party's accounts, from the one after `after` on.
    pub(crate) fn history(
        &self,
        party: &Did,
        after: u64,
        limit: u32,
    ) -> rusqlite::Result<Vec<HistoryEntry>> {
        let sql = "SELECT p.id, p.at, p.reason, p.debit, p.credit, p.amount FROM \
                   (SELECT posting FROM history WHERE party = ?1 AND posting > ?2 \
                    ORDER BY posting LIMIT ?3) h JOIN postings p ON p.id = h.posting \
                   UNION ALL SELECT id, at, reason, debit, credit, amount FROM postings \
                   WHERE id > max(?2, (SELECT postings FROM indexed)) \
                   AND ?1 IN (debit_party, credit_party) ORDER BY 1 LIMIT ?3";
        let mut sql = self.db.prepare_cached(sql)?;
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let rows = sql.query_map((party.0, after, limit), |row| {
            Ok(HistoryEntry {
                posting: row.get::<_, i64>(0)?.cast_unsigned(),
                at: Timestamp(row.get(1)?),
                reason: row.get(2)?,
                debit: account(row, 3)?,
                credit: account(row, 4)?,
                amount: Msat(row.get(5)?),
            })
        })?;
        rows.collect()
    }

    /// A layout's bytes.
    pub(crate) fn layout(
        &self,
        contract: &ContractId,
        layout: &Hash,
    ) -> rusqlite::Result<Option<Vec<u8>>> {
        let sql = "SELECT bytes FROM layouts WHERE contract = ?1 AND hash = ?2";
        let mut sql = self.db.prepare_cached(sql)?;
        sql.query_row((contract.0, layout.0), |row| row.get(0)).optional()
    }

    /// Whether a layout is kept.
    pub(crate) fn has_layout(
        &self,
        contract: &ContractId,
        layout: &Hash,
    ) -> rusqlite::Result<bool> {
        let sql = "SELECT 1 FROM layouts WHERE contract = ?1 AND hash = ?2";
        self.db.prepare_cached(sql)?.exists((contract.0, layout.0))
    }

    /// A party's backup: its generation and the sealed bytes.
    pub(crate) fn backup(&self, party: &Did) -> rusqlite::Result<Option<(u64, Vec<u8>)>> {
        let mut sql =
            self.db.prepare_cached("SELECT generation, sealed FROM backups WHERE party = ?1")?;
        let found =
            |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?));
        sql.query_row([party.0], found).optional()
    }

    /// When the open epoch began.
    pub(crate) fn epoch_opened(&self) -> Result<Timestamp, OpenError> {
        let sql = "SELECT epoch_opened FROM meta WHERE only_row = 1";
        let opened = self.db.query_row(sql, [], |row| row.get(0).map(Timestamp));
        opened.map_err(|error| self.corrupt(error))
    }

    /// Everything that is still to be done outside.
    pub(crate) fn outbox(&self) -> Result<Vec<(i64, Effect)>, OpenError> {
        let mut sql = self.db.prepare("SELECT id, effect FROM outbox ORDER BY id")?;
        let rows = sql.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        rows.map(|row| {
            let (id, json) = row.map_err(|error| self.corrupt(error))?;
            let effect = serde_json::from_str(&json).map_err(|error| {
                let reason = format!("outbox row {id}: {error}");
                OpenError::CorruptDatabase { path: self.path.clone(), reason }
            })?;
            Ok((id, effect))
        })
        .collect()
    }

    /// The signed documents about a contract, in the order in which they were taken.
    pub(crate) fn documents_of(
        &self,
        contract: &ContractId,
    ) -> rusqlite::Result<Vec<(DocId, Signed)>> {
        let sql = "SELECT id, jws FROM documents WHERE contract = ?1 ORDER BY row";
        let mut sql = self.db.prepare_cached(sql)?;
        let rows = sql.query_map([contract.0], |row| Ok((hash(row, 0)?, Signed(row.get(1)?))))?;
        rows.collect()
    }

    /// One signed document.
    pub(crate) fn document(&self, id: &DocId) -> rusqlite::Result<Option<Signed>> {
        let sql = "SELECT d.jws FROM document_names n JOIN documents d ON d.row = n.row \
                   WHERE n.name = substr(?1, 1, 8) AND d.id = ?1 \
                   UNION ALL SELECT jws FROM documents \
                   WHERE row > (SELECT documents FROM indexed) AND id = ?1 LIMIT 1";
        let mut sql = self.db.prepare_cached(sql)?;
        sql.query_row([id.0], |row| row.get(0).map(Signed)).optional()
    }
}

/// An account's name from a column.
fn account(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<String> {
    let bytes: Vec<u8> = row.get(column)?;
    let account: Result<contracts::Account, _> = postcard::from_bytes(&bytes);
    account.map(|account| account.to_string()).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, error.into())
    })
}
