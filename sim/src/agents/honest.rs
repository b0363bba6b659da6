//! A provider that keeps what it takes, prices itself, and confesses what its disk loses.

use super::{Agent, Asked, Deed, Reply, Seat};
use crate::statistics;
use market::event::SlotId;
use pricing::{Demand, Use};
use provider::{AutoPricer, BitcoinRate, Least, Offer, Pin, PriceRule, Room, judge};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use types::documents::{Ask, Confession, Reservation};
use types::{Bytes, Did, Epoch, GbPrice, Msat, Price, Span};

/// What an honest provider is like.
#[derive(Clone, Debug, Deserialize, Serialize)]
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
    /// To how many cents for a TB and 30 days its price is pinned, and with it what it asks for reads.
    #[serde(default)]
    pub pin_cents: Option<u32>,
    /// What it asks for reads, msat per GB.
    #[serde(default = "ten")]
    pub egress: f64,
    /// The least and the most it asks, msat per GB and day.
    #[serde(default = "any_price")]
    pub bounds: (f64, f64),
    /// How many of these have one operator.
    #[serde(default = "one")]
    pub per_operator: u32,
    /// How many of these are in one network.
    #[serde(default = "one")]
    pub per_network: u32,
    /// A slot of it is paid for as if this much were kept in it.
    #[serde(default)]
    pub minimum_use: String,
    /// In which epoch it comes; those of a group come this many epochs apart.
    #[serde(default)]
    pub arrive: (u64, u64),
}

/// After how long an ask is signed anew, in microseconds: well before it expires.
const RENEWED: u64 = 20 * Span::DAY.0;

fn anywhere() -> String {
    "unknown".into()
}

/// What providers ask for reads unless they say otherwise.
const fn ten() -> f64 {
    10.0
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
    /// Whether what it offers changed when it looked last.
    moved: bool,
    rate: Option<BitcoinRate>,
    /// What was sold in the middle of an epoch: at its beginning contracts have ended that are bought again within it.
    sold: Option<(Epoch, Bytes)>,
}

impl Honest {
    /// The `number`th of a group.
    pub fn new(settings: Settings, number: u32) -> Self {
        Self {
            settings,
            number,
            offer: None,
            sequence: 0,
            renewed: Epoch(0),
            moved: false,
            rate: None,
            sold: None,
        }
    }

    /// In which epoch it comes.
    fn arrives(&self) -> Epoch {
        let (first, apart) = self.settings.arrive;
        Epoch(first + apart * u64::from(self.number))
    }

    /// Who it is. All it does is done by one party.
    pub fn me(seat: &Seat<'_>) -> Did {
        seat.party(0)
    }

    /// What `party` offers from now on, as this one would: comes with its money, then asks again when the price has moved or the
    /// ask grows old.
    pub fn offer_as(&mut self, seat: &mut Seat<'_>, party: Did) {
        let fresh = self.offer.is_none();
        if fresh {
            seat.hand(Deed::Deposit(party, Msat(self.settings.money)));
            self.offer = Some(self.first(seat));
        }
        self.moved = self.moves(seat, &party);
        let old = seat.epoch() >= self.grows_old(seat);
        if fresh || old || self.moved {
            self.publish(seat, party);
        }
    }

    /// In which epoch its ask must be signed anew.
    fn grows_old(&self, seat: &Seat<'_>) -> Epoch {
        self.renewed.plus(RENEWED / seat.market.genesis().epoch.0.max(1) + 1)
    }

    /// Signs its offer and hands it in.
    fn publish(&mut self, seat: &mut Seat<'_>, party: Did) {
        let Some(offer) = &self.offer else { return };
        self.sequence += 1;
        self.renewed = seat.epoch();
        let ask = self.ask(seat, party, offer);
        seat.hand(Deed::Offer(Box::new(ask), self.network(seat)));
    }

    /// Follows what is sold, and what a bitcoin costs; whether that changes what it offers.
    fn moves(&mut self, seat: &Seat<'_>, party: &Did) -> bool {
        let Some(mut offer) = self.offer.take() else { return false };
        let before = (offer.price, offer.egress, offer.capacity);
        offer.price = self.priced(seat, party, &offer);
        self.follow_rate(seat, &mut offer);
        let moved = before != (offer.price, offer.egress, offer.capacity);
        self.offer = Some(offer);
        moved
    }

    /// `party` offers nothing more; what it keeps it keeps.
    pub fn offer_nothing(&mut self, seat: &mut Seat<'_>, party: Did) {
        let Some(mut offer) = self.offer.take() else { return };
        self.sequence += 1;
        (offer.capacity, offer.minimum_use) = (Bytes(0), Bytes(0));
        let ask = self.ask(seat, party, &offer);
        seat.hand(Deed::Offer(Box::new(ask), self.network(seat)));
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
        offer.egress = GbPrice(msat(self.settings.egress).0);
        offer.minimum_use = self.settings.minimum_use.parse().unwrap_or(Bytes(0));
        offer
    }

