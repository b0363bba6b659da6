//! An oracle's memory on disk: what it has announced, voted for and attested. Nothing is shown before it stands here.
//!
//! `book` has a line a record: the hash of everything up to it, and the record as JSON. `head` says how far the book goes and is replaced
//! as a whole: that is the moment in which a record counts. What stands behind it was cut short by a crash before anybody saw
//! it, and is cut off. A book that is shorter than its head says, or was altered, is refused.
//!
//! `lock` is held while the book is open. `head` also says which file `lock` is (inode and time of birth): a folder that was copied or
//! brought back from a backup has another, and may not know what was signed since, so it is refused too until
//! [`Book::adopt`] gives up every event that is still open there.

mod disk;

use super::agree::{Report, Vote};
use super::rule::Rule;
use bitcoin::secp256k1::XOnlyPublicKey;
use disk::Disk;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use types::Hash;

const BOOK: &str = "book";
const HEAD: &str = "head";
const LOCK: &str = "lock";
/// What hashes of records are derived under.
const DOMAIN: &str = "bondstore 2026 oracle book";
/// The version of the files that are written.
const VERSION: u32 = 1;

/// Why an oracle's memory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The system refuses.
    #[error("the oracle's book in {folder}: {reason}", folder = folder.display())]
    Io {
        /// Where.
        folder: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// Another process has it open.
    #[error("another process runs the oracle in {}; one alone may", .0.display())]
    InUse(PathBuf),
    /// It is not whole.
    #[error(
        "the oracle's book in {folder} is not as it was written ({reason}); `bondstore auditor oracle adopt` keeps what can be read and gives up every open event",
        folder = folder.display()
    )]
    Damaged {
        /// Where.
        folder: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It stands in another place than it was written in.
    #[error(
        "the oracle's book in {} was copied or brought back from a backup, and what was signed since is not in it; if no other copy signs, `bondstore auditor oracle adopt` gives up every open event and goes on",
        .0.display()
    )]
    Copied(PathBuf),
    /// It is another oracle's.
    #[error("the book in {folder} is that of the oracle {found}; this key is {expected}", folder = folder.display())]
    OtherOracle {
        /// Where.
        folder: PathBuf,
        /// Whose key was given.
        expected: Box<XOnlyPublicKey>,
        /// Whose book it is.
        found: Box<XOnlyPublicKey>,
    },
    /// Writing failed earlier, and what stands on the disk is not known.
    #[error(
        "the oracle's book could not be written before; nothing is signed until it has been opened again"
    )]
    Unsure,
}

/// One thing that happened. It counts from the moment in which it is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Record {
    /// An event was announced.
    Announced(Box<Entry>),
    /// The oracle has reported a score, and reports no other.
    Reported(Report),
    /// The oracle has voted for a score, and votes for no other.
    Voted(Vote),
    /// The event's outcome is this for ever.
    Attested { event: String, score: u16 },
    /// Nothing will ever be attested of the event from here.
    GivenUp { event: String },
}

/// What is known of an announced event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) event: String,
    pub(super) index: u32,
    pub(super) salt: Hash,
    pub(super) maturity: u32,
    pub(super) rule: Rule,
    /// The announcement's TLV, in hexadecimal.
    pub(super) announcement: String,
    #[serde(skip)]
    pub(super) report: Option<Report>,
    #[serde(skip)]
    pub(super) vote: Option<Vote>,
    #[serde(skip)]
    pub(super) outcome: Option<u16>,
    #[serde(skip)]
    pub(super) given_up: bool,
}

/// How far the book goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    version: u32,
    oracle: XOnlyPublicKey,
    place: Place,
    length: u64,
    check: Hash,
}

/// Which file the lock is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    inode: u64,
    born_ns: Option<u64>,
}

/// An open book. It stays locked until it is dropped.
pub(super) struct Book {
    folder: PathBuf,
    disk: Disk,
    head: Head,
    entries: BTreeMap<String, Entry>,
    next_index: u32,
    unsure: bool,
    _lock: File,
}

