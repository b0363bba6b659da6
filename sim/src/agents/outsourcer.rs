//! A provider that keeps nothing, and has the challenged chunks made or fetched elsewhere whenever it is asked.

use super::{Agent, Asked, Deed, Reply, Seat, honest};
use crate::agents::honest::Honest;
use crate::statistics::{real, whole};
use market::event::SlotId;
use serde::{Deserialize, Serialize};
use types::documents::{AuditKind, Reservation};
use types::{Did, DocId, Msat};

/// A whole, in parts per million.
const WHOLE_PPM: u32 = 1_000_000;
/// What one challenge has read, in bytes.
const CHUNK_BYTES: u64 = shards::prove::CHUNK_BYTES as u64;

/// How many chunks of a slot a day's challenges ask for, at most: four times the standard plan's 505 a week.
const CHUNKS_A_DAY: u64 = 289;

/// What an outsourcer is like: an honest provider's settings, and what fetching takes.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Settings {
    /// As which it looks.
    #[serde(flatten)]
    pub honest: honest::Settings,
    /// How long it takes until it has what it is asked for, in milliseconds; at 0 it keeps everything and fetches nothing.
    pub fetch_ms: u32,
    /// What fetching costs, msat per GB.
    pub reading: f64,
    /// How many chunks it reads for each one that it is asked for: k of the others make one again.
    pub chunks: u32,
    /// Whether it answers at once with nothing, says nothing more, and disputes the verdict with what it fetches afterwards.
    #[serde(default)]
    pub disputes: bool,
}

/// The provider.
#[derive(Clone, Debug)]
pub struct Outsourcer {
    honest: Honest,
    fetch_ms: u32,
    reading: f64,
    chunks: u32,
    disputes: bool,
    /// What it owes for reads and has not paid yet, being less than an msat.
    owed: f64,
}

impl Outsourcer {
    /// The `number`th of a group.
    pub fn new(settings: Settings, number: u32) -> Self {
        let Settings { honest, fetch_ms, reading, chunks, disputes } = settings;
        let honest = Honest::new(honest, number);
        Self { honest, fetch_ms, reading, chunks, disputes, owed: 0.0 }
    }

    /// Pays for reading so many chunks, in whole msat as they come together.
    fn pay_for(&mut self, seat: &mut Seat<'_>, chunks: u64) {
        let bytes = chunks * CHUNK_BYTES * u64::from(self.chunks);
        self.owed += real(bytes) / 1e9 * self.reading;
        let due = whole(self.owed);
        if due > 0 {
            self.owed -= real(due);
            seat.hand(Deed::Spend(Msat(i64::try_from(due).unwrap_or(i64::MAX))));
        }
    }
}

impl Agent for Outsourcer {
    fn act(&mut self, seat: &mut Seat<'_>) {
        self.honest.act(seat);
    }

    fn reserved(&mut self, seat: &mut Seat<'_>, reservation: &Reservation) -> Result<(), String> {
        self.honest.reserved(seat, reservation)
    }

    fn stored(&mut self, seat: &mut Seat<'_>, party: Did, slot: SlotId) {
        if self.fetch_ms > 0 {
            seat.hand(Deed::Drop(party, slot, WHOLE_PPM));
        }
    }

    fn challenged(&mut self, seat: &mut Seat<'_>, asked: &Asked<'_>) -> Reply {
        if self.fetch_ms == 0 {
            return Reply::FromDisk;
        }
        if self.disputes {
            return match asked.kind {
                AuditKind::Routine => Reply::FromDisk,
                AuditKind::Intensified => Reply::Silence,
            };
        }
        self.pay_for(seat, asked.slots.iter().map(|slot| u64::from(slot.count)).sum());
        Reply::Fetched(self.fetch_ms)
    }

    fn accused(&mut self, seat: &mut Seat<'_>, party: Did, verdict: DocId, slots: &[SlotId]) {
        if self.disputes {
            // As many as a standing plan asks of a slot in a day, at most.
            self.pay_for(seat, slots.len() as u64 * CHUNKS_A_DAY);
            seat.hand(Deed::Dispute(party, verdict, Reply::Fetched(self.fetch_ms)));
        }
    }
}
