//! What was read from each slot and what was paid for it: cumulative, signed every 16 MiB, kept on disk.
//!
//! A request counts when it is made, so that the provider never counts more than we do; if it does all the
//! same (we were cut off before we wrote it down), it says so, and the next voucher is a step higher.

use crate::error::Error;
use crate::file;
use crate::holding::Holding;
use client::plan::Failure;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use tokio::sync::Mutex;
use types::documents::Voucher;
use types::{ContractId, Did, Signer, Verified};

/// A voucher is due for so many bytes.
pub(crate) const STEP_BYTES: u64 = 16 << 20;
/// A provider that says it gave more than we counted is believed so often in one download, and for a step,
/// two, four and eight: what an interrupted download may have left uncounted, and not without end.
const BELIEVED_MAX: u32 = 4;

/// Bytes by slot and provider, as the catalogue keeps them too.
pub(crate) type Counts = BTreeMap<(u16, Did), u64>;

/// Where the counts of one contract are written down between backups.
#[derive(Debug)]
pub(crate) struct TabFile {
    path: PathBuf,
    counts: SyncMutex<Counts>,
    /// Held while the file is written: slots pay at the same time.
    writing: SyncMutex<()>,
}

impl TabFile {
    /// The counts of `contract`: those in the file and those of the catalogue, whichever are higher.
    pub(crate) fn open(dir: &Path, contract: ContractId, paid: &Counts) -> Result<Self, Error> {
        std::fs::create_dir_all(dir).map_err(file::failed("create", dir))?;
        let path = dir.join(format!("{contract}.json"));
        let text = file::read_if_there(&path)?.unwrap_or_default();
        // A file that was cut short counts nothing; the provider remembers.
        let lines: Vec<(u16, Did, u64)> = serde_json::from_slice(&text).unwrap_or_default();
        let mut counts = paid.clone();
        for (slot, provider, bytes) in lines {
            let count = counts.entry((slot, provider)).or_default();
            *count = bytes.max(*count);
        }
        Ok(Self { path, counts: SyncMutex::new(counts), writing: SyncMutex::new(()) })
    }

    /// What was counted so far.
    pub(crate) fn counts(&self) -> Counts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn of(&self, slot: u16, provider: Did) -> u64 {
        self.counts().get(&(slot, provider)).copied().unwrap_or(0)
    }

    fn raise(&self, slot: u16, provider: Did, bytes: u64) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((slot, provider)).or_default();
        *count = bytes.max(*count);
    }

    /// Writes the counts down; not durably, for a provider remembers what it gave.
    fn write(&self) {
        let _one_by_one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<(u16, Did, u64)> = self
            .counts()
            .into_iter()
            .map(|((slot, provider), bytes)| (slot, provider, bytes))
            .collect();
        let text = serde_json::to_vec(&lines).expect("numbers and names can be written");
        let fresh = file::beside(&self.path, ".new");
        let written =
            std::fs::write(&fresh, text).and_then(|()| std::fs::rename(&fresh, &self.path));
        if let Err(error) = written {
            tracing::warn!(%error, path = %self.path.display(), "cannot write down what was read");
        }
    }
}

/// What is owed to one slot's provider.
#[derive(Clone, Copy, Debug)]
struct Owed {
    /// Bytes that were asked for, ever.
    read: u64,
    /// Bytes that the last voucher covers.
    paid: u64,
    /// How often the provider's count was believed over ours.
    believed: u32,
}

/// One slot's tab.
pub(crate) struct Tab {
    holding: Holding,
    signer: Arc<dyn Signer>,
    file: Arc<TabFile>,
    owed: Mutex<Owed>,
}

impl Tab {
    /// The tab at the keeper of `holding`.
    pub(crate) fn new(holding: Holding, signer: Arc<dyn Signer>, file: Arc<TabFile>) -> Self {
        let read = file.of(holding.slot, holding.provider);
        Self { holding, signer, file, owed: Mutex::new(Owed { read, paid: read, believed: 0 }) }
    }

    /// Counts `bytes` about to be read, and pays first when a step is full; gives what is paid by then.
    pub(crate) async fn order(&self, bytes: u64) -> Result<u64, Failure> {
        let mut owed = self.owed.lock().await;
        if owed.read - owed.paid + bytes > STEP_BYTES {
            self.pay(&mut owed).await?;
        }
        owed.read = owed.read.saturating_add(bytes);
        self.file.raise(self.holding.slot, self.holding.provider, owed.read);
        Ok(owed.paid)
    }

    /// The provider wants a voucher although `paid` was paid before: it counted more than we did, or has lost
    /// the last one. Gives what is paid now; where another request has paid meanwhile, nothing more is.
    pub(crate) async fn dunned(&self, paid: u64) -> Result<u64, Failure> {
        let mut owed = self.owed.lock().await;
        if owed.paid > paid {
            return Ok(owed.paid);
        }
        if owed.paid == owed.read {
            if owed.believed == BELIEVED_MAX {
                let reason = "it asks to be paid for more than was read from it".to_owned();
                return Err(Failure::Lasting(reason));
            }
            owed.read = owed.read.saturating_add(STEP_BYTES << owed.believed);
            owed.believed += 1;
        }
        self.pay(&mut owed).await?;
        Ok(owed.paid)
    }

    /// Pays what is open, at the end.
    pub(crate) async fn settle(&self) -> Result<(), Failure> {
        let mut owed = self.owed.lock().await;
        if owed.read == owed.paid { Ok(()) } else { self.pay(&mut owed).await }
    }

    async fn pay(&self, owed: &mut Owed) -> Result<(), Failure> {
        let Holding { slot, provider, client } = &self.holding;
        let voucher = Voucher {
            client: self.signer.did(),
            provider: *provider,
            contract: client.pass().contract(),
            slot: *slot,
            bytes: owed.read,
        };
        let voucher = Verified::sign(voucher, &*self.signer).expect("the voucher names its signer");
        self.file.raise(*slot, *provider, owed.read);
        self.file.write();
        client.pay(voucher.signed()).await.map_err(|error| super::fetch::failure(&error))?;
        owed.paid = owed.read;
        Ok(())
    }
}
