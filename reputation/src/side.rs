//! One dimension of a record.

use crate::policy::{DimensionPolicy, ReputationPolicy, WHOLE_PPM};
use crate::record::{Evidence, Outcome};
use crate::suspicion::Suspicion;
use crate::tally::Tally;
use serde::{Deserialize, Serialize};
use types::{DocId, Epoch};

/// What was seen in one dimension.
///
/// An epoch counts as one observation however many slots were audited in it: what goes wrong in an epoch goes
/// wrong together, and an hour's outage weighs the same for one slot as for a thousand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Side {
    /// Closed epochs.
    tally: Tally,
    /// Closed epochs.
    suspicion: Suspicion,
    /// The epoch that outcomes are counted in, and they.
    at: Epoch,
    good_now: u64,
    bad_now: u64,
    /// Since the last review.
    pub(crate) good: u64,
    /// Since the last review.
    pub(crate) bad: u64,
    /// What shows the latest bad outcome.
    pub(crate) document: Option<DocId>,
}

impl Side {
    /// Counts `outcome`; one of an earlier epoch than the latest counts as of the latest.
    pub(crate) fn note(&mut self, policy: &ReputationPolicy, outcome: Outcome, evidence: Evidence) {
        if evidence.epoch > self.at {
            (self.tally, self.suspicion) =
                self.counted(policy, policy.dimension(outcome.dimension));
            (self.at, self.good_now, self.bad_now) = (evidence.epoch, 0, 0);
        }
        let (good, bad) = (u64::from(outcome.good), u64::from(outcome.bad));
        self.good_now = self.good_now.saturating_add(good);
        self.bad_now = self.bad_now.saturating_add(bad);
        self.good = self.good.saturating_add(good);
        self.bad = self.bad.saturating_add(bad);
        if bad > 0 {
            self.document = Some(evidence.document);
        }
    }

    /// The estimate and the test with the latest epoch counted.
    fn counted(&self, policy: &ReputationPolicy, asked: &DimensionPolicy) -> (Tally, Suspicion) {
        let (mut tally, mut suspicion) = (self.tally, self.suspicion);
        let all = u128::from(self.good_now) + u128::from(self.bad_now);
        let share = (u128::from(self.bad_now) * u128::from(WHOLE_PPM)).checked_div(all);
        if let Some(bad_ppm) = share.and_then(|share| u32::try_from(share).ok()) {
            tally.observe(&policy.tally, self.at, bad_ppm);
            suspicion.observe(&asked.suspicion, bad_ppm);
        }
        (tally, suspicion)
    }

    /// The lower confidence bound as of `epoch`.
    pub(crate) fn bound(
        &self,
        policy: &ReputationPolicy,
        asked: &DimensionPolicy,
        epoch: Epoch,
    ) -> u16 {
        let (mut tally, _) = self.counted(policy, asked);
        tally.forget(&policy.tally, epoch);
        tally.bound(&policy.tally)
    }

    /// Whether small failures have gone on for too long.
    pub(crate) fn is_alarmed(&self, policy: &ReputationPolicy, asked: &DimensionPolicy) -> bool {
        // Only a bad epoch can raise the alarm, so a good one need not be counted to look.
        if self.bad_now == 0 {
            return self.suspicion.is_alarmed(&asked.suspicion);
        }
        self.counted(policy, asked).1.is_alarmed(&asked.suspicion)
    }

    /// Begins the next period.
    pub(crate) fn restart(&mut self) {
        (self.good, self.bad) = (0, 0);
    }

    /// How many outcomes there were since the last review.
    pub(crate) fn seen(&self) -> u64 {
        self.good.saturating_add(self.bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{Dimension, Hash};

    fn note(side: &mut Side, epoch: u64, good: u32, bad: u32) {
        let outcome = Outcome { dimension: Dimension::Availability, good, bad };
        let evidence = Evidence { epoch: Epoch(epoch), document: Hash::default() };
        side.note(&ReputationPolicy::default(), outcome, evidence);
    }

    fn counted(side: &Side) -> (Tally, Suspicion) {
        side.counted(&ReputationPolicy::default(), &DimensionPolicy::AVAILABILITY)
    }

    #[test]
    fn an_hour_without_an_answer_weighs_the_same_for_one_slot_as_for_a_thousand() {
        let (mut one, mut many) = (Side::default(), Side::default());
        for epoch in 1..50 {
            let bad = u32::from(epoch % 10 == 0);
            note(&mut one, epoch, 1 - bad, bad);
            (0..1000).for_each(|_| note(&mut many, epoch, 1 - bad, bad));
        }
        assert_eq!(counted(&one), counted(&many));
        assert!(counted(&one).1.level_micro() > 0);
        assert_eq!((one.seen(), many.seen()), (49, 49_000));
    }

    #[test]
    fn a_late_outcome_counts_as_of_the_latest_epoch() {
        let (mut late, mut now) = (Side::default(), Side::default());
        note(&mut late, 9, 5, 0);
        note(&mut late, 3, 1, 1);
        note(&mut now, 9, 6, 1);
        assert_eq!(late, now);
    }

    #[test]
    fn nothing_seen_is_no_observation() {
        let mut side = Side::default();
        note(&mut side, 5, 0, 0);
        assert_eq!(counted(&side), (Tally::default(), Suspicion::default()));
    }
}
