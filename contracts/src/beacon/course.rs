//! The course of one market's beacon: what follows from its genesis and from what it has shown so far, epoch by epoch.
//!
//! The market decides by it, its auditor challenges by it, and a provider that follows it refuses any other value:
//!
//! ```text
//! genesis ─▶ Course ─ link, headers ─▶ draw ─▶ Opening ─▶ take ─▶ Course of the next epoch
//! ```

use super::header::{EasyStart, Header, Network};
use super::mixed::{Draw, MixError, Rule};
use super::remembered::{HeaderError, Joined, Remembered};
use super::{follows, mixed};
use serde::{Deserialize, Serialize};
use types::{ChainRule, Epoch, Hash};

/// What the values of epochs to come follow from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// The open epoch's value.
    pub value: Hash,
    /// What else there is to know in a market with a chain. In one without, the value is the link.
    pub chained: Option<Chained>,
}

/// What is known beside the open epoch's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chained {
    /// The open epoch's link of the hash chain.
    pub link: Hash,
    /// The newest headers.
    pub headers: Remembered,
}

/// What a market shows to open an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown<'a> {
    /// Which epoch.
    pub epoch: Epoch,
    /// The hash chain's link for it.
    pub link: Hash,
    /// The headers of the chain's blocks behind those that are known, of 80 bytes each, up to the one that makes the epoch's block deep
    /// enough; none where that is known already.
    pub headers: &'a [u8],
}

/// An epoch's value, and which block it was drawn from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The value.
    pub value: Hash,
    /// The block; nothing in a market without a chain.
    pub block: Option<OpeningBlock>,
}

/// A block that opens an epoch, and what its headers add to what is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpeningBlock {
    /// The hash chain's link that it was mixed with.
    pub link: Hash,
    /// Its height.
    pub height: u32,
    /// Its hash, first byte first.
    pub hash: Hash,
    /// What is known of headers from then on.
    pub joined: Joined,
}

/// Why an epoch does not open so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CourseError {
    /// Not the preimage of the link before.
    #[error("its beacon is not the preimage of the last one")]
    NotALink,
    /// Headers where there is no chain.
    #[error("its market has no chain, so no headers belong to it")]
    NoChain,
    /// The headers.
    #[error(transparent)]
    Headers(#[from] HeaderError),
    /// The block from which headers are followed.
    #[error(transparent)]
    Start(#[from] EasyStart),
    /// The block.
    #[error(transparent)]
    Block(#[from] MixError),
    /// More headers than show the block: which branch is taken is then not for the market to choose.
    #[error("{needed} headers show its block deep enough, and there are {found}; send no more")]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many suffice.
        needed: usize,
    },
}

impl Course {
    /// That of a market that was founded with `anchor`, the end of its hash chain, and with a chain under `rule`.
    pub fn founded(anchor: Hash, rule: Option<&ChainRule>) -> Self {
        let chained = |rule| Chained { link: anchor, headers: Remembered::founded(rule) };
        Self { value: anchor, chained: rule.map(chained) }
    }

    /// The open epoch's link.
    pub fn link(&self) -> Hash {
        self.chained.as_ref().map_or(self.value, |chained| chained.link)
    }

    /// What opens the next epoch, under the `rule` of the market's genesis.
    ///
    /// # Errors
    /// [`CourseError`] says what is wrong; [`MixError::NotYet`] inside where the block is not deep enough yet.
    pub fn draw(
        &self,
        rule: Option<&ChainRule>,
        shown: &Shown<'_>,
    ) -> Result<Opening, CourseError> {
        if !follows(&self.link(), &shown.link) {
            return Err(CourseError::NotALink);
        }
        let (Some(rule), Some(chained)) = (rule, &self.chained) else {
            let opening = Opening { value: shown.link, block: None };
            return if shown.headers.is_empty() { Ok(opening) } else { Err(CourseError::NoChain) };
        };
        let found = self.look(rule, shown.epoch, shown.headers)?;
        let count = shown.headers.len() / super::header::LENGTH;
        if count > found.needed {
            return Err(CourseError::TooMany { found: count, needed: found.needed });
        }
        debug_assert!(!chained.headers.blocks.is_empty(), "the start is always known");
        let (height, link) = (found.height, shown.link);
        let value = mixed::mix(shown.epoch, &link, &found.hash.0);
        let joined = found.headers.beyond((found.from, height));
        let block = OpeningBlock { link, height, hash: found.hash, joined };
        Ok(Opening { value, block: Some(block) })
    }

    /// How many of `headers`, which go on from those that are known, it takes to open `epoch`.
    ///
    /// # Errors
    /// As [`Course::draw`], for which the epoch's link is needed besides.
    pub fn needed(
        &self,
        rule: &ChainRule,
        epoch: Epoch,
        headers: &[u8],
    ) -> Result<usize, CourseError> {
        self.look(rule, epoch, headers).map(|found| found.needed)
    }

    /// Takes up what opened an epoch.
    pub fn take(&mut self, value: Hash, block: Option<&OpeningBlock>) {
        self.value = value;
        if let (Some(chained), Some(block)) = (&mut self.chained, block) {
            chained.link = block.link;
            chained.headers.take(&block.joined);
        }
    }

    /// Whether a market may be founded under `rule`: its network is known, and its start no easier than that network's floor.
    ///
    /// # Errors
    /// [`CourseError::Headers`] or [`CourseError::Start`] says which.
    pub fn check_rule(rule: &ChainRule) -> Result<(), CourseError> {
        let network = Network::of(&rule.network).ok_or(HeaderError::Network(rule.network))?;
        Ok(network.check_start(rule.start.bits)?)
    }

    fn look(&self, rule: &ChainRule, epoch: Epoch, headers: &[u8]) -> Result<Found, CourseError> {
        let network = Network::of(&rule.network).ok_or(HeaderError::Network(rule.network))?;
        network.check_start(rule.start.bits)?;
        let read = Header::read_all(headers).ok_or(HeaderError::Length(headers.len()))?;
        let chained = self.chained.as_ref().ok_or(CourseError::NoChain)?;
        let (known, from) = chained.headers.joined(&network, &read)?;
        let (lead, depth) = (rule.lead, rule.depth);
        let opening = rule.opening(epoch);
        let draw = Draw { rule: Rule { lead, depth }, epoch, opening, link: chained.link };
        let (height, _) = known.with_row(|row| draw.value(row))?;
        // As many as reach the last block of the depth, and none where that was known.
        let last = height.saturating_add(depth.max(1)).saturating_sub(1);
        let needed = last.saturating_add(1).saturating_sub(from);
        // A branch in the place of blocks that are known must be longer than they are.
        let known_to = chained.headers.last();
        let replaces = from <= known_to && !read.is_empty();
        let longer = known_to.saturating_add(2).saturating_sub(from);
        let needed = if replaces { needed.max(longer) } else { needed };
        let hash = known.at(height).map(|block| block.hash).unwrap_or_default();
        let needed = usize::try_from(needed).unwrap_or(usize::MAX);
        Ok(Found { height, hash, needed, from, headers: known })
    }
}

/// An epoch's block among headers.
struct Found {
    height: u32,
    hash: Hash,
    /// How many of the headers it takes.
    needed: usize,
    /// The height of the first of them.
    from: u32,
    /// What is known with them.
    headers: Remembered,
}

#[cfg(test)]
mod tests;
