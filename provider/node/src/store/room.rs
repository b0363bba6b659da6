//! One slot on the disk.

use super::error::StoreError;
use super::files::{self, LEASE, PART, SHARD, VOUCHER};
use super::{Disk, SlotKey};
use bytes::Bytes;
use provider::{Limits, Meter};
use serde::{Deserialize, Serialize};
use shards::{Root, SlotList, outboard};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use types::terms::RailKind;
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
    /// Where the contract's money sits.
    #[serde(default)]
    pub rail: RailKind,
}

impl Lease {
    /// What it allows.
    pub const fn limits(&self) -> Limits {
        Limits { capacity: self.capacity, shard_bytes: self.shard_bytes }
    }
}

/// How often a group is read before it counts as lost, where the system fails in passing.
const GROUP_ATTEMPTS: u32 = 20;
/// The pause between two attempts.
const GROUP_PAUSE: Duration = Duration::from_millis(100);

/// One shard that is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) bytes: u32,
    /// Whether it was fsynced since the start.
    pub(super) is_durable: bool,
    /// Whether its bytes were seen to be right since the start.
    pub(super) is_verified: bool,
    /// Whether it was put since a list named it last: a list that goes does not take it along.
    pub(super) is_wanted: bool,
}

impl Kept {
    /// As a shard is found at start: by its length alone.
    pub(super) const fn found(bytes: u32) -> Self {
        Self { bytes, is_durable: false, is_verified: false, is_wanted: false }
    }
}

/// A list that receipts were signed for.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    /// The latest revision of these receipts.
    pub(super) revision: u64,
    pub(super) list: Arc<SlotList>,
}

/// What one party reads and pays.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) meter: Meter,
    pub(super) voucher: Option<Signed>,
}

#[derive(Debug, Default)]
pub(super) struct Inside {
    pub(super) shards: BTreeMap<Root, Kept>,
    /// Shards on their way in, each with how many are sending it.
    pub(super) incoming: BTreeMap<Root, u32>,
    /// Bytes of both together.
    pub(super) bytes: u64,
    pub(super) lists: BTreeMap<Root, Listed>,
    /// Whether a list's file could not be read at start.
    pub(super) has_lost_list: bool,
    /// Whoever reads for money, the client and its guests: what they read, and their highest vouchers.
    pub(super) readers: BTreeMap<Did, Reader>,
    pub(super) is_gone: bool,
}

/// A slot and its files.
#[derive(Debug)]
pub struct Room {
    key: SlotKey,
    dir: PathBuf,
    lease: Mutex<Lease>,
    inside: Mutex<Inside>,
    pub(super) disk: Arc<Disk>,
    /// Held while lists change.
    pub(super) listing: Mutex<()>,
    /// Held while a shard's file is looked at to be replaced.
    pub(super) mending: Mutex<()>,
    /// Held while a voucher is written.
    paying: Mutex<()>,
    /// Names files that are not whole yet.
    counter: AtomicU64,
}

impl Room {
    pub(super) fn new(
        key: SlotKey,
        dir: &Path,
        lease: Lease,
        inside: Inside,
        disk: &Arc<Disk>,
    ) -> Self {
        Self {
            key,
            dir: dir.to_owned(),
            lease: Mutex::new(lease),
            inside: Mutex::new(inside),
            disk: disk.clone(),
            listing: Mutex::default(),
            mending: Mutex::default(),
            paying: Mutex::default(),
            counter: AtomicU64::new(0),
        }
    }

    /// Which slot.
    pub const fn key(&self) -> SlotKey {
        self.key
    }

