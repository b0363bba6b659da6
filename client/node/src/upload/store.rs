//! The way of an object into a contract: one with room, or a new one.

use super::contract::{Agreed, Look};
use super::cut::Recipe;
use super::engine::{Upload, Uploaded};
use super::journal::{Journal, UploadPlan};
use super::source::{Opened, Source};
use crate::account::Client;
use crate::agree;
use crate::chance;
use crate::error::Error;
use crate::holding::{Holding, contract_record};
use crate::progress::{Event, Progress};
use crate::revision::{Revised, place_of};
use crate::shelf::blocking;
use client::{BucketKey, Catalogue, ObjectName, ObjectRecord, StorageWish};
use futures_util::future::try_join_all;
use network::api::ContractView;
use shards::{ContractLayout, ObjectLayout, Root, compress};
use std::collections::BTreeSet;
use std::sync::Arc;
use types::{Bytes, ContractId, Did, Hash};

/// An object that is stored.
#[derive(Clone, Debug)]
pub struct Put {
    /// What it is called.
    pub name: ObjectName,
    /// Under which contract.
    pub contract: ContractId,
    /// At which revision.
    pub revision: u64,
    /// Its bytes.
    pub bytes: Bytes,
    /// The BLAKE3 hash of its bytes.
    pub hash: Hash,
    /// Its bytes when compressed (where that pays) and sealed.
    pub stored: Bytes,
    /// Shard bytes that were sent in this run; less than all where an interrupted upload went on.
    pub sent: Bytes,
    /// Who keeps it.
    pub slots: Vec<PutSlot>,
    /// The generation of the backup that includes it; nothing where the backup failed.
    pub backup: Option<u64>,
}

/// One slot of a stored object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutSlot {
    /// Its number.
    pub slot: u16,
    /// Who keeps it.
    pub provider: Did,
    /// Shard bytes of this object in it.
    pub bytes: Bytes,
    /// How many shards of this object are in it.
    pub shards: u64,
}

impl Client {
    /// Stores an object under a contract that is as `wish` says: one of the client's with room for it, or a new one
    /// (the size is the source's).
    ///
    /// An upload of a file that was interrupted goes on when the same file is put under the same name with
    /// the same wish: under the same contract, sending only what is not there yet.
    ///
    /// # Errors
    /// Nothing is stored under the name unless this succeeds. Money that was locked for a contract that never
    /// held the object comes back when it expires.
    pub async fn put(
        &self,
        source: Source,
        name: &ObjectName,
        wish: &StorageWish,
        progress: Arc<dyn Progress>,
    ) -> Result<Put, Error> {
        if self.catalogue().await?.object(name).is_some() {
            return Err(Error::NameTaken(name.clone()));
        }
        let opened = blocking(move || Opened::new(source)).await?;
        let size = Bytes(opened.size().max(1));
        let look = Look { stamp: opened.stamp(), compress: compress::pays(opened.head()) };
        let agreed =
            self.agree(look, name, &StorageWish { size, ..wish.clone() }, &*progress).await?;
        let bucket = self.keys.bucket(&name.bucket);
        let stored = self.store(opened, agreed, &bucket, &progress).await;
        if let Err(Error::OtherBytes { .. }) = &stored {
            Journal::open(&self.uploads(), name)?.0.end()?;
        }
        let stored = stored?;
        self.noted(&stored).await?;
        stored.end()?;
        let mut put = stored.put();
        put.backup = self.backup_or_note(&*progress).await;
        self.refresh_shares(name, None).await;
        Ok(put)
    }

