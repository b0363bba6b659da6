//! The thread that turns the source into shards and hands each slot its own.

use super::journal::Journal;
use super::source::Opened;
use crate::error::Error;
use crate::progress::{Event, Progress};
use bytes::Bytes;
use shards::{Cipher, Encoder, ObjectKey, ObjectLayout, Root, Segment, Shape};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use types::Hash;

/// How much is read, hashed and sealed at a time: it stays in the nearest caches.
const PIECE_BYTES: usize = 256 << 10;

/// A shard on its way to its slot. Its segment's memory is free when the last of its shards is gone.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// Its root.
    pub(crate) root: Root,
    /// Its bytes.
    pub(crate) bytes: Bytes,
    _room: Arc<OwnedSemaphorePermit>,
}

/// How the object is sealed and cut.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) key: ObjectKey,
    pub(crate) shape: Shape,
    pub(crate) cipher: Cipher,
    pub(crate) compress: bool,
}

/// Where the shards go, and how many segments may be in memory.
#[derive(Debug)]
pub(crate) struct Outlet {
    /// Slot by slot.
    pub(crate) slots: Vec<mpsc::UnboundedSender<Parcel>>,
    /// A permit for each segment in memory.
    pub(crate) room: Arc<Semaphore>,
}

/// What was cut.
#[derive(Debug)]
pub(crate) struct CutObject {
    pub(crate) layout: ObjectLayout,
    pub(crate) hash: Hash,
}

/// Reads, hashes, seals, codes and hands out, until the source ends. Blocks; runs on a thread of its own.
pub(crate) fn cut(
    source: &mut Opened,
    recipe: &Recipe,
    mut journal: Option<&mut Journal>,
    outlet: &Outlet,
    progress: &dyn Progress,
) -> Result<CutObject, Error> {
    let mut encoder = Encoder::new(recipe.shape, recipe.cipher, &recipe.key, recipe.compress)?;
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; PIECE_BYTES];
    let runtime = Handle::current();
    let mut hand_out = |segments: Vec<Segment>| -> Result<(), Error> {
        for segment in segments {
            if let Some(journal) = &mut journal {
                journal.note(&segment.layout())?;
            }
            hand_out(segment, outlet, &runtime)?;
        }
        Ok(())
    };
    let total = Some(source.size());
    loop {
        let read = source.next(&mut piece)?;
        if read == 0 {
            break;
        }
        hasher.update(&piece[..read]);
        let segments = encoder.push(&piece[..read])?;
        if !segments.is_empty() {
            hand_out(segments)?;
            progress.notice(&Event::Moved { bytes: encoder.plain_bytes(), total });
        }
    }
    let end = encoder.finish()?;
    hand_out(end.segments)?;
    progress.notice(&Event::Moved { bytes: end.layout.plain_bytes, total });
    Ok(CutObject { layout: end.layout, hash: Hash(hasher.finalize().into()) })
}

/// Gives each slot its shard, once there is room for the segment.
fn hand_out(segment: Segment, outlet: &Outlet, runtime: &Handle) -> Result<(), Error> {
    let room = Arc::clone(&outlet.room);
    let permit = runtime.block_on(room.acquire_owned()).map_err(|_| Error::Stopped)?;
    let room = Arc::new(permit);
    let parcels = segment.shards.into_iter().zip(segment.roots);
    for (slot, (bytes, root)) in outlet.slots.iter().zip(parcels) {
        let parcel = Parcel { root, bytes, _room: Arc::clone(&room) };
        slot.send(parcel).map_err(|_| Error::Stopped)?;
    }
    Ok(())
}
