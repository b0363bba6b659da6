//! A state to packed parts, and back on every core.

use crate::error::OpenError;
use crate::progress::Progress;
use crate::store::Store;
use crate::store::snapshots::{PackedPart, Snapshot};
use market::parts::{FORMAT, Part, Restoration};
use market::{Genesis, Market};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use types::Hash;

/// How hard parts are packed: names that repeat are most of what can be.
const PACKING: i32 = 1;
/// How many parts wait for a thread that reads them.
const WAITING_MAX: usize = 16;
/// No part is longer than this, in bytes; one that says it is is damaged.
const UNPACKED_MAX: u64 = 1 << 32;

/// Gives `market`, as block `seq` left it, part by part to `take`; what is to be kept of it when that took all.
pub(crate) fn pack<E>(
    market: &Market,
    seq: u64,
    mut take: impl FnMut(PackedPart) -> Result<(), E>,
) -> Result<Snapshot, E> {
    let (mut hasher, mut parts) = (blake3::Hasher::new(), 0);
    market.write_parts(|part| {
        hasher.update(&part.bytes);
        let bytes = zstd::bulk::compress(&part.bytes, PACKING).expect("memory takes every byte");
        let number = parts;
        parts += 1;
        take(PackedPart { number, field: part.field, bytes })
    })?;
    Ok(Snapshot { seq, root: Hash(*hasher.finalize().as_bytes()), format: FORMAT, parts })
}

/// The state that `snapshot` is of, if it is the one that was written.
///
/// One thread reads the packed parts; as many more as there are cores unpack them and make the state of them.
pub(crate) fn restore(
    store: &Store,
    snapshot: &Snapshot,
    (genesis, progress): (&Genesis, &Progress),
) -> Result<Market, OpenError> {
    let corrupt = |reason| OpenError::CorruptSnapshot { block: snapshot.seq, reason };
    if snapshot.format != FORMAT {
        let found = snapshot.format;
        return Err(corrupt(format!("it is of format {found}, this program reads {FORMAT}")));
    }
    let mut market = Market::new(genesis.clone());
    let restoration = Restoration::of(&mut market);
    let hashing = Hashing::default();
    let (sender, receiver) = sync_channel(WAITING_MAX);
    let receiver = Mutex::new(receiver);
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores {
            scope.spawn(|| restore_parts(&receiver, &hashing, &restoration));
        }
        read(store, snapshot, (&sender, progress), corrupt).inspect(|()| drop(sender))
    })?;
    let found = hashing.finish().map_err(corrupt)?;
    if found != snapshot.root {
        let written = snapshot.root;
        return Err(corrupt(format!("its root is {found}, it was written as {written}")));
    }
    restoration.finish().map_err(|error| corrupt(error.to_string()))?;
    Ok(market)
}

/// A part as it is read: whether it is the first of its field, and what is kept of it.
type Read = (bool, PackedPart);

/// Sends every part on, in order.
fn read(
    store: &Store,
    snapshot: &Snapshot,
    (sender, progress): (&SyncSender<Read>, &Progress),
    corrupt: impl Fn(String) -> OpenError,
) -> Result<(), OpenError> {
    let (mut number, mut last) = (0, None);
    while number < snapshot.parts {
        let packed = store.snapshot_parts(snapshot.seq, number)?;
        if packed.is_empty() {
            return Err(corrupt(format!("{number} of its {} parts are there", snapshot.parts)));
        }
        for part in packed {
            if part.number != number {
                return Err(corrupt(format!("part {number} is missing")));
            }
            let first = last.replace(part.field) != Some(part.field);
            // The threads that unpack take parts for as long as there are any.
            let _ = sender.send((first, part));
            number += 1;
            progress.restored(number, snapshot.parts);
        }
    }
    Ok(())
}

/// Makes the state of parts until there are no more.
fn restore_parts(parts: &Mutex<Receiver<Read>>, hashing: &Hashing, restoration: &Restoration<'_>) {
    let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).recv();
    // One buffer for all: fresh memory costs more than what is done with it.
    let mut part = Part { field: 0, first: false, bytes: Vec::new() };
    while let Ok((first, PackedPart { number, field, bytes })) = next() {
        (part.field, part.first) = (field, first);
        let taken = unpack(&bytes, &mut part.bytes)
            .map_err(|why| format!("part {number} cannot be unpacked: {why}"))
            .and_then(|()| {
                hashing.add(number, &part.bytes);
                restoration.take(&part).map_err(|error| error.to_string())
            });
        if let Err(reason) = taken {
            hashing.stop(reason);
        }
    }
}

/// Unpacks a part's bytes into a buffer.
fn unpack(bytes: &[u8], buffer: &mut Vec<u8>) -> Result<(), String> {
    let length = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten();
    let length = length.filter(|length| *length <= UNPACKED_MAX);
    let length = length.and_then(|length| usize::try_from(length).ok());
    let length = length.ok_or("it does not say how long it is")?;
    buffer.resize(length, 0);
    let unpacked = zstd::bulk::decompress_to_buffer(bytes, buffer);
    let unpacked = unpacked.map_err(|error| error.to_string())?;
    if unpacked == length { Ok(()) } else { Err(format!("it has {unpacked} of {length} bytes")) }
}

/// The hash over parts in their order, whichever threads unpack them.
#[derive(Default)]
struct Hashing {
    state: Mutex<Hashed>,
    moved: Condvar,
}

#[derive(Default)]
struct Hashed {
    hasher: blake3::Hasher,
    /// How many parts are in it: the next one's number.
    parts: u64,
    /// Why there will be no hash.
    fault: Option<String>,
}

impl Hashing {
    /// Adds a part when all before it are there.
    fn add(&self, number: u64, bytes: &[u8]) {
        let state = self.lock();
        let before = |state: &mut Hashed| state.parts != number && state.fault.is_none();
        let state = self.moved.wait_while(state, before);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if state.parts == number {
            state.hasher.update(bytes);
            state.parts += 1;
            self.moved.notify_all();
        }
    }

    /// Ends the waiting of all: there will be no hash.
    fn stop(&self, reason: String) {
        self.lock().fault.get_or_insert(reason);
        self.moved.notify_all();
    }

    fn finish(self) -> Result<Hash, String> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let hash = Hash(*state.hasher.finalize().as_bytes());
        state.fault.map_or(Ok(hash), Err)
    }

    fn lock(&self) -> MutexGuard<'_, Hashed> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod scale;
