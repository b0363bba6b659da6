//! Why a provider is not chosen: the gate's reasons, and those that only the whole market knows.

use super::Search;
use crate::state::{Market, Offer};
use crate::unfunded::UnfundedRoom;
use contracts::{Cause, SlotState};
use reputation::gate::{self, Candidate, Refusal};
use types::documents::Exclusion;
use types::{Did, GbPrice, Msat, Price};

/// Why a search must not end with some provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Never {
    /// It has lost the slot that a successor is sought for.
    LostThisSlot,
    /// It would not have the slot in this epoch.
    PassedOver,
    /// Its price for reads raises the others' bonds above what they have.
    DearReads,
    /// It cannot lock the bond.
    Bond {
        /// What it has.
        available: Msat,
        /// What is needed.
        needed: Msat,
    },
}

/// Why a provider is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason<'a> {
    /// The gate, or the draw, does not let it in.
    Gate(Refusal<'a>),
    /// It has lost the slot that a successor is sought for.
    LostThisSlot,
    /// It would not have the slot in this epoch.
    PassedOver,
    /// It is the client itself.
    OwnClient,
    /// It is not connected.
    Offline,
    /// It left an audit unanswered.
    Unanswered,
    /// Too much of its room is reserved on Bitcoin and not yet paid for.
    Unfunded(UnfundedRoom),
    /// Its price for reads raises the others' bonds above what they have.
    DearReads,
    /// Its prices, minimum use and the terms come to more than can be paid.
    NoPrice,
    /// It would do, and others ask less.
    Outbid,
    /// It will not lower its ask for the client's counter.
    RefusedCounter {
        /// Its own words.
        because: &'a str,
    },
    /// It asks more for keeping than the client's counter takes.
    AboveCounter {
        /// What it asks.
        asked: Price,
        /// What the client would pay.
        most: Price,
    },
    /// It asks more for reads than the client's counter takes.
    ReadsAboveCounter {
        /// What it asks.
        asked: GbPrice,
        /// What the client would pay.
        most: GbPrice,
    },
    /// It costs more than there is for the slot.
    TooDear {
        /// What it costs.
        cost: Msat,
        /// What there is.
        budget: Msat,
    },
}

impl Reason<'_> {
    /// The stable name of this kind of reason.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Gate(refusal) => refusal.code(),
            Self::LostThisSlot => "lost_this_slot",
            Self::PassedOver => "passed_over",
            Self::OwnClient => "own_client",
            Self::Offline => "offline",
            Self::Unanswered => "unanswered",
            Self::Unfunded(_) => "room_unfunded",
            Self::DearReads => "dear_reads",
            Self::NoPrice => "no_price",
            Self::Outbid => "outbid",
            Self::RefusedCounter { .. } => "refused_counter",
            Self::AboveCounter { .. } => "above_counter",
            Self::ReadsAboveCounter { .. } => "reads_above_counter",
            Self::TooDear { .. } => "too_dear",
        }
    }

    /// The reason in words, as a quote carries it.
    pub(crate) fn exclusion(&self, provider: Did) -> Exclusion {
        let (reason, remedy) = match self {
            Self::Gate(refusal) => return refusal.exclusion(provider),
            Self::LostThisSlot => {
                ("it has lost this slot", "nothing: another provider takes it over")
            }
            Self::PassedOver => (
                "it declined this slot or did not answer in this epoch",
                "confirm the next reservation in time",
            ),
            Self::OwnClient => {
                ("it is the client itself", "providers other than the client keep its data")
            }
            Self::Offline => ("it is not connected to the market", "start it again"),
            Self::Unanswered => {
                ("it left an audit unanswered", "answer the next audit of every slot")
            }
            Self::DearReads => (
                "its egress price raises the others' bonds above what they have",
                "ask less for egress",
            ),
            Self::NoPrice => (
                "its prices and minimum use come to more than can be paid",
                "ask less, or for a smaller minimum use",
            ),
            Self::Outbid => ("it fits, and others ask less", "ask less"),
            Self::Unfunded(room) => return room.exclusion(provider),
            Self::RefusedCounter { .. }
            | Self::AboveCounter { .. }
            | Self::ReadsAboveCounter { .. }
            | Self::TooDear { .. } => return self.price_exclusion(provider),
        };
        Exclusion { provider, reason: reason.into(), remedy: remedy.into() }
    }
}

impl Reason<'_> {
    /// Those reasons that state prices.
    fn price_exclusion(&self, provider: Did) -> Exclusion {
        let (reason, remedy) = match self {
            Self::RefusedCounter { because } => (
                format!("it will not lower its ask: {because}"),
                "the client may offer more in its next counter, or take the standing ask".into(),
            ),
            Self::AboveCounter { asked, most } => (
                format!("it asks {asked} msat per GB and day, the counter takes at most {most}"),
                format!("ask at most {most}; the client may offer {asked}"),
            ),
            Self::ReadsAboveCounter { asked, most } => (
                format!("it asks {asked} msat per GB for reads, the counter takes at most {most}"),
                format!("ask at most {most} for egress; the client may offer {asked}"),
            ),
            Self::TooDear { cost, budget } => {
                (format!("it costs {cost}, and {budget} are left for this slot"), "ask less".into())
            }
            _ => ("it is too dear".into(), "ask less".into()),
        };
        Exclusion { provider, reason, remedy }
    }
}

impl Market {
    /// Why the provider of `offer` may not have the slot, whoever else has one.
    pub(crate) fn refusal<'a>(
        &'a self,
        search: &Search<'a>,
        offer: &'a Offer,
    ) -> Option<Reason<'a>> {
        let provider = offer.ask.provider;
        match search.never.get(&provider) {
            Some(Never::LostThisSlot) => return Some(Reason::LostThisSlot),
            Some(Never::PassedOver) => return Some(Reason::PassedOver),
            Some(Never::DearReads) => return Some(Reason::DearReads),
            Some(Never::Bond { available, needed }) => {
                return Some(Reason::Gate(Refusal::Bond {
                    available: *available,
                    needed: *needed,
                }));
            }
            None => {}
        }
        if provider == search.client {
            return Some(Reason::OwnClient);
        }
        // What it can pay for is asked last, since finding out costs most.
        let candidate = Candidate {
            ask: &offer.ask,
            score: self.score(&provider),
            committed: self.committed(&provider),
            available: Msat::ZERO,
            bond: Msat::ZERO,
        };
        if let Err(refusal) = gate::admit(&self.genesis.reputation, &search.need, &candidate) {
            return Some(Reason::Gate(refusal));
        }
        if search.online.is_some_and(|online| !online.contains(&provider)) {
            return Some(Reason::Offline);
        }
        let silent = |id| {
            self.slot(id).is_some_and(|(_, slot)| {
                slot.state == SlotState::AtFault
                    && slot.fault.is_some_and(|f| f.cause == Cause::Unreachable)
            })
        };
        if self.holdings(&provider).any(silent) {
            return Some(Reason::Unanswered);
        }
        self.unpaid(search, offer)
            .or_else(|| self.above_counter(search, offer))
            .or_else(|| self.unaffordable(search, offer))
    }

    /// Whether too much of its room is reserved and not paid for, where the search is for such a reservation.
    fn unpaid<'a>(&self, search: &Search<'a>, offer: &Offer) -> Option<Reason<'a>> {
        if !search.unfunded {
            return None;
        }
        let provider = offer.ask.provider;
        let room = self.genesis.reputation.room(&self.score(&provider), offer.ask.capacity);
        self.unfunded_room(&provider, room, search.need.capacity).map(Reason::Unfunded)
    }
}
