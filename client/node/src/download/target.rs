//! Where an object's bytes go: a file that appears whole, or a stream.

use crate::error::Error;
use crate::file::{self, failed};
use client::ObjectRecord;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use types::Hash;

/// How much of a file is read at a time to hash it.
const PIECE_BYTES: usize = 256 << 10;

/// Where an object's bytes go.
pub enum Target {
    /// A file. It appears (or is replaced) whole when the last byte is there; an interrupted download of it
    /// goes on where it was.
    File(PathBuf),
    /// A stream. What was written to it before an error is the object's beginning.
    Stream(Box<dyn Write + Send>),
}

impl Target {
    /// A file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::File(path.into())
    }

    /// A stream.
    pub fn stream(writer: impl Write + Send + 'static) -> Self {
        Self::Stream(Box::new(writer))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "Target::File({})", path.display()),
            Self::Stream(_) => f.write_str("Target::Stream"),
        }
    }
}

/// Takes the object's bytes in order, and knows their hash.
pub(crate) struct Sink {
    writer: Box<dyn Write + Send>,
    /// The unfinished file and where it belongs.
    part: Option<(File, PathBuf, PathBuf)>,
    hasher: blake3::Hasher,
}

impl Sink {
    /// Opens the target, with what an interrupted download of the same object left there.
    ///
    /// # Errors
    /// [`Error::DownloadRunning`] where another process is at it.
    pub(crate) fn open(target: Target, object: &ObjectRecord) -> Result<Self, Error> {
        let path = match target {
            Target::Stream(writer) => {
                return Ok(Self { writer, part: None, hasher: blake3::Hasher::new() });
            }
            Target::File(path) => path,
        };
        // The object's hash is in the name, so that another object's beginning is never continued.
        let part = file::beside(&path, &format!(".{}.part", object.hash.short()));
        let open = File::options().create(true).truncate(false).read(true).write(true).open(&part);
        let mut file = open.map_err(failed("create", &part))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::DownloadRunning(path)),
            Err(TryLockError::Error(error)) => return Err(failed("lock", &part)(error)),
        }
        let hasher = hash_of(&mut file, &part, object.layout.plain_bytes)?;
        let writer = file.try_clone().map_err(failed("open", &part))?;
        Ok(Self { writer: Box::new(writer), part: Some((file, part, path)), hasher })
    }

    /// How many bytes are there.
    pub(crate) fn bytes(&self) -> u64 {
        self.hasher.count()
    }

    /// What a decoder that writes here failed with, in this sink's words where it was this sink that failed.
    pub(crate) fn failure(&self, error: shards::Error) -> Error {
        match error {
            shards::Error::Output { kind, text } => {
                failed("write", self.path())(io::Error::new(kind, text))
            }
            other => other.into(),
        }
    }

    /// Forgets what is there: it is not the object's beginning.
    pub(crate) fn restart(&mut self) -> Result<(), Error> {
        if let Some((file, part, _)) = &mut self.part {
            file.set_len(0).map_err(failed("write", part))?;
            file.seek(SeekFrom::Start(0)).map_err(failed("write", part))?;
        }
        self.hasher = blake3::Hasher::new();
        Ok(())
    }

    /// Whether what is there is `hash`'s.
    pub(crate) fn is(&self, hash: Hash) -> bool {
        Hash(self.hasher.finalize().into()) == hash
    }

    /// Ends: the file appears under its name.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        self.writer.flush().map_err(failed("write", self.path()))?;
        if let Some((file, part, path)) = &self.part {
            file.sync_all().map_err(failed("write", part))?;
            file::rename_durably(part, path)?;
        }
        Ok(())
    }

    fn path(&self) -> &Path {
        self.part.as_ref().map_or(Path::new("(stream)"), |(_, part, _)| part)
    }
}

/// A decoder writes here piece by piece, so that no whole segment of what compresses well is in memory.
impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write_all(bytes)?;
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Hashes what a file holds, of which at most `bytes_max` can be right, and stays at its end.
fn hash_of(file: &mut File, path: &Path, bytes_max: u64) -> Result<blake3::Hasher, Error> {
    let there = file.metadata().map_err(failed("read", path))?.len();
    if there > bytes_max {
        file.set_len(0).map_err(failed("write", path))?;
    }
    let (mut hasher, mut piece) = (blake3::Hasher::new(), vec![0; PIECE_BYTES]);
    loop {
        match file.read(&mut piece).map_err(failed("read", path))? {
            0 => return Ok(hasher),
            bytes => hasher.update(&piece[..bytes]),
        };
    }
}
