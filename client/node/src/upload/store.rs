//! The way of an object into a contract of its own.

use super::contract::{Agreed, Look};
use super::cut::Recipe;
use super::engine::{Upload, Uploaded};
use super::journal::{Journal, UploadPlan};
use super::receipts::Intent;
use super::source::{Opened, Source};
use crate::account::Client;
use crate::agree;
use crate::chance;
use crate::error::Error;
use crate::holding::{Holding, contract_record, holders};
use crate::progress::{Event, Progress};
use crate::shelf::blocking;
use client::{Catalogue, ObjectName, ObjectRecord, StorageWish};
use futures_util::future::try_join_all;
use network::api::ContractView;
use shards::{ContractLayout, ObjectLayout, Root, compress};
use std::collections::BTreeSet;
use std::sync::Arc;
use types::documents::Access;
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
    /// Stores an object under a contract of its own, made as `wish` says (but for the size, which is the
    /// source's).
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
        let terms = StorageWish { size, ..wish.clone() }.terms()?;
        let look = Look { stamp: opened.stamp(), compress: compress::pays(opened.head()) };
        let agreed = self.agree(look, name, terms, &*progress).await?;
        let stored = self.store(opened, agreed, &progress).await;
        if let Err(Error::OtherBytes { .. }) = &stored {
            Journal::open(&self.uploads(), name)?.0.end()?;
        }
        let mut put = stored?;
        put.backup = self.backup_or_note(&*progress).await;
        Ok(put)
    }

    async fn store(
        &self,
        source: Opened,
        agreed: Agreed,
        progress: &Arc<dyn Progress>,
    ) -> Result<Put, Error> {
        let Agreed { plan, journal, contract, resumed } = agreed;
        let patience = self.options.confirm_within;
        let view =
            agree::wait_until_confirmed(&self.market, contract, patience, &**progress).await?;
        let slots = self.holdings(&view)?;
        let there =
            if resumed { already_there(&slots).await? } else { vec![BTreeSet::new(); slots.len()] };
        if resumed {
            let shards = there.iter().map(BTreeSet::len).sum();
            progress.notice(&Event::Resumed { contract, shards });
        }
        let recipe = Recipe {
            key: self.keys.bucket(&plan.name.bucket).unwrap(&plan.name.name, &plan.wrapped)?,
            shape: client::wish::shape(&plan.terms)?,
            cipher: plan.cipher,
            compress: plan.compress,
        };
        let upload = Upload { source, recipe, journal, progress: Arc::clone(progress) };
        let uploaded = upload.run(&slots, there).await?;
        let revision = self.revise(&view, &slots, &uploaded.object.layout, &**progress).await?;
        let put = self.noted(&view, &plan, &uploaded, revision).await?;
        if let Some(journal) = &uploaded.journal {
            journal.end()?;
        }
        Ok(put)
    }

    fn holdings(&self, view: &ContractView) -> Result<Vec<Holding>, Error> {
        let mut connector = self.connector(self.options.upload);
        let access = [Access::Read, Access::Write];
        let slots = (0..).zip(holders(view));
        slots
            .map(|(slot, holder)| {
                let provider = holder.provider;
                let holding = connector.holding(view.id, slot, &holder, &access);
                holding.map_err(|reason| Error::Slot { slot, provider, reason })
            })
            .collect()
    }

    /// Collects receipts and has the market advance the contract; gives the revision's number. A revision
    /// that was accepted before the upload was interrupted is not made again.
    async fn revise(
        &self,
        view: &ContractView,
        slots: &[Holding],
        object: &ObjectLayout,
        progress: &dyn Progress,
    ) -> Result<u64, Error> {
        let layout = ContractLayout::new(object.segments.clone())?;
        if view.layout == Some(Hash(layout.hash())) {
            return Ok(view.revision);
        }
        let number = view.revision + 1;
        let intent = Intent::new(view.id, number, &layout, slots.len())?;
        let receipts = intent.receipts(slots).await?;
        progress.notice(&Event::Received { slots: receipts.len() });
        self.market.put_layout(view.id, layout.encode().into()).await?;
        self.market.revise(view.id, &intent.revision(&*self.signer, receipts)?).await?;
        progress.notice(&Event::Revised { number });
        Ok(number)
    }

    /// Notes object and contract in the catalogue.
    async fn noted(
        &self,
        view: &ContractView,
        plan: &UploadPlan,
        uploaded: &Uploaded,
        revision: u64,
    ) -> Result<Put, Error> {
        let (layout, hash) = (&uploaded.object.layout, uploaded.object.hash);
        let object = ObjectRecord {
            name: plan.name.clone(),
            contract: view.id,
            first_segment: 0,
            layout: layout.clone(),
            wrapped: plan.wrapped.clone(),
            hash,
            stored_at: chance::now(),
        };
        let contract = client::ContractRecord { revision, ..contract_record(view) };
        let change = move |catalogue: &mut Catalogue| {
            if catalogue.object(&object.name).is_some() {
                return Err(Error::NameTaken(object.name));
            }
            catalogue.put_contract(contract);
            catalogue.put_object(object);
            Ok(())
        };
        self.shelf.change(change).await?;
        let slots = view.slots.iter().map(|slot| {
            let list = layout.slot_entries(slot.slot);
            let (bytes, shards) = list.fold((0, 0), |(bytes, shards), entry| {
                (bytes + u64::from(entry.bytes), shards + 1)
            });
            PutSlot { slot: slot.slot, provider: slot.provider, bytes: Bytes(bytes), shards }
        });
        Ok(Put {
            name: plan.name.clone(),
            contract: view.id,
            revision,
            bytes: Bytes(layout.plain_bytes),
            hash,
            stored: Bytes(layout.stored_bytes),
            sent: Bytes(uploaded.sent),
            slots: slots.collect(),
            backup: None,
        })
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
