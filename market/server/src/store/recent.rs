//! The newest rows, which no index finds yet, as a process has read them: each once, however many requests ask for them.

use super::driver::StoreError;
use super::postings::{Posted, posted};
use super::unindexed::subjects;
use super::{Store, catalogue};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use types::DocId;

/// What one process has read of them, on whichever connection.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    postings: Mutex<Behind<BTreeMap<[u8; 32], Vec<Arc<Posted>>>>>,
    documents: Mutex<Behind<BTreeMap<DocId, i64>>>,
}

/// Rows with numbers above `indexed`, as far as they were read: up to `read`.
#[derive(Debug, Default)]
struct Behind<T> {
    indexed: i64,
    read: i64,
    rows: T,
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
        let mut known = lock(&self.recent.postings);
        let Behind { indexed, read, rows } = &mut *known;
        let [_, now_indexed] = self.indexed()?;
        if now_indexed > *indexed {
            *indexed = now_indexed;
            rows.retain(|_, of| {
                of.retain(|posted| posted.id.cast_signed() > now_indexed);
                !of.is_empty()
            });
        }
        *read = (*read).max(now_indexed);
        for row in self.driver.query(catalogue::RECENT_POSTINGS, &[(*read).into()])? {
            let posted = Arc::new(posted(row)?);
            *read = posted.id.cast_signed();
            for subject in subjects(posted.parties, posted.contract) {
                rows.entry(subject).or_default().push(posted.clone());
            }
        }
        let of = rows.get(subject).map_or(&[][..], Vec::as_slice);
        let first = of.partition_point(|posted| posted.id.cast_signed() <= after);
        Ok(of[first..].iter().take(limit).cloned().collect())
    }

    /// The first row with the document `id` among those that no index finds.
    pub(super) fn recent_document(&self, id: &DocId) -> Result<Option<i64>, StoreError> {
        let mut known = lock(&self.recent.documents);
        let Behind { indexed, read, rows } = &mut *known;
        let [now_indexed, _] = self.indexed()?;
        if now_indexed > *indexed {
            *indexed = now_indexed;
            rows.retain(|_, row| *row > now_indexed);
        }
        *read = (*read).max(now_indexed);
        for row in self.driver.query(catalogue::RECENT_DOCUMENTS, &[(*read).into()])? {
            *read = row.int(0)?;
            rows.entry(row.hash(1)?).or_insert(*read);
        }
        Ok(rows.get(id).copied())
    }

    /// Up to which row documents and postings are indexed.
    pub(super) fn indexed(&self) -> Result<[i64; 2], StoreError> {
        let row = self.one(catalogue::INDEXED_TO, &[])?;
        Ok([row.int(0)?, row.int(1)?])
    }
}

fn lock<T>(known: &Mutex<T>) -> MutexGuard<'_, T> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}
