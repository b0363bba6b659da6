//! One operator that offers one disk under many names, and may hide that they are one.

use super::disguise::{Disguise, foreign_network};
use super::{Agent, Seat, honest};
use crate::agents::honest::Honest;
use market::event::SlotId;
use serde::{Deserialize, Serialize};
use types::Did;
use types::documents::Reservation;

/// What it is like: each name looks as an honest provider of these settings.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Settings {
    /// As which each name looks.
    #[serde(flatten)]
    pub honest: honest::Settings,
    /// How many names it has.
    pub names: u32,
    /// Whether each name says that another operator runs it.
    #[serde(default)]
    pub hides_operator: bool,
    /// Whether each name comes from a network of its own.
    #[serde(default)]
    pub hides_network: bool,
}

/// The operator.
#[derive(Clone, Debug)]
pub struct Sybil {
    settings: Settings,
    names: Vec<Honest>,
}

impl Sybil {
    /// The `number`th of a group.
    pub fn new(settings: Settings, number: u32) -> Self {
        let names = (0..settings.names).map(|_| Honest::new(settings.honest.clone(), number));
        Self { names: names.collect(), settings }
    }

    fn disguise(&self, seat: &Seat<'_>, name: u64) -> Disguise {
        let operator = self.settings.hides_operator.then(|| format!("front {name}"));
        let network = if self.settings.hides_network { name } else { 0 };
        Disguise { operator, network: Some(foreign_network(seat, network)), tags: Vec::new() }
    }
}

impl Agent for Sybil {
    fn act(&mut self, seat: &mut Seat<'_>) {
        if seat.epoch().0 < self.settings.honest.arrive.0 {
            return;
        }
        for name in 0..u64::from(self.settings.names) {
            let (before, disguise) = (seat.deeds.len(), self.disguise(seat, name));
            let party = seat.party(name);
            if let Some(honest) = usize::try_from(name).ok().and_then(|at| self.names.get_mut(at)) {
                honest.offer_as(seat, party);
            }
            disguise.put_on(seat, before);
        }
    }

    fn reserved(&mut self, seat: &mut Seat<'_>, reservation: &Reservation) -> Result<(), String> {
        let mut numbered = (0u64..).zip(&self.names);
        let mine = numbered.find(|(number, _)| seat.party(*number) == reservation.provider);
        mine.ok_or("none of its names")?.1.judged(seat, reservation)
    }

    /// Half of a discovered loss's penalty is all that is left to save: it confesses as an honest one would.
    fn lost(&mut self, seat: &mut Seat<'_>, party: Did, slots: &[SlotId]) {
        Honest::confess(seat, party, slots);
    }
}
