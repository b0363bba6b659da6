//! What the data plane, the stream and the workers share.

use crate::settings::Settings;
use crate::store::{Room, SlotKey, Store, StoreError};
use network::auth::Doorkeeper;
use network::endpoint::PlainHttp;
use shards::{Entry, SlotList};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use types::documents::{SlotSize, StorageReceipt};
use types::{Did, Document, Hash, SecretKey, Signer, Verified};

/// The running node.
pub(crate) struct Node {
    pub(crate) did: Did,
    pub(crate) key: SecretKey,
    pub(crate) settings: Settings,
    pub(crate) plain: PlainHttp,
    pub(crate) store: Store,
    pub(crate) doorkeeper: Doorkeeper,
    /// Slots with a voucher that the market has not taken yet.
    unredeemed: Mutex<BTreeSet<SlotKey>>,
    pub(crate) vouchers: Notify,
    /// Slots that are being rebuilt.
    rebuilding: Mutex<BTreeSet<SlotKey>>,
}

impl Node {
    pub(crate) fn new(key: SecretKey, settings: Settings, plain: PlainHttp, store: Store) -> Self {
        let did = key.did();
        let unredeemed = store.rooms().iter().filter(|room| room.voucher().is_some()).map(|r| r.key()).collect();
        Self {
            did,
            key,
            settings,
            plain,
            store,
            doorkeeper: Doorkeeper::new(did),
            unredeemed: Mutex::new(unredeemed),
            vouchers: Notify::new(),
            rebuilding: Mutex::default(),
        }
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
        let list = room.commit(entries)?;
        let (contract, slot) = room.key();
        Ok(self.sign(StorageReceipt { provider: self.did, contract, slot, revision, size: size(&list) }))
    }

    /// A voucher waits to be redeemed.
    pub(crate) fn owe(&self, key: SlotKey) {
        self.unredeemed.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        self.vouchers.notify_one();
    }

    /// The slots whose vouchers wait.
    pub(crate) fn unredeemed(&self) -> Vec<SlotKey> {
        self.unredeemed.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// A voucher was taken, or never will be.
    pub(crate) fn redeemed(&self, key: &SlotKey) {
        self.unredeemed.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Marks a slot as being rebuilt, unless it is already.
    pub(crate) fn begin_rebuild(self: &Arc<Self>, key: SlotKey) -> Option<Rebuilding> {
        let begun = self.rebuilding.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        begun.then(|| Rebuilding { node: self.clone(), key })
    }
}

/// A slot is being rebuilt for as long as this lives.
pub(crate) struct Rebuilding {
    node: Arc<Node>,
    key: SlotKey,
}

impl Drop for Rebuilding {
    fn drop(&mut self) {
        self.node.rebuilding.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// A list's summary in the words of documents.
pub(crate) fn size(list: &SlotList) -> SlotSize {
    let summary = list.summary();
    SlotSize { root: Hash(summary.root.0), bytes: summary.bytes, shards: summary.shards }
}
