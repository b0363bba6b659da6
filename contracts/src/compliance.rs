//! One slot's score for one epoch: what an audit found and what was measured, weighed against the terms.

use types::Terms;
use types::documents::SlotVerdict;

/// The score of a slot that kept everything it promised.
pub const FULL: u16 = 1000;
/// What proven challenges weigh.
pub const AUDITS: u32 = 600;
/// What answering at all weighs.
pub const AVAILABILITY: u32 = 250;
/// What answering in time weighs; half of it is for throughput where the terms promise any.
pub const LATENCY: u32 = 150;

/// What was measured of a provider in one epoch: the median over the points it was measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The share of probes that was answered.
    pub availability_permille: u16,
    /// The time to first byte.
    pub first_byte_ms: u32,
    /// Bytes per second; zero where nothing was read.
    pub throughput: u64,
}

/// The compliance that `verdict` and what was `measured` come to under `terms`, 0..=1000.
///
/// - audits: the share of the challenges that was proven, × [`AUDITS`];
/// - availability: [`AVAILABILITY`] where the measured share of answered probes reaches the terms' availability, and in
///   proportion below it; where nothing was measured, for having answered the challenge, which comes for all of
///   an epoch or for none;
/// - latency: [`LATENCY`] up to the terms' time to first byte, and in inverse proportion beyond it, of what was
///   measured, else of the challenge's answer;
/// - throughput, where the terms promise any and it was measured: half of latency's weight, in full from the
///   promised rate on and in proportion below it.
///
/// A slot that does not answer its challenge has shown nothing and scores nothing, whatever was measured. Rounded down.
pub fn compliance(verdict: &SlotVerdict, measured: Option<&Measured>, terms: &Terms) -> u16 {
    if !verdict.answered {
        return 0;
    }
    let score = audits(verdict) + availability(measured, terms) + speed(verdict, measured, terms);
    u16::try_from(score).map_or(FULL, |score| score.min(FULL))
}

fn audits(verdict: &SlotVerdict) -> u32 {
    let asked = u64::from(verdict.challenges);
    let passed = u64::from(verdict.passed).min(asked);
    let share = (u64::from(AUDITS) * passed).checked_div(asked);
    share.and_then(|points| u32::try_from(points).ok()).unwrap_or(AUDITS)
}

fn availability(measured: Option<&Measured>, terms: &Terms) -> u32 {
    measured.map_or(AVAILABILITY, |measured| {
        reached(
            AVAILABILITY,
            measured.availability_permille.into(),
            terms.availability_permille.into(),
        )
    })
}

/// The points for latency, and for throughput where that is promised and measured.
fn speed(verdict: &SlotVerdict, measured: Option<&Measured>, terms: &Terms) -> u32 {
    // Where no probe was answered, the challenge's answer is all there is to time.
    let answered = measured.filter(|measured| measured.availability_permille > 0);
    let first_byte_ms = answered.map_or(verdict.latency_ms, |measured| measured.first_byte_ms);
    let taken = u128::from(first_byte_ms) * 1_000;
    let throughput = measured.map_or(0, |measured| measured.throughput);
    if terms.throughput == 0 || throughput == 0 {
        return reached(LATENCY, terms.first_byte.0.into(), taken);
    }
    let half = LATENCY / 2;
    let fast = reached(half, throughput.into(), terms.throughput.into());
    reached(LATENCY - half, terms.first_byte.0.into(), taken) + fast
}

/// All of `points` where `found` reaches `wanted`, and in proportion below it.
fn reached(points: u32, found: u128, wanted: u128) -> u32 {
    if found >= wanted {
        return points;
    }
    let part = (u128::from(points) * found).checked_div(wanted);
    part.and_then(|part| u32::try_from(part).ok()).unwrap_or(points)
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
        compliance(verdict, None, &Terms::standard(Bytes(1), Span::DAY))
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

    #[test]
    fn what_measurements_add_and_take() {
        let measured = |availability_permille, first_byte_ms, throughput| Measured {
            availability_permille,
            first_byte_ms,
            throughput,
        };
        for (promised, measured, expected) in [
            (0, measured(1000, 100, 0), 1000),
            (0, measured(995, 2_000, 1), 1000),
            (0, measured(500, 100, 0), 600 + 125 + 150),
            (0, measured(0, 0, 0), 600 + 150),
            (0, measured(1000, 4_000, 9), 925),
            (1_000, measured(1000, 100, 1_000), 1000),
            (1_000, measured(1000, 100, 500), 600 + 250 + 75 + 37),
            (1_000, measured(1000, 4_000, 500), 600 + 250 + 37 + 37),
            (1_000, measured(1000, 100, 0), 1000),
        ] {
            let mut terms = Terms::standard(Bytes(1), Span::DAY);
            terms.throughput = promised;
            let verdict = verdict(3, 3, 20);
            assert_eq!(compliance(&verdict, Some(&measured), &terms), expected, "{measured:?}");
            let silent = SlotVerdict { answered: false, ..verdict };
            assert_eq!(compliance(&silent, Some(&measured), &terms), 0);
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
