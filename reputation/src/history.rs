//! A provider's latest changes, kept so that anyone may ask for them and a reversal can judge them again.

use crate::change::Change;
use crate::recent::Counts;
use serde::{Deserialize, Serialize};
use types::{Dimension, Epoch};

/// A change that was adopted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// When.
    pub epoch: Epoch,
    /// What, and on what evidence.
    pub change: Change,
    /// Points that reversals have given back since, not counting those of a change that was made undone.
    pub given_back: i32,
    /// How many reviews there had been when what it rests on was noted.
    pub(crate) reviews: u32,
    /// What reversals have taken out of what it rests on.
    pub(crate) reversed: [Counts; 4],
}

impl Past {
    /// What it rests on, dimension by dimension, without what was reversed since.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Dimension, Counts)> {
        let counted = |dimension: Dimension| {
            let reason = self.change.reasons.iter().find(|r| r.dimension == dimension)?;
            let noted = Counts { good: reason.good, bad: reason.bad };
            Some((dimension, noted.less(self.reversed[dimension as usize])))
        };
        Dimension::ALL.into_iter().filter_map(counted).filter(|(_, counts)| counts.all() > 0)
    }
}
