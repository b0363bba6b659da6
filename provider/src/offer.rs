//! What a provider offers, as its operator set it.

use pricing::AskError;
use serde::{Deserialize, Serialize};
use types::documents::{Ask, Discount};
use types::terms::BITCOIN_TAG;
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
    /// What it takes off for larger slots.
    #[serde(default)]
    pub volume_discounts: Vec<Discount<Bytes>>,
    /// What it takes off for longer contracts.
    #[serde(default)]
    pub duration_discounts: Vec<Discount<Span>>,
    /// What it says of itself.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The share of a bond that earnings held back may make up, in permille.
    #[serde(default)]
    pub held_bond_permille: u16,
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
            volume_discounts: Vec::new(),
            duration_discounts: Vec::new(),
            tags: Vec::new(),
            held_bond_permille: 0,
        }
    }

    /// This offer, where the market would take an ask of it.
    ///
    /// # Errors
    /// [`AskError`] names the field and what would be right.
    pub fn validated(self) -> Result<Self, AskError> {
        let ask = self.ask(Did([0; 32]), "http://127.0.0.1".into(), Timestamp(0));
        pricing::validate_ask(Timestamp(0), &ask)?;
        Ok(self)
    }

    /// This offer with the tag of those that settle on Bitcoin, or without it, whatever its operator has written.
    #[must_use]
    pub fn settling_on_bitcoin(mut self, does: bool) -> Self {
        self.tags.retain(|tag| tag != BITCOIN_TAG);
        if does {
            self.tags.push(BITCOIN_TAG.to_owned());
        }
        self
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
            volume_discounts: self.volume_discounts.clone(),
            duration_discounts: self.duration_discounts.clone(),
            tags: self.tags.clone(),
            counter: None,
            held_bond_permille: self.held_bond_permille,
            expires: now.after(ASK_SPAN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_that_no_market_takes_is_refused_by_field() {
        let good = Offer::new(Bytes(10), Price::whole(100), "me".into());
        assert_eq!(good.clone().validated(), Ok(good.clone()));
        let many = vec![Discount { from: Bytes(5), permille: 1_000 }];
        let long = vec![Discount { from: Span::DAY, permille: 0 }];
        for (offer, field) in [
            (Offer { volume_discounts: many, ..good.clone() }, "volume_discounts"),
            (Offer { duration_discounts: long, ..good.clone() }, "duration_discounts"),
            (Offer { tags: vec!["Fast Disks".into()], ..good.clone() }, "tags"),
            (Offer { held_bond_permille: 1_001, ..good.clone() }, "held_bond_permille"),
            (Offer { region: String::new(), ..good.clone() }, "region"),
            (Offer { tiers: Vec::new(), ..good.clone() }, "tiers"),
        ] {
            let error = offer.validated().unwrap_err();
            assert_eq!(error.field, field);
            assert!(error.to_string().contains("give") || field == "tiers", "{error}");
        }
    }

    #[test]
    fn only_who_settles_on_bitcoin_says_so() {
        let tags = |said: &[&str], does| {
            let tags = said.iter().map(ToString::to_string).collect();
            let offer = Offer::new(Bytes(10), Price::whole(100), "me".into());
            Offer { tags, ..offer }.settling_on_bitcoin(does).tags
        };
        assert_eq!(tags(&["ssd"], true), ["ssd", "bitcoin"]);
        assert_eq!(tags(&["bitcoin", "ssd"], true), ["ssd", "bitcoin"]);
        assert_eq!(tags(&["bitcoin", "ssd"], false), ["ssd"]);
    }

    #[test]
    fn a_later_ask_has_a_higher_sequence_and_stands_longer() {
        let offer = Offer::new(Bytes(10), Price::whole(100), "me".into());
        assert_eq!(offer.minimum_use, Bytes(10), "nobody asks to use more than there is");
        let ask = |at| offer.ask(Did([1; 32]), "http://127.0.0.1:1".into(), Timestamp(at));
        assert!(ask(2).sequence > ask(1).sequence);
        assert_eq!(ask(5).expires, Timestamp(5).after(ASK_SPAN));
    }
}
