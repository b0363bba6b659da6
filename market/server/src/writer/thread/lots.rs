//! What no index finds yet is indexed lot by lot: beside the batches where the database can do both at once.

use super::Thread;
use crate::error::OpenError;
use crate::store::index::Lot;
use crate::store::{Store, StoreError};
use std::sync::Arc;
use std::thread::JoinHandle;
use types::Timestamp;

/// How many rows are indexed at once.
pub(super) const INDEX_EVERY: u64 = 20_000;

/// How long the answer to a keyed request is kept: seven days.
const KEYS_KEPT_MICROS: i64 = 7 * 24 * 3_600 * 1_000_000;

/// A lot that is being indexed on a connection of its own.
pub(super) struct Indexing {
    pub(super) lot: Arc<Lot>,
    thread: JoinHandle<Result<(), OpenError>>,
}

impl Thread {
    pub(super) fn index_is_due(&self) -> bool {
        self.indexing.is_none() && self.unindexed.count() >= self.index_at
    }

    /// Indexes what is not indexed yet, and forgets old keys.
    pub(super) fn index(&mut self) {
        let lot = Arc::new(std::mem::take(&mut self.unindexed));
        let old = Timestamp(self.clock.now().0.saturating_sub(KEYS_KEPT_MICROS));
        let (rows, counters, term) = (lot.clone(), self.settled.counters, self.term);
        let index = move |store: &Store| store.index(&rows, counters, old, term);
        if !self.place.is_shared() {
            let result = self.open_store().and_then(index);
            return self.indexed(lot, result.map_err(OpenError::from));
        }
        let place = self.place.clone();
        let beside = move || Ok(index(&Store::open(&place, None)?)?);
        match std::thread::Builder::new().name("market-lots".into()).spawn(beside) {
            Ok(thread) => self.indexing = Some(Indexing { lot, thread }),
            Err(error) => {
                self.indexed(lot, Err(StoreError::Unavailable(error.to_string()).into()));
            }
        }
    }

    pub(super) fn index_has_ended(&self) -> bool {
        self.indexing.as_ref().is_some_and(|indexing| indexing.thread.is_finished())
    }

    /// Takes up what became of the lot that is being indexed, if it has ended; with `wait` that is waited for.
    pub(super) fn finish_index(&mut self, wait: bool) {
        let ended = wait || self.index_has_ended();
        if let Some(Indexing { lot, thread }) = self.indexing.take_if(|_| ended) {
            let panicked = || StoreError::Unavailable("the thread that indexes has ended".into());
            let result = thread.join().unwrap_or_else(|_| Err(panicked().into()));
            self.indexed(lot, result);
        }
    }

    /// A market that cannot index goes on with what it has in memory.
    fn indexed(&mut self, lot: Arc<Lot>, result: Result<(), OpenError>) {
        self.index_at = INDEX_EVERY;
        if let Err(error) = result {
            tracing::warn!(%error, "new rows were not indexed");
            let newer = std::mem::replace(&mut self.unindexed, Arc::unwrap_or_clone(lot));
            self.unindexed.merge(newer);
            self.index_at += self.unindexed.count();
        }
    }
}

#[cfg(test)]
mod tests;
