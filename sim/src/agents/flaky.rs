//! A provider with bad machines: often out of reach, and its disks fail often. It is no liar: it confesses what it loses.

use super::honest::{self, Honest};
use super::{Agent, Asked, Deed, Reply, Seat};
use market::event::SlotId;
use serde::{Deserialize, Serialize};
use types::documents::Reservation;
use types::{Did, Epoch};

/// What a flaky provider is like: an honest one's settings, and how bad its machines are beside the world's failures.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Settings {
    /// As which it looks.
    #[serde(flatten)]
    pub honest: honest::Settings,
    /// With what chance it falls silent in an epoch, in parts per million.
    #[serde(default)]
    pub silent_ppm: u32,
    /// For how many epochs it is silent then.
    #[serde(default)]
    pub silent_epochs: u64,
    /// With what chance it loses all that is on its disks in an epoch, in parts per million.
    #[serde(default)]
    pub loses_ppm: u32,
}

/// The provider.
#[derive(Clone, Debug)]
pub struct Flaky {
    honest: Honest,
    silent: f64,
    silent_epochs: u64,
    loses: f64,
    back: Epoch,
}

impl Flaky {
    /// The `number`th of a group.
    pub fn new(settings: Settings, number: u32) -> Self {
        let Settings { honest, silent_ppm, silent_epochs, loses_ppm } = settings;
        Self {
            honest: Honest::new(honest, number),
            silent: f64::from(silent_ppm) / 1e6,
            silent_epochs,
            loses: f64::from(loses_ppm) / 1e6,
            back: Epoch(0),
        }
    }

    fn is_silent(&self, seat: &Seat<'_>) -> bool {
        seat.epoch() < self.back
    }

    /// Everything on its disks is gone, and it says so.
    fn lose(seat: &mut Seat<'_>, me: Did) {
        let held: Vec<SlotId> = seat.disks.of(&me).map(|(id, _)| *id).collect();
        for id in held {
            seat.hand(Deed::Drop(me, id, 1_000_000));
        }
    }
}

impl Agent for Flaky {
    fn act(&mut self, seat: &mut Seat<'_>) {
        let me = Honest::me(seat);
        // What it lost since it looked last; in the epoch of the loss nothing is known of it yet.
        let gone: Vec<SlotId> =
            seat.disks.of(&me).filter(|(_, kept)| !kept.is_whole()).map(|(id, _)| *id).collect();
        let (falls_silent, fails) =
            (seat.draws.happens(self.silent), seat.draws.happens(self.loses));
        if falls_silent && !self.is_silent(seat) {
            self.back = seat.epoch().plus(self.silent_epochs);
        }
        if self.is_silent(seat) {
            return;
        }
        Honest::confess(seat, me, &gone);
        self.honest.act(seat);
        if fails {
            Self::lose(seat, me);
        }
    }

    fn reserved(&mut self, seat: &mut Seat<'_>, reservation: &Reservation) -> Result<(), String> {
        if self.is_silent(seat) {
            return Err("out of reach".into());
        }
        self.honest.reserved(seat, reservation)
    }

    fn challenged(&mut self, seat: &mut Seat<'_>, asked: &Asked<'_>) -> Reply {
        if self.is_silent(seat) { Reply::Silence } else { self.honest.challenged(seat, asked) }
    }

    fn lost(&mut self, seat: &mut Seat<'_>, party: Did, slots: &[SlotId]) {
        self.honest.lost(seat, party, slots);
    }
}

#[cfg(test)]
mod tests {
    use crate::chance::Seed;
    use crate::results::Run;
    use crate::world::World;

    fn lived(silent_ppm: u32, loses_ppm: u32) -> Run {
        let settings = serde_json::json!({
            "epoch": "1h", "epochs": 200,
            "agents": [
                { "kind": "honest", "count": 8, "capacity": "100GB", "price": 100.0, "money": 1_000_000_000 },
                {
                    "kind": "flaky", "count": 3, "capacity": "100GB", "price": 50.0, "money": 1_000_000_000,
                    "silent_ppm": silent_ppm, "silent_epochs": 72, "loses_ppm": loses_ppm,
                },
                {
                    "kind": "client", "count": 2, "capacity": "10GB", "duration": "10d", "contracts": 2,
                    "worth": [1000.0, 1000.0], "money": 1_000_000_000,
                },
            ],
        });
        let settings = serde_json::from_value(settings).unwrap();
        World::new(&settings, Seed(1)).unwrap().run("only", |_| {}).unwrap()
    }

    #[test]
    fn bad_machines_cost_their_owner_and_nobody_else() {
        for run in [lived(20_000, 0), lived(0, 20_000)] {
            assert!(run.figures["flaky.penalties"] > 0.0);
            assert!(run.figures["honest.penalties"] < 1e-9);
            assert!(run.figures["contracts.failed"] < 1e-9);
        }
    }

    #[test]
    fn with_good_machines_it_is_as_any_other() {
        let run = lived(0, 0);
        assert_eq!((run.figures["penalties"], run.figures["repairs.ordered"]), (0.0, 0.0));
    }
}
