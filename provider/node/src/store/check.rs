//! Whether what is on the disk is what it should be.

use super::error::StoreError;
use super::files::{self, SHARD};
use super::room::{Kept, Room};
use shards::{Entry, Root, outboard};
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// What became of a shard on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Content and outboard are right.
    Whole,
    /// The content is right; what proves it was not, and was written anew.
    Mended,
    /// The content is not what its root says.
    Lost,
}

impl Health {
    /// Whether the content is right.
    pub const fn is_whole(self) -> bool {
        !matches!(self, Self::Lost)
    }
}

impl Room {
    /// Looks at a shard's whole file. Where only the outboard is wrong it is written anew.
    ///
    /// # Errors
    /// [`StoreError`] where the disk refuses that.
    pub fn examine(&self, entry: Entry) -> Result<Health, StoreError> {
        let _one_by_one = self.mending.lock().unwrap_or_else(PoisonError::into_inner);
        self.mend(entry)
    }

    /// As [`examine`](Self::examine), while `mending` is held.
    pub(super) fn mend(&self, entry: Entry) -> Result<Health, StoreError> {
        let name = files::name(&entry.root, SHARD);
        let Some(whole) = files::read(&self.dir().join(&name))? else { return Ok(Health::Lost) };
        let Some((content, rest)) = whole.split_at_checked(entry.bytes as usize) else {
            return Ok(Health::Lost);
        };
        let (root, outboard) = outboard::of(content);
        if root != entry.root {
            return Ok(Health::Lost);
        }
        let is_provable = files::trailer(&whole) == Some(entry.bytes)
            && rest.get(..outboard.len()) == Some(&outboard[..]);
        if !is_provable {
            tracing::warn!(shard = %root, "a shard's outboard was damaged and is written anew");
            self.replace(&name, &[content, &outboard, &entry.bytes.to_le_bytes()])?;
        }
        self.note_whole(entry);
        Ok(if is_provable { Health::Whole } else { Health::Mended })
    }

    fn note_whole(&self, entry: Entry) {
        let mut inside = self.inside();
        if inside.is_gone {
            return;
        }
        // One whose trailer was wrong at start was not found then.
        let before = inside.shards.get(&entry.root).map_or(0, |kept| u64::from(kept.bytes));
        let after = u64::from(entry.bytes);
        inside.bytes = inside.bytes.saturating_sub(before).saturating_add(after);
        self.disk.used.fetch_add(after, Ordering::Relaxed);
        self.disk.used.fetch_sub(before, Ordering::Relaxed);
        let kept = inside.shards.entry(entry.root).or_insert(Kept::found(entry.bytes));
        kept.bytes = entry.bytes;
        kept.is_verified = true;
    }

    /// The shards that receipts were signed for.
    pub fn listed(&self) -> Vec<Entry> {
        let lists = self.lists();
        let entries = lists.iter().flat_map(|list| list.entries());
        let entries: BTreeMap<Root, Entry> = entries.map(|entry| (entry.root, *entry)).collect();
        entries.into_values().collect()
    }

    /// Whether a list's file could not be read at start.
    pub fn has_lost_list(&self) -> bool {
        self.inside().has_lost_list
    }
}
