//! Whose review may change something when an epoch opens, and who is banned: so that opening one looks at these alone.
//!
//! It follows from the records, so that no snapshot has it: whoever reads one makes it anew.

use imbl::{OrdMap, OrdSet};
use reputation::{Attention, Record, ReputationPolicy};
use std::collections::BTreeSet;
use types::{Did, Epoch, Standing};

/// The providers that openings of epochs look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reviews {
    /// Looked at in every epoch.
    always: OrdSet<Did>,
    /// Looked at in the epochs that leave a remainder.
    regular: OrdSet<(u64, Did)>,
    banned: OrdSet<Did>,
}

/// What of one record is kept here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    attention: Attention,
    banned: bool,
}

impl Known {
    /// What of `record` is kept.
    pub(crate) fn of(record: &Record, policy: &ReputationPolicy) -> Self {
        let banned = record.score().standing == Standing::Banned;
        Self { attention: record.attention(policy), banned }
    }
}

impl Reviews {
    /// Those of all `records`.
    pub(crate) fn of<R: Clone + std::ops::Deref<Target = Record>>(
        records: &OrdMap<Did, R>,
        policy: &ReputationPolicy,
    ) -> Self {
        let mut reviews = Self::default();
        for (provider, record) in records {
            reviews.add(*provider, Known::of(record, policy));
        }
        reviews
    }

    /// A provider that was not known before.
    pub(crate) fn add(&mut self, provider: Did, known: Known) {
        match known.attention {
            Attention::Never => {}
            Attention::Regular(remainder) => {
                self.regular.insert((remainder, provider));
            }
            Attention::Always => {
                self.always.insert(provider);
            }
        }
        if known.banned {
            self.banned.insert(provider);
        }
    }

    /// A provider's record has changed.
    pub(crate) fn change(&mut self, provider: Did, before: Known, after: Known) {
        if before == after {
            return;
        }
        match before.attention {
            Attention::Never => {}
            Attention::Regular(remainder) => {
                self.regular.remove(&(remainder, provider));
            }
            Attention::Always => {
                self.always.remove(&provider);
            }
        }
        if before.banned {
            self.banned.remove(&provider);
        }
        self.add(provider, after);
    }

    /// Whose review the opening of `epoch` may find something in.
    pub(crate) fn in_epoch(&self, epoch: Epoch, policy: &ReputationPolicy) -> BTreeSet<Did> {
        let remainder = epoch.0 % policy.points.review_every.max(1);
        let (least, most) = (Did([0; 32]), Did([255; 32]));
        let regular = self.regular.range((remainder, least)..=(remainder, most));
        self.always.iter().copied().chain(regular.map(|(_, provider)| *provider)).collect()
    }

    /// Who is banned.
    pub(crate) const fn banned(&self) -> &OrdSet<Did> {
        &self.banned
    }
}
