//! The gate: hard conditions for a slot, each with a reason and what would let a provider in.

mod refusal;

use crate::policy::ReputationPolicy;
pub use refusal::{Explanation, Refusal};
use serde::{Deserialize, Serialize};
use types::documents::Ask;
use types::{Bytes, Msat, Score, Span, Standing, Terms, Tier, Timestamp};

/// What a slot asks of a provider. Made once per request.
#[derive(Clone, Copy, Debug)]
pub struct Need<'a> {
    /// The contract's terms.
    pub terms: &'a Terms,
    /// What the slot must have room for.
    pub capacity: Bytes,
    /// How long it is to be kept: the contract's duration, or what is left of it.
    pub span: Span,
    /// Now.
    pub now: Timestamp,
}

/// A provider that might take a slot.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its ask.
    pub ask: &'a Ask,
    /// Its score.
    pub score: Score,
    /// Slot bytes it is committed to already.
    pub committed: Bytes,
    /// What it can lock as a bond.
    pub available: Msat,
    /// The bond that the slot needs.
    pub bond: Msat,
}

/// The tiers an ask serves, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TierSet(u8);

/// What the gate must know of an offer, side by side, for a scan over a hundred thousand of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// All it offers.
    pub capacity: Bytes,
    /// Slot bytes it is committed to already.
    pub committed: Bytes,
    /// The longest contract it signs.
    pub duration_max: Span,
    /// Until when the offer stands.
    pub expires: Timestamp,
    /// The tiers it serves.
    pub tiers: TierSet,
    /// The provider's score.
    pub score: Score,
}

impl TierSet {
    /// The set of `tiers`.
    pub fn of(tiers: &[Tier]) -> Self {
        Self(tiers.iter().fold(0, |set, tier| set | 1 << *tier as u8))
    }

    /// Whether `tier` is among them.
    pub const fn contains(self, tier: Tier) -> bool {
        self.0 >> tier as u8 & 1 == 1
    }

    /// Their names, dearest first.
    fn names(self) -> String {
        let served = Tier::ALL.into_iter().filter(|tier| self.contains(*tier));
        served.map(Tier::name).collect::<Vec<_>>().join(", ")
    }
}

impl Figures {
    /// The figures of `ask` by a provider of `score` that is committed to so much.
    pub fn of(ask: &Ask, score: Score, committed: Bytes) -> Self {
        Self {
            capacity: ask.capacity,
            committed,
            duration_max: ask.duration_max,
            expires: ask.expires,
            tiers: TierSet::of(&ask.tiers),
            score,
        }
    }
}

/// Whether `candidate` may have the slot, the first condition it fails otherwise.
///
/// # Errors
/// [`Refusal`] names the condition, with the figures on both sides of it.
pub fn admit<'a>(
    policy: &ReputationPolicy,
    need: &Need<'a>,
    candidate: &Candidate<'a>,
) -> Result<(), Refusal<'a>> {
    let Candidate { ask, score, committed, available, bond } = *candidate;
    admit_figures(policy, need, &Figures::of(ask, score, committed))?;
    let accepted = &need.terms.placement.regions;
    if !accepted.is_empty() && !accepted.contains(&ask.region) {
        return Err(Refusal::Region { found: &ask.region, accepted });
    }
    let wanted = &need.terms.placement.tags;
    if let Some(missing) = wanted.iter().find(|tag| !ask.tags.contains(tag)) {
        return Err(Refusal::Tags { missing, carried: &ask.tags });
    }
    if available < bond {
        return Err(Refusal::Bond { available, needed: bond });
    }
    Ok(())
}

/// Whether the conditions that `figures` show are met: all of [`admit`]'s but region, tags and bond.
///
/// # Errors
/// [`Refusal`] as [`admit`].
pub fn admit_figures(
    policy: &ReputationPolicy,
    need: &Need<'_>,
    figures: &Figures,
) -> Result<(), Refusal<'static>> {
    admit_standing(policy, need, figures)?;
    let Figures { capacity, committed, duration_max, expires, tiers, .. } = *figures;
    if capacity.0 == 0 {
        return Err(Refusal::Withdrawn);
    }
    if expires <= need.now {
        return Err(Refusal::Expired { ago: need.now.since(expires) });
    }
    if !tiers.contains(need.terms.tier) {
        return Err(Refusal::Tier { served: tiers, wanted: need.terms.tier });
    }
    if duration_max < need.span {
        return Err(Refusal::Duration { longest: duration_max, wanted: need.span });
    }
    let left = Bytes(capacity.0.saturating_sub(committed.0));
    if left < need.capacity {
        return Err(Refusal::Capacity { left, wanted: need.capacity });
    }
    Ok(())
}

fn admit_standing(
    policy: &ReputationPolicy,
    need: &Need<'_>,
    figures: &Figures,
) -> Result<(), Refusal<'static>> {
    let (found, needed) = (figures.score.standing, need.terms.placement.standing_min);
    if found == Standing::Banned {
        return Err(Refusal::Banned);
    }
    if trusted(found) < trusted(needed) {
        return Err(Refusal::Standing { found, needed });
    }
    if !policy.is_proven(&figures.score) {
        let (wanted, committed) = (need.capacity, figures.committed);
        let most = policy.newcomers.slot_max;
        if wanted > most {
            return Err(Refusal::NewcomerSlot { wanted, most });
        }
        let most = policy.newcomers.total_max;
        if committed.0.saturating_add(wanted.0) > most.0 {
            return Err(Refusal::NewcomerTotal { committed, wanted, most });
        }
    }
    Ok(())
}

/// Who is let in wherever New is: Low too, or whoever is Low could come back under a new name for it.
const fn trusted(standing: Standing) -> Standing {
    match standing {
        Standing::Low => Standing::New,
        other => other,
    }
}

impl ReputationPolicy {
    /// Whether a provider may hold more than a new one: it is not new, and its proofs say that it keeps what it takes.
    pub const fn is_proven(&self, score: &Score) -> bool {
        let known = !matches!(score.standing, Standing::Banned | Standing::New);
        known && score.bounds[0] >= self.newcomers.proven_from
    }

    /// All that a provider of `score` may hold, of the `capacity` that it offers.
    pub fn room(&self, score: &Score, capacity: Bytes) -> Bytes {
        match score.standing {
            Standing::Banned => Bytes(0),
            _ if self.is_proven(score) => capacity,
            _ => capacity.min(self.newcomers.total_max),
        }
    }
}

#[cfg(test)]
mod tests;
