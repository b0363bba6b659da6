//! How often a slot is challenged: from the terms' detection target, within bounds of traffic.

use crate::fixed;
use types::documents::AuditPlan;
use types::{Span, Terms};

/// What a challenge moves, in bytes: a chunk of 1 KiB, its path to the shard root and the shard's to the slot root.
pub const PROOF_BYTES: u64 = 1_800;
/// Audits move at most this share of a slot's bytes in a [`TRAFFIC_SPAN`].
pub const TRAFFIC_PERCENT_MAX: u64 = 1;
/// The span over which audit traffic is bounded.
pub const TRAFFIC_SPAN: Span = Span(7 * Span::DAY.0);

/// How the slots of a contract with these terms are audited.
///
/// The detection target asks for c = ln(1 − confidence) ÷ ln(1 − fraction) challenges within its span,
/// rounded up: 459 for 1 % lost, found with 99 %. Traffic bounds that from above ([`TRAFFIC_PERCENT_MAX`]); from
/// below stands one challenge a day, or one a term where the term is shorter. Where the upper bound
/// binds the plan is `capped`, and `confidence_ppm` is the detection that is left.
pub fn plan(terms: &Terms) -> AuditPlan {
    let target = &terms.detection;
    let wanted = fixed::draws_to_find(target.fraction_ppm, target.confidence_ppm);
    let challenges = wanted.min(traffic_bound(terms)).max(least(terms));
    AuditPlan {
        challenges,
        within: target.within,
        confidence_ppm: fixed::finding_ppm(target.fraction_ppm, u64::from(challenges)),
        capped: challenges < wanted,
    }
}

/// How many challenges within the target's span the bound on traffic allows.
fn traffic_bound(terms: &Terms) -> u32 {
    let bytes = u128::from(terms.slot_capacity().0) * u128::from(terms.detection.within.0);
    let unit = u128::from(PROOF_BYTES) * 100 * u128::from(TRAFFIC_SPAN.0);
    let bound = fixed::mul_div(bytes, u128::from(TRAFFIC_PERCENT_MAX), unit).unwrap_or(u128::MAX);
    u32::try_from(bound).unwrap_or(u32::MAX)
}

/// One challenge a day, or one a term where the term is shorter than a day.
fn least(terms: &Terms) -> u32 {
    let every = terms.duration.min(Span::DAY);
    u32::try_from(terms.detection.within.epochs(every).max(1)).unwrap_or(u32::MAX)
}

/// How many challenges a slot gets in the contract's `number`th epoch, counted from 0, each `epoch` long.
///
/// Fractions are carried over, so that the numbers of any stretch of epochs from the first on add up to the
/// plan's rate times its length, rounded down once.
pub fn challenges_in_epoch(plan: &AuditPlan, epoch: Span, number: u64) -> u32 {
    let end = before(plan, epoch, number.saturating_add(1));
    let count = end.saturating_sub(before(plan, epoch, number));
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// How many challenges a slot gets in the first `count` epochs.
fn before(plan: &AuditPlan, epoch: Span, count: u64) -> u128 {
    let time = u128::from(count) * u128::from(epoch.0);
    let within = u128::from(plan.within.0.max(1));
    fixed::mul_div(time, u128::from(plan.challenges), within).unwrap_or(u128::MAX)
}

/// The least number of epochs that never pass without a challenge, and how many challenges they bring at least.
pub fn least_step(plan: &AuditPlan, epoch: Span) -> (u64, u64) {
    let rate = u128::from(plan.challenges.max(1)) * u128::from(epoch.0.max(1));
    let within = u128::from(plan.within.0.max(1));
    let epochs = within.div_ceil(rate).max(1);
    let challenges = fixed::mul_div(epochs, rate, within).unwrap_or(u128::MAX).max(1);
    (u64::try_from(epochs).unwrap_or(u64::MAX), u64::try_from(challenges).unwrap_or(u64::MAX))
}