    /// A pinned price follows what a bitcoin costs, if that can be believed; what is asked for reads goes with it.
    fn follow_rate(&mut self, seat: &Seat<'_>, offer: &mut Offer) {
        let Some(cents) = self.settings.pin_cents else { return };
        let pin = Pin { cents: cents.into(), age_max: Span::DAY, jump_max: 2 };
        let found = msat(seat.dollars * 100.0).0;
        if let Ok(rate) = pin.believe(self.rate, found, seat.now) {
            self.rate = Some(rate);
        }
        let price = self.rate.as_ref().and_then(|rate| pin.price(rate, seat.now).ok());
        // Without a rate nothing is offered, as the shipped node does.
        let Some(price) = price else {
            offer.capacity = Bytes(0);
            return;
        };
        let first = msat(self.settings.price).0;
        let reads = msat(self.settings.egress).0 * price.0 / first;
        offer.price = price;
        offer.egress = GbPrice(reads.round_dp(6).normalize());
        offer.capacity = self.settings.capacity.parse().unwrap_or(Bytes(0));
    }

    /// Offers nothing any more; what is sold stays sold.
    pub fn close(&mut self, seat: &mut Seat<'_>, party: Did) {
        let Some(mut offer) = self.offer.take() else { return };
        offer.capacity = Bytes(0);
        self.sequence += 1;
        let ask = self.ask(seat, party, &offer);
        seat.hand(Deed::Offer(Box::new(ask), self.network(seat)));
        self.offer = Some(offer);
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
        let sold = self.sold.filter(|(seen, _)| seat.epoch().since(*seen) <= 1);
        let sold = sold.map_or_else(|| seat.market.committed(party), |(_, sold)| sold);
        let taken = Use { capacity: offer.capacity, sold };
        pricer.next(offer.price, offer.price, taken)
    }

    fn ask(&self, seat: &Seat<'_>, party: Did, offer: &Offer) -> Ask {
        let endpoint = "https://simulated.invalid:443".to_owned();
        Ask { sequence: self.sequence, ..offer.ask(party, endpoint, seat.now) }
    }

    /// Its /24: one for each, unless several share it.
    fn network(&self, seat: &Seat<'_>) -> String {
        let at = seat.agent - self.number % self.settings.per_network.max(1);
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
            has_treasurer: true,
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
        if seat.epoch() < self.arrives() {
            return;
        }
        let me = Self::me(seat);
        self.offer_as(seat, me);
    }

    /// Its price stands still as long as the same is sold, and then its ask grows old.
    fn idle_until(&self, seat: &Seat<'_>) -> Option<Epoch> {
        if self.offer.is_none() {
            return Some(self.arrives());
        }
        let remembers = self.sold.is_some_and(|(seen, _)| seat.epoch().since(seen) <= 1);
        let restless = self.moved || remembers || self.settings.pin_cents.is_some();
        (!restless).then(|| self.grows_old(seat))
    }

    fn reserved(&mut self, seat: &mut Seat<'_>, reservation: &Reservation) -> Result<(), String> {
        self.judged(seat, reservation)
    }

    fn challenged(&mut self, seat: &mut Seat<'_>, asked: &Asked<'_>) -> Reply {
        self.sold = Some((seat.epoch(), seat.market.committed(&asked.party)));
        Reply::FromDisk
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
    let micro = statistics::whole(libm::round(price.max(0.0) * 1e6));
    Price(Decimal::new(i64::try_from(micro).unwrap_or(i64::MAX), 6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Seed;
    use crate::world::World;

    #[test]
    fn a_pinned_price_goes_against_the_rate_and_an_unpinned_one_stays() {
        for (pin, after) in [(Some(300), 200.0), (None, 100.0)] {
            let settings = serde_json::json!({
                "epoch": "1h", "epochs": 10,
                "rate": { "moves": [{ "epoch": 5, "epochs": 2, "times": 0.5 }] },
                "agents": [{
                    "kind": "honest", "count": 1, "capacity": "1GB", "price": 100.0, "money": 1, "pin_cents": pin,
                }],
            });
            let settings = serde_json::from_value(settings).unwrap();
            let run = World::new(&settings, Seed(1)).unwrap().run("only", |_| {}).unwrap();
            let asked = &run.series["price.asked_msat"];
            assert_eq!((asked[3], asked[9]), (100.0, after));
        }
    }

    #[test]
    fn the_step_that_scenarios_use_is_one_that_ships() {
        let rule = PriceRule::BaseFee { step_ppm: a_tenth(), demand: Demand::CAUTIOUS };
        let (floor, ceiling) = any_price();
        let pricer =
            AutoPricer { floor: msat(floor), ceiling: msat(ceiling), target_ppm: 800_000, rule };
        assert!(pricer.validated().is_ok());
    }
}