    /// What it was reserved as, with the room it was given since.
    pub fn lease(&self) -> Lease {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives it the capacity of `lease` where that is more, durably.
    pub(super) fn enlarge(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut ours = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        if lease.capacity <= ours.capacity {
            return Ok(());
        }
        let larger = Lease { capacity: lease.capacity, ..ours.clone() };
        self.write_lease(&larger)?;
        *ours = larger;
        Ok(())
    }

    /// Lets the slot have room for `capacity`, durably; it never shrinks.
    ///
    /// # Errors
    /// [`StoreError`] where the disk refuses.
    pub fn grow(&self, capacity: types::Bytes) -> Result<(), StoreError> {
        self.enlarge(&Lease { capacity, ..self.lease() })
    }

    pub(super) fn write_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        let json = serde_json::to_vec(lease).expect("a lease has string keys");
        self.replace(LEASE, &[&json])
    }

    /// The roots of the shards that are there.
    pub fn shards(&self) -> Vec<Root> {
        self.inside().shards.keys().copied().collect()
    }

    /// The bytes of its shards.
    pub fn bytes(&self) -> u64 {
        self.inside().bytes
    }

    /// Whether nothing was ever kept in it.
    pub fn is_empty(&self) -> bool {
        let inside = self.inside();
        inside.shards.is_empty() && inside.incoming.is_empty() && inside.lists.is_empty()
    }

    /// How long a shard is, where it is there.
    pub fn len_of(&self, root: &Root) -> Option<u32> {
        self.inside().shards.get(root).map(|kept| kept.bytes)
    }

    /// A shard's bytes, verified against its root.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or [`StoreError::Damaged`]: wrong bytes never leave this.
    pub fn read(&self, root: &Root) -> Result<Bytes, StoreError> {
        let kept = self.inside().shards.get(root).copied().ok_or(StoreError::Missing(*root))?;
        let path = self.dir.join(files::name(root, SHARD));
        let mut whole = files::read(&path)?.ok_or(StoreError::Damaged(*root))?;
        whole.truncate(kept.bytes as usize);
        let is_right = whole.len() == kept.bytes as usize && Root::of(&whole) == *root;
        if is_right { Ok(whole.into()) } else { Err(StoreError::Damaged(*root)) }
    }

