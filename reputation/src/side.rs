//! One dimension of a record.

use crate::policy::ReputationPolicy;
use crate::recent::{Counts, Recent, Rule, Sums};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use types::{DocId, Epoch};

/// Bad documents that are kept for a reversal; an older one than these can no longer be taken back.
const MARKS_MAX: usize = 256;

/// What was seen in one dimension.
///
/// An epoch counts as one observation however many slots were audited in it: what goes wrong in an epoch goes
/// wrong together, and an hour's outage weighs the same for one slot as for a thousand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Side {
    /// Closed epochs.
    recent: Recent,
    /// The epoch that outcomes are counted in, and they.
    at: Epoch,
    now: Counts,
    /// Since the last review.
    pub(crate) period: Counts,
    /// What showed something bad, latest last.
    marks: VecDeque<Mark>,
}

/// A document that showed something bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    document: DocId,
    /// The epoch it was counted in.
    at: Epoch,
    /// How many reviews there had been.
    reviews: u32,
    bad: u64,
}

/// An outcome as one dimension sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) counts: Counts,
    pub(crate) document: DocId,
    /// How many reviews there had been.
    pub(crate) reviews: u32,
}

/// What was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TakenBack {
    /// What there was of it.
    pub(crate) counts: Counts,
    /// How many reviews there had been when it was noted.
    pub(crate) reviews: u32,
}

impl Side {
    /// Counts what was `seen`; where that is of an earlier epoch than the latest, it counts as of the latest.
    pub(crate) fn note(&mut self, rule: Rule<'_>, epoch: Epoch, seen: Seen) {
        if epoch > self.at {
            self.recent.close(rule, self.at, self.now);
            (self.at, self.now) = (epoch, Counts::default());
        }
        self.now = self.now.plus(seen.counts);
        self.period = self.period.plus(seen.counts);
        if seen.counts.bad > 0 {
            self.mark(rule.policy, seen);
        }
    }

    fn mark(&mut self, policy: &ReputationPolicy, seen: Seen) {
        let mark = Mark { document: seen.document, at: self.at, reviews: seen.reviews, bad: 0 };
        let known =
            |m: &&mut Mark| (m.document, m.at, m.reviews) == (mark.document, mark.at, mark.reviews);
        if let Some(mark) = self.marks.iter_mut().rev().find(known) {
            mark.bad = mark.bad.saturating_add(seen.counts.bad);
            return;
        }
        self.marks.push_back(Mark { bad: seen.counts.bad, ..mark });
        let kept = policy.history.reversible_epochs;
        let old = |mark: &Mark| mark.at.plus(kept) < self.at;
        // The last but one stays, so that a reversal of the last leaves a name for what else was bad.
        while self.marks.len() > MARKS_MAX
            || (self.marks.len() > 2 && self.marks.front().is_some_and(old))
        {
            self.marks.pop_front();
        }
    }

    /// Takes back what was `noted`, as far as there was something bad to take back that is not too long ago.
    pub(crate) fn take_back(&mut self, rule: Rule<'_>, noted: Seen) -> Option<TakenBack> {
        let index = self.marks.iter().rposition(|mark| mark.document == noted.document)?;
        let mark = self.marks.get_mut(index)?;
        let (at, reviews) = (mark.at, mark.reviews);
        let bad = noted.counts.bad.min(mark.bad);
        let counts = Counts { bad, ..noted.counts };
        if bad == 0 || !(at == self.at || self.recent.take_back(rule, at, counts)) {
            return None;
        }
        if at == self.at {
            self.now = self.now.less(counts);
        }
        mark.bad = mark.bad.saturating_sub(bad);
        if mark.bad == 0 {
            self.marks.remove(index);
        }
        if reviews == noted.reviews {
            self.period = self.period.less(counts);
        }
        Some(TakenBack { counts, reviews })
    }

