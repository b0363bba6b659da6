//! A market's whole database in one file, written while the market runs, and put back into either database.
//!
//! The file is a line that says what it is, then frames. Each frame is its length, its content in postcard, and
//! a hash over the content and the hash of the frame before. The last frame says that it is the last, so that a
//! file which is cut off or changed anywhere is refused.

use crate::error::OpenError;
use crate::replay::{self, JournalReport};
use crate::store::copy::{TABLES, Table};
use crate::store::driver::Value;
use crate::store::{Place, Store, StoreError};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use types::Hash;

/// What the file begins with.
const MAGIC: &[u8] = b"bondstore market backup 1\n";
/// What frames are hashed under.
const FRAME: &str = "bondstore 2026 market backup frame";
/// Bytes of a hash.
const HASH_BYTES: usize = 32;

/// Why a backup cannot be written or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file.
    #[error("{path}: {source}; check that the file may be read or written and that there is room")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is there already.
    #[error("{0} is there already; name a file that is not")]
    Exists(PathBuf),
    /// The file is damaged, or is none.
    #[error(
        "{path} is no whole backup: {reason}, at frame {frame}; nothing was restored, take another copy"
    )]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Where.
        frame: u64,
        /// What was found.
        reason: String,
    },
    /// What it restores is not sound.
    #[error("{0} holds a journal that is not sound; nothing was restored, take another copy")]
    Unsound(PathBuf),
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        Self::Open(OpenError::Database(error))
    }
}

/// What a frame holds.
#[derive(Debug, Serialize, Deserialize)]
enum Frame {
    Begin { schema: u64, genesis: String, epoch_opened: i64, term: u64 },
    Rows { table: String, rows: Vec<Vec<Value>> },
    End { rows: u64 },
}

/// Writes one moment of a market's database to a new file; the market may run meanwhile. How many rows it holds.
///
/// # Errors
/// [`BackupError`]; the file is removed then.
pub fn back_up(place: impl Into<Place>, path: &Path) -> Result<u64, BackupError> {
    let store = Store::open_for_reading(&place.into())?;
    store.check_own_schema()?;
    store.freeze()?;
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::AlreadyExists => BackupError::Exists(path.to_owned()),
        _ => BackupError::File { path: path.to_owned(), source },
    };
    let file = File::create_new(path).map_err(failed)?;
    let written = write(&store, path, file);
    if written.is_err() {
        // The error that matters is the one that stopped the backup.
        let _ = std::fs::remove_file(path);
    }
    written
}

fn write(store: &Store, path: &Path, file: File) -> Result<u64, BackupError> {
    let failed = |source| BackupError::File { path: path.to_owned(), source };
    let mut out = Frames { file: BufWriter::new(file), before: Hash::of(MAGIC) };
    out.file.write_all(MAGIC).map_err(failed)?;
    let begin = Frame::Begin {
        schema: Store::SCHEMA,
        genesis: store.genesis()?,
        epoch_opened: store.epoch_opened()?.0,
        term: store.writer()?.term,
    };
    out.add(&begin).map_err(failed)?;
    let mut count = 0;
    for table in &TABLES {
        store.copy(table, |rows| {
            count += rows.len() as u64;
            out.add(&Frame::Rows { table: table.name.to_owned(), rows }).map_err(failed)
        })?;
    }
    out.add(&Frame::End { rows: count }).map_err(failed)?;
    let file = out.file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok(count)
}

struct Frames<F> {
    file: F,
    /// The hash of the frame before.
    before: Hash,
}

impl<F: Write> Frames<F> {
    fn add(&mut self, frame: &Frame) -> std::io::Result<()> {
        let content = postcard::to_stdvec(frame).map_err(std::io::Error::other)?;
        self.before = Hash::derive(FRAME, &[&self.before.0, &content]);
        self.file.write_all(&(content.len() as u64).to_le_bytes())?;
        self.file.write_all(&content)?;
        self.file.write_all(&self.before.0)
    }
}

impl<F: Read> Frames<F> {
    fn next(&mut self) -> Result<Frame, String> {
        let cut_off = |_| "it is cut off".to_owned();
        let mut length = [0; 8];
        self.file.read_exact(&mut length).map_err(cut_off)?;
        let length = u64::from_le_bytes(length);
        // What is not there is not made room for.
        let mut content = Vec::new();
        let read = self.file.by_ref().take(length).read_to_end(&mut content).map_err(cut_off)?;
        if read as u64 != length {
            return Err("it is cut off, or a length is changed".to_owned());
        }
        let mut hash = [0; HASH_BYTES];
        self.file.read_exact(&mut hash).map_err(cut_off)?;
        let found = Hash::derive(FRAME, &[&self.before.0, &content]);
        if found.0 != hash {
            return Err("its content is not what was hashed".to_owned());
        }
        self.before = found;
        postcard::from_bytes(&content).map_err(|error| error.to_string())
    }
}

