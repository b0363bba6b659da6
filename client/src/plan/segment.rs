//! One segment of a download: what became of each of its shards.

use types::Timestamp;

/// What became of one shard of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShardState {
    /// Not asked for now; so many attempts failed.
    Idle { attempts: u8 },
    /// Asked for.
    Running { since: Timestamp, attempts: u8, slow: bool },
    /// Here.
    Arrived,
}

/// One segment that is being fetched.
#[derive(Clone, Debug)]
pub(super) struct SegmentState {
    pub(super) shards: Vec<ShardState>,
    need: usize,
}

impl SegmentState {
    pub(super) fn new(slots: usize, need: usize) -> Self {
        Self { shards: vec![ShardState::Idle { attempts: 0 }; slots], need }
    }

    pub(super) fn arrived(&self) -> usize {
        self.shards.iter().filter(|shard| **shard == ShardState::Arrived).count()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.arrived() >= self.need
    }

    /// How many more shards to ask for: those needed, less those on their way in good time.
    pub(super) fn wanted(&self) -> usize {
        let coming = |s: &&ShardState| matches!(s, ShardState::Running { slow: false, .. });
        self.need.saturating_sub(self.arrived() + self.shards.iter().filter(coming).count())
    }

    /// How many shards can still be had, those that are here included.
    pub(super) fn possible(&self, attempts_max: u8) -> usize {
        let lost = |s: &&ShardState| matches!(s, ShardState::Idle { attempts } if *attempts >= attempts_max);
        self.shards.len() - self.shards.iter().filter(lost).count()
    }

    /// The slots whose shard is on its way.
    pub(super) fn running(&self) -> impl Iterator<Item = u16> + '_ {
        (0..)
            .zip(&self.shards)
            .filter_map(|(slot, shard)| matches!(shard, ShardState::Running { .. }).then_some(slot))
    }
}