    /// A group of a shard's bytes and the shard's outboard, for a proof; nothing where they are lost.
    pub fn group(&self, root: &Root, start: u32, len: u32) -> Option<(Bytes, Bytes)> {
        let kept = self.inside().shards.get(root).copied()?;
        for _ in 0..GROUP_ATTEMPTS {
            match self.read_group(root, kept.bytes, start, len) {
                Ok(read) => return Some(read),
                Err(error)
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof) =>
                {
                    return None;
                }
                // Too many open files, say: that is no loss, and must not be signed as one.
                Err(error) => tracing::warn!(%error, shard = %root, "a shard cannot be read now"),
            }
            std::thread::sleep(GROUP_PAUSE);
        }
        None
    }

    fn read_group(
        &self,
        root: &Root,
        bytes: u32,
        start: u32,
        len: u32,
    ) -> std::io::Result<(Bytes, Bytes)> {
        let mut file = File::open(self.dir.join(files::name(root, SHARD)))?;
        let mut group = vec![0; len as usize];
        file.seek(SeekFrom::Start(start.into()))?;
        file.read_exact(&mut group)?;
        let mut outboard = vec![0; outboard::len(bytes)];
        file.seek(SeekFrom::Start(bytes.into()))?;
        file.read_exact(&mut outboard)?;
        Ok((group.into(), outboard.into()))
    }

    /// Counts a read of `bytes` by `reader`.
    ///
    /// # Errors
    /// The cumulative bytes that a voucher must name first.
    pub fn meter_read(&self, reader: Did, bytes: u32) -> Result<(), u64> {
        self.inside().readers.entry(reader).or_default().meter.read(bytes.into())
    }

    /// Whether `reader` has read here for money, or paid.
    pub fn is_reader(&self, reader: &Did) -> bool {
        self.inside().readers.contains_key(reader)
    }

    /// Keeps a voucher of `reader`'s, durably, if it is higher than the one before; says whether it was.
    ///
    /// # Errors
    /// [`StoreError`] where the disk refuses.
    pub fn pay(&self, reader: Did, voucher: &Signed, bytes: u64) -> Result<bool, StoreError> {
        let _one_by_one = self.paying.lock().unwrap_or_else(PoisonError::into_inner);
        if self.inside().readers.get(&reader).is_some_and(|known| bytes <= known.meter.paid()) {
            return Ok(false);
        }
        let name = if reader == self.lease().client {
            VOUCHER.to_owned()
        } else {
            files::guests_voucher(&reader)
        };
        self.replace(&name, &[voucher.0.as_bytes()])?;
        let mut inside = self.inside();
        let known = inside.readers.entry(reader).or_default();
        let is_higher = known.meter.pay(bytes);
        if is_higher {
            known.voucher = Some(voucher.clone());
        }
        Ok(is_higher)
    }

    /// The highest voucher of `reader`'s.
    pub fn voucher(&self, reader: &Did) -> Option<Signed> {
        self.inside().readers.get(reader).and_then(|known| known.voucher.clone())
    }

    /// Whoever has paid for reads by a voucher.
    pub fn payers(&self) -> Vec<Did> {
        let inside = self.inside();
        let paid = inside.readers.iter().filter(|(_, known)| known.voucher.is_some());
        paid.map(|(reader, _)| *reader).collect()
    }

    pub(super) fn remove(&self) -> Result<(), StoreError> {
        let mut inside = self.inside();
        inside.is_gone = true;
        inside.shards.clear();
        inside.lists.clear();
        // What is still on its way in is taken off by whoever brings it.
        let incoming = std::mem::take(&mut inside.bytes);
        self.disk.used.fetch_sub(incoming, Ordering::Relaxed);
        inside.incoming.clear();
        match std::fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(StoreError::io(&self.dir)(error))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn drop_shard(&self, inside: &mut Inside, root: &Root) {
        let is_coming = inside.incoming.contains_key(root);
        if let Some(kept) = inside.shards.remove(root).filter(|_| !is_coming) {
            inside.bytes = inside.bytes.saturating_sub(kept.bytes.into());
            self.disk.used.fetch_sub(kept.bytes.into(), Ordering::Relaxed);
        }
        let path = self.dir.join(files::name(root, SHARD));
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::debug!(path = %path.display(), %error, "a shard's file was gone already");
        }
    }

    /// Writes a file beside and renames it into place; not durable yet.
    pub(super) fn write(&self, name: &str, parts: &[&[u8]]) -> Result<(), StoreError> {
        let part = self.write_part(name, parts)?;
        self.finish_part(&part, name)
    }

    /// As [`write`](Self::write), durably: at every moment the file is the old one or the new one, whole.
    pub(super) fn replace(&self, name: &str, parts: &[&[u8]]) -> Result<(), StoreError> {
        let part = self.write_part(name, parts)?;
        self.disk.syncer.sync(&self.dir, vec![part.clone()])?;
        self.finish_part(&part, name)?;
        self.disk.syncer.sync(&self.dir, Vec::new())
    }

    /// Writes a file beside its place.
    pub(super) fn write_part(&self, name: &str, parts: &[&[u8]]) -> Result<PathBuf, StoreError> {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let part = self.dir.join(format!("{name}.{number}.{PART}"));
        let written = File::create(&part)
            .and_then(|mut file| parts.iter().try_for_each(|bytes| file.write_all(bytes)));
        match written {
            Ok(()) => Ok(part),
            Err(error) => {
                drop_part(&part);
                Err(StoreError::io(&part)(error))
            }
        }
    }

    /// Renames a file that is whole into its place.
    pub(super) fn finish_part(&self, part: &Path, name: &str) -> Result<(), StoreError> {
        let path = self.dir.join(name);
        std::fs::rename(part, &path).map_err(|error| {
            drop_part(part);
            StoreError::io(&path)(error)
        })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes what did not become a file. What is left of it is removed at the next start where it cannot be now.
pub(super) fn drop_part(part: &Path) {
    if let Err(error) = std::fs::remove_file(part) {
        tracing::debug!(path = %part.display(), %error, "an unfinished file is left");
    }
}