/// Puts a backup back into an empty place and verifies the journal there, from the genesis on.
///
/// # Errors
/// [`BackupError`]; nothing of it stays then.
pub fn restore(path: &Path, place: impl Into<Place>) -> Result<JournalReport, BackupError> {
    let place = place.into();
    let failed = |source| BackupError::File { path: path.to_owned(), source };
    let mut reader = Reader {
        path,
        frames: Frames {
            file: BufReader::new(File::open(path).map_err(failed)?),
            before: Hash::of(MAGIC),
        },
        number: 0,
    };
    let (genesis, epoch_opened, term) = reader.begin()?;
    if let Place::Directory(dir) = &place {
        std::fs::create_dir_all(dir)
            .map_err(|source| OpenError::Directory { path: dir.clone(), source })?;
    }
    let store = Store::begin_restore(&place, &genesis)?;
    let restored = reader.fill(&store).and_then(|()| {
        let report = replay::verify(&store)?;
        if !report.is_sound() {
            return Err(BackupError::Unsound(path.to_owned()));
        }
        store.finish_restore(epoch_opened, term)?;
        Ok(report)
    });
    drop(store);
    if restored.is_err()
        && let Some(file) = place.file()
    {
        // The transaction was not committed: what is left is an empty file of this restore's own.
        for file in [file.clone(), file.with_extension("db-wal"), file.with_extension("db-shm")] {
            let _ = std::fs::remove_file(file);
        }
    }
    restored
}

struct Reader<'a> {
    path: &'a Path,
    frames: Frames<BufReader<File>>,
    number: u64,
}

impl Reader<'_> {
    fn damaged(&self, reason: impl Into<String>) -> BackupError {
        let (path, frame) = (self.path.to_owned(), self.number);
        BackupError::Damaged { path, frame, reason: reason.into() }
    }

    fn next(&mut self) -> Result<Frame, BackupError> {
        self.number += 1;
        self.frames.next().map_err(|reason| self.damaged(reason))
    }

    /// The genesis, when the open epoch began, and the writer's term.
    fn begin(&mut self) -> Result<(String, i64, u64), BackupError> {
        let mut magic = vec![0; MAGIC.len()];
        let begins = self.frames.file.read_exact(&mut magic).is_ok() && magic == MAGIC;
        if !begins {
            return Err(self.damaged("it does not begin as one"));
        }
        match self.next()? {
            Frame::Begin { schema, genesis, epoch_opened, term } => {
                let expected = Store::SCHEMA;
                if schema == expected {
                    return Ok((genesis, epoch_opened, term));
                }
                let reason = format!(
                    "it was written with schema {schema}, this program restores schema {expected}"
                );
                Err(self.damaged(reason))
            }
            _ => Err(self.damaged("its first frame is another")),
        }
    }

    /// Puts every row into `store`.
    fn fill(&mut self, store: &Store) -> Result<(), BackupError> {
        let mut count = 0;
        loop {
            match self.next()? {
                Frame::Rows { table, rows } => {
                    count += rows.len() as u64;
                    let found = TABLES.iter().find(|known: &&Table| known.name == table);
                    let Some(table) = found else {
                        return Err(self.damaged(format!("the table {table:?} is unknown")));
                    };
                    store.put(table, &rows)?;
                }
                Frame::End { rows } if rows == count => return self.ended(),
                Frame::End { rows } => {
                    return Err(self.damaged(format!("{count} rows where {rows} belong")));
                }
                Frame::Begin { .. } => return Err(self.damaged("a second beginning")),
            }
        }
    }

    /// Nothing follows the last frame.
    fn ended(&mut self) -> Result<(), BackupError> {
        match self.frames.file.read(&mut [0; 1]) {
            Ok(0) => Ok(()),
            _ => Err(self.damaged("something follows its end")),
        }
    }
}

/// Changes the layout of an older database's tables to this program's; from and to which schema.
///
/// Others read meanwhile and afterwards, also older programs that run already; those write no more.
///
/// # Errors
/// [`OpenError`], for example where the database is a newer program's.
pub fn migrate(place: impl Into<Place>) -> Result<(u64, u64), OpenError> {
    Store::migrate(&place.into())
}
