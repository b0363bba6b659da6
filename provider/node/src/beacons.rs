//! The market's beacons, followed from its founding on: a challenge by any other value is refused.
//!
//! Whoever could choose an epoch's beacon could choose what it asks. So a provider answers only what follows from what the market was
//! founded with: its hash chain, and in a market with a chain the block that nobody chose. What it was founded with is kept from the first
//! time that the market said it, and no other is believed afterwards.

pub(crate) mod unread;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use contracts::beacon::course::{Course, CourseError, Shown};
use contracts::beacon::follows;
use network::api::{BeaconInfo, EpochView};
use network::client::ClientError;
use network::market_api::MarketClient;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use types::documents::Challenge;
use types::{ChainRule, Epoch, Hash, Verified};

/// Where what is known is kept, in the node's data directory.
const FILE: &str = "beacon.json";
/// Where refused challenges are kept: each is signed, and shows what the market asked by.
const REFUSED: &str = "refused-challenges";
/// How many of them are kept.
const REFUSED_MAX: usize = 64;
/// Further ahead no hash chain reaches: nobody is hashed to death.
const AHEAD_MAX: u64 = 1 << 18;
/// So many values are remembered, for challenges that come late.
const REMEMBERED: usize = 64;

/// What is known of a market's beacons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    anchor: Hash,
    chain: Option<ChainRule>,
    /// The last epoch that was followed.
    epoch: Epoch,
    value: Hash,
    chained: Option<contracts::beacon::course::Chained>,
    /// The last values.
    values: BTreeMap<u64, Hash>,
}

impl Known {
    fn founded(info: &BeaconInfo) -> Self {
        let course = Course::founded(info.anchor, info.chain.as_ref());
        Self {
            anchor: info.anchor,
            chain: info.chain,
            epoch: Epoch(0),
            chained: course.chained,
            // What it was founded with is drawn from until the first epoch opens.
            values: BTreeMap::from([(0, course.value)]),
            value: course.value,
        }
    }

    fn course(&self) -> Course {
        Course { value: self.value, chained: self.chained.clone() }
    }

    /// Goes on to `epoch` with its value.
    fn reached(&mut self, epoch: Epoch, course: Course) {
        (self.epoch, self.value, self.chained) = (epoch, course.value, course.chained);
        self.values.insert(epoch.0, self.value);
        while self.values.len() > REMEMBERED {
            self.values.pop_first();
        }
    }
}

