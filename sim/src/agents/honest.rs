//! A provider that keeps what it takes, prices itself, and confesses what its disk loses.

use super::{Agent, Deed, Seat};
use market::event::SlotId;
use pricing::{Demand, Use};
use provider::{AutoPricer, Least, Offer, PriceRule, Room, judge};
use rust_decimal::Decimal;
use serde::Deserialize;
use types::documents::{Ask, Confession, Reservation};
use types::{Bytes, Did, Epoch, Msat, Price, Span};

/// What an honest provider is like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What it offers.
    pub capacity: String,
    /// What it asks at first, msat per GB and day.
    pub price: f64,
    /// By how much each one's first price differs at most, up or down, as a share.
    #[serde(default)]
    pub spread: f64,
    /// What it has for bonds, in msat.
    pub money: i64,
    /// Where its disks are.
    #[serde(default = "anywhere")]
    pub region: String,
    /// The share sold at which its price stands still, in permille; without it the price never moves.
    #[serde(default)]
    pub target_permille: Option<u32>,
    /// The largest step of its price in one epoch, in parts per million.
    #[serde(default = "a_tenth")]
    pub step_ppm: u32,
    /// The least and the most it asks, msat per GB and day.
    #[serde(default = "any_price")]
    pub bounds: (f64, f64),
    /// How many of these have one operator.
    #[serde(default = "one")]
    pub per_operator: u32,
    /// In which epoch it comes; those of a group come this many epochs apart.
    #[serde(default)]
    pub arrive: (u64, u64),
}

fn anywhere() -> String {
    "unknown".into()
}

const fn a_tenth() -> u32 {
    100_000
}

const fn any_price() -> (f64, f64) {
    (1.0, 10_000.0)
}

const fn one() -> u32 {
    1
}

/// The provider's side of what every provider does: an offer that stands, a price that follows what is sold, room.
#[derive(Clone, Debug)]
pub struct Honest {
    settings: Settings,
    number: u32,
    offer: Option<Offer>,
    sequence: u64,
    renewed: Epoch,
}

impl Honest {
    /// The `number`th of a group.
    pub fn new(settings: Settings, number: u32) -> Self {
        Self { settings, number, offer: None, sequence: 0, renewed: Epoch(0) }
    }

    /// Who it is. All it does is done by one party.
    pub fn me(seat: &Seat<'_>) -> Did {
        seat.party(0)
    }

    /// What `party` offers from now on, as this one would: comes with its money, then asks again when the price has moved or the
    /// ask grows old.
    pub fn offer_as(&mut self, seat: &mut Seat<'_>, party: Did) {
        let fresh = self.offer.is_none();
        let before = self.offer.clone().unwrap_or_else(|| self.first(seat));
        if fresh {
            seat.hand(Deed::Deposit(party, Msat(self.settings.money)));
        }
        let mut offer = before.clone();
        offer.price = self.priced(seat, &party, &before);
        let old =
            seat.epoch().since(self.renewed) * seat.market.genesis().epoch.0 > 20 * Span::DAY.0;
        if fresh || old || offer.price != before.price {
            self.sequence += 1;
            self.renewed = seat.epoch();
            let ask = self.ask(seat, party, &offer);
            seat.hand(Deed::Offer(Box::new(ask), self.network(seat)));
        }
        self.offer = Some(offer);
    }

    /// What it asks before it knows anything.
    fn first(&self, seat: &mut Seat<'_>) -> Offer {
        let spread = self.settings.spread;
        let price = self.settings.price * seat.draws.between(1.0 - spread, 1.0 + spread);
        let capacity = self.settings.capacity.parse().unwrap_or(Bytes(0));
        let operator = format!(
            "operator {}-{}",
            seat.agent - self.number,
            self.number / self.settings.per_operator.max(1)
        );
        let mut offer = Offer::new(capacity, msat(price), operator);
        offer.region.clone_from(&self.settings.region);
        offer.minimum_use = Bytes(0);
        offer
    }

