//! Snapshots: made on a thread of their own from a copy of the state, written piece by piece between batches.

use super::super::Job;
use super::Thread;
use crate::snapshot;
use crate::store::StoreError;
use crate::store::snapshots::{PackedPart, Snapshot};
use market::Market;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tokio::sync::mpsc;

/// How many pieces wait to be written.
const WAITING_MAX: usize = 4;
/// A snapshot is as large as the state: in a large market one is worth it only for this share of its contracts.
const CONTRACTS_PER_EVENT: u64 = 4;

/// A snapshot that is being made.
pub(super) struct Saving {
    /// Of which block.
    seq: u64,
    /// How many of the unsaved events are in it.
    events: u64,
    pieces: Receiver<Piece>,
}

enum Piece {
    Part(PackedPart),
    /// All parts are there.
    End(Snapshot),
}

/// The thread that wrote has stopped, or makes another snapshot.
struct Unwanted;

impl Thread {
    /// Begins a snapshot of what is published, unless one is being made.
    pub(super) fn begin_saving(&mut self) {
        let (Some(wake), seq) = (self.wake.upgrade(), self.settled.head.blocks) else { return };
        let (sender, pieces) = sync_channel(WAITING_MAX);
        let market = self.published.read().market.clone();
        let begun = self.open_store().and_then(|store| store.begin_snapshot(self.term, seq));
        let make = move || make(&market, seq, (&sender, &wake));
        let begun = begun.and_then(|()| {
            let builder = std::thread::Builder::new().name("market-snapshot".into());
            builder.spawn(make).map_err(|error| StoreError::Unavailable(error.to_string()))
        });
        match begun {
            Ok(_) => self.saving = Some(Saving { seq, events: self.events_unsaved, pieces }),
            Err(error) => self.abandon(&error),
        }
    }

    /// Writes the next piece of the snapshot that is being made. A market that cannot goes on without it.
    pub(super) fn save_piece(&mut self) {
        let Some(Ok(piece)) = self.saving.as_ref().map(|saving| saving.pieces.try_recv()) else {
            return;
        };
        if let Err(error) = self.write_piece(piece) {
            self.abandon(&error);
        }
    }

    fn write_piece(&mut self, piece: Piece) -> Result<(), StoreError> {
        let Some(Saving { seq, events, .. }) = self.saving else { return Ok(()) };
        match piece {
            Piece::Part(part) => self.open_store()?.add_snapshot_part(self.term, seq, &part),
            Piece::End(snapshot) => {
                self.open_store()?.end_snapshot(self.term, &snapshot)?;
                self.saving = None;
                self.saved(events);
                Ok(())
            }
        }
    }

    /// Writes a snapshot before the thread ends.
    pub(super) fn save_now(&mut self) {
        self.saving = None;
        if self.events_unsaved == 0 {
            return;
        }
        let (term, seq) = (self.term, self.settled.head.blocks);
        let Ok(store) = self.open_store() else { return };
        let saved = store.begin_snapshot(term, seq).and_then(|()| {
            let add = |part| store.add_snapshot_part(term, seq, &part);
            let snapshot = snapshot::pack(&self.working, seq, add)?;
            store.end_snapshot(term, &snapshot)
        });
        match saved {
            Ok(()) => self.saved(self.events_unsaved),
            Err(error) => self.abandon(&error),
        }
    }

    fn saved(&mut self, events: u64) {
        let contracts = self.working.contracts().len() as u64;
        self.events_unsaved = self.events_unsaved.saturating_sub(events);
        self.save_at = self.snapshot_every.max(contracts / CONTRACTS_PER_EVENT);
    }

    fn abandon(&mut self, error: &StoreError) {
        self.saving = None;
        self.save_at = self.events_unsaved + self.snapshot_every;
        tracing::warn!(%error, "no snapshot was written");
        self.distrust();
    }
}

/// Makes every piece, and wakes the writer for each.
fn make(market: &Market, seq: u64, (pieces, wake): (&SyncSender<Piece>, &mpsc::Sender<Job>)) {
    let send = |piece| {
        pieces.send(piece).map_err(|_| Unwanted)?;
        wake.blocking_send(Job::Save).map_err(|_| Unwanted)
    };
    let made = snapshot::pack(market, seq, |part| send(Piece::Part(part)));
    // What nobody wants any more is not finished.
    let _ = made.and_then(|snapshot| send(Piece::End(snapshot)));
}
