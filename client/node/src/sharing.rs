//! Sharing what the client keeps, and using what others share with it.
//!
//! Beside every grant the market keeps a sealed list of what it covers. The owner writes it when it shares, and
//! again whenever it stores or removes something in the grant's scope; by a grant to write, so does the guest.
//! [`lists`] reads and writes them, [`leave`] is a guest's leave to use slots, and [`joint`] keeps the owner's
//! catalogue and the list of a guest that writes together.

mod joint;
mod leave;
mod lists;

use crate::account::Client;
use crate::chance;
use crate::download::{Got, Seller, Target};
use crate::error::Error;
use crate::progress::Progress;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use client::{BucketKey, ContractRecord, ObjectName, ObjectRecord, Scope};
pub(crate) use lists::{List, ended};
use network::api::GrantLine;
use std::sync::Arc;
use types::documents::{Access, Grant, Revocation};
use types::{ContractId, Did, DocId, Timestamp, Verified};

/// A grant as its owner or its grantee sees it.
#[derive(Clone, Debug)]
pub struct Share {
    /// Its name.
    pub id: DocId,
    /// Who shares.
    pub owner: Did,
    /// With whom.
    pub grantee: Did,
    /// What is shared; nothing where the grant does not say it to this party.
    pub scope: Option<Scope>,
    /// What the grantee may do.
    pub access: Vec<Access>,
    /// Only in this contract; nothing: in any of the owner's.
    pub contract: Option<ContractId>,
    /// Until when it stands, if it is not revoked before.
    pub expires: Option<Timestamp>,
    /// Whether its time is over.
    pub over: bool,
}

/// An object that was found in the catalogue or in a list, and how it is opened.
pub(crate) struct Found {
    pub(crate) object: ObjectRecord,
    pub(crate) contract: ContractRecord,
    pub(crate) bucket: BucketKey,
}

impl Client {
    /// Lets `grantee` read what `scope` covers until `expires`, or until [`Client::unshare`].
    ///
    /// # Errors
    /// Where there is no such object, or the market refuses.
    pub async fn share(
        &self,
        scope: Scope,
        grantee: Did,
        expires: Option<Timestamp>,
    ) -> Result<DocId, Error> {
        let contract = match &scope {
            Scope::Object(name) => Some(self.known(name).await?.1.contract),
            Scope::Prefix(_) => None,
        };
        let grant = self.given((grantee, expires), &scope, (contract, vec![Access::Read])).await?;
        self.put_shared(&grant, &scope).await?;
        Ok(grant.id())
    }

    /// Lets `grantee` read, put and remove what `scope` covers in `contract`, until `expires` or
    /// [`Client::unshare`].
    ///
    /// # Errors
    /// [`Error::NotApart`] where the contract holds anything else: whoever writes to a contract may empty it.
    pub async fn share_to_write(
        &self,
        scope: Scope,
        (grantee, expires): (Did, Option<Timestamp>),
        contract: ContractId,
    ) -> Result<DocId, Error> {
        self.is_apart(contract, &scope, grantee).await?;
        let access = vec![Access::Read, Access::Write];
        let grant = self.given((grantee, expires), &scope, (Some(contract), access)).await?;
        self.joined(&grant, &scope, None).await?;
        Ok(grant.id())
    }

    async fn given(
        &self,
        (grantee, expires): (Did, Option<Timestamp>),
        scope: &Scope,
        (contract, access): (Option<ContractId>, Vec<Access>),
    ) -> Result<Verified<Grant>, Error> {
        // The market clears grants that are over away with the next one.
        self.collect().await?;
        // It takes rising numbers alone.
        let nonce = u64::try_from(chance::now().0).unwrap_or(0);
        let (owner, key) = (self.did(), self.keys.share(nonce));
        let sealed = key.seal_to((owner, grantee), scope, &chance::random())?;
        let memo = self.keys.seal_memo(nonce, chance::random(), &scope.encode());
        let (sealed, memo) = (BASE64.encode(sealed), BASE64.encode(memo));
        let grant = Grant { owner, grantee, contract, access, expires, nonce, sealed, memo };
        let grant = Verified::sign(grant, &*self.signer)?;
        self.market.grant(grant.signed()).await?;
        Ok(grant)
    }

    /// The grants that the client gave or was given, and that were not taken back.
    pub async fn shares(&self) -> Result<Vec<Share>, Error> {
        let lines = self.market.grants().await?;
        let share = |line: GrantLine| {
            let grant: Verified<Grant> = line.grant.verify()?;
            let scope = if grant.owner == self.did() {
                self.scope_of(&grant)
            } else {
                self.opened(&grant).ok().and_then(|(_, scope)| scope)
            };
            let Grant { owner, grantee, contract, access, expires, .. } = grant.into_inner();
            Ok(Share {
                id: line.id,
                owner,
                grantee,
                scope,
                access,
                contract,
                expires,
                over: line.over,
            })
        };
        lines.into_iter().map(share).collect()
    }

