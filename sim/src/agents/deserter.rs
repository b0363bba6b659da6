//! A provider that leaves at a chosen moment, properly or without a word.

use super::{Agent, Deed, Seat, honest};
use crate::agents::honest::Honest;
use contracts::SlotState;
use market::event::SlotId;
use serde::{Deserialize, Serialize};
use types::documents::{Departure, Reservation};
use types::{Did, Msat};

/// How a provider leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Not at all.
    Stays,
    /// It offers nothing more, departs from every slot, and serves on until others have taken them.
    Departs,
    /// It is never in reach again.
    Vanishes,
}

/// What a deserter is like: an honest one's settings, and when and how it leaves.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Settings {
    /// As which it looks.
    #[serde(flatten)]
    pub honest: honest::Settings,
    /// In which epoch it leaves.
    pub leaves_epoch: u64,
    /// How.
    pub way: Way,
    /// What somebody else pays for the room of each slot that it holds when it leaves, in msat.
    #[serde(default)]
    pub offered_msat: i64,
}

/// The provider.
#[derive(Clone, Debug)]
pub struct Deserter {
    honest: Honest,
    leaves_epoch: u64,
    way: Way,
    offered_msat: i64,
    gone: bool,
}

impl Deserter {
    /// The `number`th of a group.
    pub fn new(settings: Settings, number: u32) -> Self {
        let Settings { honest, leaves_epoch, way, offered_msat } = settings;
        let honest = Honest::new(honest, number);
        Self { honest, leaves_epoch, way, offered_msat, gone: false }
    }

    /// Leaves, once.
    fn leave(&mut self, seat: &mut Seat<'_>, party: Did) {
        let held = i64::try_from(seat.market.holdings(&party).count()).unwrap_or(i64::MAX);
        if !self.gone && self.offered_msat != 0 {
            seat.hand(Deed::Spend(Msat(-self.offered_msat * held)));
        }
        if !self.gone && self.way == Way::Vanishes {
            seat.hand(Deed::Vanish(party));
        }
        if self.way == Way::Departs {
            self.honest.offer_nothing(seat, party);
            depart(seat, party);
        }
        self.gone = true;
    }
}

/// Says of every sound slot that it leaves it.
fn depart(seat: &mut Seat<'_>, provider: Did) {
    let held =
        seat.market.holdings(&provider).filter_map(|id| seat.market.slot(id).map(|s| (id, s)));
    let sound =
        held.filter(|(_, (_, slot))| slot.state == SlotState::Filled && slot.leaving.is_none());
    let sound: Vec<SlotId> = sound.map(|(id, _)| id).collect();
    for SlotId { contract, slot } in sound {
        seat.hand(Deed::Depart(Departure { provider, contract, slot }));
    }
}

impl Agent for Deserter {
    fn act(&mut self, seat: &mut Seat<'_>) {
        let me = Honest::me(seat);
        if self.way != Way::Stays && seat.epoch().0 >= self.leaves_epoch {
            self.leave(seat, me);
        } else {
            self.honest.act(seat);
        }
    }

    fn reserved(&mut self, seat: &mut Seat<'_>, reservation: &Reservation) -> Result<(), String> {
        if self.gone {
            return Err("it leaves".into());
        }
        self.honest.reserved(seat, reservation)
    }

    fn lost(&mut self, seat: &mut Seat<'_>, party: Did, slots: &[SlotId]) {
        Honest::confess(seat, party, slots);
    }
}
