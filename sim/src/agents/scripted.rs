//! A provider that plays a program, and is an honest one with a price that stands as long as the program is empty.
//!
//! All its names keep their bytes on one disk, and so does an honest one with one name: a name more is no room more.

mod answer;
mod name;

use super::honest::{Honest, msat};
use super::{Agent, Asked, Deed, Reply, Seat, Wish};
use crate::hunt::{Program, Verb, Which};
use contracts::{ContractState, SlotState};
use market::event::SlotId;
use name::Name;
use serde::{Deserialize, Serialize};
use types::documents::{Departure, Maintenance, Reservation};
use types::{Bytes, Did, Epoch, Msat, Redundancy, Span, Terms};

/// A whole, in parts per million.
const WHOLE_PPM: u32 = 1_000_000;
/// The number of its party that buys from itself.
const BUYER: u64 = 1 << 32;

/// What a scripted provider is like.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The room on its disk, which each of its names offers.
    pub capacity: String,
    /// What it asks as long as its program says nothing else, msat per GB and day.
    pub price: f64,
    /// What each of its names has for bonds, in msat.
    pub money: i64,
    /// What each name after the first costs outside of the market, in msat: a machine in a network of its own.
    pub name_msat: i64,
    /// The capacity and the duration of contracts with itself.
    pub wash: (String, String),
    /// What it plays from the first epoch on.
    #[serde(default)]
    pub program: Program,
}

/// The provider.
#[derive(Clone, Debug)]
pub struct Scripted {
    settings: Settings,
    program: Program,
    from: Epoch,
    /// Its names, of which those before `first` are let fallen.
    names: Vec<Name>,
    first: usize,
    price_percent: u16,
    /// What it drops of what it gets, in parts per million: of small slots, and of the others.
    drops: (u32, u32),
    late_ms: u32,
    silent: bool,
    away: (Epoch, Epoch),
    colludes: bool,
    exited: bool,
}

impl Scripted {
    /// One of a group.
    pub fn new(settings: Settings) -> Self {
        Self {
            program: settings.program.clone(),
            settings,
            from: Epoch(1),
            names: Vec::new(),
            first: 0,
            price_percent: 100,
            drops: (0, 0),
            late_ms: 0,
            silent: false,
            away: (Epoch(0), Epoch(0)),
            colludes: false,
            exited: false,
        }
    }

    fn join(&mut self, seat: &mut Seat<'_>) {
        let number = self.names.len() as u64;
        let party = seat.party(number);
        if number > 0 {
            seat.hand(Deed::Spend(Msat(self.settings.name_msat)));
        }
        seat.hand(Deed::Deposit(party, Msat(self.settings.money)));
        let capacity = self.settings.capacity.parse().unwrap_or(Bytes(0));
        self.names.push(Name::new(seat, number, capacity));
    }

    fn play(&mut self, seat: &mut Seat<'_>, verb: Verb) {
        match verb {
            Verb::Join => self.join(seat),
            Verb::Price(percent) => self.price_percent = percent,
            Verb::Drop(which, permille) => self.drop_from_now_on(seat, which, permille),
            Verb::Late(ms) => self.late_ms = ms,
            Verb::Silent => self.silent = true,
            Verb::Back => self.silent = false,
            Verb::Wash(contracts) => self.wash(seat, contracts),
            Verb::Exit => self.exit(seat),
            Verb::Reset => {
                let kept = self.kept(seat, |_| true);
                Self::drop_of(seat, kept, WHOLE_PPM);
                self.first = self.names.len();
                self.join(seat);
            }
            Verb::Collude => self.colludes = true,
            Verb::Confess => self.confess(seat),
            Verb::Announce(epochs) => self.announce(seat, epochs),
        }
    }

    /// Everything that its names keep, where `wanted` says so.
    fn kept(&self, seat: &Seat<'_>, wanted: impl Fn(&SlotId) -> bool) -> Vec<(Did, SlotId)> {
        let names = self.names.iter().map(|name| name.party);
        let all = names.flat_map(|party| {
            let slots: Vec<SlotId> = seat.disks.of(&party).map(|(id, _)| *id).collect();
            slots.into_iter().map(move |id| (party, id))
        });
        all.filter(|(_, id)| wanted(id)).collect()
    }

    fn drop_of(seat: &mut Seat<'_>, slots: Vec<(Did, SlotId)>, ppm: u32) {
        for (party, id) in slots {
            if seat.disks.kept(&party, &id).is_some_and(|kept| kept.gone.ppm() < ppm) {
                seat.hand(Deed::Drop(party, id, ppm));
            }
        }
    }

    fn drop_from_now_on(&mut self, seat: &mut Seat<'_>, which: Which, permille: u16) {
        let ppm = u32::from(permille) * 1_000;
        if which != Which::Large {
            self.drops.0 = ppm;
        }
        if which != Which::Small {
            self.drops.1 = ppm;
        }
        for (party, id) in self.kept(seat, |_| true) {
            let ppm = self.dropped(seat, &party, &id);
            Self::drop_of(seat, vec![(party, id)], ppm);
        }
    }

    /// How much of a slot it drops, in parts per million.
    fn dropped(&self, seat: &Seat<'_>, party: &Did, id: &SlotId) -> u32 {
        let (small, large) = self.drops;
        if small == large {
            return small;
        }
        let bytes = seat.disks.kept(party, id).map_or(0, |kept| kept.size.bytes);
        let all = seat.market.open_contracts().flat_map(|contract| &contract.slots);
        let (sum, count) =
            all.fold((0, 0), |(sum, count), slot| (sum + slot.size.bytes, count + 1));
        if bytes * count < sum { small } else { large }
    }