    fn priced(&self, seat: &Seat<'_>, party: &Did, offer: &Offer) -> Price {
        let Some(target) = self.settings.target_permille else { return offer.price };
        let (floor, ceiling) = self.settings.bounds;
        let pricer = AutoPricer {
            floor: msat(floor),
            ceiling: msat(ceiling),
            target_ppm: target * 1_000,
            rule: PriceRule::BaseFee { step_ppm: self.settings.step_ppm, demand: Demand::CAUTIOUS },
        };
        let taken = Use { capacity: offer.capacity, sold: seat.market.committed(party) };
        pricer.next(offer.price, offer.price, taken)
    }

    fn ask(&self, seat: &Seat<'_>, party: Did, offer: &Offer) -> Ask {
        let endpoint = "https://simulated.invalid:443".to_owned();
        Ask { sequence: self.sequence, ..offer.ask(party, endpoint, seat.now) }
    }

    /// Its /24: one for each.
    fn network(&self, seat: &Seat<'_>) -> String {
        let at = seat.agent;
        format!("10.{}.{}.0/24", at >> 8 & 255, at & 255) + &format!(" {}", at >> 16)
    }

    /// Judges a reservation as the shipped provider does.
    ///
    /// # Errors
    /// Why it declines.
    pub fn judged(&self, seat: &Seat<'_>, reservation: &Reservation) -> Result<(), String> {
        let offer = self.offer.as_ref().ok_or("nothing is offered")?;
        let party = reservation.provider;
        let ask = self.ask(seat, party, offer);
        let tiers = &seat.market.genesis().pricing.tiers;
        // A price that has risen since the quote does not bind what was quoted before.
        let quoted = Ask { price: reservation.quoted.price.min(ask.price), ..ask };
        let committed = seat.market.committed(&party).0.saturating_sub(reservation.capacity.0);
        let room = Room {
            provider: party,
            market: seat.market.genesis().market,
            committed: Bytes(committed),
            unwritten: Bytes(0),
            disk_free: Bytes(offer.capacity.0.saturating_sub(seat.disks.bytes(&party))),
            now: seat.now,
        };
        judge(reservation, offer.capacity, &Least::of(&quoted, tiers), &room)
            .map_err(|declined| declined.to_string())
    }

    /// Confesses everything that is gone of `slots`, as far as the market counts on it.
    pub fn confess(seat: &mut Seat<'_>, party: Did, slots: &[SlotId]) {
        for id in slots {
            let (Some((contract, slot)), Some(kept)) =
                (seat.market.slot(*id), seat.disks.kept(&party, id))
            else {
                continue;
            };
            let standing = provider::Standing {
                is_counted_on: slot.state == contracts::SlotState::Filled
                    && contract.state == contracts::ContractState::Active,
                provider: slot.provider(),
                revision: contract.revision,
                size: slot.size,
            };
            let lost = u128::from(kept.size.bytes) * u128::from(kept.gone.ppm()) / 1_000_000;
            let lost = u64::try_from(lost).unwrap_or(u64::MAX);
            // Without its list nothing of a slot can be proven: the shipped rule then says that all is lost.
            let owed =
                provider::confession(party, (id.contract, id.slot), &standing, None, |_| true);
            if let Some(owed) = owed.filter(|_| lost > 0) {
                seat.hand(Deed::Confess(Confession { lost_bytes: lost, ..owed }));
            }
        }
    }
}

impl Agent for Honest {
    fn act(&mut self, seat: &mut Seat<'_>) {
        let (first, apart) = self.settings.arrive;
        if seat.epoch().0 < first + apart * u64::from(self.number) {
            return;
        }
        let me = Self::me(seat);
        self.offer_as(seat, me);
    }

    fn reserved(&mut self, seat: &mut Seat<'_>, reservation: &Reservation) -> Result<(), String> {
        self.judged(seat, reservation)
    }

    fn lost(&mut self, seat: &mut Seat<'_>, party: Did, slots: &[SlotId]) {
        Self::confess(seat, party, slots);
    }

    fn copy(&self) -> Option<Box<dyn Agent>> {
        Some(Box::new(self.clone()))
    }
}

/// A price of so many msat, in whole millionths.
pub(crate) fn msat(price: f64) -> Price {
    let micro = libm::round(price.max(0.0) * 1e6);
    Price(Decimal::new(micro as i64, 6))
}
