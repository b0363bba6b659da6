//! What a market is founded with, and never changes.

use pricing::PricingPolicy;
use reputation::ReputationPolicy;
use serde::{Deserialize, Serialize};
use types::{Did, Hash, Span};

/// A market's constitution: its key, its epoch, its rules' parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// The market's key: it quotes, audits and settles.
    pub market: Did,
    /// What one epoch stands for in prices and terms.
    pub epoch: Span,
    /// The end of the pre-committed hash chain from which each epoch's beacon is revealed.
    pub beacon_anchor: Hash,
    /// How long a quote is firm.
    pub quote_ttl: Span,
    /// How many times a client may counter one quote and those that follow from it.
    pub rounds_max: u8,
    /// How long a provider may take to answer a reservation.
    pub answer_within: Span,
    /// How long a client may take to store the first bytes.
    pub store_within: Span,
    /// The rates of quotes.
    pub pricing: PricingPolicy,
    /// The parameters of scores and gates.
    pub reputation: ReputationPolicy,
}

impl Genesis {
    /// A market of `market` with default policies.
    pub fn standard(market: Did, epoch: Span, beacon_anchor: Hash) -> Self {
        Self {
            market,
            epoch,
            beacon_anchor,
            quote_ttl: Span(10 * 60 * Span::SECOND.0),
            rounds_max: 3,
            answer_within: Span(30 * Span::SECOND.0),
            store_within: Span::DAY,
            pricing: PricingPolicy::default(),
            reputation: ReputationPolicy::default(),
        }
    }
}
