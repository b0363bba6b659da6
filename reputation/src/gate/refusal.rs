//! Why a provider is left out, and what would let it in.

use super::TierSet;
use crate::change::name;
use types::documents::Exclusion;
use types::{Bytes, Did, Msat, Span, Standing, Tier};

/// Why a provider is left out. Borrows what it names, so that a refusal costs nothing until it is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal<'a> {
    /// It is banned.
    Banned,
    /// Its standing is below what the terms want.
    Standing {
        /// Its standing.
        found: Standing,
        /// The least the terms accept.
        needed: Standing,
    },
    /// It has withdrawn its offer.
    Withdrawn,
    /// Its ask has expired.
    Expired {
        /// How long ago.
        ago: Span,
    },
    /// It does not serve the tier.
    Tier {
        /// The tiers it serves.
        served: TierSet,
        /// The tier that is wanted.
        wanted: Tier,
    },
    /// It does not sign contracts as long as this.
    Duration {
        /// The longest it signs.
        longest: Span,
        /// How long is wanted.
        wanted: Span,
    },
    /// It has not enough room left.
    Capacity {
        /// What is left.
        left: Bytes,
        /// What is wanted.
        wanted: Bytes,
    },
    /// It is in a region the terms do not accept.
    Region {
        /// Where it is.
        found: &'a str,
        /// Where it may be.
        accepted: &'a [String],
    },
    /// Its ask does not carry a tag that the terms want.
    Tags {
        /// The tag.
        missing: &'a str,
        /// Those it carries.
        carried: &'a [String],
    },
    /// The slot is larger than a new provider is trusted with.
    NewcomerSlot {
        /// The slot.
        wanted: Bytes,
        /// The most.
        most: Bytes,
    },
    /// All its slots together would be more than a new provider is trusted with.
    NewcomerTotal {
        /// What it is committed to.
        committed: Bytes,
        /// The slot.
        wanted: Bytes,
        /// The most.
        most: Bytes,
    },
    /// It cannot lock the bond.
    Bond {
        /// What it has.
        available: Msat,
        /// What is needed.
        needed: Msat,
    },
    /// Its operator holds another slot of the contract.
    SameOperator {
        /// The operator.
        operator: &'a str,
    },
    /// Its network holds another slot of the contract.
    SameNetwork {
        /// The network.
        network: &'a str,
    },
    /// It would do, and others were drawn.
    NotDrawn,
}

/// A refusal in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Why it was left out.
    pub reason: String,
    /// What would let it in.
    pub remedy: String,
}

impl Refusal<'_> {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Banned => "banned",
            Self::Standing { .. } => "standing_too_low",
            Self::Withdrawn => "ask_withdrawn",
            Self::Expired { .. } => "ask_expired",
            Self::Tier { .. } => "tier_not_served",
            Self::Duration { .. } => "duration_too_long",
            Self::Capacity { .. } => "no_room",
            Self::Region { .. } => "region_not_accepted",
            Self::Tags { .. } => "tag_missing",
            Self::NewcomerSlot { .. } => "newcomer_slot_too_large",
            Self::NewcomerTotal { .. } => "newcomer_total_too_large",
            Self::Bond { .. } => "bond_too_small",
            Self::SameOperator { .. } => "same_operator",
            Self::SameNetwork { .. } => "same_network",
            Self::NotDrawn => "not_drawn",
        }
    }

    /// Why the provider was left out, and what would let it in.
    pub fn explain(&self) -> Explanation {
        let (reason, remedy) = match self {
            Self::Banned
            | Self::Standing { .. }
            | Self::NewcomerSlot { .. }
            | Self::NewcomerTotal { .. } => self.explain_standing(),
            Self::SameOperator { .. } | Self::SameNetwork { .. } | Self::NotDrawn => {
                self.explain_placement()
            }
            _ => self.explain_offer(),
        };
        Explanation { reason, remedy }
    }

    /// The refusal of `provider`, as a quote carries it.
    pub fn exclusion(&self, provider: Did) -> Exclusion {
        let Explanation { reason, remedy } = self.explain();
        Exclusion { provider, reason, remedy }
    }

    fn explain_standing(&self) -> (String, String) {
        match self {
            Self::Standing { found, needed } => (
                format!(
                    "its standing is {}, the terms want at least {}",
                    name(*found),
                    name(*needed)
                ),
                "good reviews raise it; the client may accept a lower standing".into(),
            ),
            Self::NewcomerSlot { wanted, most } => (
                format!(
                    "it is new or has proven little, and a slot of {wanted} is more than the {most} a new provider may take"
                ),
                "finish its vetting and answer audits; the client may ask for more, smaller slots"
                    .into(),
            ),
            Self::NewcomerTotal { committed, wanted, most } => (
                format!(
                    "it is new or has proven little, and holds {committed}; with {wanted} more it exceeds the {most} it may hold"
                ),
                "finish its vetting and answer audits, or wait until a contract it holds ends"
                    .into(),
            ),
            _ => (
                "it is banned".into(),
                "nothing under this name; its bonds and earnings are still paid out".into(),
            ),
        }
    }

    fn explain_offer(&self) -> (String, String) {
        match self {
            Self::Expired { ago } => {
                (format!("its ask expired {ago} ago"), "publish a new ask".into())
            }
            Self::Tier { served, wanted } => {
                let (served, wanted) = (served.names(), wanted.name());
                (format!("it serves {served}, not {wanted}"), format!("offer {wanted} in its ask"))
            }
            Self::Duration { longest, wanted } => (
                format!("it signs for {longest} at most, {wanted} is wanted"),
                format!("raise duration_max in its ask to {wanted}, or ask for less time"),
            ),
            Self::Capacity { left, wanted } => (
                format!("it has room for {left} more, {wanted} is wanted"),
                format!("offer at least {} more", Bytes(wanted.0.saturating_sub(left.0))),
            ),
            Self::Region { found, accepted } => {
                let accepted = accepted.join(", ");
                (
                    format!("it is in {found}, the terms accept {accepted}"),
                    format!("accept {found} too"),
                )
            }
            Self::Tags { missing, carried } => {
                let carried = if carried.is_empty() { "none".into() } else { carried.join(", ") };
                let remedy =
                    format!("carry the tag in its ask, if it is true; or ask without {missing}");
                (format!("the terms want the tag {missing}, its ask carries {carried}"), remedy)
            }
            Self::Bond { available, needed } => {
                let missing = Msat(needed.0.saturating_sub(available.0));
                let reason = format!("it must lock a bond of {needed} and has {available}");
                (reason, format!("deposit {missing} more"))
            }
            _ => ("it has withdrawn its offer".into(), "publish an ask with capacity".into()),
        }
    }

    fn explain_placement(&self) -> (String, String) {
        match self {
            Self::SameOperator { operator } => (
                format!("its operator {operator} holds another slot of this contract"),
                "wait for another contract; the client may allow one operator several slots".into(),
            ),
            Self::SameNetwork { network } => (
                format!("its network {network} holds another slot of this contract"),
                "move to another network; the client may allow one network several slots".into(),
            ),
            _ => (
                "it fits, and others were drawn".into(),
                "a lower price or a better score raises its chance".into(),
            ),
        }
    }
}
