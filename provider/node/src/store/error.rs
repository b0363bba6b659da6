//! Why the store refuses.

use provider::{Full, ListRefusal};
use shards::Root;
use std::io;
use std::path::{Path, PathBuf};

/// What went wrong with a shard or the disk.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error(
        "the provider's disk is full: reads continue, new bytes wait until its operator makes room"
    )]
    DiskFull,
    /// The slot or the node has no room for this.
    #[error(transparent)]
    Full(#[from] Full),
    /// A list that cannot be signed for.
    #[error(transparent)]
    List(#[from] ListRefusal),
    /// Bytes that are another shard's.
    #[error("the bytes are shard {found}, not {wanted}: send them again under their own root")]
    WrongRoot {
        /// The root they were sent under.
        wanted: Root,
        /// Their root.
        found: Root,
    },
    /// A shard that is not there.
    #[error("shard {0} is not in this slot; put it first")]
    Missing(Root),
    /// A shard that is there and not whole.
    #[error("shard {0} is damaged on the provider's disk; read another slot")]
    Damaged(Root),
    /// A list that speaks of another length than the shard has.
    #[error("shard {root} has {found} bytes, not {wanted}")]
    Length {
        /// Which.
        root: Root,
        /// What the list says.
        wanted: u32,
        /// What is there.
        found: u32,
    },
    /// The slot was given back.
    #[error("the slot is no longer kept here; ask the market who keeps it")]
    Gone,
    /// The node is ending.
    #[error("the provider is stopping; try again when it runs")]
    Stopping,
    /// The file system.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file that says something impossible.
    #[error("{path} is corrupted: {reason}", path = path.display())]
    Corrupted {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl StoreError {
    /// What an operation on `path` failed with; a full disk or quota has its own name.
    pub(crate) fn io(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Io { path: path.clone(), source },
        }
    }
}
