//! What is known of one provider.

use crate::change::{Change, Occasion};
use crate::history::Past;
use crate::policy::ReputationPolicy;
use crate::recent::Counts;
use crate::side::{Seen, Side};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use types::{Dimension, DocId, Epoch, Score};

/// What was observed in one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// In which dimension.
    pub dimension: Dimension,
    /// How often it was as promised.
    pub good: u32,
    /// How often it was not.
    pub bad: u32,
}

/// Where an outcome was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// In which epoch.
    pub epoch: Epoch,
    /// The signed document that shows it.
    pub document: DocId,
}

/// A provider's record: grows with outcomes, changes standing by reviews.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub(crate) joined: Epoch,
    /// When its points moved last.
    pub(crate) reviewed: Epoch,
    /// How often they were counted anew.
    pub(crate) reviews: u32,
    pub(crate) score: Score,
    pub(crate) sides: [Side; 4],
    /// The latest changes, oldest first.
    pub(crate) history: VecDeque<Past>,
    /// What reversed something that a change rests on, and is not reheard yet.
    pub(crate) reversal: Option<DocId>,
}

impl Default for Record {
    fn default() -> Self {
        Self::new(Epoch(0))
    }
}

impl Record {
    /// The record of a provider that came in epoch `joined`: nothing is known yet.
    pub fn new(joined: Epoch) -> Self {
        Self {
            joined,
            reviewed: joined,
            reviews: 0,
            score: Score::default(),
            sides: std::array::from_fn(|_| Side::default()),
            history: VecDeque::new(),
            reversal: None,
        }
    }

    /// Learns `outcome`. What comes late counts as of the latest epoch noted.
    pub fn note(&mut self, policy: &ReputationPolicy, outcome: Outcome, evidence: Evidence) {
        let index = outcome.dimension as usize;
        let counts = Counts { good: u64::from(outcome.good), bad: u64::from(outcome.bad) };
        let seen = Seen { counts, document: evidence.document, reviews: self.reviews };
        let rule = policy.rule(outcome.dimension);
        self.sides[index].note(rule, evidence.epoch, seen);
        self.score.bounds[index] = self.sides[index].bound(rule, evidence.epoch);
    }

    /// Takes over what [`review`](Self::review) found in `epoch`, and counts anew from there.
    pub fn adopt(&mut self, policy: &ReputationPolicy, change: &Change, epoch: Epoch) {
        self.score.standing = change.to;
        self.score.points = change.points_to;
        let (change, reviews) = (change.clone(), self.reviews);
        if change.occasion == Occasion::Reversal {
            self.settle_reversals(policy);
        } else {
            self.count_anew(policy, epoch);
        }
        // A reversal is told, and rests on no outcomes of its own.
        let reviews = if change.occasion == Occasion::Reversal { u32::MAX } else { reviews };
        self.history.push_back(Past {
            epoch,
            change,
            given_back: 0,
            reviews,
            reversed: [Counts::default(); 4],
        });
        while self.history.len() > usize::from(policy.history.changes_max) {
            self.history.pop_front();
        }
    }

    fn count_anew(&mut self, policy: &ReputationPolicy, epoch: Epoch) {
        self.reviewed = epoch;
        self.reviews = self.reviews.saturating_add(1);
        for dimension in Dimension::ALL {
            let side = &mut self.sides[dimension as usize];
            side.restart();
            self.score.bounds[dimension as usize] = side.bound(policy.rule(dimension), epoch);
        }
    }

    /// Its latest changes with their evidence, oldest first: as many as the policy keeps.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = &Past> {
        self.history.iter()
    }

    /// How near the provider is to being expelled for losing or hiding bytes, in permille of the alarm: the larger of
    /// possession's and honesty's.
    pub fn suspicion_permille(&self, policy: &ReputationPolicy) -> u16 {
        let suspected = [Dimension::Possession, Dimension::Honesty].map(|dimension| {
            self.sides[dimension as usize].suspicion_permille(policy.rule(dimension))
        });
        suspected.into_iter().max().unwrap_or(0)
    }

    /// What others may know of it.
    pub fn score(&self) -> Score {
        self.score
    }

    /// When it came.
    pub fn joined(&self) -> Epoch {
        self.joined
    }

    /// When its points moved last.
    pub fn reviewed(&self) -> Epoch {
        self.reviewed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::Hash;

    #[test]
    fn a_new_record_has_the_score_of_nobody_known() {
        let policy = ReputationPolicy::default();
        let record = Record::default();
        assert_eq!(record.score(), Score::default());
        assert_eq!(record.score().points, policy.points.start);
        for dimension in Dimension::ALL {
            let bound = record.sides[dimension as usize].bound(policy.rule(dimension), Epoch(0));
            assert_eq!(bound, record.score().bounds[dimension as usize]);
        }
    }

    #[test]
    fn a_failed_proof_is_suspicious_and_an_outage_is_not() {
        let policy = ReputationPolicy::default();
        let evidence = Evidence { epoch: Epoch(1), document: Hash([9; 32]) };
        let after = |dimension| {
            let mut record = Record::new(Epoch(0));
            record.note(&policy, Outcome { dimension, good: 0, bad: 1 }, evidence);
            record.suspicion_permille(&policy)
        };
        assert!(after(Dimension::Possession) > 0 && after(Dimension::Possession) < 1000);
        assert!(after(Dimension::Honesty) > 0);
        assert_eq!((after(Dimension::Availability), after(Dimension::Latency)), (0, 0));
    }

    #[test]
    fn outcomes_move_their_own_bound_only_and_name_their_document() {
        let policy = ReputationPolicy::default();
        let mut record = Record::new(Epoch(3));
        let outcome = Outcome { dimension: Dimension::Latency, good: 0, bad: 2 };
        let evidence = Evidence { epoch: Epoch(4), document: Hash([9; 32]) };
        record.note(&policy, outcome, evidence);
        let bounds = record.score().bounds;
        assert_eq!((bounds[0], bounds[1], bounds[3]), (500, 500, 500));
        assert!(bounds[2] < 500);
        assert_eq!(record.sides[2].document(), Some(Hash([9; 32])));
        assert_eq!((record.joined(), record.reviewed()), (Epoch(3), Epoch(3)));
    }
}
