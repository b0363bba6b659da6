//! What the data plane, the stream and the workers share.

use crate::beacons::{BeaconError, Beacons, unread};
use crate::prices::Prices;
use crate::settings::Settings;
use crate::settlement::Settlement;
use crate::store::{Purse, Room, SlotKey, Store, StoreError};
use network::api::BeaconInfo;
use network::auth::Doorkeeper;
use network::endpoint::PlainHttp;
use network::market_api::MarketClient;
use shards::{Entry, Root, SlotSummary};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use types::documents::{Challenge, SlotSize, StorageReceipt};
use types::{Did, Document, Hash, SecretKey, Signer, Verified};

/// How many shards of at most 4 MiB are in memory at once on their way in, and as many on their way out.
const IN_FLIGHT: usize = 16;
/// How long it may take to learn what opened a challenge's epoch.
const BEACON_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

/// What is known to be damaged, slot by slot.
pub(crate) type Damage = BTreeMap<SlotKey, BTreeSet<Root>>;

/// The running node.
pub(crate) struct Node {
    pub(crate) did: Did,
    pub(crate) key: SecretKey,
    /// Its data directory.
    pub(crate) data: PathBuf,
    pub(crate) settings: Settings,
    pub(crate) plain: PlainHttp,
    pub(crate) market: MarketClient,
    /// The market's beacons, as far as they were followed.
    pub(crate) beacons: tokio::sync::Mutex<Beacons>,
    /// What they follow from, as the market said last.
    pub(crate) founding: Mutex<Option<BeaconInfo>>,
    /// What it asks.
    pub(crate) prices: Prices,
    pub(crate) store: Store,
    /// The treasurer beside it, where there is one.
    pub(crate) settlement: Option<Settlement>,
    pub(crate) doorkeeper: Doorkeeper,
    /// Ends every worker.
    pub(crate) stop: CancellationToken,
    /// The data directory's lock, until the node is stopped; work on the disk holds it to its own end.
    lock: Mutex<Option<Arc<File>>>,
    pub(crate) writes: Arc<Semaphore>,
    pub(crate) reads: Arc<Semaphore>,
    /// Whose vouchers for which slot the market has not taken yet.
    unredeemed: Mutex<BTreeSet<Purse>>,
    /// Damage that is to be confessed.
    damage: Mutex<Damage>,
    /// Something waits to be told the market.
    pub(crate) news: Notify,
}

impl Node {
    pub(crate) fn new(
        key: SecretKey,
        settings: Settings,
        (plain, market, prices): (PlainHttp, MarketClient, Prices),
        (data, store, beacons, lock): (PathBuf, Store, Beacons, File),
        settlement: Option<Settlement>,
    ) -> Self {
        let did = key.did();
        let rooms = store.rooms();
        let purses = |room: &Arc<Room>| {
            room.payers().into_iter().map({
                let key = room.key();
                move |payer| (key, payer)
            })
        };
        let unredeemed = rooms.iter().flat_map(purses).collect();
        Self {
            did,
            key,
            data,
            settings,
            plain,
            market,
            beacons: tokio::sync::Mutex::new(beacons),
            founding: Mutex::default(),
            prices,
            store,
            settlement,
            doorkeeper: Doorkeeper::new(did),
            stop: CancellationToken::new(),
            lock: Mutex::new(Some(Arc::new(lock))),
            writes: Arc::new(Semaphore::new(IN_FLIGHT)),
            reads: Arc::new(Semaphore::new(IN_FLIGHT)),
            unredeemed: Mutex::new(unredeemed),
            damage: Mutex::default(),
            news: Notify::new(),
        }
    }

