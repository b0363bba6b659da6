//! What is remembered of a chain's newest headers: enough to judge those that come next, and to show which block opens the next epoch.
//!
//! Every header since the market's founding passes here, one after the other, so that whoever makes headers up must do the work that the
//! network asks for at that height.

use super::header::{Header, Network, PERIOD};
use super::mixed::{Block, Row};
use serde::{Deserialize, Serialize};
use types::{ChainRule, KnownBlock};

/// How many blocks before an epoch's own show that it is the first.
const BEFORE: u32 = 12;
/// How many more are kept, so that a branch that leaves the chain before them can be taken up.
const SPARE: u32 = 144;

/// The newest blocks of one branch, each known to stand on the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The height of the first.
    pub first: u32,
    /// They, in their order; never none.
    pub blocks: Vec<KnownBlock>,
}

/// What an epoch's headers change of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joined {
    /// From which height on it is kept.
    pub keep: u32,
    /// The height of the first new block: what stood there before is of a branch that the chain has left.
    pub height: u32,
    /// The new blocks.
    pub blocks: Vec<KnownBlock>,
}

/// Why headers do not go on from those that are remembered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The network is none that is known.
    #[error(
        "{0} is the first block of no network that is known; bitcoin, testnet, testnet4, signet and regtest are"
    )]
    Network(types::Hash),
    /// Bytes are left over.
    #[error("the headers have {0} bytes; 80 for each are needed, one behind the other")]
    Length(usize),
    /// The first stands on nothing that is remembered.
    #[error(
        "the first header stands on no block that is remembered, which begin at height {0}; begin with one that does"
    )]
    Unconnected(u32),
    /// One does not name the one before it.
    #[error("block {0} does not follow the block before it")]
    Unlinked(u32),
    /// The target is not the one that the blocks before demand, or the hash is above it.
    #[error("block {0} was not worked for as its network demands at that height")]
    Unworked(u32),
    /// A branch that is no longer than the one that it is to replace.
    #[error(
        "the headers end at height {found}, those that are remembered at {known}; only a longer branch replaces them"
    )]
    Shorter {
        /// Where they end.
        found: u32,
        /// Where those end that are known.
        known: u32,
    },
}

impl Remembered {
    /// What a market knows that was founded under `rule`.
    pub fn founded(rule: &ChainRule) -> Self {
        Self { first: rule.height, blocks: vec![rule.start] }
    }

    /// The height of the last.
    pub fn last(&self) -> u32 {
        self.height(self.blocks.len()).saturating_sub(1)
    }

    /// The block at `height`, where it is remembered.
    pub fn at(&self, height: u32) -> Option<&KnownBlock> {
        self.blocks.get(usize::try_from(height.checked_sub(self.first)?).ok()?)
    }

    /// The same with `headers` behind the block that the first of them stands on, and the height of that first one.
    ///
    /// # Errors
    /// [`HeaderError`] names the first one that does not fit.
    pub(super) fn joined(
        &self,
        network: &Network,
        headers: &[Header],
    ) -> Result<(Self, u32), HeaderError> {
        let Some(first) = headers.first() else { return Ok((self.clone(), self.last() + 1)) };
        let place = self.blocks.iter().rposition(|block| block.hash == first.previous);
        let place = place.ok_or(HeaderError::Unconnected(self.first))?;
        let mut joined = Self { first: self.first, blocks: self.blocks[..=place].to_vec() };
        let height = joined.last().saturating_add(1);
        for header in headers {
            joined.push(network, header)?;
        }
        let (found, known) = (joined.last(), self.last());
        if found <= known {
            return Err(HeaderError::Shorter { found, known });
        }
        Ok((joined, height))
    }

    fn push(&mut self, network: &Network, header: &Header) -> Result<(), HeaderError> {
        let height = self.last().saturating_add(1);
        let Some(last) = self.blocks.last() else {
            return Err(HeaderError::Unconnected(self.first));
        };
        if header.previous != last.hash {
            return Err(HeaderError::Unlinked(height));
        }
        let begins = height.is_multiple_of(PERIOD);
        let demanded = if begins {
            network.next_bits(last.bits, i64::from(last.time) - i64::from(last.since))
        } else {
            last.bits
        };
        let is_right = !network.is_exact || header.bits == demanded;
        if !is_right || !header.is_worked_for(network) {
            return Err(HeaderError::Unworked(height));
        }
        let since = if begins { header.time } else { last.since };
        let Header { hash, time, bits, .. } = *header;
        self.blocks.push(KnownBlock { hash, time, bits, since });
        Ok(())
    }

    /// What must be added to `before` so that it becomes this, from `height` on, without what the epoch after one that is opened by
    /// block `opened` no longer needs.
    pub(super) fn beyond(&self, (height, opened): (u32, u32)) -> Joined {
        let keep = opened.saturating_sub(BEFORE + SPARE).max(self.first);
        let place = usize::try_from(height.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let blocks = self.blocks.get(place..).unwrap_or_default().to_vec();
        Joined { keep, height, blocks }
    }

    /// Takes up what an epoch's headers have changed.
    pub fn take(&mut self, joined: &Joined) {
        let place = usize::try_from(joined.height.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.blocks.truncate(place);
        self.blocks.extend_from_slice(&joined.blocks);
        let drop = usize::try_from(joined.keep.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.blocks.drain(..drop.min(self.blocks.len()));
        self.first = self.first.max(joined.keep);
    }

    /// They as the rule reads them.
    pub(super) fn with_row<T>(&self, judge: impl FnOnce(&Row<'_>) -> T) -> T {
        let mut previous = [0; 32];
        let blocks = self.blocks.iter().map(|block| {
            let block = Block { hash: block.hash.0, previous, time: block.time };
            previous = block.hash;
            block
        });
        let blocks: Vec<Block> = blocks.collect();
        judge(&Row { first: self.first, blocks: &blocks })
    }

    fn height(&self, place: usize) -> u32 {
        self.first.saturating_add(u32::try_from(place).unwrap_or(u32::MAX))
    }
}
