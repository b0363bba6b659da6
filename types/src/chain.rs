//! What a market with a chain is founded with: of which chain's blocks its beacons are made, and which of them counts for which epoch.

use crate::{Epoch, Hash, Span, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A block as far as whoever follows headers remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownBlock {
    /// Its hash, as it is hashed: first byte first, and not turned round as Bitcoin's programs show it.
    pub hash: Hash,
    /// When its miner says it was made, in seconds since 1970.
    pub time: u32,
    /// The work it shows, as its header writes the target.
    pub bits: u32,
    /// The time of the first block since the work asked for last changed: every 2,016 blocks it may.
    pub since: u32,
}

/// Which chain's blocks open a market's epochs, and when one counts. Nothing of it ever changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChainRule {
    /// Which network's chain: the hash of its first block, first byte first.
    pub network: Hash,
    /// Epoch 0 is counted from then on.
    pub founded: Timestamp,
    /// How long after each other epochs are to open.
    pub every: Span,
    /// How long before an epoch's opening the median time of its block's parent must be.
    pub lead: Span,
    /// How many blocks there must be from an epoch's block on, itself among them.
    pub depth: u32,
    /// The height of the block from which headers are followed.
    pub height: u32,
    /// That block.
    pub start: KnownBlock,
}

impl ChainRule {
    /// When `epoch` is to open: it follows from its number alone.
    pub fn opening(&self, epoch: Epoch) -> Timestamp {
        self.founded.after(Span(self.every.0.saturating_mul(epoch.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openings_follow_from_numbers_alone_and_stop_at_the_end_of_time() {
        let start = KnownBlock { hash: Hash([0; 32]), time: 0, bits: 0, since: 0 };
        let (founded, every, lead) = (Timestamp(1_000), Span(60), Span(0));
        let network = Hash([0; 32]);
        let rule = ChainRule { network, founded, every, lead, depth: 6, height: 0, start };
        assert_eq!(rule.opening(Epoch(0)), Timestamp(1_000));
        assert_eq!(rule.opening(Epoch(7)), Timestamp(1_420));
        assert_eq!(rule.opening(Epoch(u64::MAX)), Timestamp(i64::MAX));
    }
}
