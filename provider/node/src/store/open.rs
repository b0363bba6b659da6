//! How a slot comes to be, and how it is found again at the next start.

use super::error::StoreError;
use super::files::{self, JWS, LEASE, LIST, PART, SHARD};
use super::room::{Inside, Kept, Lease, Listed, Reader, Room};
use super::{Disk, SlotKey};
use provider::Meter;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use types::Signed;
use types::documents::Voucher;

/// What a slot's directory turned out to be.
pub(super) enum Opened {
    /// A slot.
    Room(Box<Room>),
    /// One that was never confirmed, with nothing in it.
    Unfinished,
    /// One whose lease is lost or says something impossible.
    Unreadable(StoreError),
}

impl Room {
    /// Makes a slot's directory, durably. What is there already of its shards is found again.
    pub(super) fn create(
        key: SlotKey,
        dir: &Path,
        lease: &Lease,
        disk: &Arc<Disk>,
    ) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir).map_err(StoreError::io(dir))?;
        let inside = Inside::read(dir)?;
        let room = Self::new(key, dir, lease.clone(), inside, disk);
        room.write_lease(lease)?;
        room.disk.syncer.sync(dir.parent().unwrap_or(dir), Vec::new())?;
        room.disk.used.fetch_add(room.bytes(), Ordering::Relaxed);
        Ok(room)
    }

    /// Reads what a slot's directory holds.
    pub(super) fn open(key: SlotKey, dir: &Path, disk: &Arc<Disk>) -> Result<Opened, StoreError> {
        let path = dir.join(LEASE);
        let corrupted = |reason: String| StoreError::Corrupted { path: path.clone(), reason };
        let json = match std::fs::read(&path) {
            Ok(json) => json,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(if holds_something(dir)? {
                    Opened::Unreadable(corrupted("it is gone, and shards are there".into()))
                } else {
                    Opened::Unfinished
                });
            }
            Err(error) => return Err(StoreError::io(&path)(error)),
        };
        let lease: Lease = match serde_json::from_slice(&json) {
            Ok(lease) => lease,
            Err(error) => return Ok(Opened::Unreadable(corrupted(error.to_string()))),
        };
        let room = Self::new(key, dir, lease, Inside::read(dir)?, disk);
        disk.used.fetch_add(room.bytes(), Ordering::Relaxed);
        Ok(Opened::Room(Box::new(room)))
    }
}

fn holds_something(dir: &Path) -> Result<bool, StoreError> {
    for entry in std::fs::read_dir(dir).map_err(StoreError::io(dir))? {
        let path = entry.map_err(StoreError::io(dir))?.path();
        if matches!(files::kind(&path).0, Some(SHARD | LIST)) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Inside {
    /// The index, from the names and lengths of files. What never became whole is removed.
    fn read(dir: &Path) -> Result<Self, StoreError> {
        let mut inside = Self::default();
        for entry in std::fs::read_dir(dir).map_err(StoreError::io(dir))? {
            let path = entry.map_err(StoreError::io(dir))?.path();
            match files::kind(&path) {
                (Some(SHARD), Some(root)) => {
                    if let Some(bytes) = files::content_len(&path)? {
                        inside.shards.insert(root, Kept::found(bytes));
                        inside.bytes = inside.bytes.saturating_add(bytes.into());
                    }
                }
                (Some(LIST), Some(root)) => match files::read_list(&path, root) {
                    Ok((revision, list)) => {
                        let listed = Listed { revision, list: Arc::new(list) };
                        inside.lists.insert(root, listed);
                    }
                    Err(StoreError::Corrupted { path, reason }) => {
                        tracing::warn!(path = %path.display(), reason, "a slot's list is lost");
                        inside.has_lost_list = true;
                    }
                    Err(error) => return Err(error),
                },
                (Some(JWS), None) => inside.read_voucher(&path)?,
                (Some(PART), _) => std::fs::remove_file(&path).map_err(StoreError::io(&path))?,
                _ => {}
            }
        }
        Ok(inside)
    }

    fn read_voucher(&mut self, path: &Path) -> Result<(), StoreError> {
        match std::fs::read(path) {
            Ok(bytes) => {
                let voucher = Signed(String::from_utf8_lossy(&bytes).into_owned());
                match voucher.verify::<Voucher>() {
                    Ok(verified) => {
                        let meter = Meter::paid_up_to(verified.bytes);
                        let reader = Reader { meter, voucher: Some(voucher) };
                        self.readers.insert(verified.client, reader);
                    }
                    // The client is asked for it again when it reads on.
                    Err(error) => {
                        tracing::warn!(path = %path.display(), %error, "a voucher is lost");
                    }
                }
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StoreError::io(path)(error)),
        }
    }
}
