//! What a provider offers, as its operator set it.

use serde::{Deserialize, Serialize};
use types::documents::Ask;
use types::{Bytes, Did, GbPrice, Price, Span, Tier, Timestamp};

/// How long an ask stands before it must be signed anew.
pub const ASK_SPAN: Span = Span(30 * Span::DAY.0);

/// The standing offer behind every ask of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// All it offers, sold or not.
    pub capacity: Bytes,
    /// For keeping, on the hot tier, per GB and day.
    pub price: Price,
    /// For sending bytes out, per GB.
    pub egress: GbPrice,
    /// For taking bytes in, per GB.
    pub ingress: GbPrice,
    /// Tiers it serves.
    pub tiers: Vec<Tier>,
    /// A slot earns as if at least this much were kept in it.
    pub minimum_use: Bytes,
    /// The longest contract it signs.
    pub duration_max: Span,
    /// Where its disks are.
    pub region: String,
    /// Who runs it.
    pub operator: String,
}

impl Offer {
    /// An offer of `capacity` at `price`, and everything else as usual; `operator` is whoever runs it.
    pub fn new(capacity: Bytes, price: Price, operator: String) -> Self {
        Self {
            capacity,
            price,
            egress: GbPrice::whole(10),
            ingress: GbPrice::whole(0),
            tiers: Tier::ALL.to_vec(),
            minimum_use: Bytes(64 << 20).min(capacity),
            duration_max: Span(366 * Span::DAY.0),
            region: "unknown".into(),
            operator,
        }
    }

    /// The ask of `provider` at `endpoint`, signed for as of `now`. Its sequence is the time, so that a later one counts.
    pub fn ask(&self, provider: Did, endpoint: String, now: Timestamp) -> Ask {
        Ask {
            provider,
            sequence: u64::try_from(now.0).unwrap_or(0),
            endpoint,
            region: self.region.clone(),
            operator: self.operator.clone(),
            capacity: self.capacity,
            price: self.price,
            egress: self.egress,
            ingress: self.ingress,
            tiers: self.tiers.clone(),
            minimum_use: self.minimum_use,
            duration_max: self.duration_max,
            volume_discounts: Vec::new(),
            duration_discounts: Vec::new(),
            tags: Vec::new(),
            counter: None,
            held_bond_permille: 0,
            expires: now.after(ASK_SPAN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_ask_has_a_higher_sequence_and_stands_longer() {
        let offer = Offer::new(Bytes(10), Price::whole(100), "me".into());
        assert_eq!(offer.minimum_use, Bytes(10), "nobody asks to use more than there is");
        let ask = |at| offer.ask(Did([1; 32]), "http://127.0.0.1:1".into(), Timestamp(at));
        assert!(ask(2).sequence > ask(1).sequence);
        assert_eq!(ask(5).expires, Timestamp(5).after(ASK_SPAN));
    }
}