impl Book {
    /// Opens `oracle`'s book in `folder`, a new one where there is none.
    pub(super) fn open(folder: &Path, oracle: XOnlyPublicKey) -> Result<Self, BookError> {
        let (mut book, head) = Self::lock(folder, oracle)?;
        let damaged = |reason: &str| book.damaged(reason);
        match head {
            Ok(head) if head.oracle != oracle => {
                return Err(other_oracle(folder, oracle, head.oracle));
            }
            Ok(head) if head.place != book.head.place => {
                return Err(BookError::Copied(folder.to_owned()));
            }
            Ok(head) => {
                let bytes = book.bytes()?;
                let length = usize::try_from(head.length).unwrap_or(usize::MAX);
                let whole = bytes.get(..length).ok_or_else(|| damaged("its end is missing"))?;
                let read = book.read(whole);
                if read != length || book.head.check != head.check {
                    return Err(book.damaged(&format!("the record at byte {read} was altered")));
                }
            }
            Err(None) if book.bytes()?.is_empty() => book.write_head()?,
            Err(None) => return Err(damaged("its head is missing")),
            Err(Some(reason)) => return Err(damaged(&reason)),
        }
        Ok(book)
    }

    /// Opens a book that was copied, brought back or damaged: keeps every record that can be read, and gives up every event that is
    /// not attested in it. Says how many.
    pub(super) fn adopt(folder: &Path, oracle: XOnlyPublicKey) -> Result<(Self, usize), BookError> {
        let (mut book, head) = Self::lock(folder, oracle)?;
        if let Ok(Head { oracle: found, .. }) = head
            && found != oracle
        {
            return Err(other_oracle(folder, oracle, found));
        }
        let bytes = book.bytes()?;
        book.read(&bytes);
        let open = book.entries.values().filter(|entry| entry.is_open());
        let open: Vec<String> = open.map(|entry| entry.event.clone()).collect();
        for event in &open {
            book.append(&Record::GivenUp { event: event.clone() })?;
        }
        book.write_head()?;
        Ok((book, open.len()))
    }