    /// What is kept for contracts whose term is over, once it has been shown after the end: nobody is owed it any longer, so an
    /// honest provider deletes it too.
    fn delete_what_is_over(&self, seat: &mut Seat<'_>) {
        let market = seat.market;
        let over = self.kept(seat, |id| {
            market.slot(*id).is_none_or(|(contract, slot)| match contract.state {
                ContractState::Agreed | ContractState::Active => false,
                ContractState::Completed => {
                    slot.state == SlotState::Filled && slot.audited >= contract.end()
                }
                _ => true,
            })
        });
        Self::drop_of(seat, over, WHOLE_PPM);
    }

    fn confess(&self, seat: &mut Seat<'_>) {
        for name in &self.names[self.first..] {
            let slots: Vec<SlotId> = seat.disks.of(&name.party).map(|(id, _)| *id).collect();
            Honest::confess(seat, name.party, &slots);
        }
    }

    fn exit(&mut self, seat: &mut Seat<'_>) {
        self.exited = true;
        for name in &self.names[self.first..] {
            let held: Vec<SlotId> = seat.market.holdings(&name.party).collect();
            for SlotId { contract, slot } in held {
                seat.hand(Deed::Depart(Departure { provider: name.party, contract, slot }));
            }
        }
    }

    fn announce(&mut self, seat: &mut Seat<'_>, epochs: u8) {
        let from = seat.epoch().plus(1);
        self.away = (from, from.plus(u64::from(epochs)));
        for name in &self.names[self.first..] {
            seat.hand(Deed::Announce(Maintenance {
                provider: name.party,
                from,
                epochs: u32::from(epochs),
                reason: "maintenance".into(),
            }));
        }
    }

    fn wash(&self, seat: &mut Seat<'_>, contracts: u8) {
        let client = seat.party(BUYER);
        seat.hand(Deed::Deposit(client, Msat(self.settings.money)));
        let (capacity, duration) = &self.settings.wash;
        let capacity = capacity.parse().unwrap_or(Bytes(1));
        let duration = duration.parse().unwrap_or(Span::DAY);
        let mut terms = Terms::standard(capacity, duration);
        terms.redundancy = Redundancy { data: 1, parity: 1 };
        terms.placement.tags = vec![name::tag(seat.agent)];
        for _ in 0..contracts {
            let wish = Wish { client, terms: terms.clone(), fill_permille: 1_000 };
            seat.hand(Deed::Buy(Box::new(wish)));
        }
    }

    /// Whether it answers to nobody now.
    fn is_away(&self, now: Epoch) -> bool {
        self.silent || (self.away.0..self.away.1).contains(&now)
    }

    fn position(&self, party: &Did) -> Option<usize> {
        self.names.iter().position(|name| name.party == *party)
    }
}

impl Agent for Scripted {
    fn act(&mut self, seat: &mut Seat<'_>) {
        if self.names.is_empty() {
            self.join(seat);
        }
        self.delete_what_is_over(seat);
        let Some(epoch) = seat.epoch().0.checked_sub(self.from.0) else { return };
        let verbs: Vec<Verb> = self.program.at(epoch).collect();
        for verb in verbs {
            self.play(seat, verb);
        }
        let price = msat(self.settings.price * f64::from(self.price_percent) / 100.0);
        for (at, name) in self.names.iter_mut().enumerate() {
            let offered = at >= self.first && !self.exited;
            name.offer_at(seat, price, offered);
        }
    }

    fn reserved(&mut self, seat: &mut Seat<'_>, reservation: &Reservation) -> Result<(), String> {
        let at = self.position(&reservation.provider).ok_or("nothing is offered")?;
        if at < self.first || self.is_away(seat.epoch()) {
            return Err("this party takes nothing".into());
        }
        let taken: u64 = self.names.iter().map(|name| seat.disks.bytes(&name.party)).sum();
        self.names[at].judged(seat, reservation, Bytes(taken))
    }

    fn stored(&mut self, seat: &mut Seat<'_>, party: Did, slot: SlotId) {
        let ppm = self.dropped(seat, &party, &slot);
        Self::drop_of(seat, vec![(party, slot)], ppm);
    }

    fn challenged(&mut self, seat: &mut Seat<'_>, asked: &Asked<'_>) -> Reply {
        let at = self.position(&asked.party);
        if at.is_none_or(|at| at < self.first) || self.is_away(seat.epoch()) {
            return Reply::Silence;
        }
        let proven = asked.slots.iter().all(|slot| {
            let id = SlotId { contract: slot.contract, slot: slot.slot };
            self.can_prove(seat, &asked.party, id)
        });
        if proven { Reply::Fetched(self.late_ms) } else { Reply::FromDisk }
    }

    fn lost(&mut self, seat: &mut Seat<'_>, party: Did, slots: &[SlotId]) {
        Honest::confess(seat, party, slots);
    }

    fn copy(&self) -> Option<Box<dyn Agent>> {
        Some(Box::new(self.clone()))
    }

    fn instruct(&mut self, program: &Program, from: Epoch) {
        self.program = program.clone();
        self.from = from;
    }
}