    /// Runs what blocks on the disk beside the executor's threads. The directory stays locked until it ends.
    ///
    /// # Errors
    /// [`StoreError::Stopping`] where the node has been stopped, and what the work fails with.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (lock, node) = (lock.ok_or(StoreError::Stopping)?, self.clone());
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&node);
            drop(lock);
            done
        });
        done.await.unwrap_or_else(|error| {
            tracing::error!(%error, "work on the disk did not come to its end");
            Err(StoreError::Stopping)
        })
    }

    /// What the market's beacons follow from, as it says.
    pub(crate) fn founded_with(&self, info: Option<BeaconInfo>) {
        *self.founding.lock().unwrap_or_else(PoisonError::into_inner) = info;
    }

    /// Whether a challenge is drawn from a beacon that nobody chose. One that is not is kept, and said loudly; what cannot be read now is
    /// answered all the same, as silence would be the provider's fault.
    pub(crate) async fn accepts_beacon(&self, challenge: &Verified<Challenge>) -> bool {
        let founding = self.founding.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let looked = async {
            let mut beacons = self.beacons.lock().await;
            founding.map_or(Ok(()), |info| beacons.learn(&info))?;
            beacons.check(challenge, &self.market).await?;
            Ok::<_, BeaconError>(beacons.judge_unread()?)
        };
        // Longer than that nobody is waited for: an answer that comes too late is the provider's fault.
        let Ok(checked) = tokio::time::timeout(BEACON_WITHIN, looked).await else {
            tracing::warn!("a challenge is answered though its beacon was not checked in time");
            self.keep_unread(challenge);
            return true;
        };
        let error = match checked {
            Ok(chosen) => {
                for (file, error) in chosen {
                    let kept = file.display();
                    tracing::error!(%error, %kept, "a challenge was answered whose beacon the market chose");
                }
                return true;
            }
            Err(error) => error,
        };
        if !error.is_refusal() {
            tracing::warn!(%error, "a challenge is answered though its beacon was not checked");
            self.keep_unread(challenge);
            return true;
        }
        let beacons = self.beacons.lock().await;
        let kept = beacons.keep_refused(challenge, &error);
        let kept = kept.map_or_else(|error| error.to_string(), |file| file.display().to_string());
        tracing::error!(%error, kept, "a challenge is not answered: the market chose its beacon");
        false
    }

    /// Keeps a challenge that is answered unread, to be judged once its beacon can be read.
    fn keep_unread(&self, challenge: &Verified<Challenge>) {
        match unread::keep(&self.data, challenge) {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!("too many challenges wait for their beacons; this one is not kept");
            }
            Err(error) => {
                tracing::warn!(%error, "a challenge whose beacon was not checked is not kept");
            }
        }
    }

    /// Stops every worker and lets go of the data directory, once nothing works on it any more.
    pub(crate) fn let_go(&self) {
        self.stop.cancel();
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Signs a document of the node's own.
    pub(crate) fn sign<T: Document>(&self, document: T) -> Verified<T> {
        Verified::sign(document, &self.key).expect("the node signs only what names it as signer")
    }

    /// Makes `entries` the slot's list and signs for it, once everything is durable. Blocks.
    pub(crate) fn receipt(
        &self,
        room: &Room,
        revision: u64,
        entries: Vec<Entry>,
    ) -> Result<Verified<StorageReceipt>, StoreError> {
        let size = size(&room.commit(revision, entries)?.summary());
        let (contract, slot) = room.key();
        Ok(self.sign(StorageReceipt { provider: self.did, contract, slot, revision, size }))
    }

    /// A voucher waits to be redeemed.
    pub(crate) fn owe(&self, purse: Purse) {
        self.unredeemed_purses().insert(purse);
        self.news.notify_one();
    }

    /// Whose vouchers wait, and for which slots.
    pub(crate) fn unredeemed(&self) -> Vec<Purse> {
        self.unredeemed_purses().iter().copied().collect()
    }

    /// A voucher was taken, or never will be.
    pub(crate) fn redeemed(&self, purse: &Purse) {
        self.unredeemed_purses().remove(purse);
    }

    /// A slot is no longer this provider's: nothing is paid for it any more.
    pub(crate) fn forget_purses(&self, key: &SlotKey) {
        self.unredeemed_purses().retain(|(slot, _)| slot != key);
    }

    fn unredeemed_purses(&self) -> MutexGuard<'_, BTreeSet<Purse>> {
        self.unredeemed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that shards of a slot are lost. Without a root: a list is.
    pub(crate) fn found_damaged(&self, key: SlotKey, roots: impl IntoIterator<Item = Root>) {
        let mut damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        damage.entry(key).or_default().extend(roots);
        drop(damage);
        self.news.notify_one();
    }

    /// What is to be confessed, which is the caller's from here on.
    pub(crate) fn take_damage(&self) -> Damage {
        std::mem::take(&mut *self.damage.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A slot's size as documents carry it.
pub(crate) fn size(summary: &SlotSummary) -> SlotSize {
    SlotSize { root: Hash(summary.root.0), bytes: summary.bytes, shards: summary.shards }
}
