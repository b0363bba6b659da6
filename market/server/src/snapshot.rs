//! A state to packed parts, and back on every core.

use crate::error::OpenError;
use crate::progress::Progress;
use crate::store::Store;
use crate::store::snapshots::{PackedPart, Snapshot};
use market::parts::{self, FORMAT, Part, Restoration};
use market::{Genesis, Market};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use types::Hash;

/// How hard parts are packed: names that repeat are most of what can be.
const PACKING: i32 = 1;
/// How many parts wait for a thread that unpacks them.
const WAITING_MAX: usize = 16;
/// No part is longer than this, in bytes; one that says it is is damaged.
const UNPACKED_MAX: u64 = 1 << 32;

/// Gives `market`, as block `seq` left it, part by part to `take`; what is to be kept of it when that took all.
pub(crate) fn pack<E>(
    market: &Market,
    seq: u64,
    mut take: impl FnMut(PackedPart) -> Result<(), E>,
) -> Result<Snapshot, E> {
    let mut hashes = Vec::new();
    market.write_parts(|part| {
        let bytes = zstd::bulk::compress(&part.bytes, PACKING).expect("memory takes every byte");
        let number = hashes.len() as u64;
        hashes.push(part.hash());
        take(PackedPart { number, field: part.field, bytes })
    })?;
    Ok(Snapshot { seq, root: parts::root(&hashes), format: FORMAT, parts: hashes.len() as u64 })
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
    let fields = fields(store, snapshot, corrupt)?;
    let mut market = Market::new(genesis.clone());
    let work = Work::new(Restoration::of(&mut market), &fields);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (sender, waiting) = sync_channel(WAITING_MAX);
    let (give_back, spare) = channel();
    // Only those who take parts hold it: when none is left, nothing more is sent.
    let waiting = Arc::new(Mutex::new(waiting));
    std::thread::scope(|scope| {
        let sender = sender;
        for _ in 0..cores {
            let (waiting, give_back, work) = (waiting.clone(), give_back.clone(), &work);
            scope.spawn(move || work.on(&waiting, &give_back));
        }
        drop(waiting);
        for (read, number) in (1..).zip(order(fields.len(), cores)) {
            let mut bytes: Vec<u8> = spare.try_recv().unwrap_or_default();
            store.snapshot_part(snapshot.seq, number as u64, &mut bytes)?;
            // It fails only when each thread that takes parts has panicked, and then this scope ends with a panic too.
            let _ = sender.send((number, bytes));
            progress.restored(read, snapshot.parts);
        }
        Ok::<(), OpenError>(())
    })?;
    let found = work.finish().map_err(corrupt)?;
    if found != snapshot.root {
        let written = snapshot.root;
        return Err(corrupt(format!("its root is {found}, it was written as {written}")));
    }
    Ok(market)
}

/// Of which field each part is; every part must be there.
fn fields(
    store: &Store,
    snapshot: &Snapshot,
    corrupt: impl Fn(String) -> OpenError,
) -> Result<Vec<u8>, OpenError> {
    let fields = store.snapshot_fields(snapshot.seq)?;
    let missing = (0..).zip(&fields).find(|(expected, (number, _))| expected != number);
    if let Some((expected, _)) = missing {
        return Err(corrupt(format!("part {expected} is missing")));
    }
    if fields.len() as u64 != snapshot.parts {
        let (found, all) = (fields.len(), snapshot.parts);
        return Err(corrupt(format!("{found} of its {all} parts are there")));
    }
    Ok(fields.into_iter().map(|(_, field)| field).collect())
}

/// Every number below `count` once, from as many places in turn as there are `lanes`: parts that are neighbours are mostly of
/// one field, which one thread at a time adds to.
fn order(count: usize, lanes: usize) -> impl Iterator<Item = usize> {
    let each = count.div_ceil(lanes);
    let places = (0..each).flat_map(move |step| (0..lanes).map(move |lane| lane * each + step));
    places.filter(move |number| *number < count)
}

/// A part as it is read: its number, and its packed bytes.
type Read = (usize, Vec<u8>);

/// What the threads share that make a state of parts.
struct Work<'a> {
    restoration: Restoration<'a>,
    /// Of which field each part is.
    fields: &'a [u8],
    /// Each part's hash.
    hashes: Vec<OnceLock<Hash>>,
    /// What is wrong with the first part that cannot be read.
    fault: OnceLock<String>,
}

impl<'a> Work<'a> {
    fn new(restoration: Restoration<'a>, fields: &'a [u8]) -> Self {
        let hashes = fields.iter().map(|_| OnceLock::new()).collect();
        Self { restoration, fields, hashes, fault: OnceLock::new() }
    }

    /// Takes parts until there are no more. Buffers are used again: fresh memory costs more than what is done with it.
    fn on(&self, waiting: &Mutex<Receiver<Read>>, give_back: &Sender<Vec<u8>>) {
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let mut buffer = Vec::new();
        while let Ok((number, packed)) = next() {
            if let Err(reason) = self.take(number, &packed, &mut buffer) {
                self.fault.get_or_init(|| format!("part {number} cannot be read: {reason}"));
            }
            // At the end nobody reads any more.
            let _ = give_back.send(packed);
        }
    }

    fn take(&self, number: usize, packed: &[u8], buffer: &mut Vec<u8>) -> Result<(), String> {
        unpack(packed, buffer)?;
        let field = self.fields[number];
        let first = number == 0 || self.fields[number - 1] != field;
        let part = Part { field, first, bytes: std::mem::take(buffer) };
        self.hashes[number].get_or_init(|| part.hash());
        let taken = self.restoration.take(&part);
        *buffer = part.bytes;
        taken.map_err(|error| error.to_string())
    }

    /// The root of all, if every part was read.
    fn finish(self) -> Result<Hash, String> {
        if let Some(fault) = self.fault.into_inner() {
            return Err(fault);
        }
        self.restoration.finish().map_err(|error| error.to_string())?;
        let hashes: Option<Vec<Hash>> = self.hashes.into_iter().map(OnceLock::into_inner).collect();
        Ok(parts::root(&hashes.ok_or("a part was not hashed")?))
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

#[cfg(test)]
mod tests {
    use super::order;
    use std::collections::BTreeSet;

    #[test]
    fn every_part_is_read_once_from_as_many_places_as_there_are_lanes() {
        assert_eq!(order(7, 3).collect::<Vec<_>>(), [0, 3, 6, 1, 4, 2, 5]);
        for (count, lanes) in [(0, 2), (1, 4), (5, 1), (5, 8), (64, 3), (2_131, 2)] {
            let read: Vec<usize> = order(count, lanes).collect();
            assert_eq!(read.len(), count);
            assert_eq!(read.into_iter().collect::<BTreeSet<_>>(), (0..count).collect());
        }
    }
}

#[cfg(test)]
mod scale;
