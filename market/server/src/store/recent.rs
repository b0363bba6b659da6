//! The newest rows, which no index finds yet, as a process has read them: each once, or twice where two ask at once.

use super::driver::{Row, StoreError};
use super::index::{name, subjects};
use super::postings::{Posted, posted};
use super::{Store, catalogue};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use types::{ContractId, DocId, Signed};

/// What one process has read of them, on whichever connection. Nothing is locked while the database is asked.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    postings: Mutex<Postings>,
    documents: Mutex<Documents>,
}

/// The rows above `indexed`, up to `read`.
#[derive(Debug, Default)]
struct Window {
    indexed: i64,
    read: i64,
}

impl Window {
    /// Up to where rows are indexed by now, if that is further than was known.
    fn open(&mut self, indexed: i64) -> Option<i64> {
        self.read = self.read.max(indexed);
        (indexed > self.indexed).then(|| {
            self.indexed = indexed;
            indexed
        })
    }

    /// Whether `row` is the first to be read that high. Rows come in order.
    fn is_new(&mut self, row: i64) -> bool {
        let new = row > self.read;
        self.read = self.read.max(row);
        new
    }
}

/// Postings by what they are about.
#[derive(Debug, Default)]
struct Postings {
    window: Window,
    about: BTreeMap<[u8; 32], Vec<Arc<Posted>>>,
}

impl Postings {
    /// Drops what an index finds, and adds of `rows`, which are in order, those that are not there yet.
    fn take_up(&mut self, indexed: i64, rows: Vec<Posted>) {
        if let Some(indexed) = self.window.open(indexed) {
            self.about.retain(|_, postings| {
                postings.retain(|posted| posted.id.cast_signed() > indexed);
                !postings.is_empty()
            });
        }
        for posted in rows {
            if !self.window.is_new(posted.id.cast_signed()) {
                continue;
            }
            let posted = Arc::new(posted);
            for subject in subjects(posted.parties, posted.contract) {
                self.about.entry(subject).or_default().push(posted.clone());
            }
        }
    }

    fn find(&self, subject: &[u8; 32], after: i64, limit: usize) -> Vec<Arc<Posted>> {
        let about = self.about.get(subject).map_or(&[][..], Vec::as_slice);
        let first = about.partition_point(|posted| posted.id.cast_signed() <= after);
        about[first..].iter().take(limit).cloned().collect()
    }
}

/// The first row of each document.
#[derive(Debug, Default)]
struct Documents {
    window: Window,
    first: BTreeMap<DocId, i64>,
}

impl Documents {
    /// As [`Postings::take_up`].
    fn take_up(&mut self, indexed: i64, rows: Vec<(i64, DocId)>) {
        if let Some(indexed) = self.window.open(indexed) {
            self.first.retain(|_, row| *row > indexed);
        }
        for (row, id) in rows {
            if self.window.is_new(row) {
                self.first.entry(id).or_insert(row);
            }
        }
    }
}

/// A document, and what it was taken for.
#[derive(Debug)]
pub(super) struct Taken {
    /// By which block it was taken first.
    pub(super) block: u64,
    pub(super) contract: Option<ContractId>,
    pub(super) document: Signed,
}

impl Store {
    /// Has what was read shared with other connections to the same database.
    pub(super) fn sharing(self, recent: Arc<Recent>) -> Self {
        Self { recent, ..self }
    }

    /// Up to `limit` postings about `subject`, a party or a contract, from the one after `after` on.
    pub(super) fn postings_about(
        &self,
        subject: &[u8; 32],
        after: i64,
        limit: usize,
    ) -> Result<Vec<Posted>, StoreError> {
        // In this order: what is indexed in between is then found twice, and not missed.
        let recent = self.recent_postings(subject, after, limit)?;
        let rows = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = [(*subject).into(), after.into(), rows.into()];
        let rows = self.driver.query(catalogue::POSTINGS, &values)?.into_iter();
        let mut found = rows.map(posted).collect::<Result<Vec<_>, _>>()?;
        let last = found.last().map_or(0, |posted| posted.id);
        let more = recent.into_iter().filter(|posted| posted.id > last);
        let room = limit.saturating_sub(found.len());
        found.extend(more.take(room).map(|posted| Posted::clone(&posted)));
        Ok(found)
    }

