//! Putting into another's contract, and removing from it, by a grant.

use super::contract::{Agreed, Look, plan};
use super::journal::{Journal, UploadPlan};
use super::source::{Opened, Source};
use super::store::{Put, Stored};
use crate::account::Client;
use crate::error::Error;
use crate::holding::contract_record;
use crate::objects::Removed;
use crate::progress::{Event, Progress};
use crate::sharing::{List, ended};
use crate::shelf::blocking;
use client::{ObjectName, StorageWish};
use shards::compress;
use std::path::PathBuf;
use std::sync::Arc;
use types::{Bytes, Did, Hash, Span};

impl Client {
    /// Stores an object with `owner`, in the contract that it lets the client write to. An interrupted upload of a file
    /// goes on when the same file is put under the same name.
    ///
    /// # Errors
    /// [`Error::NotWritable`] where no grant that stands covers the name. Nothing is listed under the name unless this
    /// succeeds.
    pub async fn put_to(
        &self,
        owner: Did,
        source: Source,
        name: &ObjectName,
        progress: Arc<dyn Progress>,
    ) -> Result<Put, Error> {
        let list = self.writable(owner, name).await?;
        if list.objects.object(name).is_some() {
            return Err(Error::NameTaken(name.clone()));
        }
        let opened = blocking(move || Opened::new(source)).await?;
        let size = Bytes(opened.size().max(1));
        let look = Look { stamp: opened.stamp(), compress: compress::pays(opened.head()) };
        let agreed = self.agreed_by_grant(look, name, &list, size).await?;
        progress.notice(&Event::Joined { contract: agreed.plan.contract });
        let bucket = list.key.bucket(&name.bucket);
        let stored = self.store(opened, agreed, &bucket, &progress).await;
        if let Err(Error::OtherBytes { .. }) = &stored {
            Journal::open(&self.uploads_to(owner), name)?.0.end()?;
        }
        let stored = stored?;
        self.listed(&list, &stored, &*progress).await?;
        stored.end()?;
        Ok(stored.put())
    }

    /// Removes an object from `owner`'s contract that a grant lets the client write to, whoever has put it.
    ///
    /// # Errors
    /// [`Error::NotShared`] where there is no such object in it; what [`Client::rm`] fails with.
    pub async fn rm_from(
        &self,
        owner: Did,
        name: &ObjectName,
        progress: &dyn Progress,
    ) -> Result<Removed, Error> {
        let list = self.writable(owner, name).await?;
        let object = list.objects.object(name).filter(|o| Some(o.contract) == list.grant.contract);
        let object = object.ok_or_else(|| Error::NotShared { owner, name: name.clone() })?;
        let (removed, _) = self.taken_out(object, progress).await?;
        self.edit_list(&list, |objects| {
            if objects.object(name).is_some_and(|listed| listed.layout == object.layout) {
                objects.remove_object(name);
            }
            Ok(())
        })
        .await?;
        Ok(removed)
    }

    /// The list by whose grant the client may write `name` with `owner`.
    async fn writable(&self, owner: Did, name: &ObjectName) -> Result<List, Error> {
        let (me, lists) = (self.did(), self.lists_with(owner).await?);
        let covered = lists.iter().position(|list| list.lets_write(me, name));
        if let Some(place) = covered {
            return lists.into_iter().nth(place).ok_or(Error::LeaveEnded(owner));
        }
        let scopes =
            lists.iter().filter_map(|list| list.scope_to_write(me).map(ToString::to_string));
        let scopes: Vec<String> = scopes.collect();
        let right = if scopes.is_empty() {
            "`bondstore shares` lists what is shared".to_owned()
        } else {
            format!("give a name like {}", scopes.join(" or "))
        };
        Err(Error::NotWritable { owner, name: name.clone(), right })
    }

    async fn agreed_by_grant(
        &self,
        look: Look,
        name: &ObjectName,
        list: &List,
        size: Bytes,
    ) -> Result<Agreed, Error> {
        let owner = list.grant.owner;
        let contract = list.grant.contract.ok_or(Error::LeaveEnded(owner))?;
        let view = self.market.contract(contract).await;
        let view = view.map_err(|error| ended(owner, error))?;
        let wish = StorageWish::new(size, Span::DAY);
        let (bucket, mut journal) = (list.key.bucket(&name.bucket), None);
        if look.stamp.is_some() {
            let (open, earlier) = Journal::open(&self.uploads_to(owner), name)?;
            let is_same = |plan: &UploadPlan| {
                (plan.stamp, plan.contract) == (look.stamp, contract)
                    && bucket.unwrap(&name.name, &plan.wrapped).is_ok()
            };
            if let Some(plan) = earlier.filter(is_same)
                && self.takes_more_of(&plan, &open, &wish).await?
            {
                return Ok(Agreed { plan, journal: Some(open), resumed: true });
            }
            journal = Some(open);
        }
        self.named(contract, &wish).await.map_err(|error| match error {
            Error::NoRoom { free, need, .. } => Error::NoRoomWith { owner, free, need },
            other => other,
        })?;
        let plan = plan(&bucket, (look, name), view.terms, (contract, None));
        if let Some(journal) = &mut journal {
            journal.begin(&plan)?;
        }
        Ok(Agreed { plan, journal, resumed: false })
    }

    /// Writes what is stored into the grant's list. Where another object has come to be called so meanwhile, it is
    /// taken out of the contract again.
    async fn listed(
        &self,
        list: &List,
        stored: &Stored,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let (object, contract) = (stored.record(), contract_record(&stored.view));
        let edited = self.edit_list(list, |objects| match objects.object(&object.name) {
            Some(listed) if listed.layout == object.layout => Ok(()),
            Some(_) => Err(Error::NameTaken(object.name.clone())),
            None => {
                objects.put_contract(contract.clone());
                objects.put_object(object.clone());
                Ok(())
            }
        });
        let edited = edited.await;
        if let Err(Error::NameTaken(_)) = &edited {
            self.taken_out(&object, progress).await?;
            stored.end()?;
        }
        edited
    }

    /// Where uploads to `owner` are remembered.
    fn uploads_to(&self, owner: Did) -> PathBuf {
        self.uploads().join(Hash::of(&owner.0).to_string())
    }
}
