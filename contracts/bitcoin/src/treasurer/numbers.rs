//! The numbers of deals, which are those of their keys: each is used once, also where the file of the deals is lost or put back.

use crate::wallet::{Log, LogError};
use std::path::Path;

/// A file that is longer than this is made anew when it is opened.
const BYTES_MAX: u64 = 64 << 10;

/// The next number, in a file of its own.
#[derive(Debug)]
pub(super) struct Numbers {
    log: Log,
    next: u32,
}

impl Numbers {
    /// Opens, or makes, the file at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, LogError> {
        let (mut log, used) = Log::open::<u32>(path)?;
        let last = used.into_iter().max();
        if let Some(last) = last
            && log.bytes()? > BYTES_MAX
        {
            log.rewrite(&[last])?;
        }
        Ok(Self { log, next: last.map_or(0, |last| last.saturating_add(1)) })
    }

    /// Knows of deals up to `number`.
    pub(super) fn pass(&mut self, number: u32) {
        self.next = self.next.max(number.saturating_add(1));
    }

    /// What the next deal will be called.
    pub(super) fn next(&self) -> u32 {
        self.next
    }

    /// Uses `number`, durably: no other deal will be called so.
    pub(super) fn take(&mut self, number: u32) -> Result<(), LogError> {
        self.log.append(&number)?;
        self.pass(number);
        Ok(())
    }
}
