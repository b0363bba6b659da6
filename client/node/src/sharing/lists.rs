//! The sealed lists beside grants: read, and written where nobody else has written meanwhile.

use super::writes;
use crate::account::Client;
use crate::chance;
use crate::error::Error;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use client::sharing::{ShareKey, contents};
use client::{Catalogue, ObjectName, Scope};
use network::api::BackupBody;
use network::client::ClientError;
use types::documents::Grant;
use types::{Did, Verified};

/// How often a list is written when others write it meanwhile.
pub(super) const ATTEMPTS_MAX: u32 = 16;

/// What a grant shares, opened.
pub(crate) struct List {
    pub(crate) grant: Verified<Grant>,
    pub(crate) key: ShareKey,
    /// Which names it covers; older grants do not tell their guests.
    pub(crate) scope: Option<Scope>,
    pub(crate) objects: Catalogue,
}

impl List {
    /// Which names `party` may write by it.
    pub(crate) fn scope_to_write(&self, party: Did) -> Option<&Scope> {
        self.scope.as_ref().filter(|_| self.grant.grantee == party && writes(&self.grant))
    }

    /// Whether `party` may put an object called `name` by it.
    pub(crate) fn lets_write(&self, party: Did, name: &ObjectName) -> bool {
        self.scope_to_write(party).is_some_and(|scope| scope.covers(name))
    }
}

impl Client {
    /// The lists of what `party` shares with the client, and of what the client lets it write.
    pub(crate) async fn lists_with(&self, party: Did) -> Result<Vec<List>, Error> {
        let (me, mut lists) = (self.did(), Vec::new());
        for line in self.market.grants().await? {
            let grant: Verified<Grant> = line.grant.verify()?;
            let (key, scope) = if (grant.owner, grant.grantee) == (party, me) && !line.over {
                self.opened(&grant)?
            } else if (grant.owner, grant.grantee) == (me, party) && writes(&grant) {
                (self.keys.share(grant.nonce), self.scope_of(&grant))
            } else {
                continue;
            };
            let (_, objects) = self.list(&grant, &key).await?;
            lists.push(List { grant, key, scope, objects });
        }
        Ok(lists)
    }

    /// The key and the scope of a grant that the client was given.
    pub(super) fn opened(&self, grant: &Grant) -> Result<(ShareKey, Option<Scope>), Error> {
        let sealed = decoded(&grant.sealed)?;
        Ok(ShareKey::open(grant.owner, &self.keys.identity(), &sealed)?)
    }

    /// What a grant of the client's own covers.
    pub(super) fn scope_of(&self, grant: &Grant) -> Option<Scope> {
        let memo = BASE64.decode(&grant.memo).ok().filter(|_| grant.owner == self.did())?;
        Scope::decode(&self.keys.open_memo(grant.nonce, &memo)?)
    }

    /// A grant's list with its generation; an empty one where none is written yet, or the grant was taken back.
    pub(super) async fn list(
        &self,
        grant: &Verified<Grant>,
        key: &ShareKey,
    ) -> Result<(u64, Catalogue), Error> {
        match self.market.shared(grant.id()).await {
            Err(error) if is_missing(&error) => Ok((0, Catalogue::default())),
            body => {
                let BackupBody { generation, sealed } = body?;
                let list = key.open_contents(grant.owner, generation, &decoded(&sealed)?)?;
                Ok((generation, list))
            }
        }
    }

    /// Writes a list after that of `generation`; says whether nobody else has meanwhile.
    pub(super) async fn put_list(
        &self,
        (grant, key): (&Verified<Grant>, &ShareKey),
        generation: u64,
        list: &Catalogue,
    ) -> Result<bool, Error> {
        let generation = generation.saturating_add(1);
        let sealed = BASE64.encode(key.seal_contents(generation, chance::random(), list));
        match self.market.put_shared(grant.id(), &BackupBody { generation, sealed }).await {
            Err(error) if error.code() == Some("backup_superseded") => Ok(false),
            Err(error) => Err(ended(grant.owner, error)),
            Ok(()) => Ok(true),
        }
    }

    /// Makes `change` to a list that others write too.
    ///
    /// # Errors
    /// What `change` fails with, and [`Error::LeaveEnded`] where the grant was taken back.
    pub(crate) async fn edit_list(
        &self,
        List { grant, key, .. }: &List,
        change: impl Fn(&mut Catalogue) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for _ in 0..ATTEMPTS_MAX {
            let (generation, mut objects) = self.list(grant, key).await?;
            change(&mut objects)?;
            if self.put_list((grant, key), generation, &objects).await? {
                return Ok(());
            }
        }
        Err(Error::ListContended(ATTEMPTS_MAX))
    }

    /// Writes the list of a grant to read, which its owner alone writes.
    pub(super) async fn put_shared(
        &self,
        grant: &Verified<Grant>,
        scope: &Scope,
    ) -> Result<(), Error> {
        let key = self.keys.share(grant.nonce);
        // Another machine of the client's may have written one; then the next is written above that.
        let mut generation = u64::try_from(chance::now().0).unwrap_or(0);
        for _ in 0..ATTEMPTS_MAX {
            let catalogue = self.catalogue().await?;
            let only = (scope, grant.contract);
            let list = contents(&self.keys, &catalogue, only, &key, chance::random)?;
            if self.put_list((grant, &key), generation, &list).await? {
                return Ok(());
            }
            generation = self.market.shared(grant.id()).await?.generation;
        }
        Err(Error::ListContended(ATTEMPTS_MAX))
    }
}

/// A refusal, where it says that `owner` does not let the client in any more, in those words.
pub(crate) fn ended(owner: Did, error: ClientError) -> Error {
    if is_missing(&error) { Error::LeaveEnded(owner) } else { error.into() }
}

pub(super) fn is_missing(error: &ClientError) -> bool {
    error.problem().is_some_and(|problem| problem.status == 404)
}

fn decoded(text: &str) -> Result<Vec<u8>, Error> {
    BASE64.decode(text).map_err(|error| Error::BackupText(error.to_string()))
}