    /// Locks the folder, and reads the head: nothing where there is none, a reason where it cannot be read.
    fn lock(
        folder: &Path,
        oracle: XOnlyPublicKey,
    ) -> Result<(Self, Result<Head, Option<String>>), BookError> {
        let failed = |reason| BookError::Io { folder: folder.to_owned(), reason };
        fs::create_dir_all(folder).map_err(failed)?;
        let disk = Disk::new(folder);
        let mut options = File::options();
        let lock = options.create(true).truncate(false).write(true).open(disk.path(LOCK));
        let lock = lock.map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => BookError::InUse(folder.to_owned()),
            TryLockError::Error(error) => failed(error),
        })?;
        let place = Place::of(&lock).map_err(failed)?;
        let head = match fs::read(disk.path(HEAD)) {
            Ok(bytes) => serde_json::from_slice::<Head>(&bytes).map_err(|e| Some(e.to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(None),
            Err(error) => return Err(failed(error)),
        };
        let empty = Head { version: VERSION, oracle, place, length: 0, check: Hash([0; 32]) };
        let (folder, entries) = (folder.to_owned(), BTreeMap::new());
        let book =
            Self { folder, disk, head: empty, entries, next_index: 0, unsure: false, _lock: lock };
        Ok((book, head))
    }

    /// What is known of an event.
    pub(super) fn entry(&self, event: &str) -> Option<&Entry> {
        self.entries.get(event)
    }

    /// All that was announced, by name.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The number of the next announcement: no earlier one has it.
    pub(super) fn next_index(&self) -> u32 {
        self.next_index
    }

    /// Makes a record count. It is durable when this returns.
    pub(super) fn append(&mut self, record: &Record) -> Result<(), BookError> {
        if self.unsure {
            return Err(BookError::Unsure);
        }
        let json = serde_json::to_string(record).expect("a record has string keys");
        let check = check(&self.head.check, json.as_bytes());
        let line = format!("{check} {json}\n");
        let before = self.head.clone();
        let written = self.disk.write_from(BOOK, before.length, line.as_bytes());
        self.head.length = before.length.saturating_add(line.len() as u64);
        self.head.check = check;
        let written = written.map_err(|reason| self.failed(reason));
        if let Err(error) = written.and_then(|()| self.write_head()) {
            (self.head, self.unsure) = (before, true);
            return Err(error);
        }
        self.learn(record.clone());
        Ok(())
    }

    fn write_head(&self) -> Result<(), BookError> {
        let mut json = serde_json::to_vec(&self.head).expect("a head has string keys");
        json.push(b'\n');
        self.disk.replace(HEAD, &json).map_err(|reason| self.failed(reason))
    }

    fn bytes(&self) -> Result<Vec<u8>, BookError> {
        match fs::read(self.disk.path(BOOK)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read.map_err(|reason| self.failed(reason)),
        }
    }

    /// Takes up every record from the first on, up to one that is not as it was written; how many bytes they are.
    fn read(&mut self, bytes: &[u8]) -> usize {
        let mut length = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some((record, check)) = parse(&self.head.check, line) else { break };
            self.learn(record);
            length += line.len();
            (self.head.length, self.head.check) = (length as u64, check);
        }
        length
    }

    fn learn(&mut self, record: Record) {
        match record {
            Record::Announced(entry) => {
                self.next_index = self.next_index.max(entry.index.saturating_add(1));
                self.entries.insert(entry.event.clone(), *entry);
            }
            Record::Reported(report) => {
                let event = report.event.clone();
                self.at(&event, |entry| entry.report = Some(report));
            }
            Record::Voted(vote) => {
                let event = vote.event.clone();
                self.at(&event, |entry| entry.vote = Some(vote));
            }
            Record::Attested { event, score } => {
                self.at(&event, |entry| entry.outcome = Some(score));
            }
            Record::GivenUp { event } => self.at(&event, |entry| entry.given_up = true),
        }
    }

    fn at(&mut self, event: &str, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.get_mut(event) {
            change(entry);
        }
    }

    /// Cuts the power after so many steps, and so many quarters into a write that is under way then.
    #[cfg(test)]
    pub(super) fn cut_power(&self, steps: usize, quarters: usize) {
        self.disk.power.steps.set(Some(steps));
        self.disk.power.written_quarters.set(quarters);
    }

    fn failed(&self, reason: io::Error) -> BookError {
        BookError::Io { folder: self.folder.clone(), reason }
    }

    fn damaged(&self, reason: &str) -> BookError {
        BookError::Damaged { folder: self.folder.clone(), reason: reason.to_owned() }
    }
}

impl Entry {
    /// Whether it may still be attested.
    pub(super) fn is_open(&self) -> bool {
        self.outcome.is_none() && !self.given_up
    }
}

impl Place {
    fn of(file: &File) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = file.metadata()?;
        // Not every file system knows when a file was made.
        let born = metadata.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        let born_ns = born.and_then(|born| u64::try_from(born.as_nanos()).ok());
        Ok(Self { inode: metadata.ino(), born_ns })
    }
}

fn other_oracle(folder: &Path, expected: XOnlyPublicKey, found: XOnlyPublicKey) -> BookError {
    let folder = folder.to_owned();
    BookError::OtherOracle { folder, expected: Box::new(expected), found: Box::new(found) }
}

fn check(before: &Hash, json: &[u8]) -> Hash {
    Hash::derive(DOMAIN, &[&before.0, json])
}

/// A line's record, where it follows on what was before.
fn parse(before: &Hash, line: &[u8]) -> Option<(Record, Hash)> {
    let line = str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (said, json) = line.split_once(' ')?;
    let check = check(before, json.as_bytes());
    let record = (check.to_string() == said).then(|| serde_json::from_str(json).ok())??;
    Some((record, check))
}
