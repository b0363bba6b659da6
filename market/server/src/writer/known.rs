//! What the writer knows of what happened before: what is on its way to the disk, what no index finds yet, the database.

use super::batch::Batch;
use crate::store::{Store, StoreError};
use std::borrow::Cow;
use std::collections::BTreeMap;
use types::DocId;

/// Where what happened before is looked up.
pub(super) struct Known<'a> {
    pub(super) store: &'a Store,
    /// What is being written.
    pub(super) in_flight: Option<&'a Batch>,
    /// Documents that were taken and that no index finds yet.
    pub(super) unindexed: &'a Rows,
}

/// Documents that no index finds yet, and how many postings there are of that kind.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) taken: BTreeMap<DocId, Cow<'static, str>>,
    pub(super) postings: u64,
}

impl Rows {
    /// What the database holds without an index.
    pub(super) fn of(store: &Store) -> Result<Self, StoreError> {
        let taken = store.unindexed_documents()?.into_iter();
        let taken = taken.map(|(id, command)| (id, Cow::Owned(command))).collect();
        Ok(Self { taken, postings: store.unindexed_postings()? })
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.postings.max(self.taken.len() as u64)
    }

    /// Whether `command` took the document.
    pub(super) fn was_taken(&self, id: &DocId, command: &str) -> bool {
        self.taken.get(id).is_some_and(|by| by == command)
    }

    pub(super) fn merge(&mut self, other: Self) {
        // One by one: appending a map would build the whole of it anew.
        self.taken.extend(other.taken);
        self.postings += other.postings;
    }
}
