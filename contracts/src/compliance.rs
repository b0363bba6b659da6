//! One slot's score for one epoch: what an audit found, weighed against the terms.

use types::Terms;
use types::documents::SlotVerdict;

/// The score of a slot that kept everything it promised.
pub const FULL: u16 = 1000;
/// What proven challenges weigh.
pub const AUDITS: u32 = 600;
/// What answering at all weighs.
pub const AVAILABILITY: u32 = 250;
/// What answering in time weighs.
pub const LATENCY: u32 = 150;

/// The compliance that `verdict` comes to under `terms`, 0..=1000.
///
/// - audits: the share of the challenges that was proven, × [`AUDITS`];
/// - availability: [`AVAILABILITY`] for an answer, which comes for all challenges of an epoch or for none
///   (the terms' availability, a share of many epochs, is for reputation to judge);
/// - latency: [`LATENCY`] up to the terms' time to first byte, and in inverse proportion beyond it.
///
/// A silent slot scores nothing. Rounded down.
pub fn compliance(verdict: &SlotVerdict, terms: &Terms) -> u16 {
    if !verdict.answered {
        return 0;
    }
    let score = audits(verdict) + AVAILABILITY + latency(verdict, terms);
    u16::try_from(score).map_or(FULL, |score| score.min(FULL))
}

fn audits(verdict: &SlotVerdict) -> u32 {
    let asked = u64::from(verdict.challenges);
    let passed = u64::from(verdict.passed).min(asked);
    let share = (u64::from(AUDITS) * passed).checked_div(asked);
    share.and_then(|points| u32::try_from(points).ok()).unwrap_or(AUDITS)
}

fn latency(verdict: &SlotVerdict, terms: &Terms) -> u32 {
    let taken = u128::from(verdict.latency_ms) * 1_000;
    let allowed = u128::from(terms.first_byte.0);
    if taken <= allowed {
        return LATENCY;
    }
    u32::try_from(u128::from(LATENCY) * allowed / taken).unwrap_or(LATENCY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use types::{Bytes, ContractId, Span};

    fn verdict(challenges: u32, passed: u32, latency_ms: u32) -> SlotVerdict {
        let contract = ContractId::default();
        SlotVerdict { contract, slot: 0, challenges, passed, answered: true, latency_ms }
    }

    fn score(verdict: &SlotVerdict) -> u16 {
        compliance(verdict, &Terms::standard(Bytes(1), Span::DAY))
    }

    #[test]
    fn what_each_shortfall_costs() {
        for (verdict, expected) in [
            (verdict(3, 3, 0), 1000),
            (verdict(3, 3, 2_000), 1000),
            (verdict(0, 0, 0), 1000),
            (verdict(3, 2, 0), 800),
            (verdict(3, 0, 0), 400),
            (verdict(1_000_000, 999_999, 0), 999),
            (verdict(3, 3, 2_001), 999),
            (verdict(3, 3, 4_000), 925),
            (verdict(3, 3, u32::MAX), 850),
            (verdict(3, 4, 0), 1000),
            (SlotVerdict { answered: false, ..verdict(3, 3, 0) }, 0),
        ] {
            assert_eq!(score(&verdict), expected, "{verdict:?}");
        }
    }

    proptest! {
        #[test]
        fn only_a_kept_promise_scores_full(asked: u32, passed: u32, answered: bool, latency_ms: u32) {
            let verdict = SlotVerdict { answered, ..verdict(asked, passed.min(asked), latency_ms) };
            let full = score(&verdict) == FULL;
            prop_assert_eq!(full, verdict.is_pass() && latency_ms <= 2_000);
            prop_assert!(score(&verdict) <= FULL);
        }
    }
}
