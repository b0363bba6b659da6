//! One slot's score for one epoch: what an audit found, weighed against the terms.

use crate::fixed::PERMILLE;
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
/// - availability: the share that was answered, measured against the terms' target, × [`AVAILABILITY`];
/// - latency: [`LATENCY`] up to the terms' time to first byte, and in inverse proportion beyond it.
///
/// An answer comes for all challenges of an epoch or for none, so a silent slot scores nothing.
pub fn compliance(verdict: &SlotVerdict, terms: &Terms) -> u16 {
    if !verdict.answered {
        return 0;
    }
    let answered =
        PERMILLE.min(PERMILLE * PERMILLE / u32::from(terms.availability_permille).max(1));
    let availability = AVAILABILITY * answered / PERMILLE;
    let score = audits(verdict) + availability + latency(verdict, terms);
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
