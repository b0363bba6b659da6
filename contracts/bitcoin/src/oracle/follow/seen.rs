//! What an oracle has seen of a market: how far it has read, and the newest head of its journal. A head that does not continue it is
//! evidence against the market, and is kept.

use network::client::ClientError;
use network::market_api::MarketClient;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use types::documents::TreeHead;
use types::tree::ConsistencyProof;
use types::{Did, Hash, JwsError, Signed};

/// Why a head is not believed.
#[derive(Debug, thiserror::Error)]
pub enum SeenError {
    /// It is not signed as it must be.
    #[error("the market's tree head is not genuine: {0}")]
    Head(#[from] JwsError),
    /// It does not continue what was seen.
    #[error(
        "the market signed two journals, one of {known} entries and one of {found} that does not go with it; both heads are in {kept}. It is followed no longer: show them to everybody, and remove the file only once that is cleared up",
        kept = kept.display()
    )]
    Forked {
        /// How many entries the journal has that was seen before.
        known: u64,
        /// How many the other one has.
        found: u64,
        /// Where both heads are.
        kept: PathBuf,
    },
    /// That it continues what was seen cannot be shown now.
    #[error("that the market's journal continues what was seen is not shown: {0}")]
    Unshown(#[from] ClientError),
    /// The disk.
    #[error("what was seen of the market cannot be kept: {0}")]
    Disk(io::Error),
}

/// Two heads of one market that do not go together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// The market.
    pub market: Did,
    /// The head that was seen first.
    pub known: Signed,
    /// The one that does not go with it.
    pub found: Signed,
    /// The proof that the market gave, which does not lead from one to the other; nothing where both are of one length.
    pub proof: Option<ConsistencyProof>,
}

/// What was seen of a market, kept in a folder.
#[derive(Debug)]
pub struct Seen {
    file: PathBuf,
    fork: PathBuf,
    kept: Kept,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    market: Did,
    since: String,
    head: Option<Signed>,
}

impl Seen {
    /// What is kept of `market` in `folder`.
    ///
    /// # Errors
    /// Where that cannot be read, or is another's.
    pub fn open(folder: &Path, market: Did) -> io::Result<Self> {
        let name = Hash::of(&market.0).short();
        let (file, fork) = (format!("follow-{name}.json"), format!("fork-{name}.json"));
        let (file, fork) = (folder.join(file), folder.join(fork));
        let kept: Kept = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Kept { market, since: String::new(), head: None }
            }
            Err(error) => return Err(error),
        };
        if kept.market != market {
            let reason = format!("{} is of {}, not of {market}", file.display(), kept.market);
            return Err(io::Error::other(reason));
        }
        Ok(Self { file, fork, kept })
    }

    /// Which market.
    pub fn market(&self) -> Did {
        self.kept.market
    }

    /// Where its list was read to.
    pub fn since(&self) -> &str {
        &self.kept.since
    }

    /// Whether no fork of the market is known.
    ///
    /// # Errors
    /// [`SeenError::Forked`].
    pub fn is_one_journal(&self) -> Result<(), SeenError> {
        let bytes = match fs::read(&self.fork) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(SeenError::Disk(error)),
        };
        let fork: Fork = serde_json::from_slice(&bytes).map_err(|e| SeenError::Disk(e.into()))?;
        let size = |head: &Signed| head.verify::<TreeHead>().map(|head| head.size);
        let (known, found) = (size(&fork.known)?, size(&fork.found)?);
        Err(SeenError::Forked { known, found, kept: self.fork.clone() })
    }

    /// The list was read to `since`, and everything of it is done.
    ///
    /// # Errors
    /// Where that cannot be kept.
    pub fn reached(&mut self, since: &str) -> io::Result<()> {
        if self.kept.since == since {
            return Ok(());
        }
        since.clone_into(&mut self.kept.since);
        write(&self.file, &self.kept)
    }

    /// Takes a head of the market's, signed by it, if it goes with the one that was seen before: that one's journal is the beginning of its,
    /// or the other way round.
    ///
    /// # Errors
    /// [`SeenError::Forked`] where it does not; both are kept then.
    pub async fn head(&mut self, head: &Signed, market: &MarketClient) -> Result<(), SeenError> {
        let found = head.verify::<TreeHead>()?;
        let Some(before) = self.kept.head.clone() else { return self.keep(head) };
        let known = before.verify::<TreeHead>()?;
        if found.tip() == known.tip() {
            return Ok(());
        }
        let is_later = found.size > known.size;
        let (earlier, later) = if is_later { (&known, &found) } else { (&found, &known) };
        let proof = if earlier.size == later.size {
            None
        } else {
            Some(market.consistency(earlier.size, later.size).await?)
        };
        let goes = proof.as_ref().is_some_and(|p| p.verify(&earlier.tip(), &later.tip()).is_ok());
        if goes {
            return if is_later { self.keep(head) } else { Ok(()) };
        }
        let (market, known_size, found_size) = (self.kept.market, known.size, found.size);
        let fork = Fork { market, known: before, found: head.clone(), proof };
        write(&self.fork, &fork).map_err(SeenError::Disk)?;
        Err(SeenError::Forked { known: known_size, found: found_size, kept: self.fork.clone() })
    }

    fn keep(&mut self, head: &Signed) -> Result<(), SeenError> {
        self.kept.head = Some(head.clone());
        write(&self.file, &self.kept).map_err(SeenError::Disk)
    }
}

/// Writes a file as a whole, durably.
fn write(file: &Path, value: &impl Serialize) -> io::Result<()> {
    let fresh = file.with_extension("new");
    let mut written = File::create(&fresh)?;
    written.write_all(&serde_json::to_vec(value)?)?;
    written.sync_all()?;
    fs::rename(&fresh, file)?;
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
