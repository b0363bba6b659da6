//! Bribed auditors: verdicts of the market's own that do not say what was found.

use super::World;
use crate::chance::Stream;
use market::event::SlotId;
use types::Did;
use types::documents::{AuditKind, SlotVerdict};

impl World {
    /// Changes what an audit found as the auditor was bribed to.
    pub(super) fn lie_about(&mut self, provider: &Did, kind: AuditKind, found: &mut [SlotVerdict]) {
        let Some(group) = self.members.group_of_party(provider) else { return };
        let called = self.members.groups()[group].called();
        let bribes = &self.settings.market.bribes;
        let Some(bribe) = bribes.iter().find(|bribe| bribe.group == called).cloned() else {
            return;
        };
        let number = self.members.party(provider).map_or(0, |party| party.number);
        let mut draws = self.seed.draws(Stream::Hunt, number, self.market().epoch().0);
        let chance = f64::from(bribe.audits_ppm) / 1e6;
        for slot in found.iter_mut().filter(|slot| slot.answered) {
            let lies = draws.happens(chance);
            let id = SlotId { contract: slot.contract, slot: slot.slot };
            if (kind == AuditKind::Routine && lies)
                || (kind == AuditKind::Intensified && self.lied_about.contains(&id))
            {
                self.lied_about.insert(id);
                slot.passed = said(slot, bribe.passed_permille);
                self.watch.count("verdicts.bribed");
            }
        }
    }
}

/// How many chunks are said to be proven: all of them, or one less at least.
fn said(slot: &SlotVerdict, permille: u32) -> u32 {
    if permille >= 1_000 {
        return slot.challenges;
    }
    let share = u64::from(slot.challenges) * u64::from(permille) / 1_000;
    u32::try_from(share).unwrap_or(0).min(slot.challenges.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lie_accuses_of_one_chunk_at_least_or_of_nothing() {
        let slot = |challenges| SlotVerdict {
            contract: types::Hash([1; 32]),
            slot: 0,
            challenges,
            passed: challenges,
            answered: true,
            latency_ms: 20,
        };
        for (challenges, permille, expected) in
            [(3, 970, 2), (256, 970, 248), (1, 999, 0), (0, 970, 0), (256, 0, 0), (256, 1_000, 256)]
        {
            assert_eq!(said(&slot(challenges), permille), expected, "{permille} of {challenges}");
        }
    }
}
