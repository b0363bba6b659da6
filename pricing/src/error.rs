//! Why a price cannot be made.

use types::{Bytes, MoneyError, Price, PriceError, Span, Tier};

/// What is wrong with a policy, an ask or a request, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PricingError {
    /// A price is out of range or makes a charge that is.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// The lines together are too much.
    #[error("{0}; ask for less storage or less time")]
    Money(#[from] MoneyError),
    /// A rate of the policy is above its limit.
    #[error("{name} is {found_ppm} ppm; give 0 to {max_ppm} (1,000,000 is the whole)")]
    RateOutOfRange {
        /// Which rate.
        name: &'static str,
        /// What it is.
        found_ppm: u32,
        /// What it may be at most.
        max_ppm: u32,
    },
    /// A share that must be more than nothing and at most its limit.
    #[error("{name} is {found_ppm} ppm; give 1 to {max_ppm} (1,000,000 is the whole)")]
    ShareOutOfRange {
        /// Which.
        name: &'static str,
        /// What it is.
        found_ppm: u32,
        /// What it may be at most.
        max_ppm: u32,
    },
    /// A base-fee controller whose price would swing for ever.
    #[error(
        "a step of {step_ppm} ppm makes the price swing for ever where demand has an elasticity of {elasticity_ppm} ppm and shows \
        {delay} steps late; give at most {max_ppm}, or count on a demand that answers less or sooner (1,000,000 ppm is the whole)"
    )]
    StepUnstable {
        /// The step.
        step_ppm: u32,
        /// The largest with which the price comes to rest.
        max_ppm: u32,
        /// The elasticity that is counted on.
        elasticity_ppm: u32,
        /// How many steps late demand shows.
        delay: u32,
    },
    /// The least price is above the highest.
    #[error(
        "the floor of {floor} msat is above the ceiling of {ceiling}; give a floor that is at most the ceiling"
    )]
    FloorAboveCeiling {
        /// The least price.
        floor: Price,
        /// The highest price.
        ceiling: Price,
    },
    /// A discount that does not rise, or takes off nothing or everything.
    #[error("{field}: {reason}")]
    Discount {
        /// Which of the ask's two lists.
        field: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// The ask does not serve the tier.
    #[error("the ask does not serve the {} tier; it serves {served}", .wanted.name())]
    TierNotServed {
        /// The tier that is wanted.
        wanted: Tier,
        /// The tiers it serves.
        served: String,
    },
    /// Nothing to keep, or no time to keep it.
    #[error("{bytes} for {span} is nothing to keep; give both a size and a duration above zero")]
    NothingToKeep {
        /// How much.
        bytes: Bytes,
        /// How long.
        span: Span,
    },
    /// Reads are paid for in advance, but too few slots are there to read from.
    #[error(
        "{found} slots were priced and a read needs {needed}; price every slot of the contract"
    )]
    TooFewSlots {
        /// How many there are.
        found: usize,
        /// How many a read needs.
        needed: usize,
    },
}

impl PricingError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Price(_) => "invalid_price",
            Self::Money(_) => "money_overflow",
            Self::RateOutOfRange { .. } => "rate_out_of_range",
            Self::ShareOutOfRange { .. } => "share_out_of_range",
            Self::StepUnstable { .. } => "step_unstable",
            Self::FloorAboveCeiling { .. } => "floor_above_ceiling",
            Self::Discount { .. } => "invalid_discount",
            Self::TierNotServed { .. } => "tier_not_served",
            Self::NothingToKeep { .. } => "nothing_to_keep",
            Self::TooFewSlots { .. } => "too_few_slots",
        }
    }
}
