//! Contracts that a guest may write to: what it has put comes into the owner's catalogue, what it has removed goes out.

use super::lists::{ATTEMPTS_MAX, is_missing};
use super::writes;
use crate::account::Client;
use crate::chance;
use crate::error::Error;
use crate::holding::contract_record;
use crate::revision::Places;
use client::sharing::joint::{Joined, Joint};
use client::{Catalogue, ContractRecord, ObjectName, ObjectRecord, Scope};
use std::collections::BTreeSet;
use types::documents::Grant;
use types::{ContractId, Did, Verified};

impl Client {
    /// Takes into the catalogue what guests have put by grants of the client's, and out of it what they have removed.
    ///
    /// # Errors
    /// Where the market does not say what grants there are. A list that cannot be used is passed over.
    pub async fn collect(&self) -> Result<(), Error> {
        for line in self.market.grants().await? {
            let grant: Verified<Grant> = line.grant.verify()?;
            if let Err(error) = self.collect_from(&grant).await {
                tracing::warn!(%error, grantee = %grant.grantee, "what this guest has put is not known");
            }
        }
        Ok(())
    }

    /// As [`Client::collect`], from one grant's guest.
    pub(super) async fn collect_from(&self, grant: &Verified<Grant>) -> Result<(), Error> {
        let Some(scope) = self.scope_of(grant).filter(|_| writes(grant)) else { return Ok(()) };
        let changed = self.joined(grant, &scope, None).await?;
        if changed.is_empty() {
            return Ok(());
        }
        self.backup_or_note(&()).await;
        for line in self.market.grants().await?.into_iter().filter(|line| !line.over) {
            let other: Verified<Grant> = line.grant.verify()?;
            let covers = |scope: &Scope| changed.iter().any(|name| scope.covers(name));
            if let Some(scope) = self.scope_of(&other).filter(|s| !writes(&other) && covers(s)) {
                self.put_shared(&other, &scope).await?;
            }
        }
        Ok(())
    }

    /// Brings the list of a grant to write and the catalogue together, without the object `forgotten`; gives the
    /// names that changed in the catalogue.
    pub(super) async fn joined(
        &self,
        grant: &Verified<Grant>,
        scope: &Scope,
        forgotten: Option<&ObjectRecord>,
    ) -> Result<BTreeSet<ObjectName>, Error> {
        let Some(contract) = grant.contract else { return Ok(BTreeSet::new()) };
        let key = self.keys.share(grant.nonce);
        for _ in 0..ATTEMPTS_MAX {
            // In this order: what list and catalogue name was in the contract before it was looked at.
            let (generation, list) = self.list(grant, &key).await?;
            let own = self.catalogue().await?;
            let view = match self.market.contract(contract).await {
                Err(error) if is_missing(&error) => return Ok(BTreeSet::new()),
                view => view?,
            };
            let seen = [&own, &list].map(|known| known.contracts.get(&contract));
            if seen.iter().flatten().any(|seen| seen.value.revision > view.revision) {
                // Whoever answered lags behind: what it does not name may be there all the same.
                return Ok(BTreeSet::new());
            }
            let layout = self.layout_of(&view).await?;
            let (places, record) = (Places::of(&layout), contract_record(&view));
            let is_there = |object: &ObjectRecord| {
                let is_forgotten = forgotten.is_some_and(|f| f.layout == object.layout);
                !is_forgotten && places.holds(&object.layout.segments)
            };
            let joint = Joint { keys: &self.keys, key: &key, scope, contract: &record };
            let joined = joint.join(&own, &list, is_there, chance::random)?;
            if let Some(list) = &joined.list {
                match self.put_list((grant, &key), generation, list).await {
                    // Taken back: nobody reads it any more.
                    Ok(true) | Err(Error::LeaveEnded(_)) => {}
                    Ok(false) => continue,
                    Err(error) => return Err(error),
                }
            }
            return self.noted_of(joined, record).await;
        }
        Err(Error::ListContended(ATTEMPTS_MAX))
    }

