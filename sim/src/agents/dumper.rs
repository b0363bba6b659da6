//! A provider that sells below cost until others leave or are empty, and then leaves itself.

use super::honest::{self, Honest};
use super::{Agent, Asked, Deed, Reply, Seat};
use market::event::SlotId;
use serde::{Deserialize, Serialize};
use types::Did;
use types::documents::{Departure, Reservation};

/// How a dumper leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
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
#[derive(Clone, Debug, Deserialize, Serialize)]
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
        if self.exit == Exit::Depart {
            self.honest.close(seat, me);
        } else {
            seat.hand(Deed::Vanish(me));
        }
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

#[cfg(test)]
mod tests {
    use crate::chance::Seed;
    use crate::results::Run;
    use crate::world::World;

    fn lived(exit: &str) -> Run {
        let settings = serde_json::json!({
            "epoch": "1d", "epochs": 16,
            "agents": [
                { "kind": "honest", "count": 8, "capacity": "100GB", "price": 100.0, "money": 1_000_000_000 },
                {
                    "kind": "dumper", "count": 2, "capacity": "100GB", "price": 5.0, "money": 1_000_000_000,
                    "exit": exit, "exit_epoch": 6,
                },
                {
                    "kind": "client", "count": 2, "capacity": "10GB", "duration": "12d", "contracts": 2,
                    "worth": [1000.0, 1000.0], "money": 1_000_000_000,
                },
            ],
        });
        let settings = serde_json::from_value(settings).unwrap();
        World::new(&settings, Seed(1)).unwrap().run("only", |_| {}).unwrap()
    }

    fn offered(run: &Run) -> [f64; 2] {
        let offered = &run.series["offered.dumper_permille"];
        [offered[4], offered.last().copied().unwrap()]
    }

    #[test]
    fn who_departs_offers_nothing_any_more_and_is_not_penalised() {
        let run = lived("depart");
        assert!(run.figures["dumper.penalties"] < 1e-9);
        assert!(run.series["sold.dumper_permille"][4] > 200.0);
        assert!(offered(&run)[0] > 0.0);
        assert!(offered(&run)[1] < 1e-9, "{:?}", run.series["offered.dumper_permille"]);
    }

    #[test]
    fn who_vanishes_is_penalised_and_who_stays_is_not() {
        assert!(lived("vanish").figures["dumper.penalties"] > 0.0);
        let stays = lived("never");
        assert!(stays.figures["dumper.penalties"] < 1e-9);
        assert!(offered(&stays)[1] > 0.0);
    }
}
