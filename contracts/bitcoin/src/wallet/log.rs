//! What a wallet must not forget, as lines of JSON in one file: each is durable before anyone hears of it.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Why the file does not serve.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk refuses.
    #[error("{path}: {source}")]
    Disk {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("{0} is in use by another process; a wallet is opened by one at a time")]
    InUse(PathBuf),
    /// A line that was not written here.
    #[error("{path}, line {line}: {reason}; restore the file from a backup")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// A file of records that only grows, open to one process.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    /// What it was before it was made anew: locked on, so that nobody who had it open takes it for the file.
    before: Option<File>,
}

impl Log {
    /// Opens or makes the file, and reads what it holds. A last line without its end was never acknowledged, and is dropped.
    pub fn open<R: DeserializeOwned>(path: &Path) -> Result<(Self, Vec<R>), LogError> {
        let disk = |source| LogError::Disk { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).open(path).map_err(disk)?;
        file.try_lock().map_err(|_| LogError::InUse(path.to_owned()))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(disk)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let records = read(path, &text[..whole])?;
        if whole < text.len() {
            file.set_len(whole as u64).and_then(|()| file.sync_all()).map_err(disk)?;
        }
        file.seek(SeekFrom::End(0)).map_err(disk)?;
        let log = Self { path: path.to_owned(), file, before: None };
        log.sync_folder()?;
        Ok((log, records))
    }

    /// Adds a record; it is durable when this returns. Where the disk refuses, nothing of it stays.
    pub fn append<R: Serialize>(&mut self, record: &R) -> Result<(), LogError> {
        let length = self.file.metadata().map_err(|source| self.disk(source))?.len();
        let written = serde_json::to_vec(record).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.file.write_all(&line)?;
            self.file.sync_data()
        });
        written.map_err(|source| {
            // A part of a line that stays behind all the same is dropped when the file is opened next.
            let _ = self.file.set_len(length);
            self.disk(source)
        })
    }

    /// How long it is.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn bytes(&self) -> Result<u64, LogError> {
        Ok(self.file.metadata().map_err(|source| self.disk(source))?.len())
    }

    /// Holds `records` and nothing else from now on. After a crash at any step the file has all of what it had, or all of these.
    ///
    /// # Errors
    /// Where the disk refuses; then it is as it was.
    pub fn rewrite<R: Serialize>(&mut self, records: &[R]) -> Result<(), LogError> {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let new = PathBuf::from(name);
        let written = || -> io::Result<File> {
            let mut options = OpenOptions::new();
            let mut file = options.read(true).append(true).create(true).open(&new)?;
            // Whoever opens it once it is in place must find it in use.
            file.try_lock().map_err(io::Error::from)?;
            file.set_len(0)?;
            for record in records {
                let mut line = serde_json::to_vec(record)?;
                line.push(b'\n');
                file.write_all(&line)?;
            }
            file.sync_all()?;
            std::fs::rename(&new, &self.path)?;
            Ok(file)
        };
        let file = written().map_err(|source| self.disk(source))?;
        self.before = Some(std::mem::replace(&mut self.file, file));
        self.sync_folder()
    }

    /// A file that is new must be found again after a crash.
    fn sync_folder(&self) -> Result<(), LogError> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new("."))).and_then(|f| f.sync_all());
        folder.map_err(|source| self.disk(source))
    }

    fn disk(&self, source: io::Error) -> LogError {
        LogError::Disk { path: self.path.clone(), source }
    }
}

fn read<R: DeserializeOwned>(path: &Path, text: &[u8]) -> Result<Vec<R>, LogError> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .zip(1..)
        .map(|(line, number)| {
            serde_json::from_slice(line).map_err(|error| LogError::Unreadable {
                path: path.to_owned(),
                line: number,
                reason: error.to_string(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_appended_is_there_again_and_a_torn_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (mut log, none) = Log::open::<u32>(&path).unwrap();
        assert!(none.is_empty());
        for record in [1, 22, 333] {
            log.append(&record).unwrap();
        }
        drop(log);
        let whole = std::fs::read(&path).unwrap();
        for (length, expected) in
            [(9, vec![1, 22, 333]), (8, vec![1, 22]), (6, vec![1, 22]), (1, vec![])]
        {
            std::fs::write(&path, &whole[..length]).unwrap();
            let (mut log, records) = Log::open::<u32>(&path).unwrap();
            assert_eq!(records, expected, "{length} bytes");
            log.append(&4444).unwrap();
            drop(log);
            let (_, records) = Log::open::<u32>(&path).unwrap();
            assert_eq!(records, [&expected[..], &[4444]].concat(), "{length} bytes");
        }
    }

    #[test]
    fn a_crash_while_it_is_made_anew_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (folder.path().join("log"), folder.path().join("log.new"));
        let (mut log, _) = Log::open::<u32>(&path).unwrap();
        for record in [1, 22, 333] {
            log.append(&record).unwrap();
        }
        log.rewrite(&[22, 333]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        assert_eq!((whole.as_slice(), log.bytes().unwrap()), (&b"22\n333\n"[..], 7));
        assert!(!new.exists());
        assert!(matches!(Log::open::<u32>(&path), Err(LogError::InUse(_))), "it is in use still");
        log.append(&4444).unwrap();
        drop(log);
        for length in 0..=whole.len() {
            // It ended before the new file was in the place of the old.
            std::fs::write(&new, &whole[..length]).unwrap();
            let (mut log, records) = Log::open::<u32>(&path).unwrap();
            assert_eq!(records, [22, 333, 4444], "{length} bytes");
            log.rewrite(&records).unwrap();
            drop(log);
            assert_eq!(Log::open::<u32>(&path).unwrap().1, [22, 333, 4444]);
        }
    }

    #[test]
    fn a_line_of_something_else_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "1\ntwo\n").unwrap();
        let refused = Log::open::<u32>(&path).unwrap_err();
        assert!(matches!(refused, LogError::Unreadable { line: 2, .. }), "{refused}");
    }

    #[test]
    fn one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let first = Log::open::<u32>(&path).unwrap();
        assert!(matches!(Log::open::<u32>(&path), Err(LogError::InUse(_))));
        drop(first);
        assert!(Log::open::<u32>(&path).is_ok());
    }
}
