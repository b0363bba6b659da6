//! Whether to take a slot that the market reserves.

use types::documents::{Ask, Reservation};
use types::terms::{BITCOIN_TAG, RailKind};
use types::{Bytes, Did, GbPrice, Price, TierRates, Timestamp};

/// The least that a provider takes for a slot: what it asked in the ask that the slot was quoted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Least {
    /// For keeping, on the cheapest tier it serves and after the largest discounts.
    pub price: Price,
    /// For sending bytes out.
    pub egress: GbPrice,
    /// For taking bytes in.
    pub ingress: GbPrice,
}

impl Least {
    /// What the provider of `ask` takes, by the market's tier rates.
    pub fn of(ask: &Ask, rates: &TierRates) -> Self {
        let tiers = ask.tiers.iter().filter_map(|tier| rates.price(ask.price, *tier).ok());
        let cheapest = tiers.min().unwrap_or(ask.price);
        let paid = |largest: Option<u16>| 1_000u32.saturating_sub(largest.unwrap_or(0).into());
        let volume = paid(ask.volume_discounts.iter().map(|step| step.permille).max());
        let duration = paid(ask.duration_discounts.iter().map(|step| step.permille).max());
        let discounted = cheapest.scaled(volume).and_then(|price| price.scaled(duration));
        let price = discounted.unwrap_or(cheapest);
        Self { price, egress: ask.egress, ingress: ask.ingress }
    }

    /// As little, or what is in `other` where that is less.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            price: self.price.min(other.price),
            egress: self.egress.min(other.egress),
            ingress: self.ingress.min(other.ingress),
        }
    }
}

/// What a provider has and is bound to already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its own name.
    pub provider: Did,
    /// The market it deals in.
    pub market: Did,
    /// Slot bytes it is committed to already, this slot not counted.
    pub committed: Bytes,
    /// What of that is not on its disk yet.
    pub unwritten: Bytes,
    /// What its disk can still take.
    pub disk_free: Bytes,
    /// Whether it has a treasurer, without whom nothing settles on Bitcoin.
    pub has_treasurer: bool,
    /// Now.
    pub now: Timestamp,
}

/// Why a provider will not have a slot. The market keeps the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Declined {
    /// The reservation is another market's, or for another provider.
    #[error("the reservation is not for this provider in this market")]
    NotOurs,
    /// Its answer would come too late.
    #[error("the reservation came too late to be answered")]
    Late,
    /// It settles where this provider does not.
    #[error(
        "the contract settles on Bitcoin, and this provider has no treasurer; ask providers with the tag {BITCOIN_TAG}"
    )]
    NoTreasurer,
    /// More than is offered.
    #[error("{wanted} are wanted and {left} of the offer are left")]
    Capacity {
        /// The slot's room.
        wanted: Bytes,
        /// What is left of the offer.
        left: Bytes,
    },
    /// The disk is too full.
    #[error("{wanted} are wanted and the disk has {free} left")]
    Disk {
        /// The slot's room.
        wanted: Bytes,
        /// What is left on the disk.
        free: Bytes,
    },
    /// Less is paid than was asked for.
    #[error("{quoted} msat per GB and day are quoted and {asked} are asked for")]
    Price {
        /// The slot's price.
        quoted: Price,
        /// What this provider asks for.
        asked: Price,
    },
    /// Less is paid for moving bytes than was asked for.
    #[error("{quoted} msat per GB are quoted for {what} and {asked} are asked for")]
    Moved {
        /// Egress or ingress.
        what: &'static str,
        /// The slot's price.
        quoted: GbPrice,
        /// What this provider asks for.
        asked: GbPrice,
    },
}

/// Judges a verified reservation: takes it, or says why not.
///
/// The price is compared with the cheapest tier's, since a reservation does not name the tier; room is compared with what
/// `capacity` offers.
///
/// # Errors
/// [`Declined`] with the figures on both sides.
pub fn judge(
    reservation: &Reservation,
    capacity: Bytes,
    least: &Least,
    room: &Room,
) -> Result<(), Declined> {
    if reservation.provider != room.provider || reservation.market != room.market {
        return Err(Declined::NotOurs);
    }
    if room.now > reservation.answer_by {
        return Err(Declined::Late);
    }
    if reservation.rail == RailKind::Bitcoin && !room.has_treasurer {
        return Err(Declined::NoTreasurer);
    }
    let wanted = reservation.capacity;
    let left = Bytes(capacity.0.saturating_sub(room.committed.0));
    if wanted > left {
        return Err(Declined::Capacity { wanted, left });
    }
    let free = Bytes(room.disk_free.0.saturating_sub(room.unwritten.0));
    if wanted > free {
        return Err(Declined::Disk { wanted, free });
    }
    pays(reservation, least)
}

