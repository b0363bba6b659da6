//! Group fsync: one thread makes the files of all waiting receipts durable together.

use super::error::StoreError;
use rustix::fs::syncfs;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

/// From so many files on, the whole file system is flushed at once instead of file by file.
const FILES_ONE_BY_ONE: usize = 512;
/// How many requests are served together at most.
const TOGETHER_MAX: usize = 256;

/// An error that several callers are told.
#[derive(Clone)]
struct Failure(io::ErrorKind, String);

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(error.kind(), error.to_string())
    }
}

struct Request {
    dir: PathBuf,
    files: Vec<PathBuf>,
    reply: Sender<Result<(), Failure>>,
}

/// Hands files to the syncing thread.
#[derive(Debug)]
pub(crate) struct Syncer {
    requests: Sender<Request>,
}

impl Syncer {
    /// Starts the thread; it ends with the last handle.
    pub(crate) fn start() -> Result<Self, StoreError> {
        let (requests, received) = channel();
        std::thread::Builder::new()
            .name("fsync".into())
            .spawn(move || serve(&received))
            .map_err(StoreError::io(Path::new("the fsync thread")))?;
        Ok(Self { requests })
    }

    /// Returns once `files` and the directory `dir` they are in are durable.
    pub(crate) fn sync(&self, dir: &Path, files: Vec<PathBuf>) -> Result<(), StoreError> {
        let (reply, answer) = channel();
        let failed = |Failure(kind, reason)| StoreError::io(dir)(io::Error::new(kind, reason));
        let stopped =
            || failed(Failure(io::ErrorKind::Other, "the fsync thread has stopped".into()));
        self.requests.send(Request { dir: dir.to_owned(), files, reply }).map_err(|_| stopped())?;
        match answer.recv() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(failure)) => Err(failed(failure)),
            Err(_) => Err(stopped()),
        }
    }
}

fn serve(requests: &Receiver<Request>) {
    while let Ok(first) = requests.recv() {
        let mut group = vec![first];
        while group.len() < TOGETHER_MAX {
            let Ok(next) = requests.try_recv() else { break };
            group.push(next);
        }
        let files: usize = group.iter().map(|request| request.files.len()).sum();
        if files > FILES_ONE_BY_ONE {
            let flushed = flush_all(&group).map_err(Failure::from);
            for request in group {
                // Whoever stopped waiting does not need the answer.
                let _gone = request.reply.send(flushed.clone());
            }
            continue;
        }
        for request in group {
            let synced = one_by_one(&request).map_err(Failure::from);
            let _gone = request.reply.send(synced);
        }
    }
}

/// Flushes the file system that all slots are on. A slot may have been given back meanwhile, but not the one above it.
fn flush_all(group: &[Request]) -> io::Result<()> {
    let dir = group.first().and_then(|request| request.dir.parent()).unwrap_or(Path::new("."));
    Ok(syncfs(File::open(dir)?)?)
}

fn one_by_one(request: &Request) -> io::Result<()> {
    for file in &request.files {
        File::open(file)?.sync_data()?;
    }
    File::open(&request.dir)?.sync_all()
}
