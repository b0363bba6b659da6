//! Where an object's bytes come from, and whether they stayed the same while they were read.

use crate::error::Error;
use crate::file::failed;
use serde::{Deserialize, Serialize};
use shards::compress::PROBE_BYTES;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use types::Bytes;

/// Where an object's bytes come from.
pub enum Source {
    /// A file. An interrupted upload of it can go on.
    File(PathBuf),
    /// A stream of at most so many bytes. It cannot be read twice, so an interrupted upload begins anew.
    Stream {
        /// The bytes.
        reader: Box<dyn Read + Send>,
        /// How many there are at most: room is bought for so many.
        bytes: Bytes,
    },
}

impl Source {
    /// The bytes of a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::File(path.into())
    }

    /// Bytes that are in memory already.
    pub fn bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        let size = Bytes(bytes.as_ref().len() as u64);
        Self::Stream { reader: Box::new(std::io::Cursor::new(bytes)), bytes: size }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "Source::File({})", path.display()),
            Self::Stream { bytes, .. } => write!(f, "Source::Stream({bytes})"),
        }
    }
}

/// By what a file is recognised. A write changes at least the last of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    bytes: u64,
    device: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self {
            bytes: meta.len(),
            device: meta.dev(),
            inode: meta.ino(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// A source that is being read.
pub(crate) struct Opened {
    reader: Box<dyn Read + Send>,
    /// The first bytes, read already to judge whether compression pays.
    head: Vec<u8>,
    head_given: usize,
    size: u64,
    read: u64,
    watched: Option<(File, PathBuf, Stamp)>,
}

impl Opened {
    /// Opens the source and looks at its first bytes.
    pub(crate) fn new(source: Source) -> Result<Self, Error> {
        let (reader, size, watched) = match source {
            Source::Stream { reader, bytes } => (reader, bytes.0, None),
            Source::File(path) => {
                let file = File::open(&path).map_err(failed("open", &path))?;
                let meta = file.metadata().map_err(failed("read", &path))?;
                if !meta.is_file() {
                    return Err(Error::NotAFile(path));
                }
                let stamp = Stamp::of(&meta);
                let again = file.try_clone().map_err(failed("open", &path))?;
                (Box::new(file) as Box<dyn Read + Send>, meta.len(), Some((again, path, stamp)))
            }
        };
        let mut opened = Self { reader, head: Vec::new(), head_given: 0, size, read: 0, watched };
        let mut head = vec![0; PROBE_BYTES];
        let filled = opened.fill(&mut head)?;
        head.truncate(filled);
        opened.head = head;
        Ok(opened)
    }

    /// How many bytes it has, or has at most.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The first bytes.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// By what the file is recognised; nothing for a stream.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.watched.as_ref().map(|(_, _, stamp)| *stamp)
    }

    /// The next bytes into `piece`; 0 at the end, which is reached only with every byte as it should be.
    pub(crate) fn next(&mut self, piece: &mut [u8]) -> Result<usize, Error> {
        let given = if self.head_given < self.head.len() {
            let head = &self.head[self.head_given..];
            let given = head.len().min(piece.len());
            piece[..given].copy_from_slice(&head[..given]);
            self.head_given += given;
            given
        } else {
            self.fill(piece)?
        };
        self.read += given as u64;
        if self.read > self.size {
            return Err(self.grew());
        }
        if given == 0 {
            self.unchanged()?;
        }
        Ok(given)
    }

    fn fill(&mut self, piece: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while filled < piece.len() {
            match self.reader.read(&mut piece[filled..]) {
                Ok(0) => break,
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed("read", self.path())(error)),
            }
        }
        Ok(filled)
    }

    fn path(&self) -> &Path {
        self.watched.as_ref().map_or(Path::new("(stream)"), |(_, path, _)| path)
    }

    fn grew(&self) -> Error {
        match &self.watched {
            Some((_, path, _)) => Error::SourceChanged {
                path: path.clone(),
                how: format!("it had {} bytes and has more now", self.size),
            },
            None => Error::StreamTooLong { bytes: self.size },
        }
    }

    /// At the end: the file is the one that was opened, byte for byte as far as the system tells.
    fn unchanged(&self) -> Result<(), Error> {
        let Some((file, path, before)) = &self.watched else {
            return Ok(());
        };
        let now = Stamp::of(&file.metadata().map_err(failed("read", path))?);
        let how = if self.read != self.size || now.bytes != before.bytes {
            format!("it had {} bytes, and {} came", self.size, self.read.max(now.bytes))
        } else if now != *before {
            "it was written to".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::SourceChanged { path: path.clone(), how })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn drain(opened: &mut Opened, piece: usize) -> Result<Vec<u8>, Error> {
        let (mut all, mut piece) = (Vec::new(), vec![0; piece]);
        loop {
            match opened.next(&mut piece)? {
                0 => return Ok(all),
                bytes => all.extend_from_slice(&piece[..bytes]),
            }
        }
    }

    fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn every_byte_comes_in_order_whatever_the_pieces() {
        let bytes: Vec<u8> =
            (0..200_000_u32).map(|i| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect();
        let file = file_of(&bytes);
        for piece in [1_000, 65_536, 1 << 20] {
            let mut opened = Opened::new(Source::file(file.path())).unwrap();
            assert_eq!(opened.head(), &bytes[..PROBE_BYTES]);
            assert!(drain(&mut opened, piece).unwrap() == bytes);
            let mut opened = Opened::new(Source::bytes(bytes.clone())).unwrap();
            assert!(drain(&mut opened, piece).unwrap() == bytes);
        }
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_detected() {
        let changes: [fn(&mut File); 3] = [
            |file| file.set_len(200_001).unwrap(),
            |file| file.set_len(100_000).unwrap(),
            |file| file.write_all(b"x").unwrap(),
        ];
        for change in changes {
            let file = file_of(&vec![7; 200_000]);
            let mut opened = Opened::new(Source::file(file.path())).unwrap();
            change(&mut File::options().write(true).open(file.path()).unwrap());
            let error = drain(&mut opened, 1000).unwrap_err();
            assert!(matches!(error, Error::SourceChanged { .. }), "{error}");
        }
    }

    #[test]
    fn a_stream_longer_than_declared_is_refused_and_a_shorter_one_is_not() {
        let stream = |declared| Source::Stream {
            reader: Box::new(std::io::repeat(1).take(100_000)),
            bytes: Bytes(declared),
        };
        let mut opened = Opened::new(stream(99_999)).unwrap();
        assert!(matches!(drain(&mut opened, 1000), Err(Error::StreamTooLong { bytes: 99_999 })));
        let mut opened = Opened::new(stream(100_001)).unwrap();
        assert_eq!(drain(&mut opened, 1000).unwrap().len(), 100_000);
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Opened::new(Source::file(dir.path())), Err(Error::NotAFile(_))));
        let error = Opened::new(Source::file(dir.path().join("none"))).err().unwrap().to_string();
        assert!(error.contains("none"), "{error}");
    }
}
