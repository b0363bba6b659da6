//! A state to packed parts, and back on every core.

use crate::error::OpenError;
use crate::progress::Progress;
use crate::store::Store;
use crate::store::snapshots::{PackedPart, Snapshot};
use market::parts::{FORMAT, Part, PartError, Restoration};
use market::{Genesis, Market};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use types::Hash;

/// How hard parts are packed: names that repeat are most of what can be.
const PACKING: i32 = 1;
/// How many parts wait for a thread that reads them.
const WAITING_MAX: usize = 16;

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
/// One thread reads and hashes the parts in order, as many more as there are cores make the state of them.
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
    let fault: Mutex<Option<PartError>> = Mutex::new(None);
    let (sender, receiver) = sync_channel(WAITING_MAX);
    let receiver = Mutex::new(receiver);
    let found = std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(part) = next(&receiver) {
                    if let Err(error) = restoration.take(&part) {
                        *fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    }
                }
            });
        }
        unpack(store, snapshot, (&sender, progress), corrupt).inspect(|_| drop(sender))
    })?;
    if found != snapshot.root {
        let written = snapshot.root;
        return Err(corrupt(format!("its root is {found}, it was written as {written}")));
    }
    let fault = fault.into_inner().unwrap_or_else(PoisonError::into_inner);
    let whole = fault.map_or_else(|| restoration.finish(), Err);
    whole.map_err(|error| corrupt(error.to_string()))?;
    Ok(market)
}

fn next(parts: &Mutex<Receiver<Part>>) -> Option<Part> {
    parts.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Sends every part on, and gives the hash of all.
fn unpack(
    store: &Store,
    snapshot: &Snapshot,
    (sender, progress): (&SyncSender<Part>, &Progress),
    corrupt: impl Fn(String) -> OpenError,
) -> Result<Hash, OpenError> {
    let (mut hasher, mut number, mut last) = (blake3::Hasher::new(), 0, None);
    while number < snapshot.parts {
        let packed = store.snapshot_parts(snapshot.seq, number)?;
        if packed.is_empty() {
            break;
        }
        for PackedPart { number: found, field, bytes } in packed {
            if found != number {
                return Err(corrupt(format!("part {number} is missing")));
            }
            let bytes = zstd::decode_all(&bytes[..])
                .map_err(|error| corrupt(format!("part {number} cannot be unpacked: {error}")))?;
            hasher.update(&bytes);
            let part = Part { field, first: last != Some(field), bytes };
            (number, last) = (number + 1, Some(field));
            // The threads that read take parts for as long as there are any.
            let _ = sender.send(part);
            progress.restored(number, snapshot.parts);
        }
    }
    if number != snapshot.parts {
        return Err(corrupt(format!("{number} of its {} parts are there", snapshot.parts)));
    }
    Ok(Hash(*hasher.finalize().as_bytes()))
}

#[cfg(test)]
mod scale;
