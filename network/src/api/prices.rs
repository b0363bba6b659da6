//! What is said about prices: counters to quotes, and what providers ask.

use serde::{Deserialize, Serialize};
use types::documents::{Counter, CounterRefusal, Quote};
use types::{Bytes, Jws, Price, Signed, Tier};
use utoipa::ToSchema;

/// `POST /v1/counters`: a client counters a quote.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CounterBody {
    /// The client's counter.
    #[schema(value_type = Jws<Counter>)]
    pub counter: Signed,
    /// The quote it counters, as the market signed it.
    #[schema(value_type = Jws<Quote>)]
    pub quote: Signed,
}

/// The answer to `POST /v1/counters`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CounterAnswer {
    /// The next quote.
    #[schema(value_type = Jws<Quote>)]
    pub quote: Signed,
    /// The refusals that providers signed.
    #[schema(value_type = Vec<Jws<CounterRefusal>>)]
    pub refusals: Vec<Signed>,
}

/// `GET /v1/prices`: what providers ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PricesView {
    /// How asks become a quote: `posted_ask`, `pay_as_bid` or `clearing_price`.
    pub mechanism: String,
    /// What keeping a GB for a day usually costs on the hot tier, at what is sold of the market's room now.
    pub reference: Price,
    /// All that is offered.
    pub capacity: Bytes,
    /// What of it is sold.
    pub sold: Bytes,
    /// What is asked, tier by tier: in all regions, then region by region.
    pub items: Vec<PriceLine>,
}

/// What is asked on one tier, in one region or in all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceLine {
    /// The tier.
    pub tier: Tier,
    /// The region; nothing for all of them.
    pub region: Option<String>,
    /// How many asks there are.
    pub asks: u64,
    /// What they offer and have not sold, in all.
    pub free: Bytes,
    /// A quarter of that can be had for this or less, per GB and day on the tier.
    pub low: Price,
    /// Half.
    pub middle: Price,
    /// Three quarters.
    pub high: Price,
}