    fn recent_postings(
        &self,
        subject: &[u8; 32],
        after: i64,
        limit: usize,
    ) -> Result<Vec<Arc<Posted>>, StoreError> {
        let read = lock(&self.recent.postings).window.read;
        let [_, indexed] = self.indexed()?;
        let rows = self.driver.query(catalogue::RECENT_POSTINGS, &[read.max(indexed).into()])?;
        let rows = rows.into_iter().map(posted).collect::<Result<Vec<_>, _>>()?;
        let mut known = lock(&self.recent.postings);
        known.take_up(indexed, rows);
        Ok(known.find(subject, after, limit))
    }

    /// A document as it was taken first.
    pub(super) fn taken(&self, id: &DocId) -> Result<Option<Taken>, StoreError> {
        // In this order: what is indexed in between is then found all the same.
        let recent = self.recent_document(id)?;
        let row = match (self.maybe(catalogue::TAKEN, &[name(id), id.0.into()])?, recent) {
            (None, Some(row)) => Some(self.one(catalogue::TAKEN_AT, &[row.into()])?),
            (row, _) => row,
        };
        let taken = |mut row: Row| {
            let (block, contract) = (row.count(0)?, row.maybe_hash(1)?);
            Ok(Taken { block, contract, document: Signed(row.text(2)?) })
        };
        row.map(taken).transpose()
    }

    /// The first row with the document `id` among those that no index finds.
    fn recent_document(&self, id: &DocId) -> Result<Option<i64>, StoreError> {
        let read = lock(&self.recent.documents).window.read;
        let [indexed, _] = self.indexed()?;
        let rows = self.driver.query(catalogue::RECENT_DOCUMENTS, &[read.max(indexed).into()])?;
        let rows = rows.into_iter().map(|row| Ok((row.int(0)?, row.hash(1)?)));
        let rows = rows.collect::<Result<Vec<_>, StoreError>>()?;
        let mut known = lock(&self.recent.documents);
        known.take_up(indexed, rows);
        Ok(known.first.get(id).copied())
    }
}

fn lock<T>(known: &Mutex<T>) -> MutexGuard<'_, T> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::Account;
    use types::{Did, Hash, Msat, Timestamp};

    fn posting(id: u64) -> Posted {
        Posted {
            id,
            at: Timestamp(0),
            reason: "paid".into(),
            debit: Account::World,
            credit: Account::Available(Did([1; 32])),
            amount: Msat(1),
            parties: [None, Some(Did([1; 32]))],
            contract: None,
            document: None,
        }
    }

    #[test]
    fn who_comes_late_adds_nothing_twice_and_nothing_that_is_indexed() {
        let (mut postings, mut documents) = (Postings::default(), Documents::default());
        let id = |row: i64| Hash::of(&row.to_be_bytes());
        let mut take_up = |indexed: i64, rows: std::ops::RangeInclusive<i64>| {
            postings.take_up(indexed, rows.clone().map(|n| posting(n.cast_unsigned())).collect());
            documents.take_up(indexed, rows.map(|row| (row, id(row))).collect());
            let found = postings.find(&[1; 32], 0, 100);
            let found: Vec<i64> = found.iter().map(|posted| posted.id.cast_signed()).collect();
            let mut rows: Vec<i64> = documents.first.values().copied().collect();
            rows.sort_unstable();
            assert_eq!(rows, found);
            found
        };
        assert_eq!(take_up(0, 1..=4), [1, 2, 3, 4]);
        // Two asked when four were read; the slower one has seen less.
        assert_eq!(take_up(0, 5..=9), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(take_up(0, 5..=7), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        // Another has seen that more is indexed than was read; the slower one has not.
        assert_eq!(take_up(12, 13..=14), [13, 14]);
        assert_eq!(take_up(0, 10..=13), [13, 14]);
        assert_eq!(take_up(12, 15..=15), [13, 14, 15]);
        assert_eq!(take_up(15, 16..=16), [16]);
    }
}
