//! One slot on the disk.

use super::error::StoreError;
use super::{SlotKey, Syncer};
use bytes::Bytes;
use provider::Meter;
use serde::{Deserialize, Serialize};
use shards::{Entry, Root, SlotList, outboard};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use types::documents::Voucher;
use types::{Did, Redundancy, Signed};

/// What a slot was reserved as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Whose bytes.
    pub client: Did,
    /// Room for so many.
    pub capacity: types::Bytes,
    /// k and m of its contract.
    pub redundancy: Redundancy,
    /// The contract's largest shard.
    pub shard_bytes: u32,
}

/// One shard that is there.
#[derive(Clone, Copy, Debug)]
struct Kept {
    bytes: u32,
    durable: bool,
}

#[derive(Debug, Default)]
struct Inside {
    shards: BTreeMap<Root, Kept>,
    lists: BTreeMap<Root, Arc<SlotList>>,
    voucher: Option<Signed>,
    meter: Meter,
    gone: bool,
}

/// A slot and its files.
#[derive(Debug)]
pub struct Room {
    key: SlotKey,
    dir: PathBuf,
    lease: Lease,
    inside: Mutex<Inside>,
    used: Arc<AtomicU64>,
    syncer: Arc<Syncer>,
    /// Held while a voucher is written.
    paying: Mutex<()>,
    /// Names files that are not whole yet.
    counter: AtomicU64,
}

const LEASE: &str = "slot.json";
const VOUCHER: &str = "voucher.jws";

