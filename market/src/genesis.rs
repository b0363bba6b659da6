//! What a market is founded with, and never changes.

use crate::unfunded::UnfundedRules;
use pricing::PricingPolicy;
use reputation::ReputationPolicy;
use serde::{Deserialize, Serialize};
use types::{ChainRule, Did, Hash, Span};

/// How long a verdict can be disputed in a market with default policies.
const DISPUTE_WITHIN: Span = Span(3 * Span::DAY.0);

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
    /// For how many epochs after it was recorded a verdict can be disputed, and a penalty after it was imposed.
    #[serde(default = "dispute_epochs_least")]
    pub dispute_epochs: u64,
    /// Who may measure providers beside the market.
    #[serde(default)]
    pub auditors: Vec<Did>,
    /// The rates of quotes.
    pub pricing: PricingPolicy,
    /// The parameters of scores and gates.
    pub reputation: ReputationPolicy,
    /// How much may be reserved on Bitcoin and not yet stored. Nothing where it was founded before that was bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfunded: Option<UnfundedRules>,
    /// Which blocks its beacons are made of, where it has a chain. A market that was founded without one writes nothing here, as it
    /// did before there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<ChainRule>,
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
            dispute_epochs: DISPUTE_WITHIN.epochs(epoch).max(1),
            auditors: Vec::new(),
            pricing: PricingPolicy::default(),
            reputation: ReputationPolicy::default(),
            unfunded: Some(UnfundedRules::default()),
            chain: None,
        }
    }
}

/// The window of a market that was founded without one.
const fn dispute_epochs_least() -> u64 {
    1
}
