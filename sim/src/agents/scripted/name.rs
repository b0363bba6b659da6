//! One name of a scripted provider: its offer, as the shipped provider makes and judges it.

use crate::agents::{Deed, Seat};
use provider::{Least, Offer, Room, judge};
use types::documents::{Ask, Reservation};
use types::{Bytes, Did, Epoch, Price, Span};

/// How old an ask grows until it is signed anew.
const RENEWED_AFTER: Span = Span(20 * Span::DAY.0);

/// A name.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) party: Did,
    number: u64,
    capacity: Bytes,
    /// What stands, if anything does.
    offer: Option<Offer>,
    sequence: u64,
    renewed: Epoch,
}

/// What asks of one agent carry, whatever their names: with it a contract finds its own.
pub(super) fn tag(agent: u32) -> String {
    format!("own-{agent}")
}

impl Name {
    /// The agent's `number`th, which offers nothing yet.
    pub(super) fn new(seat: &Seat<'_>, number: u64, capacity: Bytes) -> Self {
        let party = seat.party(number);
        Self { party, number, capacity, offer: None, sequence: 0, renewed: Epoch(0) }
    }

    /// Offers at `price` from now on, or nothing.
    pub(super) fn offer_at(&mut self, seat: &mut Seat<'_>, price: Price, offered: bool) {
        if !offered {
            if let Some(mut offer) = self.offer.take() {
                offer.capacity = Bytes(0);
                self.publish(seat, &offer);
            }
            return;
        }
        let old = seat.epoch().since(self.renewed) * seat.market.genesis().epoch.0;
        let stands = self.offer.as_ref().is_some_and(|offer| offer.price == price);
        if stands && old <= RENEWED_AFTER.0 {
            return;
        }
        // Each name says that somebody else runs it.
        let operator = format!("scripted {}-{}", seat.agent, self.number);
        let mut offer = Offer::new(self.capacity, price, operator);
        offer.minimum_use = Bytes(0);
        offer.tags = vec![tag(seat.agent)];
        self.publish(seat, &offer);
        self.offer = Some(offer);
    }

    fn publish(&mut self, seat: &mut Seat<'_>, offer: &Offer) {
        self.sequence += 1;
        self.renewed = seat.epoch();
        let network = format!("192.{}.{}.0/24", seat.agent & 255, self.number & 255);
        let ask = self.ask(seat, offer);
        seat.hand(Deed::Offer(Box::new(ask), network));
    }

    fn ask(&self, seat: &Seat<'_>, offer: &Offer) -> Ask {
        let endpoint = "https://simulated.invalid:443".to_owned();
        Ask { sequence: self.sequence, ..offer.ask(self.party, endpoint, seat.now) }
    }

    /// Judges a reservation as the shipped provider does, with `taken` of the disk in use.
    ///
    /// # Errors
    /// Why it declines.
    pub(super) fn judged(
        &self,
        seat: &Seat<'_>,
        reservation: &Reservation,
        taken: Bytes,
    ) -> Result<(), String> {
        let offer = self.offer.as_ref().ok_or("nothing is offered")?;
        let ask = self.ask(seat, offer);
        let tiers = &seat.market.genesis().pricing.tiers;
        // A price that has risen since the quote does not bind what was quoted before.
        let quoted = Ask { price: reservation.quoted.price.min(ask.price), ..ask };
        let committed = seat.market.committed(&self.party).0;
        let room = Room {
            provider: self.party,
            market: seat.market.genesis().market,
            committed: Bytes(committed.saturating_sub(reservation.capacity.0)),
            unwritten: Bytes(0),
            disk_free: Bytes(offer.capacity.0.saturating_sub(taken.0)),
            has_treasurer: true,
            now: seat.now,
        };
        judge(reservation, offer.capacity, &Least::of(&quoted, tiers), &room)
            .map_err(|declined| declined.to_string())
    }
}
