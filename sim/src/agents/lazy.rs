//! A provider that drops a part of what it was paid to keep, hopes, and confesses nothing.

use super::{Agent, Deed, Seat, honest};
use crate::agents::honest::Honest;
use market::event::SlotId;
use serde::{Deserialize, Serialize};
use types::documents::Reservation;
use types::{Did, DocId, Msat};

/// What a lazy provider is like: an honest one's settings, and how much it drops.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Settings {
    /// As which it looks.
    #[serde(flatten)]
    pub honest: honest::Settings,
    /// The share of every slot that it drops as soon as it has it, in parts per million.
    pub drop_ppm: u32,
    /// From which epoch on it drops.
    #[serde(default)]
    pub from_epoch: u64,
    /// What it is paid elsewhere, at once, for the room of each slot that it drops of, in msat.
    #[serde(default)]
    pub gain_msat: i64,
}

/// The provider.
#[derive(Clone, Debug)]
pub struct Lazy {
    honest: Honest,
    drop_ppm: u32,
    from_epoch: u64,
    gain_msat: i64,
}

impl Lazy {
    /// The `number`th of a group.
    pub fn new(settings: Settings, number: u32) -> Self {
        let Settings { honest, drop_ppm, from_epoch, gain_msat } = settings;
        let honest = Honest::new(honest, number);
        Self { honest, drop_ppm, from_epoch, gain_msat }
    }

    fn drop_all(&self, seat: &mut Seat<'_>, party: Did) {
        if self.drop_ppm == 0 || seat.epoch().0 < self.from_epoch {
            return;
        }
        let whole: Vec<SlotId> =
            seat.disks.of(&party).filter(|(_, kept)| kept.is_whole()).map(|(id, _)| *id).collect();
        for id in whole {
            seat.hand(Deed::Drop(party, id, self.drop_ppm));
            if self.gain_msat != 0 {
                seat.hand(Deed::Spend(Msat(-self.gain_msat)));
            }
        }
    }
}

impl Agent for Lazy {
    fn act(&mut self, seat: &mut Seat<'_>) {
        let me = Honest::me(seat);
        self.honest.act(seat);
        self.drop_all(seat, me);
    }

    fn reserved(&mut self, seat: &mut Seat<'_>, reservation: &Reservation) -> Result<(), String> {
        self.honest.reserved(seat, reservation)
    }

    fn lost(&mut self, seat: &mut Seat<'_>, party: Did, slots: &[SlotId]) {
        self.honest.lost(seat, party, slots);
    }

    fn accused(&mut self, seat: &mut Seat<'_>, party: Did, verdict: DocId, slots: &[SlotId]) {
        self.honest.accused(seat, party, verdict, slots);
    }
}
