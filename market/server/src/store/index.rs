//! The indexes over documents and postings, whose names are random: they are made in sorted lots, not row by row.

use super::changes::Counters;
use super::driver::{Bulk, Column, StoreError, Value};
use super::postings::posted;
use super::{Store, catalogue, dialect};
use std::borrow::Cow;
use std::collections::BTreeMap;
use types::{ContractId, Did, DocId, Timestamp};

/// Rows that are indexed together once they are durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lot {
    /// Each row of a document, with the command that took it.
    documents: BTreeMap<(DocId, i64), Cow<'static, str>>,
    /// A posting for each party and contract that it is about.
    postings: Vec<([u8; 32], i64)>,
    /// How many postings those are.
    posted: u64,
}

impl Lot {
    pub(crate) fn add_document(&mut self, id: DocId, row: i64, command: Cow<'static, str>) {
        self.documents.insert((id, row), command);
    }

    pub(crate) fn add_posting(
        &mut self,
        posting: i64,
        parties: [Option<Did>; 2],
        contract: Option<ContractId>,
    ) {
        self.posted += 1;
        self.postings.extend(subjects(parties, contract).map(|subject| (subject, posting)));
    }

    /// Each party and contract that a posting is about, and the posting.
    pub(crate) fn postings(&self) -> impl Iterator<Item = (&[u8; 32], i64)> {
        self.postings.iter().map(|(subject, posting)| (subject, *posting))
    }

    /// How many documents or postings there are, whichever are more.
    pub(crate) fn count(&self) -> u64 {
        self.posted.max(self.documents.len() as u64)
    }

    /// Whether `command` took the document.
    pub(crate) fn was_taken(&self, id: &DocId, command: &str) -> bool {
        let mut rows = self.documents.range((*id, i64::MIN)..=(*id, i64::MAX));
        rows.any(|(_, by)| by == command)
    }

    /// Adds what came after.
    pub(crate) fn merge(&mut self, other: Self) {
        // One by one: appending a map would build the whole of it anew.
        self.documents.extend(other.documents);
        self.postings.extend(other.postings);
        self.posted += other.posted;
    }
}

/// The parties and the contract that a posting is about, each once.
pub(super) fn subjects(
    parties: [Option<Did>; 2],
    contract: Option<ContractId>,
) -> impl Iterator<Item = [u8; 32]> {
    let [debit, credit] = parties.map(|party| party.map(|Did(key)| key));
    let credit = credit.filter(|key| Some(*key) != debit);
    let contract = contract.map(|id| id.0).filter(|id| ![debit, credit].contains(&Some(*id)));
    [debit, credit, contract].into_iter().flatten()
}

/// What a document is indexed under.
fn prefix(id: &DocId) -> &[u8] {
    &id.0[..8]
}

/// The same as a value of a statement.
pub(super) fn name(id: &DocId) -> Value {
    prefix(id).into()
}

impl Store {
    /// Up to which row documents and postings are indexed.
    pub(super) fn indexed(&self) -> Result<[i64; 2], StoreError> {
        let row = self.one(catalogue::INDEXED_TO, &[])?;
        Ok([row.int(0)?, row.int(1)?])
    }

    /// Whether `command` took the document `id` before, as far as documents are indexed.
    pub(crate) fn was_taken(&self, id: &DocId, command: &str) -> Result<bool, StoreError> {
        let values = [name(id), id.0.into(), command.into()];
        self.maybe(catalogue::WAS_TAKEN, &values).map(|row| row.is_some())
    }

    /// What no index finds yet.
    pub(crate) fn unindexed(&self) -> Result<Lot, StoreError> {
        let mut lot = Lot::default();
        for mut row in self.driver.query(catalogue::UNINDEXED_DOCUMENTS, &[])? {
            lot.add_document(row.hash(1)?, row.int(0)?, row.text(2)?.into());
        }
        let [_, indexed] = self.indexed()?;
        for row in self.driver.query(catalogue::RECENT_POSTINGS, &[indexed.into()])? {
            let posted = posted(row)?;
            lot.add_posting(posted.id.cast_signed(), posted.parties, posted.contract);
        }
        Ok(lot)
    }

    /// Indexes `lot`, which is all that no index finds up to where `counters` stand, and forgets the answers to requests that were
    /// keyed before `old`, if `term` is still the newest. Where processes share a database, batches may be written meanwhile:
    /// the term is held only at the end.
    pub(crate) fn index(
        &self,
        lot: &Lot,
        counters: Counters,
        old: Timestamp,
        term: u64,
    ) -> Result<(), StoreError> {
        self.transaction(|| {
            self.driver.index_alone(term)?;
            // A lot whose end nobody heard of may be indexed all the same.
            let [document, posting] = self.indexed()?;
            let documents = lot.documents.keys().filter(|(_, row)| *row > document);
            let documents = documents.map(|(id, row)| (prefix(id), *row));
            self.add_to_index(dialect::INDEX_DOCUMENTS, documents)?;
            let postings = lot.postings().filter(|(_, number)| *number > posting);
            let mut postings: Vec<(&[u8], i64)> =
                postings.map(|(of, number)| (&of[..], number)).collect();
            postings.sort_unstable();
            self.add_to_index(dialect::INDEX_POSTINGS, postings)?;
            self.forget_keys(old)?;
            self.hold_term(term)?;
            self.set_indexed(counters)
        })
    }

    fn add_to_index<'a>(
        &self,
        index: Bulk,
        rows: impl IntoIterator<Item = (&'a [u8], i64)>,
    ) -> Result<(), StoreError> {
        let (names, rows): (Vec<&[u8]>, Vec<i64>) = rows.into_iter().unzip();
        if rows.is_empty() {
            return Ok(());
        }
        self.driver.each(index, &[Column::Bytes(names), Column::Ints(rows)])
    }

    /// Indexes every document and posting of a database that has been restored.
    pub(super) fn index_all(&self) -> Result<(), StoreError> {
        self.driver.execute(catalogue::INDEX_ALL_DOCUMENTS, &[])?;
        self.driver.execute(catalogue::INDEX_ALL_POSTINGS, &[])?;
        self.set_indexed(self.counters()?)
    }

    fn set_indexed(&self, up_to: Counters) -> Result<(), StoreError> {
        let values = [up_to.documents.into(), up_to.postings.into()];
        self.driver.execute(catalogue::SET_INDEXED, &values).map(drop)
    }
}