fn pays(reservation: &Reservation, least: &Least) -> Result<(), Declined> {
    let quoted = &reservation.quoted;
    if quoted.price < least.price {
        return Err(Declined::Price { quoted: quoted.price, asked: least.price });
    }
    let moved =
        [("egress", quoted.egress, least.egress), ("ingress", quoted.ingress, least.ingress)];
    match moved.into_iter().find(|(_, quoted, asked)| quoted < asked) {
        Some((what, quoted, asked)) => Err(Declined::Moved { what, quoted, asked }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offer::Offer;
    use types::documents::QuotedSlot;
    use types::{Hash, Msat, Redundancy, SlotCost};

    fn reservation(capacity: u64, price: u32) -> Reservation {
        Reservation {
            market: Did([9; 32]),
            provider: Did([1; 32]),
            client: Did([2; 32]),
            contract: Hash([3; 32]),
            slot: 0,
            capacity: Bytes(capacity),
            redundancy: Redundancy { data: 4, parity: 2 },
            shard_bytes: 1 << 20,
            quoted: QuotedSlot {
                provider: Did([1; 32]),
                ask: Hash([4; 32]),
                price: Price::whole(price),
                egress: GbPrice::whole(10),
                ingress: GbPrice::whole(0),
                minimum_use: Bytes(0),
                cost: SlotCost::default(),
                bond: Msat(0),
                held_bond_max: Msat::ZERO,
            },
            rebuild: None,
            rail: RailKind::Ledger,
            answer_by: Timestamp(100),
        }
    }

    fn judge(reservation: &Reservation, offer: &Offer, room: &Room) -> Result<(), Declined> {
        let ask = offer.ask(Did([1; 32]), "http://127.0.0.1:1".into(), Timestamp(0));
        super::judge(reservation, offer.capacity, &Least::of(&ask, &TierRates::default()), room)
    }

    fn room() -> Room {
        Room {
            provider: Did([1; 32]),
            market: Did([9; 32]),
            committed: Bytes(400),
            unwritten: Bytes(300),
            disk_free: Bytes(850),
            has_treasurer: false,
            now: Timestamp(50),
        }
    }

    #[test]
    fn what_fits_is_taken_and_everything_else_declined_with_figures() {
        let mut offer = Offer::new(Bytes(1_000), Price::whole(100), "me".into());
        offer.tiers = vec![types::Tier::Hot];
        let judged =
            |offer: &Offer, capacity, price| judge(&reservation(capacity, price), offer, &room());
        assert_eq!(judged(&offer, 500, 100), Ok(()));
        assert_eq!(
            judged(&offer, 601, 100).unwrap_err().to_string(),
            "601 B are wanted and 600 B of the offer are left"
        );
        assert!(matches!(judged(&offer, 600, 100), Err(Declined::Disk { .. })));
        assert!(matches!(judged(&offer, 500, 99), Err(Declined::Price { .. })));
        let cheap = QuotedSlot { egress: GbPrice::whole(9), ..reservation(1, 100).quoted };
        let cheap = Reservation { quoted: cheap, ..reservation(1, 100) };
        let declined = judge(&cheap, &offer, &room()).unwrap_err().to_string();
        assert_eq!(declined, "9 msat per GB are quoted for egress and 10 are asked for");
        offer.ingress = GbPrice::whole(1);
        assert!(matches!(judged(&offer, 1, 100), Err(Declined::Moved { what: "ingress", .. })));
        offer.ingress = GbPrice::whole(0);
        let late = Room { now: Timestamp(101), ..room() };
        assert_eq!(judge(&reservation(1, 100), &offer, &late), Err(Declined::Late));
        let other = Room { market: Did([8; 32]), ..room() };
        assert_eq!(judge(&reservation(1, 100), &offer, &other), Err(Declined::NotOurs));
    }

    #[test]
    fn a_quote_may_be_lower_by_every_discount_of_its_ask_and_no_more() {
        let offer = Offer::new(Bytes(1_000), Price::whole(100), "me".into());
        let mut ask = offer.ask(Did([1; 32]), "http://127.0.0.1:1".into(), Timestamp(0));
        ask.tiers = vec![types::Tier::Hot];
        ask.volume_discounts = vec![types::documents::Discount { from: Bytes(1), permille: 200 }];
        ask.duration_discounts =
            vec![types::documents::Discount { from: types::Span(1), permille: 500 }];
        let least = |ask: &Ask| Least::of(ask, &TierRates::default());
        assert_eq!(least(&ask).price, Price::whole(40));
        let special = Ask { price: Price::whole(30), volume_discounts: Vec::new(), ..ask.clone() };
        assert_eq!(least(&ask).or(least(&special)).price, Price::whole(15));
    }

    #[test]
    fn what_settles_on_bitcoin_is_taken_with_a_treasurer_alone() {
        let offer = Offer::new(Bytes(1_000), Price::whole(100), "me".into());
        let reservation = Reservation { rail: RailKind::Bitcoin, ..reservation(500, 100) };
        assert_eq!(judge(&reservation, &offer, &room()), Err(Declined::NoTreasurer));
        let with = Room { has_treasurer: true, ..room() };
        assert_eq!(judge(&reservation, &offer, &with), Ok(()));
    }

    #[test]
    fn a_lower_tier_may_be_quoted_at_its_lower_price() {
        let offer = Offer::new(Bytes(1_000), Price::whole(100), "me".into());
        assert_eq!(judge(&reservation(500, 20), &offer, &room()), Ok(()));
        assert!(matches!(
            judge(&reservation(500, 19), &offer, &room()),
            Err(Declined::Price { .. })
        ));
    }
}
