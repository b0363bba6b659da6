//! A provider that sells below cost until others leave or are empty, and then leaves itself.

use super::honest::{self, Honest};
use super::{Agent, Asked, Deed, Reply, Seat};
use market::event::SlotId;
use serde::Deserialize;
use types::Did;
use types::documents::{Departure, Reservation};

/// How a dumper leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// Not at all.
    #[default]
    Never,
    /// It offers nothing any more, and leaves slot by slot as the rules let it.
    Depart,
    /// It answers nothing any more, and its disks are empty.
    Vanish,
}

/// What a dumper is like: an honest one's settings, its price being the one that it dumps at; and how it leaves.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// As which it looks.
    #[serde(flatten)]
    pub honest: honest::Settings,
    /// How it leaves.
    #[serde(default)]
    pub exit: Exit,
    /// In which epoch it does.
    #[serde(default)]
    pub exit_epoch: u64,
}

/// The provider.
#[derive(Clone, Debug)]
pub struct Dumper {
    honest: Honest,
    exit: Exit,
    exit_epoch: u64,
    gone: bool,
}

impl Dumper {
    /// The `number`th of a group.
    pub fn new(settings: Settings, number: u32) -> Self {
        let Settings { honest, exit, exit_epoch } = settings;
        Self { honest: Honest::new(honest, number), exit, exit_epoch, gone: false }
    }

    fn vanished(&self) -> bool {
        self.gone && self.exit == Exit::Vanish
    }

    fn leave(&mut self, seat: &mut Seat<'_>, me: Did) {
        self.gone = true;
        self.honest.close(seat, me);
        let held: Vec<SlotId> = seat.market.holdings(&me).collect();
        for SlotId { contract, slot } in held {
            if self.exit == Exit::Depart {
                seat.hand(Deed::Depart(Departure { provider: me, contract, slot }));
            } else {
                seat.hand(Deed::Drop(me, SlotId { contract, slot }, 1_000_000));
            }
        }
    }
}

impl Agent for Dumper {
    fn act(&mut self, seat: &mut Seat<'_>) {
        let me = Honest::me(seat);
        if self.exit == Exit::Never || seat.epoch().0 < self.exit_epoch {
            self.honest.act(seat);
        } else if !self.gone {
            self.leave(seat, me);
        }
    }

    fn reserved(&mut self, seat: &mut Seat<'_>, reservation: &Reservation) -> Result<(), String> {
        if self.gone {
            return Err("this party has left".into());
        }
        self.honest.reserved(seat, reservation)
    }

    fn challenged(&mut self, seat: &mut Seat<'_>, asked: &Asked<'_>) -> Reply {
        if self.vanished() { Reply::Silence } else { self.honest.challenged(seat, asked) }
    }

    fn lost(&mut self, seat: &mut Seat<'_>, party: Did, slots: &[SlotId]) {
        if !self.vanished() {
            self.honest.lost(seat, party, slots);
        }
    }
}
