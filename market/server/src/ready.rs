//! Whether the market takes work, and if not, why.

use std::sync::atomic::{AtomicU8, Ordering};
use tokio::sync::watch;

/// Why the market takes no work now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The disk is full.
    DiskFull,
    /// The journal cannot be written.
    JournalUnavailable,
    /// The market ends.
    Stopping,
    /// The database was found damaged.
    Damaged,
}

impl Reason {
    const ALL: [Self; 4] =
        [Self::DiskFull, Self::JournalUnavailable, Self::Stopping, Self::Damaged];

    const fn bit(self) -> u8 {
        match self {
            Self::DiskFull => 1,
            Self::JournalUnavailable => 2,
            Self::Stopping => 4,
            Self::Damaged => 8,
        }
    }

    /// Stable, for programs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::JournalUnavailable => "journal_unavailable",
            Self::Stopping => "stopping",
            Self::Damaged => "damaged",
        }
    }
}

/// Every reason that holds now, one bit each, and what a look through the whole database has found.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    reasons: AtomicU8,
    survey: watch::Sender<Option<Result<(), String>>>,
}

impl Ready {
    /// From now on `reason` holds, or does not.
    pub(crate) fn set(&self, reason: Reason, holds: bool) {
        let held = self.holds(reason);
        if holds && !held {
            self.reasons.fetch_or(reason.bit(), Ordering::Relaxed);
        } else if held && !holds {
            self.reasons.fetch_and(!reason.bit(), Ordering::Relaxed);
        }
    }

    /// The whole database was looked through.
    pub(crate) fn surveyed(&self, found: Result<(), String>) {
        self.set(Reason::Damaged, found.is_err());
        self.survey.send_replace(Some(found));
    }

    /// What was found there, if the look is done.
    pub(crate) fn survey(&self) -> watch::Receiver<Option<Result<(), String>>> {
        self.survey.subscribe()
    }

    /// What makes the database unfit for further work.
    pub(crate) fn damage(&self) -> Option<String> {
        if !self.holds(Reason::Damaged) {
            return None;
        }
        self.survey.borrow().clone().and_then(Result::err)
    }

    /// The names of the reasons that hold; none where the market takes work.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        Reason::ALL.iter().filter(|reason| self.holds(**reason)).map(|r| r.name()).collect()
    }

    fn holds(&self, reason: Reason) -> bool {
        self.reasons.load(Ordering::Relaxed) & reason.bit() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_stands_for_itself() {
        let ready = Ready::default();
        for reason in Reason::ALL {
            ready.set(reason, true);
            assert_eq!(ready.names(), [reason.name()]);
            ready.set(reason, false);
            assert!(ready.names().is_empty());
        }
    }
}
