//! What an upload must remember to go on after it was interrupted, or to know that it must not.
//!
//! Two files for each name: the plan, written once before money moves, and the segments' roots, each written
//! before the first of its shards is sent. An upload that goes on cuts the file again, with the same key; a
//! segment whose roots are others than before is not sent, for a key must never seal two texts.

use super::source::Stamp;
use crate::error::Error;
use crate::file::{self, failed};
use client::{ObjectName, WrappedKey};
use serde::{Deserialize, Serialize};
use shards::{Cipher, Root, SegmentLayout};
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use types::{ContractId, Hash, Signed, Terms};

/// How an object is being uploaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UploadPlan {
    /// What it is to be called.
    pub(crate) name: ObjectName,
    /// The file it comes from; nothing for a stream.
    pub(crate) stamp: Option<Stamp>,
    /// What was asked for.
    pub(crate) terms: Terms,
    /// Under which contract.
    pub(crate) contract: ContractId,
    /// The market's quote and our acceptance, which made the contract; nothing for one that was there.
    pub(crate) agreed: Option<(Signed, Signed)>,
    /// The object's key.
    pub(crate) wrapped: WrappedKey,
    /// What seals it.
    pub(crate) cipher: Cipher,
    /// Whether it is compressed.
    pub(crate) compress: bool,
}

/// The journal of one upload, held by this process alone.
#[derive(Debug)]
pub(crate) struct Journal {
    plan_path: PathBuf,
    segments: File,
    path: PathBuf,
    /// Segments that were written down by an earlier run.
    known: Vec<SegmentLayout>,
    noted: usize,
}

impl Journal {
    /// Opens the journal of `name`, with the plan of an earlier run where there is one.
    ///
    /// # Errors
    /// [`Error::UploadRunning`] where another process is at it.
    pub(crate) fn open(dir: &Path, name: &ObjectName) -> Result<(Self, Option<UploadPlan>), Error> {
        fs::create_dir_all(dir).map_err(failed("create", dir))?;
        let parts = [name.bucket.as_bytes(), name.name.as_bytes()];
        let stem = dir.join(Hash::derive("bondstore 2026 upload journal", &parts).to_string());
        let (plan_path, path) = (file::beside(&stem, ".json"), file::beside(&stem, ".segments"));
        let segments = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .append(true)
            .open(&path)
            .map_err(failed("open", &path))?;
        match segments.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::UploadRunning(name.clone())),
            Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
        }
        let mut journal = Self { plan_path, segments, path, known: Vec::new(), noted: 0 };
        let plan = journal.earlier_plan()?;
        Ok((journal, plan))
    }

    /// The first segment that an earlier run wrote down.
    pub(crate) fn first_known(&self) -> Option<&SegmentLayout> {
        self.known.first()
    }

    /// Begins the upload that `plan` describes. Whatever was there before is forgotten.
    pub(crate) fn begin(&mut self, plan: &UploadPlan) -> Result<(), Error> {
        self.known.clear();
        self.noted = 0;
        self.segments.set_len(0).map_err(failed("write", &self.path))?;
        let text = serde_json::to_vec_pretty(plan).expect("a plan has only string keys");
        file::write_whole(&self.plan_path, &text)
    }

    /// Writes down the next segment before it is sent.
    ///
    /// # Errors
    /// [`Error::OtherBytes`] where an earlier run cut another segment in its place.
    pub(crate) fn note(&mut self, segment: &SegmentLayout) -> Result<(), Error> {
        let place = self.noted;
        self.noted += 1;
        match self.known.get(place) {
            Some(known) if known == segment => Ok(()),
            Some(_) => Err(Error::OtherBytes { segment: place as u64 }),
            None => self.segments.write_all(&record(segment)).map_err(failed("write", &self.path)),
        }
    }

    /// The upload is over, one way or the other: nothing of it need be remembered.
    pub(crate) fn end(&self) -> Result<(), Error> {
        file::remove_if_there(&self.plan_path)?;
        file::remove_if_there(&self.path)
    }

    /// A plan that cannot be read is as good as none: its contract expires and its money comes back.
    fn earlier_plan(&mut self) -> Result<Option<UploadPlan>, Error> {
        let Some(text) = file::read_if_there(&self.plan_path)? else {
            return Ok(None);
        };
        let Ok(plan) = serde_json::from_slice::<UploadPlan>(&text) else {
            return Ok(None);
        };
        let bytes = fs::read(&self.path).map_err(failed("read", &self.path))?;
        let slots = usize::from(plan.terms.redundancy.slots());
        self.known = records(&bytes, slots);
        let whole = self.known.len() * record_bytes(slots);
        self.segments.set_len(whole as u64).map_err(failed("write", &self.path))?;
        Ok(Some(plan))
    }
}

/// A segment's record: the length of its shards, then their roots.
fn record(segment: &SegmentLayout) -> Vec<u8> {
    let mut record = segment.shard_bytes.to_le_bytes().to_vec();
    segment.roots.iter().for_each(|root| record.extend_from_slice(&root.0));
    record
}

const fn record_bytes(slots: usize) -> usize {
    4 + 32 * slots
}

/// The whole records among `bytes`; what a crash cut short is left out.
fn records(bytes: &[u8], slots: usize) -> Vec<SegmentLayout> {
    let read = |record: &[u8]| {
        let (length, roots) = record.split_first_chunk::<4>()?;
        let roots = roots.as_chunks::<32>().0.iter().map(|root| Root(*root)).collect();
        Some(SegmentLayout { shard_bytes: u32::from_le_bytes(*length), roots })
    };
    bytes.chunks_exact(record_bytes(slots)).filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{Bytes, Span};

    fn name() -> ObjectName {
        ObjectName::new("a").unwrap()
    }

    fn plan() -> UploadPlan {
        UploadPlan {
            name: name(),
            stamp: None,
            terms: Terms::standard(Bytes(1), Span::DAY),
            contract: Hash::default(),
            agreed: Some((Signed("q".into()), Signed("a".into()))),
            wrapped: WrappedKey(vec![1]),
            cipher: Cipher::Aes256Gcm,
            compress: false,
        }
    }

    fn segment(number: u8) -> SegmentLayout {
        SegmentLayout { shard_bytes: 64, roots: vec![Root([number; 32]); 6] }
    }

    #[test]
    fn an_upload_goes_on_with_the_segments_it_had() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, none) = Journal::open(dir.path(), &name()).unwrap();
        assert_eq!(none, None);
        journal.begin(&plan()).unwrap();
        journal.note(&segment(1)).unwrap();
        journal.note(&segment(2)).unwrap();
        journal.segments.write_all(b"cut short").unwrap();
        drop(journal);

        let (mut journal, again) = Journal::open(dir.path(), &name()).unwrap();
        assert_eq!(again, Some(plan()));
        journal.note(&segment(1)).unwrap();
        assert!(matches!(journal.note(&segment(9)), Err(Error::OtherBytes { segment: 1 })));
        journal.note(&segment(3)).unwrap();
        drop(journal);

        let (journal, _) = Journal::open(dir.path(), &name()).unwrap();
        assert_eq!(journal.known, [segment(1), segment(2), segment(3)]);
        journal.end().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_process_at_a_time_uploads_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let first = Journal::open(dir.path(), &name()).unwrap();
        assert!(matches!(Journal::open(dir.path(), &name()), Err(Error::UploadRunning(_))));
        assert!(Journal::open(dir.path(), &ObjectName::new("b").unwrap()).is_ok());
        drop(first);
        assert!(Journal::open(dir.path(), &name()).is_ok());
    }
}