    async fn noted_of(
        &self,
        Joined { taken_in, gone, .. }: Joined,
        contract: ContractRecord,
    ) -> Result<BTreeSet<ObjectName>, Error> {
        let names = taken_in.iter().chain(&gone).map(|object| object.name.clone()).collect();
        if taken_in.is_empty() && gone.is_empty() {
            return Ok(names);
        }
        let edit = move |catalogue: &mut Catalogue| {
            for object in gone {
                if catalogue.object(&object.name) == Some(&object) {
                    catalogue.remove_object(&object.name);
                }
            }
            catalogue.put_contract(contract);
            for object in taken_in {
                if catalogue.object(&object.name).is_none() {
                    catalogue.put_object(object);
                }
            }
        };
        self.shelf.edit(edit).await?;
        Ok(names)
    }

    /// The object of this name, which a guest may have put a moment ago.
    pub(crate) async fn known(
        &self,
        name: &ObjectName,
    ) -> Result<(Catalogue, ObjectRecord), Error> {
        let catalogue = self.catalogue().await?;
        if let Some(object) = catalogue.object(name).cloned() {
            return Ok((catalogue, object));
        }
        let collected = tokio::time::timeout(self.options.market_within, self.collect()).await;
        if let Ok(Err(error)) = collected {
            tracing::info!(%error, "the market does not say whether a guest has put it");
        }
        let catalogue = self.catalogue().await?;
        let object = catalogue.object(name).cloned();
        let object = object.ok_or_else(|| Error::NoSuchObject(name.clone()))?;
        Ok((catalogue, object))
    }

    /// The contracts to which guests may write now, with the scopes in which they may.
    pub(crate) async fn written_by_guests(&self) -> Result<Vec<(ContractId, Did, Scope)>, Error> {
        let mut written = Vec::new();
        for line in self.market.grants().await?.into_iter().filter(|line| !line.over) {
            let grant: Verified<Grant> = line.grant.verify()?;
            if let (Some(contract), Some(scope), true) =
                (grant.contract, self.scope_of(&grant), writes(&grant))
            {
                written.push((contract, grant.grantee, scope));
            }
        }
        Ok(written)
    }

    /// Refuses to let `name` into a contract to which a guest may write, where the guest's grant does not cover it.
    pub(crate) async fn may_join(
        &self,
        contract: ContractId,
        name: &ObjectName,
    ) -> Result<(), Error> {
        let written = self.written_by_guests().await?;
        let mut scopes = written.into_iter().filter(|(written, ..)| *written == contract);
        match scopes.find(|(.., scope)| !scope.covers(name)) {
            None => Ok(()),
            Some((_, guest, scope)) => {
                let (scope, name) = (scope.to_string(), name.to_string());
                Err(Error::WrittenByGuest { contract, guest, scope, name })
            }
        }
    }

    /// Refuses to let `grantee` write to a contract that holds anything but what `scope` covers, or that another
    /// may write to.
    pub(super) async fn is_apart(
        &self,
        contract: ContractId,
        scope: &Scope,
        grantee: Did,
    ) -> Result<(), Error> {
        let not_apart = |why: String| Err(Error::NotApart { contract, why });
        let others = self.written_by_guests().await?;
        let other = others.iter().find(|(id, guest, _)| *id == contract && *guest != grantee);
        if let Some((_, guest, _)) = other {
            return not_apart(format!("{guest} may write to it already"));
        }
        let catalogue = self.catalogue().await?;
        let view = self.market.contract(contract).await?;
        if !crate::agree::takes_bytes(&view) {
            return Err(Error::ContractState { contract, state: view.state });
        }
        let layout = self.layout_of(&view).await?;
        let (places, mut covered) = (Places::of(&layout), 0);
        for object in catalogue.live().filter(|object| object.contract == contract) {
            let is_there = places.holds(&object.layout.segments);
            if is_there && !scope.covers(&object.name) {
                let name = &object.name;
                return not_apart(format!("it holds {name}, which {scope} does not cover"));
            }
            covered += if is_there { object.layout.segments.len() } else { 0 };
        }
        if layout.segments().len() > covered {
            return not_apart("it holds what this catalogue does not know".to_owned());
        }
        Ok(())
    }
}
