//! What requests ask of the database, on connections of their own.

use super::driver::{Row, StoreError};
use super::write::name;
use super::{Place, Store, catalogue};
use crate::error::OpenError;
use market::Effect;
use network::api::HistoryEntry;
use std::sync::{Mutex, PoisonError};
use types::{ContractId, Did, DocId, Hash, Msat, Signed, Timestamp};

/// Connections for reading, opened as they are needed.
#[derive(Debug)]
pub(crate) struct Readers {
    place: Place,
    idle: Mutex<Vec<Store>>,
}

impl Readers {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, idle: Mutex::new(Vec::new()) }
    }

    /// Lets `question` ask a connection, on a thread that may block.
    pub(crate) async fn ask<T: Send + 'static>(
        self: &std::sync::Arc<Self>,
        question: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, OpenError> {
        let readers = self.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let store = readers.take()?;
            let answer = question(&store)?;
            // After an error the connection may be broken, so only one that answered is kept.
            readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(store);
            Ok(answer)
        });
        asked.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    fn take(&self) -> Result<Store, OpenError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| Store::open_for_reading(&self.place), Ok)
    }
}

/// The writer as the database knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CurrentWriter {
    pub(crate) term: u64,
    pub(crate) beats: u64,
    pub(crate) url: String,
}

impl Store {
    /// Up to `limit` postings that touched a party's accounts, from the one after `after` on.
    pub(crate) fn history(
        &self,
        party: &Did,
        after: u64,
        limit: u32,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let values = [party.0.into(), after.into(), i64::from(limit).into()];
        let rows = self.driver.query(catalogue::HISTORY, &values)?.into_iter();
        rows.map(|mut row| {
            Ok(HistoryEntry {
                posting: row.count(0)?,
                at: Timestamp(row.int(1)?),
                reason: row.text(2)?,
                debit: account(&mut row, 3)?,
                credit: account(&mut row, 4)?,
                amount: Msat(row.int(5)?),
            })
        })
        .collect()
    }

    /// A layout's bytes.
    pub(crate) fn layout(
        &self,
        contract: &ContractId,
        layout: &Hash,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.maybe(catalogue::LAYOUT, &[contract.0.into(), layout.0.into()])?;
        row.map(|mut row| row.bytes(0)).transpose()
    }

    /// Whether a layout is kept.
    pub(crate) fn has_layout(
        &self,
        contract: &ContractId,
        layout: &Hash,
    ) -> Result<bool, StoreError> {
        let row = self.one(catalogue::HAS_LAYOUT, &[contract.0.into(), layout.0.into()])?;
        Ok(row.int(0)? > 0)
    }

    /// A party's backup: its generation and the sealed bytes.
    pub(crate) fn backup(&self, party: &Did) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let row = self.maybe(catalogue::BACKUP, &[party.0.into()])?;
        row.map(|mut row| Ok((row.count(0)?, row.bytes(1)?))).transpose()
    }

    /// Who writes, and how often it has shown that it lives.
    pub(crate) fn writer(&self) -> Result<CurrentWriter, StoreError> {
        let mut row = self.one(catalogue::WRITER, &[])?;
        Ok(CurrentWriter { term: row.count(0)?, beats: row.count(1)?, url: row.text(2)? })
    }

    /// When the open epoch began.
    pub(crate) fn epoch_opened(&self) -> Result<Timestamp, StoreError> {
        self.one(catalogue::EPOCH_OPENED, &[])?.int(0).map(Timestamp)
    }

    /// Everything that is still to be done outside.
    pub(crate) fn outbox(&self) -> Result<Vec<(i64, Effect)>, StoreError> {
        let rows = self.driver.query(catalogue::OUTBOX, &[])?.into_iter();
        rows.map(|mut row| {
            let (id, json) = (row.int(0)?, row.text(1)?);
            let effect = serde_json::from_str(&json)
                .map_err(|error| StoreError::Malformed(format!("outbox row {id}: {error}")))?;
            Ok((id, effect))
        })
        .collect()
    }

    /// The signed documents about a contract, in the order in which they were taken.
    pub(crate) fn documents_of(
        &self,
        contract: &ContractId,
    ) -> Result<Vec<(DocId, Signed)>, StoreError> {
        let rows = self.driver.query(catalogue::DOCUMENTS_OF, &[contract.0.into()])?.into_iter();
        rows.map(|mut row| Ok((row.hash(0)?, Signed(row.text(1)?)))).collect()
    }

    /// One signed document.
    pub(crate) fn document(&self, id: &DocId) -> Result<Option<Signed>, StoreError> {
        let row = self.maybe(catalogue::DOCUMENT, &[name(id), id.0.into()])?;
        row.map(|mut row| row.text(0).map(Signed)).transpose()
    }
}

/// An account's name from a column.
fn account(row: &mut Row, column: usize) -> Result<String, StoreError> {
    let account: Result<contracts::Account, _> = postcard::from_bytes(&row.bytes(column)?);
    account
        .map(|account| account.to_string())
        .map_err(|error| StoreError::Malformed(format!("an account that is none: {error}")))
}
