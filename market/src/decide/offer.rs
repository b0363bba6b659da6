//! Asks: what providers offer.

use crate::event::Event;
use crate::rejection::Rejection;
use crate::state::Market;
use pricing::AskError;
use types::documents::Ask;
use types::{Timestamp, Verified};

impl Market {
    pub(crate) fn publish_ask(
        &self,
        now: Timestamp,
        ask: &Verified<Ask>,
        network: &str,
    ) -> Result<Vec<Event>, Rejection> {
        if let Some(offer) = self.offers.get(&ask.provider) {
            if offer.id == ask.id() {
                return Ok(Vec::new());
            }
            let latest = offer.ask.sequence;
            if ask.sequence <= latest {
                return Err(Rejection::Superseded {
                    what: "ask sequence",
                    found: ask.sequence,
                    latest,
                });
            }
        }
        if ask.counter.is_some() {
            let reason =
                "a standing ask names no counter; send one for a counter as the answer to it";
            return Err(Rejection::Invalid { field: "counter", reason: reason.into() });
        }
        self.not_banned(ask.provider)?;
        validate(now, ask)?;
        let network = network.to_owned();
        Ok(vec![Event::AskPublished { id: ask.id(), ask: Box::new((**ask).clone()), network }])
    }
}

/// Whether `ask` is one that can stand, whoever it is for.
pub(crate) fn validate(now: Timestamp, ask: &Ask) -> Result<(), Rejection> {
    pricing::validate_ask(now, ask)
        .map_err(|AskError { field, reason }| Rejection::Invalid { field, reason })
}
