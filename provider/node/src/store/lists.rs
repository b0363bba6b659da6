//! What receipts are signed for: lists of shards, verified, durable, and kept until an audit names a later one.

use super::error::StoreError;
use super::files::{self, LIST, SHARD};
use super::room::{Listed, Room};
use provider::quota;
use shards::{Entry, Root, SlotList};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

impl Room {
    /// Makes `entries` the slot's list of `revision`: every shard there and right, and everything durable when this
    /// returns.
    ///
    /// # Errors
    /// Names the shard that is missing or has another length, or what is impossible about the list.
    pub fn commit(&self, revision: u64, entries: Vec<Entry>) -> Result<Arc<SlotList>, StoreError> {
        quota::check_list(&self.lease().limits(), revision, &entries)?;
        let _one_by_one = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        // Found at start by their lengths alone: after a power loss that is not enough to sign for them.
        for entry in self.unverified(&entries)? {
            if !self.has_whole(entry)? {
                return Err(StoreError::Missing(entry.root));
            }
        }
        let list = Arc::new(SlotList::new(entries));
        let root = list.root();
        let before = self.inside().lists.get(&root).map(|listed| listed.revision);
        let revision = before.map_or(revision, |before| before.max(revision));
        let name = files::name(&root, LIST);
        match before {
            None => self.write(&name, &[&files::encode_list(revision, &list)])?,
            Some(before) if before < revision => {
                self.replace(&name, &[&files::encode_list(revision, &list)])?;
            }
            Some(_) => {}
        }
        let fresh = self.not_durable(&list);
        let mut paths: Vec<_> =
            fresh.iter().map(|root| self.dir().join(files::name(root, SHARD))).collect();
        paths.push(self.dir().join(&name));
        if let Err(error) = self.disk.syncer.sync(self.dir(), paths) {
            // What could not be flushed may be gone from memory too: it must come again. What an earlier receipt
            // names stays, and is looked at again before anything is signed.
            let mut inside = self.inside();
            for root in &fresh {
                let signed_for =
                    |listed: &Listed| listed.list.entries().iter().any(|e| e.root == *root);
                if !inside.lists.values().any(signed_for) {
                    self.drop_shard(&mut inside, root);
                } else if let Some(kept) = inside.shards.get_mut(root) {
                    kept.is_verified = false;
                }
            }
            return Err(error);
        }
        let mut inside = self.inside();
        if inside.is_gone {
            return Err(StoreError::Gone);
        }
        for entry in list.entries() {
            if let Some(kept) = inside.shards.get_mut(&entry.root) {
                kept.is_durable = true;
                kept.is_wanted = false;
            }
        }
        inside.lists.insert(root, Listed { revision, list: list.clone() });
        Ok(list)
    }

    fn unverified(&self, entries: &[Entry]) -> Result<Vec<Entry>, StoreError> {
        let inside = self.inside();
        if inside.is_gone {
            return Err(StoreError::Gone);
        }
        let mut unverified = Vec::new();
        for entry in entries {
            let kept = inside.shards.get(&entry.root).ok_or(StoreError::Missing(entry.root))?;
            if kept.bytes != entry.bytes {
                let (root, wanted, found) = (entry.root, entry.bytes, kept.bytes);
                return Err(StoreError::Length { root, wanted, found });
            }
            if !kept.is_verified {
                unverified.push(*entry);
            }
        }
        Ok(unverified)
    }

    fn not_durable(&self, list: &SlotList) -> BTreeSet<Root> {
        let inside = self.inside();
        let roots = list.entries().iter().map(|entry| entry.root);
        roots.filter(|root| inside.shards.get(root).is_none_or(|kept| !kept.is_durable)).collect()
    }

    /// The list with this root.
    pub fn list(&self, root: &Root) -> Option<Arc<SlotList>> {
        self.inside().lists.get(root).map(|listed| listed.list.clone())
    }

    /// All lists that receipts were signed for and no audit has superseded.
    pub fn lists(&self) -> Vec<Arc<SlotList>> {
        self.inside().lists.values().map(|listed| listed.list.clone()).collect()
    }

    /// An audit has named the list `current`: those of earlier revisions go, and shards that only they name.
    pub fn prune(&self, current: &Root) {
        let _one_by_one = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut inside = self.inside();
        let lists: Vec<(u64, Root)> =
            inside.lists.iter().map(|(root, listed)| (listed.revision, *root)).collect();
        let gone: BTreeSet<Root> = quota::superseded(&lists, current).into_iter().collect();
        if gone.is_empty() {
            return;
        }
        let named = |inside: &super::room::Inside, is_gone: bool| -> BTreeSet<Root> {
            let lists = inside.lists.iter().filter(|(root, _)| gone.contains(root) == is_gone);
            lists.flat_map(|(_, listed)| listed.list.entries().iter().map(|e| e.root)).collect()
        };
        let (leaving, staying) = (named(&inside, true), named(&inside, false));
        for root in leaving.difference(&staying) {
            if inside.shards.get(root).is_some_and(|kept| !kept.is_wanted) {
                self.drop_shard(&mut inside, root);
            }
        }
        // The lists go last: whatever a crash leaves is pruned by the next audit.
        for root in &gone {
            inside.lists.remove(root);
            let path = self.dir().join(files::name(root, LIST));
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "an older list is left");
            }
        }
    }
}
