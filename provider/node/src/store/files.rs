//! The files of a slot: their names, and how one is read.

use super::error::StoreError;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use shards::{Entry, Root, SlotList, outboard};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// The lease's file.
pub(super) const LEASE: &str = "slot.json";
/// The file of the client's highest voucher.
pub(super) const VOUCHER: &str = "voucher.jws";
/// What ends the name of a voucher's file.
pub(super) const JWS: &str = "jws";
/// What ends the name of a shard's file.
pub(super) const SHARD: &str = "shard";
/// What ends the name of a list's file.
pub(super) const LIST: &str = "list";
/// What ends the name of a file that is not whole yet.
pub(super) const PART: &str = "part";

/// The file of a guest's highest voucher.
pub(super) fn guests_voucher(guest: &types::Did) -> String {
    format!("voucher-{}.{JWS}", types::Hash(guest.0))
}

/// The name of a root's file.
pub(super) fn name(root: &Root, kind: &str) -> String {
    format!("{root}.{kind}")
}

/// What a file in a slot's directory is, by its name.
pub(super) fn kind(path: &Path) -> (Option<&str>, Option<Root>) {
    let root = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
    (path.extension().and_then(|extension| extension.to_str()), root)
}

/// A file's bytes; nothing where they are lost. What the system cannot do right now is no loss.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if is_loss(&error) => Ok(None),
        Err(error) => Err(StoreError::io(path)(error)),
    }
}

fn is_loss(error: &io::Error) -> bool {
    let is_unreadable = error.raw_os_error() == Some(Errno::IO.raw_os_error());
    is_unreadable || error.kind() == io::ErrorKind::NotFound
}

/// The content's length, where the file is as long as content, outboard and trailer are together.
pub(super) fn trailer(whole: &[u8]) -> Option<u32> {
    let len = u32::from_le_bytes(*whole.last_chunk::<4>()?);
    (whole.len() as u64 == file_len(len)).then_some(len)
}

/// As [`trailer`], read from the end of a file.
pub(super) fn content_len(path: &Path) -> Result<Option<u32>, StoreError> {
    let failed = StoreError::io(path);
    let mut file = File::open(path).map_err(&failed)?;
    let whole = file.metadata().map_err(&failed)?.len();
    if whole < 4 {
        return Ok(None);
    }
    let mut tail = [0; 4];
    file.seek(SeekFrom::End(-4)).map_err(&failed)?;
    file.read_exact(&mut tail).map_err(&failed)?;
    let len = u32::from_le_bytes(tail);
    Ok((whole == file_len(len)).then_some(len))
}

fn file_len(content: u32) -> u64 {
    u64::from(content) + outboard::len(content) as u64 + 4
}

/// A list's file: the latest revision that a receipt was signed for, and the shards.
#[derive(Serialize, Deserialize)]
struct Written {
    revision: u64,
    entries: Vec<Entry>,
}

/// What a list's file holds.
pub(super) fn encode_list(revision: u64, list: &SlotList) -> Vec<u8> {
    let written = Written { revision, entries: list.entries().to_vec() };
    postcard::to_stdvec(&written).expect("entries always encode")
}

/// The list behind a file, and its revision.
pub(super) fn read_list(path: &Path, root: Root) -> Result<(u64, SlotList), StoreError> {
    let corrupted = |reason: String| StoreError::Corrupted { path: path.to_owned(), reason };
    let bytes = std::fs::read(path).map_err(StoreError::io(path))?;
    let written: Written =
        postcard::from_bytes(&bytes).map_err(|error| corrupted(error.to_string()))?;
    let list = SlotList::new(written.entries);
    if list.root() == root {
        return Ok((written.revision, list));
    }
    Err(corrupted(format!("its root is {}", list.root())))
}