impl Room {
    /// Makes a slot's directory, durably.
    pub(super) fn create(
        key: SlotKey,
        dir: &Path,
        lease: &Lease,
        used: Arc<AtomicU64>,
        syncer: Arc<Syncer>,
    ) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir).map_err(StoreError::io(dir))?;
        let inside = Mutex::new(Inside::default());
        let counter = AtomicU64::new(0);
        let (dir_, lease_, paying) = (dir.to_owned(), lease.clone(), Mutex::new(()));
        let room = Self { key, dir: dir_, lease: lease_, inside, used, syncer, paying, counter };
        let json = serde_json::to_vec(lease).expect("a lease has string keys");
        room.write(LEASE, &[&json])?;
        room.syncer.sync(dir, vec![dir.join(LEASE)])?;
        room.syncer.sync(dir.parent().unwrap_or(dir), Vec::new())?;
        Ok(room)
    }

    /// Reads what a slot's directory holds; nothing where it was never finished.
    pub(super) fn open(
        key: SlotKey,
        dir: &Path,
        used: Arc<AtomicU64>,
        syncer: Arc<Syncer>,
    ) -> Result<Option<Self>, StoreError> {
        let path = dir.join(LEASE);
        let Ok(json) = std::fs::read(&path) else { return Ok(None) };
        let corrupted = |reason: String| StoreError::Corrupted { path: path.clone(), reason };
        let lease = serde_json::from_slice(&json).map_err(|e| corrupted(e.to_string()))?;
        let mut inside = Inside::default();
        let mut bytes = 0;
        for entry in std::fs::read_dir(dir).map_err(StoreError::io(dir))? {
            let path = entry.map_err(StoreError::io(dir))?.path();
            let root = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            match (path.extension().and_then(|e| e.to_str()), root) {
                (Some("shard"), Some(root)) => {
                    if let Some(len) = content_len(&path)? {
                        inside.shards.insert(root, Kept { bytes: len, durable: false });
                        bytes += u64::from(len);
                    }
                }
                (Some("list"), Some(root)) => {
                    // One that is damaged was never signed for, or is a loss that audits will find.
                    match read_list(&path, root) {
                        Ok(list) => drop(inside.lists.insert(root, Arc::new(list))),
                        Err(error) => tracing::warn!(%error, "a slot's list is lost"),
                    }
                }
                (Some("part"), _) => std::fs::remove_file(&path).map_err(StoreError::io(&path))?,
                _ => {}
            }
        }
        inside.voucher = std::fs::read_to_string(dir.join(VOUCHER)).ok().map(Signed);
        let paid = inside.voucher.as_ref().and_then(|v| v.verify::<Voucher>().ok()).map_or(0, |v| v.bytes);
        inside.meter = Meter::paid_up_to(paid);
        used.fetch_add(bytes, Ordering::Relaxed);
        let (inside, counter) = (Mutex::new(inside), AtomicU64::new(0));
        let (dir, paying) = (dir.to_owned(), Mutex::new(()));
        Ok(Some(Self { key, dir, lease, inside, used, syncer, paying, counter }))
    }

    /// Which slot.
    pub const fn key(&self) -> SlotKey {
        self.key
    }

    /// What it was reserved as.
    pub const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The roots of the shards that are there.
    pub fn shards(&self) -> Vec<Root> {
        self.inside().shards.keys().copied().collect()
    }

    /// Takes a shard whose root is `root`. It is durable once a receipt names it. Sent again it changes nothing.
    ///
    /// # Errors
    /// [`StoreError::WrongRoot`], [`StoreError::QuotaExceeded`], [`StoreError::DiskFull`].
    pub fn put(&self, root: Root, content: &[u8]) -> Result<(), StoreError> {
        let (found, outboard) = outboard::of(content);
        if found != root {
            return Err(StoreError::WrongRoot { wanted: root, found });
        }
        let bytes = u32::try_from(content.len()).map_err(|_| StoreError::Missing(root))?;
        {
            let inside = self.inside();
            if inside.shards.contains_key(&root) && self.is_whole(&root, bytes) {
                return Ok(());
            }
            let there: u64 = inside.shards.iter().filter(|(r, _)| **r != root).map(|(_, k)| u64::from(k.bytes)).sum();
            let wanted = types::Bytes(there.saturating_add(bytes.into()));
            // A shard's content is not written under the lock, so the quota is checked again below.
            self.check_quota(&inside, wanted)?;
        }
        self.write(&file(&root, "shard"), &[content, &outboard, &bytes.to_le_bytes()])?;
        let mut inside = self.inside();
        if inside.gone {
            return Err(StoreError::Gone);
        }
        let before = inside.shards.insert(root, Kept { bytes, durable: false });
        if before.is_none() {
            self.used.fetch_add(bytes.into(), Ordering::Relaxed);
        }
        let there: u64 = inside.shards.values().map(|kept| u64::from(kept.bytes)).sum();
        if let Err(error) = self.check_quota(&inside, types::Bytes(there)) {
            self.drop_shard(&mut inside, &root);
            return Err(error);
        }
        Ok(())
    }

    fn check_quota(&self, inside: &Inside, wanted: types::Bytes) -> Result<(), StoreError> {
        if inside.gone {
            return Err(StoreError::Gone);
        }
        let capacity = self.lease.capacity;
        if wanted > capacity { Err(StoreError::QuotaExceeded { capacity, wanted }) } else { Ok(()) }
    }

    /// Whether the file of a shard is as long as it must be and its content what its root says.
    fn is_whole(&self, root: &Root, bytes: u32) -> bool {
        self.content(root).is_ok_and(|content| content.len() == bytes as usize && Root::of(&content) == *root)
    }

    /// A shard's bytes, verified against its root.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or [`StoreError::Damaged`]: wrong bytes never leave this.
    pub fn read(&self, root: &Root) -> Result<Bytes, StoreError> {
        let kept = self.inside().shards.get(root).copied().ok_or(StoreError::Missing(*root))?;
        let content = self.content(root)?;
        let whole = content.len() == kept.bytes as usize && Root::of(&content) == *root;
        if whole { Ok(content) } else { Err(StoreError::Damaged(*root)) }
    }

    fn content(&self, root: &Root) -> Result<Bytes, StoreError> {
        let path = self.dir.join(file(root, "shard"));
        let mut whole = std::fs::read(&path).map_err(|_| StoreError::Damaged(*root))?;
        let len = trailer(&whole).ok_or(StoreError::Damaged(*root))?;
        whole.truncate(len as usize);
        Ok(Bytes::from(whole))
    }

    /// How long a shard is, where it is there.
    pub fn len_of(&self, root: &Root) -> Option<u32> {
        self.inside().shards.get(root).map(|kept| kept.bytes)
    }

    /// Makes `entries` the slot's list: every shard there, and everything durable when this returns.
    ///
    /// # Errors
    /// Names the shard that is missing or has another length.
    pub fn commit(&self, entries: Vec<Entry>) -> Result<Arc<SlotList>, StoreError> {
        let mut files = Vec::new();
        {
            let inside = self.inside();
            if inside.gone {
                return Err(StoreError::Gone);
            }
            for entry in &entries {
                let kept = inside.shards.get(&entry.root).ok_or(StoreError::Missing(entry.root))?;
                if kept.bytes != entry.bytes {
                    let (root, wanted, found) = (entry.root, entry.bytes, kept.bytes);
                    return Err(StoreError::Length { root, wanted, found });
                }
                if !kept.durable {
                    files.push(self.dir.join(file(&entry.root, "shard")));
                }
            }
        }
        let list = Arc::new(SlotList::new(entries));
        let name = file(&list.root(), "list");
        if !self.inside().lists.contains_key(&list.root()) {
            let bytes = postcard::to_stdvec(list.entries()).expect("entries always encode");
            self.write(&name, &[&bytes])?;
        }
        files.push(self.dir.join(&name));
        self.syncer.sync(&self.dir, files)?;
        let mut inside = self.inside();
        for entry in list.entries() {
            if let Some(kept) = inside.shards.get_mut(&entry.root) {
                kept.durable = true;
            }
        }
        inside.lists.insert(list.root(), list.clone());
        Ok(list)
    }

    /// The list with this root.
    pub fn list(&self, root: &Root) -> Option<Arc<SlotList>> {
        self.inside().lists.get(root).cloned()
    }

    /// All lists that receipts were signed for.
    pub fn lists(&self) -> Vec<Arc<SlotList>> {
        self.inside().lists.values().cloned().collect()
    }

    /// A group of a shard's bytes and the shard's outboard, for a proof; nothing where they are lost.
    pub fn group(&self, root: &Root, start: u32, len: u32) -> Option<(Bytes, Bytes)> {
        let mut file = File::open(self.dir.join(file(root, "shard"))).ok()?;
        let kept = self.inside().shards.get(root).copied()?;
        let mut group = vec![0; len as usize];
        file.seek(SeekFrom::Start(start.into())).ok()?;
        file.read_exact(&mut group).ok()?;
        let mut outboard = vec![0; outboard::len(kept.bytes)];
        file.seek(SeekFrom::Start(kept.bytes.into())).ok()?;
        file.read_exact(&mut outboard).ok()?;
        Some((group.into(), outboard.into()))
    }

    /// Counts a read of `bytes` by the client.
    ///
    /// # Errors
    /// The cumulative bytes that a voucher must name first.
    pub fn meter_read(&self, bytes: u32) -> Result<(), u64> {
        self.inside().meter.read(bytes.into())
    }

    /// Keeps a voucher, durably, if it is higher than the one before; says whether it was.
    ///
    /// # Errors
    /// [`StoreError`] where the disk refuses.
    pub fn pay(&self, voucher: &Signed, bytes: u64) -> Result<bool, StoreError> {
        let _one_by_one = self.paying.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes <= self.inside().meter.paid() {
            return Ok(false);
        }
        self.write(VOUCHER, &[voucher.0.as_bytes()])?;
        self.syncer.sync(&self.dir, vec![self.dir.join(VOUCHER)])?;
        let mut inside = self.inside();
        let higher = inside.meter.pay(bytes);
        if higher {
            inside.voucher = Some(voucher.clone());
        }
        Ok(higher)
    }

    /// The highest voucher.
    pub fn voucher(&self) -> Option<Signed> {
        self.inside().voucher.clone()
    }

    /// The listed shards that are not whole on the disk, each with its length. Reads everything: not for a hurry.
    pub fn damaged(&self) -> Vec<Entry> {
        let lists = self.lists();
        let entries: BTreeMap<Root, Entry> =
            lists.iter().flat_map(|list| list.entries()).map(|entry| (entry.root, *entry)).collect();
        entries.into_values().filter(|entry| !self.is_whole(&entry.root, entry.bytes)).collect()
    }

    /// Forgets a shard that is not whole, so that it can be put again.
    pub fn discard(&self, root: &Root) {
        self.drop_shard(&mut self.inside(), root);
    }

    pub(super) fn remove(&self) -> Result<(), StoreError> {
        let mut inside = self.inside();
        inside.gone = true;
        let bytes: u64 = inside.shards.values().map(|kept| u64::from(kept.bytes)).sum();
        inside.shards.clear();
        inside.lists.clear();
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        match std::fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io(&self.dir)(error)),
            _ => Ok(()),
        }
    }

    fn drop_shard(&self, inside: &mut Inside, root: &Root) {
        if let Some(kept) = inside.shards.remove(root) {
            self.used.fetch_sub(kept.bytes.into(), Ordering::Relaxed);
        }
        let path = self.dir.join(file(root, "shard"));
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::debug!(path = %path.display(), %error, "a shard's file was gone already");
        }
    }

    /// Writes a file beside and renames it into place; not durable yet.
    fn write(&self, name: &str, parts: &[&[u8]]) -> Result<(), StoreError> {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let part = self.dir.join(format!("{name}.{number}.part"));
        let written = File::create(&part).and_then(|mut file| parts.iter().try_for_each(|p| file.write_all(p)));
        let path = self.dir.join(name);
        let renamed = written.and_then(|()| std::fs::rename(&part, &path));
        renamed.map_err(|error| {
            // What is left of it is removed at the next start where it cannot be now.
            let _left = std::fs::remove_file(&part);
            StoreError::io(&path)(error)
        })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn file(root: &Root, kind: &str) -> String {
    format!("{root}.{kind}")
}

/// The content's length, where the file is as long as content, outboard and trailer are together.
fn trailer(whole: &[u8]) -> Option<u32> {
    let len = u32::from_le_bytes(*whole.last_chunk::<4>()?);
    (whole.len() == len as usize + outboard::len(len) + 4).then_some(len)
}

/// As [`trailer`], read from the end of a file.
fn content_len(path: &Path) -> Result<Option<u32>, StoreError> {
    let failed = StoreError::io(path);
    let mut file = File::open(path).map_err(&failed)?;
    let whole = file.metadata().map_err(&failed)?.len();
    if whole < 4 {
        return Ok(None);
    }
    let mut tail = [0; 4];
    file.seek(SeekFrom::End(-4)).map_err(&failed)?;
    file.read_exact(&mut tail).map_err(&failed)?;
    let len = u32::from_le_bytes(tail);
    Ok((whole == u64::from(len) + outboard::len(len) as u64 + 4).then_some(len))
}

fn read_list(path: &Path, root: Root) -> Result<SlotList, StoreError> {
    let corrupted = |reason: String| StoreError::Corrupted { path: path.to_owned(), reason };
    let bytes = std::fs::read(path).map_err(StoreError::io(path))?;
    let entries: Vec<Entry> = postcard::from_bytes(&bytes).map_err(|error| corrupted(error.to_string()))?;
    let list = SlotList::new(entries);
    if list.root() == root { Ok(list) } else { Err(corrupted(format!("its root is {}", list.root()))) }
}
