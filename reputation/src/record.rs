//! What is known of one provider.

use crate::change::Change;
use crate::policy::ReputationPolicy;
use crate::side::Side;
use serde::{Deserialize, Serialize};
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
    pub(crate) score: Score,
    pub(crate) sides: [Side; 4],
}

impl Default for Record {
    fn default() -> Self {
        Self::new(Epoch(0))
    }
}

impl Record {
    /// The record of a provider that came in epoch `joined`: nothing is known yet.
    pub fn new(joined: Epoch) -> Self {
        let (score, sides) = (Score::default(), [Side::default(); 4]);
        Self { joined, reviewed: joined, score, sides }
    }

    /// Learns `outcome`. What comes late counts as of the latest epoch noted.
    pub fn note(&mut self, policy: &ReputationPolicy, outcome: Outcome, evidence: Evidence) {
        let index = outcome.dimension as usize;
        self.sides[index].note(policy, outcome, evidence);
        let asked = policy.dimension(outcome.dimension);
        self.score.bounds[index] = self.sides[index].bound(policy, asked, evidence.epoch);
    }

    /// Takes over what [`review`](Self::review) found in `epoch`, and counts anew from there.
    pub fn adopt(&mut self, policy: &ReputationPolicy, change: &Change, epoch: Epoch) {
        self.score.standing = change.to;
        self.score.points = change.points_to;
        self.reviewed = epoch;
        for dimension in Dimension::ALL {
            let side = &mut self.sides[dimension as usize];
            side.restart();
            let bound = side.bound(policy, policy.dimension(dimension), epoch);
            self.score.bounds[dimension as usize] = bound;
        }
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
            let side = record.sides[dimension as usize];
            let bound = side.bound(&policy, policy.dimension(dimension), Epoch(0));
            assert_eq!(bound, record.score().bounds[dimension as usize]);
        }
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
        assert_eq!(record.sides[2].document, Some(Hash([9; 32])));
        assert_eq!((record.joined(), record.reviewed()), (Epoch(3), Epoch(3)));
    }
}