/// Why a challenge is not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BeaconError {
    /// The market says that it was founded otherwise than it said before.
    #[error(
        "the market says that its beacons follow from something else than it said before; what it was founded with never changes"
    )]
    OtherFounding,
    /// No market can be founded so.
    #[error("the market says that it was founded with blocks that open no epoch: {0}")]
    NoStart(CourseError),
    /// What opened an epoch does not follow.
    #[error(
        "what the market shows for epoch {epoch} does not follow from what it was founded with: {reason}"
    )]
    Unfounded {
        /// Which epoch.
        epoch: u64,
        /// Why not.
        reason: CourseError,
    },
    /// What is shown is not in order, or no base64.
    #[error("the market does not show what opened epoch {0}, which comes next")]
    Gap(u64),
    /// The challenge has another value.
    #[error("epoch {epoch} has beacon {expected}, and the challenge is drawn from {found}")]
    OtherValue {
        /// Which epoch.
        epoch: u64,
        /// The challenge's.
        found: Hash,
        /// What follows.
        expected: Hash,
    },
    /// What is shown cannot be read now.
    #[error("what opened the epochs cannot be read: {0}")]
    Unread(#[from] ClientError),
    /// The disk.
    #[error("what is known of beacons cannot be kept: {0}")]
    Disk(#[from] io::Error),
}

impl BeaconError {
    /// Whether the market is to blame, and not the way to it.
    pub(crate) const fn is_refusal(&self) -> bool {
        !matches!(self, Self::Unread(_) | Self::Disk(_))
    }
}

/// Follows a market's beacons.
#[derive(Debug)]
pub(crate) struct Beacons {
    folder: PathBuf,
    known: Option<Known>,
}

impl Beacons {
    /// What is kept in the node's data directory.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let known = match std::fs::read(folder.join(FILE)) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { folder: folder.to_owned(), known })
    }

    /// Takes what the market says of itself: the first time for good.
    pub(crate) fn learn(&mut self, info: &BeaconInfo) -> Result<(), BeaconError> {
        match &self.known {
            Some(known) if known.anchor == info.anchor && known.chain == info.chain => Ok(()),
            Some(_) => Err(BeaconError::OtherFounding),
            None => {
                if let Some(Err(reason)) = info.chain.as_ref().map(Course::check_rule) {
                    return Err(BeaconError::NoStart(reason));
                }
                self.known = Some(Known::founded(info));
                Ok(self.keep()?)
            }
        }
    }

    /// Whether a challenge is drawn from its epoch's beacon. What opened the epochs since the last one is asked of `market`.
    ///
    /// # Errors
    /// [`BeaconError`]; what is known goes as far as it follows.
    pub(crate) async fn check(
        &mut self,
        challenge: &Challenge,
        market: &MarketClient,
    ) -> Result<(), BeaconError> {
        // A market of an older program says nothing of its beacons.
        let Some(known) = &mut self.known else { return Ok(()) };
        let before = known.epoch;
        let reached = if let Some(rule) = known.chain {
            follow_blocks(known, &rule, (challenge.epoch, market)).await
        } else {
            follow_links(known, challenge);
            Ok(())
        };
        let (at, values) = (known.epoch, known.values.clone());
        if at != before {
            self.keep()?;
        }
        reached?;
        let epoch = challenge.epoch.0;
        match values.get(&epoch) {
            Some(expected) if *expected == challenge.beacon => Ok(()),
            Some(expected) => {
                let (found, expected) = (challenge.beacon, *expected);
                Err(BeaconError::OtherValue { epoch, found, expected })
            }
            None => Err(BeaconError::Gap(epoch)),
        }
    }

    /// Keeps a challenge that is not answered, with the reason: it is the market's own word against it. The first of an epoch is kept, and so
    /// many in all: one convicts, and a market must not fill the disk with others.
    pub(crate) fn keep_refused(
        &self,
        challenge: &Verified<Challenge>,
        reason: &BeaconError,
    ) -> io::Result<PathBuf> {
        let folder = self.folder.join(REFUSED);
        std::fs::create_dir_all(&folder)?;
        let file = folder.join(format!("epoch-{}.json", challenge.epoch.0));
        if file.exists() || std::fs::read_dir(&folder)?.count() >= REFUSED_MAX {
            return Ok(folder);
        }
        let kept = serde_json::json!({
            "challenge": challenge.signed(), "reason": reason.to_string(), "known": self.known,
        });
        std::fs::write(&file, serde_json::to_vec_pretty(&kept)?)?;
        Ok(file)
    }

    fn keep(&self) -> io::Result<()> {
        let Some(known) = &self.known else { return Ok(()) };
        let fresh = self.folder.join(format!("{FILE}.new"));
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec(known)?)?;
        file.sync_all()?;
        std::fs::rename(fresh, self.folder.join(FILE))
    }
}

/// In a market without a chain a value is a link: so many hashes lead from it to the last one that is known.
fn follow_links(known: &mut Known, challenge: &Challenge) {
    let Some(ahead) = challenge
        .epoch
        .0
        .checked_sub(known.epoch.0)
        .filter(|ahead| (1..=AHEAD_MAX).contains(ahead))
    else {
        return;
    };
    let mut values = vec![challenge.beacon];
    for _ in 1..ahead {
        let last = values[values.len() - 1];
        values.push(contracts::beacon::link(&last));
    }
    if !values.last().is_some_and(|first| follows(&known.value, first)) {
        return;
    }
    for (epoch, value) in (known.epoch.0 + 1..).zip(values.into_iter().rev()) {
        known.reached(Epoch(epoch), Course { value, chained: None });
    }
}

async fn follow_blocks(
    known: &mut Known,
    rule: &ChainRule,
    (until, market): (Epoch, &MarketClient),
) -> Result<(), BeaconError> {
    while known.epoch < until {
        let page = market.epochs(known.epoch).await?;
        if page.items.is_empty() {
            return Err(BeaconError::Gap(known.epoch.0 + 1));
        }
        for view in &page.items {
            follow_one(known, rule, view)?;
        }
    }
    Ok(())
}

fn follow_one(known: &mut Known, rule: &ChainRule, view: &EpochView) -> Result<(), BeaconError> {
    let epoch = known.epoch.plus(1);
    let headers = BASE64.decode(&view.headers).ok().filter(|_| view.epoch == epoch);
    let headers = headers.ok_or(BeaconError::Gap(epoch.0))?;
    let mut course = known.course();
    let shown = Shown { epoch, link: view.link, headers: &headers };
    let unfounded = |reason| BeaconError::Unfounded { epoch: epoch.0, reason };
    let opening = course.draw(Some(rule), &shown).map_err(unfounded)?;
    course.take(opening.value, opening.block.as_ref());
    known.reached(epoch, course);
    Ok(())
}

#[cfg(test)]
mod tests;
