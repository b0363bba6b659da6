//! Sharing what the client keeps, and reading what others share with it.
//!
//! Beside every grant the market keeps a sealed list of what it covers. The owner writes it when it shares, and
//! again whenever it stores or removes something in the grant's scope.

use crate::account::Client;
use crate::chance;
use crate::download::{Got, Seller, Tab, TabFile, Target};
use crate::error::Error;
use crate::progress::Progress;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use client::sharing::{ShareKey, contents};
use client::{BucketKey, Catalogue, ObjectName, ObjectRecord, Scope};
use network::api::{BackupBody, GrantLine, SlotPass};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use types::documents::{Access, Grant, Revocation};
use types::{ContractId, Did, DocId, Timestamp, Verified};

/// How often a guest's passes are renewed while it reads: they are good for five minutes.
const RENEW_EVERY: Duration = Duration::from_mins(2);
/// How often the list of what is shared is written when other machines write it meanwhile.
const ATTEMPTS_MAX: u32 = 4;

/// A grant as its owner or its grantee sees it.
#[derive(Clone, Debug)]
pub struct Share {
    /// Its name.
    pub id: DocId,
    /// Who shares.
    pub owner: Did,
    /// With whom.
    pub grantee: Did,
    /// What is shared; nothing for the grantee, whose list says it.
    pub scope: Option<Scope>,
    /// Until when it stands, if it is not revoked before.
    pub expires: Option<Timestamp>,
    /// Whether its time is over.
    pub over: bool,
}

