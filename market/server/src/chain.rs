//! The headers of a market's chain: where they come from, and those that this process has read.
//!
//! The market's rules need headers alone. Which node gives them is not for this package to know: whoever starts the market hands
//! it a [`HeaderSource`].

use contracts::beacon::course::{Chained, Course, CourseError};
use contracts::beacon::header::{Header, LENGTH};
use contracts::beacon::mixed::MixError;
use contracts::beacon::remembered::{HeaderError, Remembered};
use futures_util::future::BoxFuture;
use std::fmt;
use std::sync::Arc;
use tokio::sync::Mutex;
use types::{ChainRule, Epoch, Hash};

/// After so many headers it is looked whether they suffice.
const AT_ONCE: usize = 36;

/// The best chain's headers, from a node or a server. What it says is believed as far as the work in it.
pub trait HeaderSource: Send + Sync + fmt::Debug {
    /// The height and the hash, first byte first, of the chain's last block.
    fn tip(&self) -> BoxFuture<'_, Result<(u32, Hash), String>>;
    /// The header of the block at `height`; nothing where the chain does not reach so far.
    fn header(&self, height: u32) -> BoxFuture<'_, Result<Option<[u8; LENGTH]>, String>>;
}

/// Why an epoch does not open yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Wait {
    /// This process was not told where headers are.
    #[error(
        "the market's epochs are opened by a chain's blocks, and this process was given no chain; name one with --chain"
    )]
    NoSource,
    /// Its block is not there, or not deep enough.
    #[error("{0}")]
    NotYet(MixError),
    /// The chain does not answer.
    #[error("the chain cannot be read: {0}")]
    Unreachable(String),
    /// The chain has left every block that is remembered, or its blocks cannot be.
    #[error("the chain's headers do not fit those that the market knows: {0}")]
    Unfit(String),
}

impl Wait {
    /// What is the same while the same thing is waited for.
    pub(crate) const fn kind(&self) -> u8 {
        match self {
            Self::NoSource => 0,
            Self::NotYet(_) => 1,
            Self::Unreachable(_) => 2,
            Self::Unfit(_) => 3,
        }
    }
}

impl From<CourseError> for Wait {
    fn from(error: CourseError) -> Self {
        match error {
            CourseError::Block(error @ MixError::NotYet { .. }) => Self::NotYet(error),
            // The other branch has not grown longer than the one that is known.
            CourseError::Headers(HeaderError::Shorter { found, known }) => Self::Unfit(format!(
                "its branch ends at height {found}, not beyond {known}; wait for its next blocks"
            )),
            other => Self::Unfit(other.to_string()),
        }
    }
}

/// The chain of a market.
#[derive(Debug)]
pub(crate) struct Chain {
    source: Option<Arc<dyn HeaderSource>>,
    read: Mutex<Run>,
}

/// Headers that were read, one on the other.
#[derive(Debug, Default)]
struct Run {
    /// The height of the first.
    first: u32,
    headers: Vec<[u8; LENGTH]>,
}

impl Chain {
    pub(crate) fn new(source: Option<Arc<dyn HeaderSource>>) -> Self {
        Self { source, read: Mutex::default() }
    }

    /// The headers that have to be shown to open `epoch` of a market whose beacons take `course`.
    pub(crate) async fn headers(
        &self,
        course: &Course,
        rule: &ChainRule,
        epoch: Epoch,
    ) -> Result<Vec<u8>, Wait> {
        let Some(chained) = &course.chained else { return Ok(Vec::new()) };
        match course.needed(rule, epoch, &[]).map_err(Wait::from) {
            Ok(_) => return Ok(Vec::new()),
            Err(Wait::NotYet(_)) => {}
            Err(wait) => return Err(wait),
        }
        let source = self.source.as_deref().ok_or(Wait::NoSource)?;
        let mut run = self.read.lock().await;
        let tip = source.tip().await.map_err(Wait::Unreachable)?;
        run.connect(source, chained).await?;
        loop {
            let more = run.grow(source, tip).await?;
            let bytes = run.headers.concat();
            match course.needed(rule, epoch, &bytes).map_err(Wait::from) {
                Ok(needed) => return Ok(bytes[..needed * LENGTH].to_vec()),
                Err(Wait::NotYet(_) | Wait::Unfit(_)) if more => {}
                Err(wait) => return Err(wait),
            }
        }
    }
}

impl Run {
    fn next(&self) -> u32 {
        self.first.saturating_add(u32::try_from(self.headers.len()).unwrap_or(u32::MAX))
    }

    /// Drops what the chain has left and what the market knows by now, so that the first stands on a block that it knows.
    async fn connect(&mut self, source: &dyn HeaderSource, chained: &Chained) -> Result<(), Wait> {
        while let Some(last) = self.headers.last() {
            let height = self.next().saturating_sub(1);
            let there = source.header(height).await.map_err(Wait::Unreachable)?;
            if there.as_ref() == Some(last) {
                break;
            }
            self.headers.pop();
        }
        let known = &chained.headers;
        let is_known = |header: &[u8; LENGTH], height| {
            known.at(height).is_some_and(|block| block.hash == Header::read(header).hash)
        };
        while let Some(first) = self.headers.first() {
            if !is_known(first, self.first) {
                break;
            }
            self.headers.remove(0);
            self.first = self.first.saturating_add(1);
        }
        let below = self.first.saturating_sub(1);
        let stands = |header: &[u8; LENGTH]| {
            known.at(below).is_some_and(|block| block.hash == Header::read(header).previous)
        };
        if !self.headers.first().is_some_and(stands) {
            *self = Self { first: fork(source, known).await?, headers: Vec::new() };
        }
        Ok(())
    }

    /// Reads some more, up to `tip`; whether there are more than that.
    async fn grow(
        &mut self,
        source: &dyn HeaderSource,
        (tip, _): (u32, Hash),
    ) -> Result<bool, Wait> {
        for _ in 0..AT_ONCE {
            let height = self.next();
            if height > tip {
                return Ok(false);
            }
            let header = source.header(height).await.map_err(Wait::Unreachable)?;
            let Some(header) = header else { return Ok(false) };
            let last = self.headers.last().map(|last| Header::read(last).hash);
            if last.is_some_and(|last| last != Header::read(&header).previous) {
                // The chain is just changing its mind; the next look sees what it has come to.
                return Ok(false);
            }
            self.headers.push(header);
        }
        Ok(self.next() <= tip)
    }
}

/// The height behind the newest block that both the chain and the market know.
async fn fork(source: &dyn HeaderSource, known: &Remembered) -> Result<u32, Wait> {
    for height in (known.first..=known.last()).rev() {
        let there = source.header(height).await.map_err(Wait::Unreachable)?;
        let hash = there.map(|header| Header::read(&header).hash);
        if hash.is_some() && hash == known.at(height).map(|block| block.hash) {
            return Ok(height.saturating_add(1));
        }
    }
    let first = known.first;
    Err(Wait::Unfit(format!(
        "it has none of the blocks from height {first} on; name a node of the market's chain"
    )))
}

#[cfg(test)]
mod tests;