    /// Sends the slots of the agreed contract what they are to hold, and has it hold that. `bucket` opens the key.
    pub(super) async fn store(
        &self,
        source: Opened,
        agreed: Agreed,
        bucket: &BucketKey,
        progress: &Arc<dyn Progress>,
    ) -> Result<Stored, Error> {
        let Agreed { plan, journal, resumed } = agreed;
        let contract = plan.contract;
        let patience = self.options.confirm_within;
        let view =
            agree::wait_until_confirmed(&self.market, contract, patience, &**progress).await?;
        let (view, slots) = self.funded(view, &**progress).await?;
        let there =
            if resumed { already_there(&slots).await? } else { vec![BTreeSet::new(); slots.len()] };
        if resumed {
            let shards = there.iter().map(BTreeSet::len).sum();
            progress.notice(&Event::Resumed { contract, shards });
        }
        let recipe = Recipe {
            key: bucket.unwrap(&plan.name.name, &plan.wrapped)?,
            shape: client::wish::shape(&view.terms)?,
            cipher: plan.cipher,
            compress: plan.compress,
        };
        let upload = Upload { source, recipe, journal, progress: Arc::clone(progress) };
        let uploaded = self.with_leave(&view, &slots, upload.run(&slots, there)).await?;
        let appended = self.appended(contract, &uploaded.object.layout, &**progress).await?;
        let (Revised { view, .. }, first_segment) = appended;
        Ok(Stored { plan, uploaded, view, first_segment })
    }

    /// Has the contract hold the object too. What was done before the upload was interrupted is not done again.
    async fn appended(
        &self,
        contract: ContractId,
        object: &ObjectLayout,
        progress: &dyn Progress,
    ) -> Result<(Revised, u64), Error> {
        let append = |layout: &mut ContractLayout| {
            if place_of(layout, &object.segments).is_some() {
                return Ok(false);
            }
            layout.append(object.segments.clone())?;
            Ok(true)
        };
        let revised = self.revise(contract, append, progress).await?;
        let place = place_of(&revised.layout, &object.segments).unwrap_or_default();
        Ok((revised, place.start as u64))
    }

    /// Notes object and contract in the catalogue.
    async fn noted(&self, stored: &Stored) -> Result<(), Error> {
        let (object, contract) = (stored.record(), contract_record(&stored.view));
        let change = move |catalogue: &mut Catalogue| {
            if catalogue.object(&object.name).is_some() {
                return Err(Error::NameTaken(object.name));
            }
            catalogue.put_contract(contract);
            catalogue.put_object(object);
            Ok(())
        };
        self.shelf.change(change).await.map(drop)
    }
}

/// An object that its contract holds, and that nobody has noted yet.
pub(super) struct Stored {
    plan: UploadPlan,
    uploaded: Uploaded,
    pub(super) view: ContractView,
    first_segment: u64,
}

impl Stored {
    /// What is to be noted of it.
    pub(super) fn record(&self) -> ObjectRecord {
        ObjectRecord {
            name: self.plan.name.clone(),
            contract: self.view.id,
            first_segment: self.first_segment,
            layout: self.uploaded.object.layout.clone(),
            wrapped: self.plan.wrapped.clone(),
            hash: self.uploaded.object.hash,
            stored_at: chance::now(),
        }
    }

    /// It is noted: the upload is over.
    pub(super) fn end(&self) -> Result<(), Error> {
        self.uploaded.journal.as_ref().map_or(Ok(()), Journal::end)
    }

    /// What is told of it.
    pub(super) fn put(&self) -> Put {
        let (layout, view) = (&self.uploaded.object.layout, &self.view);
        let slots = view.slots.iter().map(|slot| {
            let list = layout.slot_entries(slot.slot);
            let (bytes, shards) = list.fold((0, 0), |(bytes, shards), entry| {
                (bytes + u64::from(entry.bytes), shards + 1)
            });
            PutSlot { slot: slot.slot, provider: slot.provider, bytes: Bytes(bytes), shards }
        });
        Put {
            name: self.plan.name.clone(),
            contract: view.id,
            revision: view.revision,
            bytes: Bytes(layout.plain_bytes),
            hash: self.uploaded.object.hash,
            stored: Bytes(layout.stored_bytes),
            sent: Bytes(self.uploaded.sent),
            slots: slots.collect(),
            backup: None,
        }
    }
}

/// What the slots hold of an interrupted upload.
async fn already_there(slots: &[Holding]) -> Result<Vec<BTreeSet<Root>>, Error> {
    try_join_all(slots.iter().map(async |holding| match holding.client.content().await {
        Ok(content) => Ok(content.shards.iter().map(|root| Root(root.0)).collect()),
        Err(error) if error.problem().is_some_and(|problem| problem.status == 404) => {
            Ok(BTreeSet::new())
        }
        Err(error) => Err(holding.failed(&error)),
    }))
    .await
}
