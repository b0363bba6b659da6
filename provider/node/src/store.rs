//! The shard store: every slot a directory, every shard a file with its outboard behind it.
//!
//! ```text
//! slots/<contract>-<slot>/slot.json      whose it is and how much room it has
//!                         <root>.shard   content ‖ outboard ‖ content length (u32, little-endian)
//!                         <root>.list    what a receipt was signed for: postcard of revision and entries
//!                         voucher*.jws   the highest vouchers for reads, the client's and its guests'
//! ```
//!
//! There is no index beside the files: it is read from their names and lengths at start, so there is none
//! to lose. Files are written beside, then renamed; what a receipt names is verified and fsynced, directory
//! included, in groups.

mod check;
mod error;
mod files;
mod incoming;
mod lists;
mod open;
mod room;
mod sync;

pub use check::Health;
pub use error::StoreError;
use open::Opened;
pub use room::{Lease, Room};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use sync::Syncer;
use types::{Bytes, ContractId, Did};

/// A slot of a contract.
pub type SlotKey = (ContractId, u16);

/// Who pays for reads from which slot.
pub type Purse = (SlotKey, Did);

/// What all slots share.
#[derive(Debug)]
struct Disk {
    /// Shard bytes on it, those on their way included.
    used: AtomicU64,
    /// How many it may come to have.
    offered: Bytes,
    syncer: Syncer,
}

#[derive(Debug, Default)]
struct Slots {
    rooms: BTreeMap<SlotKey, Arc<Room>>,
    /// Directories whose lease cannot be read: nothing in them is touched until the slot is released.
    unreadable: BTreeSet<SlotKey>,
}

/// Everything a provider keeps.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    slots: RwLock<Slots>,
    /// Held while directories come and go, so that readers of `slots` never wait for the disk.
    changing: Mutex<()>,
    disk: Arc<Disk>,
}

impl Store {
    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Opens the store in `dir`, making it where there is none, for `offered` bytes of shards at most. Reads names
    /// and lengths, not contents.
    ///
    /// # Errors
    /// [`StoreError`] names the file that cannot be read; nothing has been changed then.
    pub fn open(dir: &Path, offered: Bytes) -> Result<Self, StoreError> {
        let dir = dir.join("slots");
        std::fs::create_dir_all(&dir).map_err(StoreError::io(&dir))?;
        let disk = Disk { used: AtomicU64::new(0), offered, syncer: Syncer::start()? };
        let (disk, mut slots) = (Arc::new(disk), Slots::default());
        for entry in std::fs::read_dir(&dir).map_err(StoreError::io(&dir))? {
            let path = entry.map_err(StoreError::io(&dir))?.path();
            let Some(key) = key_of(&path) else { continue };
            match Room::open(key, &path, &disk)? {
                Opened::Room(room) => {
                    slots.rooms.insert(key, Arc::new(*room));
                }
                Opened::Unreadable(error) => {
                    tracing::error!(%error, "a slot cannot be served; audits will find it lost");
                    slots.unreadable.insert(key);
                }
                // A slot that was never confirmed: nobody knows of it.
                Opened::Unfinished => {
                    std::fs::remove_dir_all(&path).map_err(StoreError::io(&path))?;
                }
            }
        }
        Ok(Self { dir, slots: RwLock::new(slots), changing: Mutex::default(), disk })
    }

    /// Makes room for a slot, durably, or more room for one that is there. Asked again it changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] where the disk refuses.
    pub fn reserve(&self, key: SlotKey, lease: &Lease) -> Result<Arc<Room>, StoreError> {
        let _one_by_one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = self.room(&key) {
            room.enlarge(lease)?;
            return Ok(room);
        }
        let room = Arc::new(Room::create(key, &self.path_of(&key), lease, &self.disk)?);
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        slots.unreadable.remove(&key);
        slots.rooms.insert(key, room.clone());
        Ok(room)
    }

    /// Forgets a slot and everything in it.
    ///
    /// # Errors
    /// [`StoreError`] where files cannot be removed; they are again when the market says so again.
    pub fn forget(&self, key: &SlotKey) -> Result<(), StoreError> {
        let _one_by_one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (room, is_unreadable) = {
            let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
            (slots.rooms.remove(key), slots.unreadable.remove(key))
        };
        if let Some(room) = room {
            return room.remove();
        }
        if is_unreadable {
            let path = self.path_of(key);
            return std::fs::remove_dir_all(&path).map_err(StoreError::io(&path));
        }
        Ok(())
    }

    /// Forgets a slot into which nothing was put.
    ///
    /// # Errors
    /// As [`forget`](Self::forget).
    pub fn forget_empty(&self, key: &SlotKey) -> Result<(), StoreError> {
        if self.room(key).is_some_and(|room| room.is_empty()) { self.forget(key) } else { Ok(()) }
    }

    /// One slot.
    pub fn room(&self, key: &SlotKey) -> Option<Arc<Room>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).rooms.get(key).cloned()
    }

    /// All slots that can be served.
    pub fn rooms(&self) -> Vec<Arc<Room>> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.rooms.values().cloned().collect()
    }

    /// All slots that take room, those that cannot be served too.
    pub fn holdings(&self) -> Vec<SlotKey> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.rooms.keys().chain(&slots.unreadable).copied().collect()
    }

    /// Room that is promised to slots.
    pub fn committed_in_all(&self) -> Bytes {
        let rooms = self.rooms();
        let capacities = rooms.iter().map(|room| room.lease().capacity.0);
        Bytes(capacities.fold(0, u64::saturating_add))
    }

    /// Room that is promised to slots other than `but`, and what of it is not on the disk yet.
    pub fn committed(&self, but: &SlotKey) -> (Bytes, Bytes) {
        let (mut committed, mut unwritten) = (0_u64, 0_u64);
        for room in self.rooms().iter().filter(|room| room.key() != *but) {
            let capacity = room.lease().capacity.0;
            committed = committed.saturating_add(capacity);
            unwritten = unwritten.saturating_add(capacity.saturating_sub(room.bytes()));
        }
        (Bytes(committed), Bytes(unwritten))
    }

    /// Shard bytes on the disk.
    pub fn used(&self) -> Bytes {
        Bytes(self.disk.used.load(Ordering::Relaxed))
    }

    /// What the disk can still take, by the file system's word; nothing where it gives none.
    pub fn disk_free(&self) -> Bytes {
        let stat = rustix::fs::statvfs(&self.dir);
        stat.map_or(Bytes(0), |stat| Bytes(stat.f_bavail.saturating_mul(stat.f_frsize)))
    }

    fn path_of(&self, key: &SlotKey) -> PathBuf {
        self.dir.join(format!("{}-{}", key.0, key.1))
    }
}

fn key_of(path: &Path) -> Option<SlotKey> {
    let (contract, slot) = path.file_name()?.to_str()?.rsplit_once('-')?;
    Some((contract.parse().ok()?, slot.parse().ok()?))
}
