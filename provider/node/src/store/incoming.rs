//! Shards on their way in: their room is taken before their bytes are written.

use super::error::StoreError;
use super::files::{self, SHARD};
use super::room::{Inside, Kept, Room, drop_part};
use provider::quota;
use shards::{Entry, Root, outboard};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::Ordering;

impl Room {
    /// Takes a shard whose root is `root`. It is durable once a receipt names it. Sent again it changes nothing.
    ///
    /// # Errors
    /// [`StoreError::WrongRoot`], [`StoreError::Full`], [`StoreError::DiskFull`].
    pub fn put(&self, root: Root, content: &[u8]) -> Result<(), StoreError> {
        let (found, outboard) = outboard::of(content);
        if found != root {
            return Err(StoreError::WrongRoot { wanted: root, found });
        }
        let max = self.lease().shard_bytes;
        let bytes = u32::try_from(content.len());
        let bytes =
            bytes.map_err(|_| provider::Full::Length { found: content.len() as u64, max })?;
        if self.has_whole(Entry { root, bytes })? {
            return Ok(());
        }
        let coming = self.admit(root, bytes)?;
        let name = files::name(&root, SHARD);
        let part = self.write_part(&name, &[content, &outboard, &bytes.to_le_bytes()]);
        // A slot that is given back takes its directory along.
        let part =
            part.map_err(|error| if self.inside().is_gone { StoreError::Gone } else { error })?;
        coming.arrive(&part)
    }

    /// Whether the shard is here and its bytes are right. One that is here and damaged is forgotten, so that it can
    /// be put again.
    ///
    /// # Errors
    /// [`StoreError`] where an outboard cannot be written anew.
    pub fn has_whole(&self, entry: Entry) -> Result<bool, StoreError> {
        let _one_by_one = self.mending.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.len_of(&entry.root).is_none() {
            return Ok(false);
        }
        if self.mend(entry)?.is_whole() {
            if let Some(kept) = self.inside().shards.get_mut(&entry.root) {
                kept.is_wanted = true;
            }
            return Ok(true);
        }
        self.drop_shard(&mut self.inside(), &entry.root);
        Ok(false)
    }

    fn admit(&self, root: Root, bytes: u32) -> Result<Coming<'_>, StoreError> {
        let mut inside = self.inside();
        if inside.is_gone {
            return Err(StoreError::Gone);
        }
        let wide = u64::from(bytes);
        if !inside.shards.contains_key(&root) && !inside.incoming.contains_key(&root) {
            let limits = self.lease().limits();
            let kept = |node| {
                let (slot, offered) = (inside.bytes, self.disk.offered);
                let is_tight = slot.saturating_add(wide) > limits.capacity.0;
                let current = if is_tight { inside.current() } else { slot };
                provider::Kept { current, slot, node, offered }
            };
            let mut refused = None;
            let taken = self.disk.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |node| {
                refused = quota::admit(&limits, &kept(node), wide).err();
                refused.is_none().then(|| node.saturating_add(wide))
            });
            if let (Err(_), Some(full)) = (taken, refused) {
                return Err(full.into());
            }
            inside.bytes = inside.bytes.saturating_add(wide);
        }
        let senders = inside.incoming.entry(root).or_default();
        *senders = senders.saturating_add(1);
        drop(inside);
        Ok(Coming { room: self, root, bytes })
    }
}

impl Inside {
    /// Bytes that the newest list names, or none yet: those that only older lists name will go.
    fn current(&self) -> u64 {
        let newest = self.lists.values().max_by_key(|listed| listed.revision);
        let newest: BTreeSet<Root> = newest
            .map(|listed| listed.list.entries().iter().map(|entry| entry.root).collect())
            .unwrap_or_default();
        let lists = self.lists.values().flat_map(|listed| listed.list.entries());
        let older: BTreeSet<Root> =
            lists.map(|entry| entry.root).filter(|root| !newest.contains(root)).collect();
        let leaving =
            self.shards.iter().filter(|(root, kept)| !kept.is_wanted && older.contains(root));
        let leaving = leaving.map(|(_, kept)| u64::from(kept.bytes)).fold(0, u64::saturating_add);
        self.bytes.saturating_sub(leaving)
    }
}

/// A shard's room, given back where the shard does not arrive.
struct Coming<'a> {
    room: &'a Room,
    root: Root,
    bytes: u32,
}

impl Coming<'_> {
    /// Puts the finished file in its place, unless another sender's is there.
    fn arrive(self, part: &Path) -> Result<(), StoreError> {
        let mut inside = self.room.inside();
        if inside.is_gone {
            drop_part(part);
            return Err(StoreError::Gone);
        }
        if let Some(kept) = inside.shards.get_mut(&self.root) {
            kept.is_wanted = true;
            drop_part(part);
            return Ok(());
        }
        self.room.finish_part(part, &files::name(&self.root, SHARD))?;
        let kept = Kept { is_verified: true, is_wanted: true, ..Kept::found(self.bytes) };
        inside.shards.insert(self.root, kept);
        Ok(())
    }
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        let mut inside = self.room.inside();
        // A slot that was given back has forgotten it already.
        let Some(senders) = inside.incoming.get_mut(&self.root) else { return };
        *senders = senders.saturating_sub(1);
        if *senders > 0 {
            return;
        }
        inside.incoming.remove(&self.root);
        if !inside.shards.contains_key(&self.root) {
            inside.bytes = inside.bytes.saturating_sub(self.bytes.into());
            self.room.disk.used.fetch_sub(self.bytes.into(), Ordering::Relaxed);
        }
    }
}
