//! A provider that cheats for a while, and may leave its name behind and come back as somebody new.

use super::disguise::{Disguise, foreign_network};
use super::{Agent, Deed, Seat, honest};
use crate::agents::honest::Honest;
use market::event::SlotId;
use serde::{Deserialize, Serialize};
use types::documents::{Ask, Reservation};
use types::{Bytes, Did, Standing};

/// What it is like: an honest one's settings, when it cheats and how much, and what it does then.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Settings {
    /// As which it looks.
    #[serde(flatten)]
    pub honest: honest::Settings,
    /// The share of every slot that it drops while it cheats, in parts per million; 0 where it never does.
    pub drop_ppm: u32,
    /// From which epoch on it cheats.
    pub cheat_from: u64,
    /// For how many epochs it cheats under one name.
    pub cheat_for: u64,
    /// Whether it comes back as somebody new: when it has cheated as long as that, or is banned.
    #[serde(default)]
    pub restarts: bool,
    /// Whether it cheats again under every new name, as soon as that holds a slot.
    #[serde(default)]
    pub again: bool,
}

/// The provider.
#[derive(Clone, Debug)]
pub struct Whitewash {
    settings: Settings,
    number: u32,
    /// How many names it has left behind.
    names: u64,
    honest: Honest,
    /// What its name offered last.
    offered: Option<(Ask, String)>,
    /// When it began to cheat under this name.
    cheated_from: Option<u64>,
}

impl Whitewash {
    /// The `number`th of a group.
    pub fn new(settings: Settings, number: u32) -> Self {
        let honest = Honest::new(settings.honest.clone(), number);
        Self { settings, number, names: 0, honest, offered: None, cheated_from: None }
    }

    fn me(&self, seat: &Seat<'_>) -> Did {
        seat.party(self.names)
    }

    fn offer(&mut self, seat: &mut Seat<'_>) {
        let (me, before) = (self.me(seat), seat.deeds.len());
        self.honest.offer_as(seat, me);
        let mut disguise = Disguise::default();
        if self.names > 0 {
            disguise.operator = Some(format!("operator {} of {}", self.names, seat.agent));
            disguise.network = Some(foreign_network(seat, self.names));
        }
        self.offered = disguise.put_on(seat, before).or(self.offered.take());
    }

    /// Whether it cheats in this epoch.
    fn is_cheating(&mut self, seat: &Seat<'_>) -> bool {
        let Settings { drop_ppm, cheat_from, cheat_for, again, .. } = self.settings;
        let epoch = seat.epoch().0;
        let ready = drop_ppm > 0 && epoch >= cheat_from && (again || self.names == 0);
        let holds = seat.disks.of(&self.me(seat)).next().is_some();
        if ready && holds && self.cheated_from.is_none() {
            self.cheated_from = Some(epoch);
        }
        ready && self.cheated_from.is_some_and(|from| epoch < from + cheat_for)
    }

    /// Whether its name is worth nothing any more.
    fn is_done(&self, seat: &Seat<'_>) -> bool {
        let over = |from: u64| seat.epoch().0 >= from + self.settings.cheat_for;
        let banned = seat.market.score(&self.me(seat)).standing == Standing::Banned;
        self.settings.restarts && self.cheated_from.is_some_and(|from| banned || over(from))
    }

    /// Takes its offer back, and is somebody else from now on. What the old name still holds it keeps and is paid for.
    fn start_over(&mut self, seat: &mut Seat<'_>) {
        if let Some((ask, network)) = self.offered.take() {
            let sequence = ask.sequence + 1;
            let none = Ask { sequence, capacity: Bytes(0), ..ask };
            seat.hand(Deed::Offer(Box::new(none), network));
        }
        self.names += 1;
        self.cheated_from = None;
        self.honest = Honest::new(self.settings.honest.clone(), self.number);
    }

    fn drop_all(&self, seat: &mut Seat<'_>) {
        let me = self.me(seat);
        let whole: Vec<SlotId> =
            seat.disks.of(&me).filter(|(_, kept)| kept.is_whole()).map(|(id, _)| *id).collect();
        for id in whole {
            seat.hand(Deed::Drop(me, id, self.settings.drop_ppm));
        }
    }
}

impl Agent for Whitewash {
    fn act(&mut self, seat: &mut Seat<'_>) {
        if self.is_done(seat) && (self.settings.again || self.names == 0) {
            self.start_over(seat);
        }
        self.offer(seat);
        if self.is_cheating(seat) {
            self.drop_all(seat);
        }
    }

    fn reserved(&mut self, seat: &mut Seat<'_>, reservation: &Reservation) -> Result<(), String> {
        if reservation.provider == self.me(seat) {
            self.honest.judged(seat, reservation)
        } else {
            Err("this name is left behind".into())
        }
    }
}
