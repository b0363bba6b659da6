//! Asks: what providers offer.

use crate::event::Event;
use crate::rejection::Rejection;
use crate::state::Market;
use types::documents::Ask;
use types::{PriceError, Span, Timestamp, Verified};

/// The longest text a party may put into an ask.
const TEXT_MAX: usize = 256;
/// The most a provider may offer: 1 EB.
const CAPACITY_MAX: u64 = 1_000_000_000_000_000_000;
/// The longest an ask may stand.
const LIFETIME_MAX: Span = Span(366 * Span::DAY.0);

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
        validate(now, ask)?;
        let network = network.to_owned();
        Ok(vec![Event::AskPublished { id: ask.id(), ask: Box::new((**ask).clone()), network }])
    }
}

fn validate(now: Timestamp, ask: &Ask) -> Result<(), Rejection> {
    let invalid = |field, reason: String| Err(Rejection::Invalid { field, reason });
    for (field, text) in
        [("endpoint", &ask.endpoint), ("region", &ask.region), ("operator", &ask.operator)]
    {
        if text.is_empty() || text.len() > TEXT_MAX {
            return invalid(field, format!("{} characters; give 1 to {TEXT_MAX}", text.len()));
        }
    }
    if !ask.endpoint.starts_with("https://") && !ask.endpoint.starts_with("http://") {
        return invalid("endpoint", "an http:// or https:// address is needed".into());
    }
    if ask.capacity.0 > CAPACITY_MAX {
        return invalid("capacity", format!("{} is above the limit of 1 EB", ask.capacity));
    }
    if ask.minimum_use > ask.capacity && ask.capacity.0 > 0 {
        let reason =
            format!("{} is above the capacity offered ({})", ask.minimum_use, ask.capacity);
        return invalid("minimum_use", reason);
    }
    if ask.tiers.is_empty() || ask.tiers.len() > 4 {
        return invalid("tiers", "name one to four of hot, warm, cold and archive".into());
    }
    if ask.expires <= now {
        return invalid("expires", "the ask has expired already; sign one that lies ahead".into());
    }
    if ask.expires.since(now) > LIFETIME_MAX {
        return invalid("expires", format!("more than {LIFETIME_MAX} ahead; renew it instead"));
    }
    let price =
        |field| move |error: PriceError| Rejection::Invalid { field, reason: error.to_string() };
    ask.price.validated().map_err(price("price"))?;
    ask.egress.validated().map_err(price("egress"))?;
    ask.ingress.validated().map_err(price("ingress"))?;
    Ok(())
}
