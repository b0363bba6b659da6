//! A chain's blocks on disk: one file that only grows, in the form of Bitcoin Core's own block files (network's magic, length, block),
//! so that Core's tools read it.

use super::error::DevchainError;
use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::{Block, BlockHash, Network};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The file of blocks, named as Bitcoin Core names its first.
pub const BLOCKS: &str = "blk00000.dat";
/// The file of blocks that were declared invalid, a hash a line.
const INVALID: &str = "invalid.txt";
/// Magic and length.
const HEAD: usize = 8;

/// The open files.
pub(super) struct Log {
    blocks: File,
    /// How far the file of blocks is whole.
    whole: u64,
    invalid: File,
}

/// What the files hold.
pub(super) struct Held {
    pub(super) blocks: Vec<(u64, Block)>,
    pub(super) invalid: BTreeSet<BlockHash>,
    pub(super) path: PathBuf,
}

impl Log {
    /// Opens the files in `folder`, for this process alone. A block whose writing was cut short at the end is dropped.
    pub(super) fn open(folder: &Path) -> Result<(Self, Held), DevchainError> {
        let wrong = |error: io::Error| DevchainError::Folder {
            path: folder.to_owned(),
            reason: error.to_string(),
        };
        std::fs::create_dir_all(folder).map_err(wrong)?;
        let open = |name| {
            let mut options = OpenOptions::new();
            options.read(true).append(true).create(true).open(folder.join(name)).map_err(wrong)
        };
        let (mut blocks, mut invalid) = (open(BLOCKS)?, open(INVALID)?);
        match blocks.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DevchainError::InUse(folder.to_owned())),
            Err(TryLockError::Error(error)) => return Err(wrong(error)),
        }
        let path = folder.join(BLOCKS);
        let mut bytes = vec![];
        blocks.read_to_end(&mut bytes).map_err(wrong)?;
        let (held, whole) = read(&bytes, &path)?;
        if whole < bytes.len() {
            blocks.set_len(whole as u64).map_err(wrong)?;
            blocks.seek(SeekFrom::End(0)).map_err(wrong)?;
        }
        let mut text = String::new();
        invalid.read_to_string(&mut text).map_err(wrong)?;
        let invalid_hashes = text.lines().filter_map(|line| line.parse().ok()).collect();
        Ok((
            Self { blocks, whole: whole as u64, invalid },
            Held { blocks: held, invalid: invalid_hashes, path },
        ))
    }

    /// Writes a block down; it is on the disk when this returns. What could be written in part only is taken back.
    pub(super) fn append(&mut self, block: &Block) -> io::Result<()> {
        let block = serialize(block);
        let length = u32::try_from(block.len()).map_err(io::Error::other)?;
        let mut record = Vec::with_capacity(HEAD + block.len());
        record.extend(Network::Regtest.magic().to_bytes());
        record.extend(length.to_le_bytes());
        record.extend(block);
        let written = self.blocks.write_all(&record).and_then(|()| self.blocks.sync_data());
        match written {
            Ok(()) => self.whole += record.len() as u64,
            Err(_) => self.blocks.set_len(self.whole)?,
        }
        written
    }

    /// Writes down that a block was declared invalid.
    pub(super) fn condemn(&mut self, hash: BlockHash) -> io::Result<()> {
        self.invalid.write_all(format!("{hash}\n").as_bytes())?;
        self.invalid.sync_data()
    }
}

/// The blocks in a file's bytes, each with where it begins, and how far they are whole.
///
/// # Errors
/// [`DevchainError::Damaged`] where something else stands before the end.
fn read(bytes: &[u8], path: &Path) -> Result<(Vec<(u64, Block)>, usize), DevchainError> {
    let (mut blocks, mut at) = (vec![], 0);
    while let Some((head, rest)) = bytes[at..].split_at_checked(HEAD) {
        let damaged = |reason: String| DevchainError::Damaged {
            path: path.to_owned(),
            at: at as u64,
            reason,
        };
        if head[..4] != Network::Regtest.magic().to_bytes() {
            return Err(damaged("regtest's magic is missing".into()));
        }
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let Some(block) = rest.get(..length) else { break };
        blocks.push((at as u64, deserialize(block).map_err(|error| damaged(error.to_string()))?));
        at += HEAD + length;
    }
    Ok((blocks, at))
}

/// The blocks in a development chain's folder, as they were written, without opening the chain.
///
/// # Errors
/// [`DevchainError`] where there is no such file or it is damaged.
pub fn blocks_in(folder: &Path) -> Result<Vec<Block>, DevchainError> {
    let path = folder.join(BLOCKS);
    let bytes = std::fs::read(&path).map_err(|error| DevchainError::Folder {
        path: folder.to_owned(),
        reason: error.to_string(),
    })?;
    let (blocks, _) = read(&bytes, &path)?;
    Ok(blocks.into_iter().map(|(_, block)| block).collect())
}