    /// The estimate and the test with the latest epoch counted.
    fn counted(&self, rule: Rule<'_>) -> Sums {
        let mut sums = self.recent.sums();
        sums.observe(rule, self.at, self.now);
        sums
    }

    /// The lower confidence bound as of `epoch`.
    pub(crate) fn bound(&self, rule: Rule<'_>, epoch: Epoch) -> u16 {
        let mut tally = self.counted(rule).tally;
        tally.forget(&rule.policy.tally, epoch);
        tally.bound(&rule.policy.tally)
    }

    /// Whether enough was seen for a bound to be as high as is asked, had it all been good.
    pub(crate) fn can_reach(&self, rule: Rule<'_>) -> bool {
        self.counted(rule).tally.best(&rule.policy.tally) >= rule.asked.bound_min
    }

    /// Whether small failures have gone on for too long.
    pub(crate) fn is_alarmed(&self, rule: Rule<'_>) -> bool {
        // Only a bad epoch can raise the alarm, so a good one need not be counted to look.
        let sums = if self.now.bad == 0 { self.recent.sums() } else { self.counted(rule) };
        sums.suspicion.is_alarmed(&rule.asked.suspicion)
    }

    /// How near small failures are to raising the alarm, in permille.
    pub(crate) fn suspicion_permille(&self, rule: Rule<'_>) -> u16 {
        self.counted(rule).suspicion.permille(&rule.asked.suspicion)
    }

    /// The latest epoch in which anything was seen.
    pub(crate) fn latest(&self) -> Epoch {
        self.at
    }

    /// What shows the latest bad outcome.
    pub(crate) fn document(&self) -> Option<DocId> {
        self.marks.back().map(|mark| mark.document)
    }

    /// Begins the next period.
    pub(crate) fn restart(&mut self) {
        self.period = Counts::default();
    }

    /// How many outcomes there were since the last review.
    pub(crate) fn seen(&self) -> u64 {
        self.period.all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::DimensionPolicy;
    use types::Hash;

    fn rule(policy: &ReputationPolicy) -> Rule<'_> {
        Rule { policy, asked: &DimensionPolicy::AVAILABILITY }
    }

    fn note(side: &mut Side, epoch: u64, good: u64, bad: u64) {
        let counts = Counts { good, bad };
        let seen = Seen { counts, document: Hash::default(), reviews: 0 };
        side.note(rule(&ReputationPolicy::default()), Epoch(epoch), seen);
    }

    fn counted(side: &Side) -> Sums {
        side.counted(rule(&ReputationPolicy::default()))
    }

    #[test]
    fn an_hour_without_an_answer_weighs_the_same_for_one_slot_as_for_a_thousand() {
        let (mut one, mut many) = (Side::default(), Side::default());
        for epoch in 1..50 {
            let bad = u64::from(epoch % 10 == 0);
            note(&mut one, epoch, 1 - bad, bad);
            (0..1000).for_each(|_| note(&mut many, epoch, 1 - bad, bad));
        }
        assert_eq!(counted(&one), counted(&many));
        assert!(counted(&one).suspicion.level_micro() > 0);
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
        assert_eq!(counted(&side), Sums::default());
    }

    #[test]
    fn bad_documents_are_kept_in_a_bounded_number() {
        let policy = ReputationPolicy::default();
        let mut side = Side::default();
        for n in 0..2_000u64 {
            let document = Hash::of(&n.to_le_bytes());
            let seen = Seen { counts: Counts { good: 0, bad: 1 }, document, reviews: 0 };
            side.note(rule(&policy), Epoch(1), seen);
        }
        assert_eq!(side.marks.len(), MARKS_MAX);
        let seen = Seen { counts: Counts { good: 0, bad: 1 }, document: Hash([1; 32]), reviews: 0 };
        side.note(rule(&policy), Epoch(2 + policy.history.reversible_epochs), seen);
        assert_eq!(side.marks.len(), 2, "what is too old to be reversed is forgotten, but for one");
        assert_eq!(side.document(), Some(Hash([1; 32])));
    }
}
