//! What requests ask of the database.

use super::driver::StoreError;
use super::postings::Posted;
use super::{Store, catalogue};
use market::Effect;
use network::api::HistoryEntry;
use types::{ContractId, Did, DocId, Hash, Signed, Timestamp};

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
        let found = self.postings_about(&party.0, after, limit as usize)?;
        Ok(found.into_iter().map(entry).collect())
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
        Ok(self.taken(id)?.map(|taken| taken.document))
    }
}

/// A posting as the account history shows it.
fn entry(posted: Posted) -> HistoryEntry {
    HistoryEntry {
        posting: posted.id,
        at: posted.at,
        reason: posted.reason,
        debit: posted.debit.to_string(),
        credit: posted.credit.to_string(),
        amount: posted.amount,
    }
}
