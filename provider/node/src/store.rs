//! The shard store: every slot a directory, every shard a file with its outboard behind it.
//!
//! ```text
//! slots/<contract>-<slot>/slot.json      whose it is and how much room it has
//!                         <root>.shard   content ‖ outboard ‖ content length (u32, little-endian)
//!                         <root>.list    what a receipt was signed for: postcard of the slot's entries
//!                         voucher.jws    the highest voucher for reads
//! ```
//!
//! There is no index beside the files: it is read from their names and lengths at start, so there is none
//! to lose. Files are written beside, then renamed; what a receipt names is fsynced, directory included, in
//! groups ([`sync`]).

mod error;
mod room;
mod sync;

pub use error::StoreError;
pub use room::{Lease, Room};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
pub(crate) use sync::Syncer;
use types::{Bytes, ContractId};

/// A slot of a contract.
pub type SlotKey = (ContractId, u16);

/// Everything a provider keeps.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    rooms: RwLock<BTreeMap<SlotKey, Arc<Room>>>,
    /// Shard bytes on the disk.
    used: Arc<AtomicU64>,
    syncer: Arc<Syncer>,
}

impl Store {
    /// Opens the store in `dir`, making it where there is none. Reads names and lengths, not contents.
    ///
    /// # Errors
    /// [`StoreError`] names the file that cannot be read.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let dir = dir.join("slots");
        std::fs::create_dir_all(&dir).map_err(StoreError::io(&dir))?;
        let used = Arc::new(AtomicU64::new(0));
        let syncer = Arc::new(Syncer::start()?);
        let mut rooms = BTreeMap::new();
        for entry in std::fs::read_dir(&dir).map_err(StoreError::io(&dir))? {
            let path = entry.map_err(StoreError::io(&dir))?.path();
            let Some(key) = key_of(&path) else { continue };
            match Room::open(key, &path, used.clone(), syncer.clone())? {
                Some(room) => {
                    rooms.insert(key, Arc::new(room));
                }
                // A slot that was never confirmed: nobody knows of it.
                None => std::fs::remove_dir_all(&path).map_err(StoreError::io(&path))?,
            }
        }
        Ok(Self { dir, rooms: RwLock::new(rooms), used, syncer })
    }

    /// Makes room for a slot, durably. Asked again it changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] where the disk refuses.
    pub fn reserve(&self, key: SlotKey, lease: &Lease) -> Result<Arc<Room>, StoreError> {
        let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = rooms.get(&key) {
            return Ok(room.clone());
        }
        let path = self.dir.join(format!("{}-{}", key.0, key.1));
        let room = Room::create(key, &path, lease, self.used.clone(), self.syncer.clone())?;
        let room = Arc::new(room);
        rooms.insert(key, room.clone());
        Ok(room)
    }

    /// Forgets a slot and everything in it.
    ///
    /// # Errors
    /// [`StoreError`] where files cannot be removed; they are again when the market says so again.
    pub fn forget(&self, key: &SlotKey) -> Result<(), StoreError> {
        let room = self.rooms.write().unwrap_or_else(PoisonError::into_inner).remove(key);
        room.map_or(Ok(()), |room| room.remove())
    }

    /// One slot.
    pub fn room(&self, key: &SlotKey) -> Option<Arc<Room>> {
        self.rooms.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// All slots.
    pub fn rooms(&self) -> Vec<Arc<Room>> {
        self.rooms.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Room that is promised to slots.
    pub fn committed(&self) -> Bytes {
        let rooms = self.rooms.read().unwrap_or_else(PoisonError::into_inner);
        Bytes(rooms.values().map(|room| room.lease().capacity.0).fold(0, u64::saturating_add))
    }

    /// Shard bytes on the disk.
    pub fn used(&self) -> Bytes {
        Bytes(self.used.load(Ordering::Relaxed))
    }

    /// What the disk can still take, by the file system's word.
    pub fn disk_free(&self) -> Bytes {
        let stat = rustix::fs::statvfs(&self.dir);
        stat.map_or(Bytes(u64::MAX), |stat| Bytes(stat.f_bavail.saturating_mul(stat.f_frsize)))
    }
}

fn key_of(path: &Path) -> Option<SlotKey> {
    let (contract, slot) = path.file_name()?.to_str()?.rsplit_once('-')?;
    Some((contract.parse().ok()?, slot.parse().ok()?))
}
