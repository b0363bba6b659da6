//! Taking back what a dispute has reversed.

use crate::change::{Change, Finding, Occasion, Reason};
use crate::history::Past;
use crate::policy::ReputationPolicy;
use crate::recent::Counts;
use crate::record::{Outcome, Record};
use crate::side::Seen;
use types::{DocId, Standing};

/// What reverses what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// The document whose outcome turned out wrong: the one that it was noted with.
    pub document: DocId,
    /// The document that shows it: the dispute.
    pub by: DocId,
}

impl Record {
    /// Takes back an `outcome` that was noted with `reversal.document`; whether there was anything to take back.
    ///
    /// Estimate and test are then what they would be had it never been noted, at once or as soon as the dimension's next
    /// outcome is noted, as long as it is not older than the policy's `reversible_epochs`. Where a review has counted
    /// it, the points that it cost there come back with the next [`review`](Record::review), which is due at
    /// once, as long as that review is among the changes kept; a ban that no longer stands without it is lifted.
    /// An outcome with nothing bad in it is nothing to reverse and stays.
    pub fn retract(
        &mut self,
        policy: &ReputationPolicy,
        outcome: Outcome,
        reversal: Reversal,
    ) -> bool {
        let index = outcome.dimension as usize;
        let counts = Counts { good: u64::from(outcome.good), bad: u64::from(outcome.bad) };
        let (document, reviews) = (reversal.document, self.reviews);
        let rule = policy.rule(outcome.dimension);
        let noted = Seen { counts, document, reviews };
        let Some(taken) = self.sides[index].take_back(rule, noted) else { return false };
        if taken.reviews != self.reviews {
            let reviews = taken.reviews;
            if let Some(past) = self.history.iter_mut().find(|past| past.reviews == reviews) {
                past.reversed[index] = past.reversed[index].plus(taken.counts);
            }
            self.reversal = Some(reversal.by);
        }
        self.score.bounds[index] = self.sides[index].bound(rule, self.sides[index].latest());
        true
    }

    /// What the reversals since the last change make of the points and the standing, if anything.
    pub(crate) fn rehear(&self, policy: &ReputationPolicy, age: u64) -> Option<Change> {
        let by = self.reversal?;
        let owed = |past: &Past| self.cost(policy, past).saturating_sub(past.given_back);
        let points = self.history.iter().map(owed).fold(self.score.points, i32::saturating_add);
        let points_to = points.min(policy.points.most);
        let banned = self.score.standing == Standing::Banned;
        if points_to <= self.score.points || banned && self.is_alarmed_for_good(policy) {
            return None;
        }
        let from = if banned { self.before_the_ban() } else { self.score.standing };
        let to = policy.points.standing(from, points_to, age);
        let to = if self.is_alarmed(policy) { to.min(Standing::Low) } else { to };
        let regained = points_to.saturating_sub(self.score.points);
        let reversed = |past: &Past| past.reversed;
        let reasons = reversed_reasons(self.history.iter().map(reversed), regained, by);
        Some(Change { occasion: Occasion::Reversal, ..self.change(to, points_to, reasons) })
    }

    /// Counts as given back what a change after a reversal has given back.
    pub(crate) fn settle_reversals(&mut self, policy: &ReputationPolicy) {
        let costs: Vec<i32> = self.history.iter().map(|past| self.cost(policy, past)).collect();
        for (past, cost) in self.history.iter_mut().zip(costs) {
            past.given_back = cost;
        }
        self.reversal = None;
    }

    /// The points that what was reversed cost in `past`; none while an alarm that expelled still stands.
    fn cost(&self, policy: &ReputationPolicy, past: &Past) -> i32 {
        let Past { change, reversed, .. } = past;
        if reversed.iter().all(|counts| counts.all() == 0) && change.occasion != Occasion::Alarm {
            return 0;
        }
        let right = match change.occasion {
            Occasion::Review => policy.points_after(change.points_from, past.counts()),
            Occasion::Alarm if !self.is_alarmed_for_good(policy) => change.points_from,
            Occasion::Alarm | Occasion::Reversal => change.points_to,
        };
        right.saturating_sub(change.points_to).max(0)
    }

    fn before_the_ban(&self) -> Standing {
        let bans = |past: &&Past| past.change.expels();
        self.history.iter().rev().find(bans).map_or(Standing::Low, |past| past.change.from)
    }
}

/// One reason for each dimension in which anything was reversed.
fn reversed_reasons(
    reversed: impl Iterator<Item = [Counts; 4]>,
    regained: i32,
    by: DocId,
) -> Vec<Reason> {
    let add = |sums: [Counts; 4], more: [Counts; 4]| {
        std::array::from_fn(|index| sums[index].plus(more[index]))
    };
    let sums = reversed.fold([Counts::default(); 4], add);
    let reason = |(dimension, counts): (types::Dimension, Counts)| Reason {
        dimension,
        good: counts.good,
        bad: counts.bad,
        finding: Finding::Reversed { regained },
        document: Some(by),
    };
    let all = types::Dimension::ALL.into_iter().zip(sums);
    all.filter(|(_, counts)| counts.bad > 0).map(reason).collect()
}

#[cfg(test)]
mod tests;
