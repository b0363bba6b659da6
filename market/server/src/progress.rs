//! How far a start has come, for everyone who waits for it.

use std::sync::atomic::{AtomicU64, Ordering};

/// What of the journal is in memory already.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Parts of the snapshot, and how many there are.
    parts: AtomicU64,
    parts_all: AtomicU64,
    /// The newest block that was replayed.
    block: AtomicU64,
}

impl Progress {
    /// So many parts of the snapshot are read.
    pub(crate) fn restored(&self, parts: u64, all: u64) {
        self.parts.store(parts, Ordering::Relaxed);
        self.parts_all.store(all, Ordering::Relaxed);
    }

    /// So many blocks are replayed.
    pub(crate) fn replayed(&self, block: u64) {
        self.block.store(block, Ordering::Relaxed);
    }

    /// That in words.
    pub(crate) fn text(&self) -> String {
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        let (parts, all, block) = (read(&self.parts), read(&self.parts_all), read(&self.block));
        if block > 0 {
            format!("replaying its journal, block {block} is done")
        } else if all > 0 {
            format!("restoring its snapshot, {parts} of {all} parts are read")
        } else {
            "opening its database".to_owned()
        }
    }
}
