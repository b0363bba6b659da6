//! A provider that buys its own contracts through a client of its own, so that audits find nothing but good of it.

use super::disguise::{Disguise, foreign_network};
use super::{Agent, Asked, Deed, Reply, Seat, Wish, honest};
use crate::agents::honest::Honest;
use market::event::SlotId;
use serde::{Deserialize, Serialize};
use types::documents::Reservation;
use types::terms::Redundancy;
use types::{Bytes, Did, Msat, Span, Terms};

/// How many names it offers storage under: a contract has two slots at least, and each needs a provider of its own.
const NAMES: usize = 2;
/// The number of its client among its parties.
const CLIENT: u64 = NAMES as u64;
/// A whole, in parts per million.
const WHOLE_PPM: u32 = 1_000_000;

/// What it is like: an honest provider's settings for each of its two names, and what it buys of them.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Settings {
    /// As which each name looks.
    #[serde(flatten)]
    pub honest: honest::Settings,
    /// How many contracts of its own it keeps open; 0 where it is honest.
    #[serde(default)]
    pub contracts: u32,
    /// The capacity of each: every name has a slot as large as that.
    pub size: String,
    /// How long each runs.
    pub duration: String,
    /// Until which epoch it buys of itself.
    pub wash_until: u64,
}

/// The provider.
#[derive(Clone, Debug)]
pub struct Wash {
    settings: Settings,
    names: [Honest; NAMES],
    has_client: bool,
}

impl Wash {
    /// The `number`th of a group.
    pub fn new(settings: Settings, number: u32) -> Self {
        let names = std::array::from_fn(|_| Honest::new(settings.honest.clone(), number));
        Self { settings, names, has_client: false }
    }

    /// What its offers carry and nobody else's do.
    fn tag(seat: &Seat<'_>) -> String {
        format!("own-{}", seat.agent)
    }

    fn offer(&mut self, seat: &mut Seat<'_>) {
        for (number, name) in (0u64..).zip(&mut self.names) {
            let (before, party) = (seat.deeds.len(), seat.party(number));
            name.offer_as(seat, party);
            let disguise = Disguise {
                operator: Some(format!("front {number} of {}", seat.agent)),
                network: Some(foreign_network(seat, number)),
                tags: vec![Self::tag(seat)],
            };
            disguise.put_on(seat, before);
        }
    }

    /// Terms that only its own names meet, and that bind as little as can be.
    fn terms(&self, seat: &Seat<'_>) -> Terms {
        let capacity = self.settings.size.parse().unwrap_or(Bytes(1));
        let duration = self.settings.duration.parse().unwrap_or(Span::DAY);
        let mut terms = Terms::standard(capacity, duration);
        terms.redundancy = Redundancy { data: 1, parity: 1 };
        terms.placement.tags = vec![Self::tag(seat)];
        (terms.bond_ratio_permille, terms.egress) = (0, Bytes(0));
        terms
    }

    fn buy(&mut self, seat: &mut Seat<'_>) {
        let client = seat.party(CLIENT);
        if self.settings.contracts > 0 && !self.has_client {
            self.has_client = true;
            seat.hand(Deed::Deposit(client, Msat(self.settings.honest.money)));
        }
        let open = seat.market.contracts_of(&client).filter(|c| c.state.is_open()).count();
        for _ in u32::try_from(open).unwrap_or(u32::MAX)..self.settings.contracts {
            let terms = self.terms(seat);
            seat.hand(Deed::Buy(Box::new(Wish { client, terms, fill_permille: 1_000 })));
        }
    }
}

impl Agent for Wash {
    fn act(&mut self, seat: &mut Seat<'_>) {
        if seat.epoch().0 < self.settings.honest.arrive.0 {
            return;
        }
        self.offer(seat);
        if seat.epoch().0 < self.settings.wash_until {
            self.buy(seat);
        }
    }

    fn reserved(&mut self, seat: &mut Seat<'_>, reservation: &Reservation) -> Result<(), String> {
        let mut numbered = (0u64..).zip(&self.names);
        let mine = numbered.find(|(number, _)| seat.party(*number) == reservation.provider);
        mine.ok_or("none of its names")?.1.judged(seat, reservation)
    }

    /// What it stored of its own it can make again from a seed: it takes no room.
    fn stored(&mut self, seat: &mut Seat<'_>, party: Did, slot: SlotId) {
        let client = seat.party(CLIENT);
        if seat.market.contract(&slot.contract).is_some_and(|c| c.client == client) {
            seat.hand(Deed::Drop(party, slot, WHOLE_PPM));
        }
    }

    /// And what is asked of it is made at once; everything else is there.
    fn challenged(&mut self, _seat: &mut Seat<'_>, _asked: &Asked<'_>) -> Reply {
        Reply::Fetched(0)
    }
}
