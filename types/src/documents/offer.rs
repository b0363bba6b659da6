//! How a price is found: ask, request, quote, acceptance.

use super::document;
use crate::{
    Bytes, CostVector, Did, DocId, GbPrice, Msat, Price, SlotCost, Span, Terms, Tier, Timestamp,
};
use serde::{Deserialize, Serialize};

/// A provider's standing offer. The one with the highest sequence counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Who offers.
    pub provider: Did,
    /// Rises with every ask of this provider.
    pub sequence: u64,
    /// Where its data plane answers: `https://host:port`, or `http://` on loopback.
    pub endpoint: String,
    /// Where its disks are, in the provider's words (for example `eu-west`).
    pub region: String,
    /// Who runs it; providers of one operator name the same.
    pub operator: String,
    /// All it offers, sold or not. Zero withdraws the offer.
    pub capacity: Bytes,
    /// For keeping, on the hot tier.
    pub price: Price,
    /// For sending bytes out.
    pub egress: GbPrice,
    /// For taking bytes in.
    pub ingress: GbPrice,
    /// Tiers it serves.
    pub tiers: Vec<Tier>,
    /// A slot earns as if at least this much were kept in it.
    pub minimum_use: Bytes,
    /// The longest contract it signs.
    pub duration_max: Span,
    /// Until when the offer stands.
    pub expires: Timestamp,
}
document!(Ask, "bondstore.ask", provider);

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Who asks.
    pub client: Did,
    /// What should be promised.
    pub terms: Terms,
    /// Distinguishes requests for the same terms.
    pub nonce: u64,
}
document!(Request, "bondstore.request", client);

/// One provider's part of a quote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotedSlot {
    /// Who would keep it.
    pub provider: Did,
    /// The ask it rests on.
    pub ask: DocId,
    /// Its price after the tier's multiplier.
    pub price: Price,
    /// For reads from this slot.
    pub egress: GbPrice,
    /// For taking the bytes in.
    pub ingress: GbPrice,
    /// The slot earns as if at least this much were kept in it.
    pub minimum_use: Bytes,
    /// What it earns at most.
    pub cost: SlotCost,
    /// What it locks.
    pub bond: Msat,
}

/// A provider that was left out, and what would let it in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// Who.
    pub provider: Did,
    /// Why.
    pub reason: String,
    /// What would let it in.
    pub remedy: String,
}

/// How a contract's slots will be audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditPlan {
    /// Challenges per slot within the detection span.
    pub challenges: u32,
    /// The span.
    pub within: Span,
    /// The probability with which the terms' lost fraction is found within it, in parts per million.
    pub confidence_ppm: u32,
    /// Whether the cap on audit traffic keeps the confidence below what the terms want.
    pub capped: bool,
}

/// A firm price for a request, naming the providers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// Which market quotes.
    pub market: Did,
    /// To whom.
    pub client: Did,
    /// For which request.
    pub request: DocId,
    /// What is promised.
    pub terms: Terms,
    /// The market's epoch.
    pub epoch: Span,
    /// How many epochs the contract runs.
    pub epochs: u64,
    /// A provider per slot.
    pub slots: Vec<QuotedSlot>,
    /// Who steps in when one of them declines.
    pub reserves: Vec<QuotedSlot>,
    /// What it costs, line by line.
    pub cost: CostVector,
    /// How it is audited.
    pub audit: AuditPlan,
    /// Who was left out and why (at most 64, the cheapest first).
    pub excluded: Vec<Exclusion>,
    /// How many were left out in all.
    pub excluded_count: u64,
    /// When it was made.
    pub issued: Timestamp,
    /// Until when it is firm.
    pub expires: Timestamp,
}
document!(Quote, "bondstore.quote", market);

/// The client takes a quote: its escrow locks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// Who accepts.
    pub client: Did,
    /// Which quote.
    pub quote: DocId,
}
document!(Acceptance, "bondstore.acceptance", client);