/// An object of another party's, and how it is opened.
pub(crate) struct Foreign {
    pub(crate) object: ObjectRecord,
    pub(crate) contract: client::ContractRecord,
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
        let catalogue = self.catalogue().await?;
        let contract = match &scope {
            Scope::Object(name) => {
                let object = catalogue.object(name);
                Some(object.ok_or_else(|| Error::NoSuchObject(name.clone()))?.contract)
            }
            Scope::Prefix(_) => None,
        };
        // The market takes rising numbers alone.
        let nonce = u64::try_from(chance::now().0).unwrap_or(0);
        let (owner, key) = (self.did(), self.keys.share(nonce));
        let sealed = key.seal_to((owner, grantee), &chance::random())?;
        let memo = self.keys.seal_memo(nonce, chance::random(), &scope.encode());
        let grant = Grant {
            owner,
            grantee,
            contract,
            access: vec![Access::Read],
            expires,
            nonce,
            sealed: BASE64.encode(sealed),
            memo: BASE64.encode(memo),
        };
        let grant = Verified::sign(grant, &*self.signer)?;
        self.market.grant(grant.signed()).await?;
        self.put_shared(&grant, &scope).await?;
        Ok(grant.id())
    }

    /// The grants that the client gave or was given, and that were not taken back.
    pub async fn shares(&self) -> Result<Vec<Share>, Error> {
        let lines = self.market.grants().await?;
        let share = |line: GrantLine| {
            let grant: Verified<Grant> = line.grant.verify()?;
            let scope = self.scope_of(&grant);
            let Grant { owner, grantee, expires, .. } = *grant;
            Ok(Share { id: line.id, owner, grantee, scope, expires, over: line.over })
        };
        lines.into_iter().map(share).collect()
    }

    /// Takes a grant back: from now on its grantee gets no leave to read. What it has read it may keep.
    ///
    /// # Errors
    /// Where the client gave no such grant.
    pub async fn unshare(&self, grant: DocId) -> Result<(), Error> {
        let revocation = Verified::sign(Revocation { owner: self.did(), grant }, &*self.signer)?;
        self.market.revoke(revocation.signed()).await?;
        Ok(())
    }

    /// What `owner` shares with the client, by name.
    pub async fn shared_by(&self, owner: Did) -> Result<Vec<ObjectRecord>, Error> {
        let mut objects = Vec::new();
        for (_, list) in self.lists_of(owner).await? {
            objects.extend(list.live().cloned());
        }
        objects.sort_by(|one: &ObjectRecord, other| one.name.cmp(&other.name));
        objects.dedup_by(|one, other| one.name == other.name);
        Ok(objects)
    }

    /// Fetches an object that `owner` shares. The reads are paid by the client's own money.
    ///
    /// # Errors
    /// As [`Client::get`]; [`Error::NotShared`] where no grant that stands covers it.
    pub async fn get_from(
        &self,
        owner: Did,
        name: &ObjectName,
        target: Target,
        progress: Arc<dyn Progress>,
    ) -> Result<Got, Error> {
        let foreign = self.lists_of(owner).await?.into_iter().find_map(|(key, list)| {
            let object = list.object(name)?.clone();
            let contract = list.contracts.get(&object.contract)?.value.clone();
            Some(Foreign { object, contract, bucket: key.bucket(&name.bucket) })
        });
        let foreign = foreign.ok_or_else(|| Error::NotShared { owner, name: name.clone() })?;
        let contract = foreign.contract.id;
        let passes = self.market.passes(contract).await?;
        let tabs = Arc::new(self.open_tabs(contract, std::collections::BTreeMap::default()).await?);
        let sellers = self.guests_sellers(contract, &passes, &tabs);
        let held: Vec<Arc<Seller>> = sellers.iter().flatten().cloned().collect();
        let reading = self.get_foreign(foreign, &passes, (sellers, &tabs), (target, progress));
        tokio::select! {
            got = reading => got,
            never = self.renew_passes(contract, &held) => match never {},
        }
    }

    /// Writes anew what is shared by grants that cover `name`, which was stored or removed.
    pub(crate) async fn refresh_shares(&self, name: &ObjectName) {
        if let Err(error) = self.try_refresh(name).await {
            tracing::warn!(%error, %name, "those with whom it is shared do not see the change yet");
        }
    }

    async fn try_refresh(&self, name: &ObjectName) -> Result<(), Error> {
        for line in self.market.grants().await?.into_iter().filter(|line| !line.over) {
            let grant: Verified<Grant> = line.grant.verify()?;
            if let Some(scope) = self.scope_of(&grant).filter(|scope| scope.covers(name)) {
                self.put_shared(&grant, &scope).await?;
            }
        }
        Ok(())
    }

    /// What a grant of the client's own covers.
    fn scope_of(&self, grant: &Grant) -> Option<Scope> {
        let memo = BASE64.decode(&grant.memo).ok().filter(|_| grant.owner == self.did())?;
        Scope::decode(&self.keys.open_memo(grant.nonce, &memo)?)
    }

    async fn put_shared(&self, grant: &Verified<Grant>, scope: &Scope) -> Result<(), Error> {
        let key = self.keys.share(grant.nonce);
        let mut generation = u64::try_from(chance::now().0).unwrap_or(0);
        let mut attempts_left = ATTEMPTS_MAX;
        loop {
            attempts_left -= 1;
            let catalogue = self.catalogue().await?;
            let list =
                contents(&self.keys, &catalogue, (scope, grant.contract), &key, chance::random)?;
            let sealed = BASE64.encode(key.seal_contents(generation, chance::random(), &list));
            match self.market.put_shared(grant.id(), &BackupBody { generation, sealed }).await {
                // A machine whose clock is ahead has written it.
                Err(error) if error.code() == Some("backup_superseded") && attempts_left > 0 => {
                    generation = self.market.shared(grant.id()).await?.generation + 1;
                }
                other => return Ok(other?),
            }
        }
    }

    /// The lists of what `owner` shares with the client, with their keys.
    async fn lists_of(&self, owner: Did) -> Result<Vec<(ShareKey, Catalogue)>, Error> {
        let mut lists = Vec::new();
        for line in self.market.grants().await?.into_iter().filter(|line| !line.over) {
            let grant: Verified<Grant> = line.grant.verify()?;
            if grant.owner != owner || grant.grantee != self.did() {
                continue;
            }
            let sealed = decoded(&grant.sealed)?;
            let key = ShareKey::open(owner, &self.keys.identity(), &sealed)?;
            let body = match self.market.shared(line.id).await {
                // Taken back this moment, or its list is not written yet.
                Err(error) if error.problem().is_some_and(|problem| problem.status == 404) => {
                    continue;
                }
                body => body?,
            };
            let list = key.open_contents(owner, body.generation, &decoded(&body.sealed)?)?;
            lists.push((key, list));
        }
        Ok(lists)
    }

    fn guests_sellers(
        &self,
        contract: ContractId,
        passes: &[SlotPass],
        tabs: &Arc<TabFile>,
    ) -> Vec<Result<Arc<Seller>, (Did, String)>> {
        let mut connector = self.connector(self.options.download);
        let slots = passes.iter().map(|pass| pass.slot + 1).max().unwrap_or(0);
        let seller = |slot: u16| {
            let pass = passes.iter().find(|pass| pass.slot == slot);
            let pass = pass.ok_or((self.market.market(), "nobody keeps it now".to_owned()))?;
            let holding =
                connector.guest(contract, pass).map_err(|reason| (pass.provider, reason))?;
            let tab = Tab::new(holding.clone(), Arc::clone(&self.signer), Arc::clone(tabs));
            Ok(Arc::new(Seller { holding, tab }))
        };
        (0..slots).map(seller).collect()
    }

    /// Renews the passes for as long as it is polled.
    async fn renew_passes(&self, contract: ContractId, sellers: &[Arc<Seller>]) -> Infallible {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            let passes = match self.market.passes(contract).await {
                Ok(passes) => passes,
                Err(error) => {
                    tracing::warn!(%error, "leave to read could not be renewed");
                    continue;
                }
            };
            for seller in sellers {
                let held = &seller.holding;
                let same =
                    |pass: &&SlotPass| pass.slot == held.slot && pass.provider == held.provider;
                if let Some(pass) = passes.iter().find(same) {
                    held.client.pass().renew(pass.token.clone());
                }
            }
        }
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, Error> {
    BASE64.decode(text).map_err(|error| Error::BackupText(error.to_string()))
}
