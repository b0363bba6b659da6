//! A hash chain's link mixed with a Bitcoin block that neither market nor miner could choose: why this block, see ADR 40.
//!
//! ```text
//! market: link of the epoch ─────────────┐
//! Bitcoin: the first block whose parent's ├─▶ value of the epoch
//!   median time past has reached the ─────┘
//!   epoch's opening, less the lead
//! ```

use super::follows;
use types::{Epoch, Hash, Span, Timestamp};

/// What link and block are mixed under.
const MIX: &str = "bondstore 2026 beacon link and block";
/// The median time past is that of so many blocks (BIP 113).
const MEDIAN: usize = 11;

/// What the rule reads of a block's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its hash, as it is hashed: first byte first.
    pub hash: [u8; 32],
    /// The hash of the block before it.
    pub previous: [u8; 32],
    /// When its miner says it was made, in seconds since 1970.
    pub time: u32,
}

/// Which block an epoch is opened by, and when it counts. Both stand in the market's genesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// How long before the epoch's opening the parent's median time past must be.
    pub lead: Span,
    /// How many blocks there must be from it on, itself among them.
    pub depth: u32,
}

impl Default for Rule {
    /// Three hours and six blocks: mostly, the block is that deep when the epoch opens.
    fn default() -> Self {
        Self { lead: Span(3 * Span::HOUR.0), depth: 6 }
    }
}

/// Blocks of one chain, one after the other.
///
/// Whoever makes it answers for the work in them. To show which block is an epoch's it must reach from 12 blocks before that
/// one (or from the chain's first) to the depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// The height of the first.
    pub first: u32,
    /// They, in their order.
    pub blocks: &'a [Block],
}

/// What an epoch's value is made of, but for the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The rule.
    pub rule: Rule,
    /// Which epoch.
    pub epoch: Epoch,
    /// When it opens.
    pub opening: Timestamp,
    /// The hash chain's value for it.
    pub link: Hash,
}

/// Why there is no value, or not this one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MixError {
    /// The block is not there yet, or not deep enough.
    #[error(
        "epoch {epoch} is opened by a block that has {found} of {needed} blocks from itself on; wait for the next"
    )]
    NotYet {
        /// Which epoch.
        epoch: u64,
        /// How many there are.
        found: u32,
        /// How many are needed.
        needed: u32,
    },
    /// The row begins at the block or behind it.
    #[error(
        "the blocks from height {0} on do not show which is the first that may open the epoch; begin 12 blocks before it"
    )]
    Late(u32),
    /// A block does not name the one before it.
    #[error("block {0} does not follow the block before it")]
    Unlinked(u32),
    /// A block's time is not after the median of the 11 before it, as Bitcoin demands.
    #[error(
        "block {0} is not later than the median of the blocks before it; Bitcoin has no such block"
    )]
    Time(u32),
    /// The link is not of the market's chain.
    #[error(
        "the link of epoch {0} does not hash to the one before it; the market's chain has another"
    )]
    NotALink(u64),
    /// Another value follows.
    #[error("epoch {epoch} has beacon {expected}, not {found}")]
    OtherValue {
        /// Which epoch.
        epoch: u64,
        /// What was said.
        found: Hash,
        /// What follows from link and block.
        expected: Hash,
    },
}

impl Draw {
    /// The height of the block that opens the epoch, once it is deep enough, with the epoch's value.
    ///
    /// # Errors
    /// [`MixError::NotYet`] until then; otherwise what the row does not show.
    pub fn value(&self, row: &Row<'_>) -> Result<(u32, Hash), MixError> {
        let place = self.place(row)?;
        Ok((row.height(place), mix(self.epoch, &self.link, &row.blocks[place].hash)))
    }

    /// Whether `value` is the epoch's: `previous` is the link of the epoch before.
    ///
    /// # Errors
    /// [`MixError`] says what does not fit.
    pub fn verify(&self, previous: &Hash, value: &Hash, row: &Row<'_>) -> Result<(), MixError> {
        let epoch = self.epoch.0;
        if !follows(previous, &self.link) {
            return Err(MixError::NotALink(epoch));
        }
        let (_, expected) = self.value(row)?;
        if *value != expected {
            return Err(MixError::OtherValue { epoch, found: *value, expected });
        }
        Ok(())
    }

    /// Where in the row the epoch's block stands.
    fn place(&self, row: &Row<'_>) -> Result<usize, MixError> {
        row.check()?;
        let lead = i64::try_from(self.rule.lead.0).unwrap_or(i64::MAX);
        let reached = self.opening.0.saturating_sub(lead);
        let from = row.first_known();
        let parent = (from..row.blocks.len()).find(|place| row.median(*place) >= reached);
        // Medians never fall: before the first known one there could be an earlier parent.
        if parent == Some(from) && row.first > 0 {
            return Err(MixError::Late(row.first));
        }
        let place = parent.map_or(row.blocks.len(), |parent| parent + 1);
        let found = u32::try_from(row.blocks.len().saturating_sub(place)).unwrap_or(u32::MAX);
        let needed = self.rule.depth.max(1);
        if found < needed {
            return Err(MixError::NotYet { epoch: self.epoch.0, found, needed });
        }
        Ok(place)
    }
}

impl Row<'_> {
    fn height(&self, place: usize) -> u32 {
        self.first.saturating_add(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// The first block whose median time past follows from the row.
    fn first_known(&self) -> usize {
        if self.first == 0 { 0 } else { MEDIAN - 1 }
    }

    /// The median of the times of a block and the ten before it (at a chain's beginning, of fewer), in microseconds since 1970.
    fn median(&self, place: usize) -> i64 {
        let from = (place + 1).saturating_sub(MEDIAN);
        let mut times: Vec<u32> =
            self.blocks[from..=place].iter().map(|block| block.time).collect();
        times.sort_unstable();
        i64::from(times[times.len() / 2]) * 1_000_000
    }

    /// Whether it could be Bitcoin's: linked, and with times as Bitcoin has them.
    fn check(&self) -> Result<(), MixError> {
        for (place, pair) in self.blocks.windows(2).enumerate() {
            let height = self.height(place + 1);
            if pair[1].previous != pair[0].hash {
                return Err(MixError::Unlinked(height));
            }
            let is_late = i64::from(pair[1].time) * 1_000_000 > self.median(place);
            if place >= self.first_known() && !is_late {
                return Err(MixError::Time(height));
            }
        }
        Ok(())
    }
}

/// The value that a link and a block's hash make for an epoch.
pub fn mix(epoch: Epoch, link: &Hash, block: &[u8; 32]) -> Hash {
    Hash::derive(MIX, &[&epoch.0.to_le_bytes(), &link.0, block])
}

#[cfg(test)]
mod tests;
