//! How a price is found: ask, request, quote, acceptance.

use super::document;
use crate::{
    Bytes, CostVector, Did, DocId, GbPrice, Msat, Price, SlotCost, Span, Terms, Tier, Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One step of a discount: from `from` on, `permille` is taken off the price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Discount<T> {
    /// The least slot size or duration that it is for.
    pub from: T,
    /// What is taken off, 1..=999.
    pub permille: u16,
}

/// A provider's standing offer. The one with the highest sequence counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// Cheaper storage for larger slots, by rising size; the last step that is reached counts.
    pub volume_discounts: Vec<Discount<Bytes>>,
    /// Cheaper storage for longer contracts, by rising duration; the last step that is reached counts. Both kinds multiply.
    pub duration_discounts: Vec<Discount<Span>>,
    /// What the provider says of itself (for example `ssd`, `iso27001`); placement may require tags.
    pub tags: Vec<String>,
    /// The one counter that this ask answers; nothing for a standing offer to everyone.
    pub counter: Option<DocId>,
    /// The share of a bond that may be bonded with earnings held back, in permille: 0 posts every bond in full.
    pub held_bond_permille: u16,
    /// Until when the offer stands.
    pub expires: Timestamp,
}
document!(Ask, "bondstore.ask", provider);

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

/// A client answers a quote with the prices it would take. The quote's providers may sign an [`Ask`] for it alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Counter {
    /// Who counters.
    pub client: Did,
    /// Which quote.
    pub quote: DocId,
    /// One above the quote's round; the market bounds it.
    pub round: u8,
    /// What it would pay a provider for keeping, at most, after the tier's multiplier.
    pub price_max: Price,
    /// What it would pay for reads, at most.
    pub egress_max: GbPrice,
}
document!(Counter, "bondstore.counter", client);

/// A provider will not lower its ask for a counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CounterRefusal {
    /// Who refuses.
    pub provider: Did,
    /// Which counter.
    pub counter: DocId,
    /// Why, in one sentence with figures.
    pub reason: String,
}
document!(CounterRefusal, "bondstore.counter-refusal", provider);

/// One provider's part of a quote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// What of the bond may be bonded with earnings held back.
    pub held_bond_max: Msat,
}

/// A provider that was left out, and what would let it in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// Which market quotes.
    pub market: Did,
    /// To whom.
    pub client: Did,
    /// For which request.
    pub request: DocId,
    /// The counter it answers, after the first round.
    pub counter: Option<DocId>,
    /// 0 for the first answer to a request, then each counter's.
    pub round: u8,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// Who accepts.
    pub client: Did,
    /// Which quote.
    pub quote: DocId,
}
document!(Acceptance, "bondstore.acceptance", client);