    /// Takes a grant back: from now on its grantee gets no leave. What it has read it may keep; what it has put is the
    /// client's.
    ///
    /// # Errors
    /// Where the client gave no such grant; [`Error::NotTakenIn`] where it is taken back, and what its guest has put
    /// is not in the catalogue.
    pub async fn unshare(&self, grant: DocId) -> Result<(), Error> {
        let given = self.grant_to_write(grant).await?;
        if let Some(given) = &given
            && let Err(error) = self.collect_from(given).await
        {
            tracing::info!(%error, "what the guest has put is taken in after it is locked out");
        }
        let revocation = Verified::sign(Revocation { owner: self.did(), grant }, &*self.signer)?;
        match (self.market.revoke(revocation.signed()).await, &given) {
            // Taken back before, and what was put then not taken in.
            (Err(error), Some(_)) if error.code() == Some("unknown_grant") => {}
            (revoked, _) => _ = revoked?,
        }
        let Some(given) = given else { return Ok(()) };
        // What it put in the last moment.
        let taken_in = self.collect_from(&given).await;
        taken_in.map_err(|error| Error::NotTakenIn(error.to_string()))
    }

    /// A grant to write that the client gave, whether it stands or not.
    async fn grant_to_write(&self, id: DocId) -> Result<Option<Verified<Grant>>, Error> {
        let lines = self.market.grants().await?;
        let signed = match lines.into_iter().find(|line| line.id == id) {
            Some(line) => Some(line.grant),
            None => self.market.receipt(id).await.ok().map(|receipt| receipt.document),
        };
        let given = signed.and_then(|signed| signed.verify::<Grant>().ok());
        Ok(given.filter(|given| given.owner == self.did() && writes(given)))
    }

    /// What `party` shares with the client, or has put by a grant of the client's, by name.
    pub async fn shared_by(&self, party: Did) -> Result<Vec<ObjectRecord>, Error> {
        self.collect().await?;
        let mut objects = Vec::new();
        for list in self.lists_with(party).await? {
            objects.extend(list.objects.live().cloned());
        }
        objects.sort_by(|one: &ObjectRecord, other| one.name.cmp(&other.name));
        objects.dedup_by(|one, other| one.name == other.name);
        Ok(objects)
    }

    /// Fetches an object that `party` shares, or has put by a grant of the client's. The reads of another's are paid
    /// by the client's own money.
    ///
    /// # Errors
    /// As [`Client::get`]; [`Error::NotShared`] where no grant that stands covers it.
    pub async fn get_from(
        &self,
        party: Did,
        name: &ObjectName,
        target: Target,
        progress: Arc<dyn Progress>,
    ) -> Result<Got, Error> {
        let found = self.lists_with(party).await?.into_iter().find_map(|list| {
            let object = list.objects.object(name)?.clone();
            let contract = list.objects.contracts.get(&object.contract)?.value.clone();
            let found = Found { object, contract, bucket: list.key.bucket(&name.bucket) };
            Some((found, list.grant.owner))
        });
        let (foreign, owner) =
            found.ok_or_else(|| Error::NotShared { owner: party, name: name.clone() })?;
        if owner == self.did() {
            return self.get_own(foreign, target, progress).await;
        }
        let contract = foreign.contract.id;
        let passes = self.market.passes(contract, Access::Read).await?;
        let tabs = Arc::new(self.open_tabs(contract, std::collections::BTreeMap::default()).await?);
        let sellers = self.guests_sellers(contract, &passes, &tabs);
        let holding = |seller: &Arc<Seller>| seller.holding.clone();
        let held: Vec<_> = sellers.iter().flatten().map(holding).collect();
        let reading = self.get_foreign(foreign, &passes, (sellers, &tabs), (target, progress));
        tokio::select! {
            got = reading => got,
            never = self.renew_passes(contract, Access::Read, &held) => match never {},
        }
    }

    /// Writes anew what is shared by grants that cover `name`, which was stored, or removed as `forgotten`.
    pub(crate) async fn refresh_shares(&self, name: &ObjectName, forgotten: Option<&ObjectRecord>) {
        if let Err(error) = self.try_refresh(name, forgotten).await {
            tracing::warn!(%error, %name, "those with whom it is shared do not see the change yet");
        }
    }

    async fn try_refresh(
        &self,
        name: &ObjectName,
        forgotten: Option<&ObjectRecord>,
    ) -> Result<(), Error> {
        let mut refreshed = Ok(());
        for line in self.market.grants().await?.into_iter().filter(|line| !line.over) {
            let grant: Verified<Grant> = line.grant.verify()?;
            let Some(scope) = self.scope_of(&grant).filter(|scope| scope.covers(name)) else {
                continue;
            };
            let written = if writes(&grant) {
                self.joined(&grant, &scope, forgotten).await.map(drop)
            } else {
                self.put_shared(&grant, &scope).await
            };
            refreshed = refreshed.and(written);
        }
        refreshed
    }
}

/// Whether the grantee may write.
fn writes(grant: &Grant) -> bool {
    grant.access.contains(&Access::Write)
}
