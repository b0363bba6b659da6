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
/// How many challenges are planned for each hundred that the detection target needs: some fall into the epoch of the
/// loss before it happens, into outages or into maintenance, and the last verdict of a span comes after it.
pub const PLANNED_PERCENT: u64 = 110;

/// How the slots of a contract with these terms are audited.
///
/// The detection target needs c = ln(1 − confidence) ÷ ln(1 − fraction) challenges within its span, rounded up: 459 for
/// 1 % lost, found with 99 %. [`PLANNED_PERCENT`] of that are planned. Traffic bounds them from above
/// ([`TRAFFIC_PERCENT_MAX`]); from below stands one challenge a day, or one a term where the term is shorter.
///
/// `confidence_ppm` is what the plan finds with the margin taken off, and the plan is `capped` where that is less than
/// the target.
///
/// ```
/// use types::{Bytes, Span, Terms};
///
/// let month = Span(30 * Span::DAY.0);
/// let plan = contracts::audit_plan::plan(&Terms::standard(Bytes(1_000_000_000), month));
/// assert_eq!((plan.challenges, plan.capped), (505, false));
/// let tiny = contracts::audit_plan::plan(&Terms::standard(Bytes(1), month));
/// assert_eq!((tiny.challenges, tiny.confidence_ppm, tiny.capped), (7, 58_519, true));
/// ```
pub fn plan(terms: &Terms) -> AuditPlan {
    let target = &terms.detection;
    let needed = fixed::draws_to_find(target.fraction_ppm, target.confidence_ppm);
    let wanted = (u64::from(needed) * PLANNED_PERCENT).div_ceil(100);
    let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
    let challenges = wanted.min(traffic_bound(terms)).max(least(terms));
    let counted = u64::from(challenges) * 100 / PLANNED_PERCENT;
    let confidence_ppm = fixed::finding_ppm(target.fraction_ppm, counted);
    AuditPlan {
        challenges,
        within: target.within,
        confidence_ppm,
        capped: confidence_ppm < target.confidence_ppm,
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

/// By how much suspicion raises the rate at most: a provider about to be expelled gets four times the challenges.
pub const SUSPICION_TIMES_MAX: u32 = 4;

/// `count` challenges, raised for a provider whose suspicion stands at `permille` of the alarm: linearly, up to
/// [`SUSPICION_TIMES_MAX`] times as many, rounded up.
///
/// This alone may exceed [`TRAFFIC_PERCENT_MAX`]: up to 4 % of a slot's bytes a week are moved while its provider is
/// under suspicion, since a suspect's honesty is what the traffic buys.
pub fn under_suspicion(count: u32, permille: u16) -> u32 {
    let permille = u64::from(permille.min(1000));
    let more = u64::from(count) * u64::from(SUSPICION_TIMES_MAX - 1) * permille;
    count.saturating_add(u32::try_from(more.div_ceil(1000)).unwrap_or(u32::MAX))
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

/// How many chunks a slot is asked for once its term is over: as many as a step without a question brings at least
/// ([`least_step`]), so that the last step is worth as little as the others ([`crate::bond`]).
pub fn at_the_end(plan: &AuditPlan, epoch: Span) -> u32 {
    u32::try_from(least_step(plan, epoch).1).unwrap_or(u32::MAX)
}

/// How many of a contract's first `count` epochs, each `epoch` long, a slot that was not asked after them has not shown its
/// bytes for: those from the latest on in which the plan asks, that one included. All of them where it asks in none.
///
/// ```
/// use types::{Span, documents::AuditPlan};
///
/// let plan = AuditPlan { challenges: 1, within: Span(4), confidence_ppm: 0, capped: false };
/// let unshown = |count| contracts::audit_plan::unshown(&plan, Span(1), count);
/// // The fourth epoch is the first with a challenge, the eighth the second.
/// assert_eq!([3, 4, 5, 7, 8].map(unshown), [3, 1, 2, 4, 1]);
/// ```
pub fn unshown(plan: &AuditPlan, epoch: Span, count: u64) -> u64 {
    let asked = before(plan, epoch, count);
    if asked == 0 {
        return count;
    }
    let rate = u128::from(plan.challenges) * u128::from(epoch.0);
    let through = fixed::mul_div_up(asked, u128::from(plan.within.0.max(1)), rate);
    let through = through.and_then(|through| u64::try_from(through).ok()).unwrap_or(count);
    count.saturating_sub(through).saturating_add(1).min(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use types::Bytes;

    fn terms(capacity: u64, duration: Span) -> Terms {
        Terms::standard(Bytes(capacity), duration)
    }

    #[test]
    fn the_standard_target_takes_a_tenth_more_than_its_459_challenges_a_week() {
        let plan = plan(&terms(1_000_000_000, Span(30 * Span::DAY.0)));
        assert_eq!((plan.challenges, plan.confidence_ppm, plan.capped), (505, 990_079, false));
    }

    #[test]
    fn a_small_slot_is_asked_once_a_day_and_says_what_that_finds() {
        let plan = plan(&terms(1, Span(30 * Span::DAY.0)));
        assert_eq!((plan.challenges, plan.confidence_ppm, plan.capped), (7, 58_519, true));
    }

    #[test]
    fn a_term_shorter_than_a_day_has_its_challenge_too() {
        let plan = plan(&terms(1, Span::HOUR));
        assert_eq!(plan.challenges, 168);
        assert_eq!(challenges_in_epoch(&plan, Span::HOUR, 0), 1);
    }

    #[test]
    fn fractions_of_a_challenge_are_carried_over() {
        let plan = AuditPlan { challenges: 3, within: Span(7), confidence_ppm: 0, capped: false };
        let counts: Vec<u32> = (0..14).map(|n| challenges_in_epoch(&plan, Span(1), n)).collect();
        assert_eq!(counts, [0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1]);
        assert_eq!(challenges_in_epoch(&plan, Span(14), 5), 6);
        assert_eq!(challenges_in_epoch(&plan, Span(u64::MAX), u64::MAX), 0);
    }

    #[test]
    fn suspicion_raises_the_rate_up_to_four_times() {
        for (count, permille, expected) in [
            (0, 1000, 0),
            (65, 0, 65),
            (65, 1, 66),
            (65, 500, 163),
            (65, 1000, 260),
            (65, u16::MAX, 260),
            (u32::MAX, 1000, u32::MAX),
        ] {
            assert_eq!(under_suspicion(count, permille), expected, "{count} {permille}");
        }
    }

    proptest! {
        #[test]
        fn audits_stay_between_their_bounds(capacity in 1u64..1 << 40, days in 1u64..1000, fraction in 1_000u32..1_000_000) {
            let mut terms = terms(capacity, Span(days * Span::DAY.0));
            terms.detection.fraction_ppm = fraction;
            let plan = plan(&terms);
            let moved = u64::from(plan.challenges) * PROOF_BYTES;
            prop_assert!(plan.challenges >= 7);
            prop_assert!(plan.challenges == 7 || moved <= terms.slot_capacity().0 / 100);
            prop_assert_eq!(plan.capped, plan.confidence_ppm < terms.detection.confidence_ppm);
        }

        #[test]
        fn every_span_has_exactly_its_challenges(challenges in 1u32..5000, epochs in 1u64..500, spans in 1u64..5, epoch in 1u64..1_000_000) {
            let within = Span(epochs * epoch);
            let plan = AuditPlan { challenges, within, confidence_ppm: 0, capped: false };
            let count = |n| u64::from(challenges_in_epoch(&plan, Span(epoch), n));
            let all: u64 = (0..spans * epochs).map(count).sum();
            prop_assert_eq!(all, spans * u64::from(challenges));
        }

        #[test]
        fn what_is_unshown_begins_with_the_latest_challenge(challenges in 1u32..500, within in 1u64..10_000, epoch in 1u64..100, count in 0u64..3_000) {
            let plan = AuditPlan { challenges, within: Span(within), confidence_ppm: 0, capped: false };
            let asked = |number: &u64| challenges_in_epoch(&plan, Span(epoch), *number) > 0;
            let latest = (0..count).rev().find(asked).unwrap_or(0);
            prop_assert_eq!(unshown(&plan, Span(epoch), count), count - latest);
            prop_assert!(unshown(&plan, Span(epoch), count) <= least_step(&plan, Span(epoch)).0);
        }

        #[test]
        fn no_step_passes_without_its_challenges(challenges in 1u32..500, within in 1u64..10_000, epoch in 1u64..100, start in 0u64..10_000) {
            let plan = AuditPlan { challenges, within: Span(within), confidence_ppm: 0, capped: false };
            let (epochs, least) = least_step(&plan, Span(epoch));
            let found: u64 = (start..start + epochs)
                .map(|n| u64::from(challenges_in_epoch(&plan, Span(epoch), n)))
                .sum();
            prop_assert!(least >= 1 && found >= least, "{found} of {least} in {epochs}");
        }
    }
}
