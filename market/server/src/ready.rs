//! Whether the market takes work, and if not, why.

use std::sync::atomic::{AtomicU8, Ordering};

/// Why the market takes no work now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The disk is full.
    DiskFull,
    /// The journal cannot be written.
    JournalUnavailable,
    /// The market ends.
    Stopping,
}

impl Reason {
    const ALL: [Self; 3] = [Self::DiskFull, Self::JournalUnavailable, Self::Stopping];

    const fn bit(self) -> u8 {
        match self {
            Self::DiskFull => 1,
            Self::JournalUnavailable => 2,
            Self::Stopping => 4,
        }
    }

    /// Stable, for programs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::JournalUnavailable => "journal_unavailable",
            Self::Stopping => "stopping",
        }
    }
}

/// Every reason that holds now, one bit each.
#[derive(Debug, Default)]
pub(crate) struct Ready(AtomicU8);

impl Ready {
    /// From now on `reason` holds, or does not.
    pub(crate) fn set(&self, reason: Reason, holds: bool) {
        let held = self.holds(reason);
        if holds && !held {
            self.0.fetch_or(reason.bit(), Ordering::Relaxed);
        } else if held && !holds {
            self.0.fetch_and(!reason.bit(), Ordering::Relaxed);
        }
    }

    /// The names of the reasons that hold; none where the market takes work.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        Reason::ALL.iter().filter(|reason| self.holds(**reason)).map(|r| r.name()).collect()
    }

    fn holds(&self, reason: Reason) -> bool {
        self.0.load(Ordering::Relaxed) & reason.bit() != 0
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
