//! What the client has: quotes for more, lists of objects and contracts, removal, money.

use crate::account::Client;
use crate::agree::{self, Offer};
use crate::error::Error;
use crate::holding::contract_record;
use crate::progress::Progress;
use crate::revision::{Revised, place_of};
use client::{Catalogue, ContractRecord, ObjectName, ObjectRecord, StorageWish};
use network::api::{Accepted, AccountView, ContractLine, ContractView, HistoryEntry};
use shards::ContractLayout;
use types::documents::{Exclusion, Withdrawal};
use types::{Bytes, ContractId, Msat, Signed, Verified};

/// How many exclusions are asked for at once.
const EXCLUSIONS_PAGE: u32 = 200;

/// What removing an object came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Under which contract it was.
    pub contract: ContractId,
    /// For how many sealed bytes that has room now; nothing where it is over.
    pub room: Option<Bytes>,
    /// Whether it holds nothing any more.
    pub is_empty: bool,
}

/// An object and its contract, as the catalogue has them, and as the market sees the contract now.
#[derive(Clone, Debug)]
pub struct Stat {
    /// The object.
    pub object: ObjectRecord,
    /// Its contract.
    pub contract: ContractRecord,
    /// The contract now; nothing where the market does not answer.
    pub view: Option<ContractView>,
}

impl Client {
    /// What storing as `wish` says would cost, line by line, and who would keep it.
    pub async fn quote(&self, wish: &StorageWish) -> Result<Offer, Error> {
        agree::bargain(&self.market, &*self.signer, wish.terms()?, wish.counter).await
    }

    /// Why each provider that an offer's quote does not name is left out, and what would let it in: all of them, as
    /// things stand now.
    pub async fn exclusions(&self, offer: &Offer) -> Result<Vec<Exclusion>, Error> {
        let (mut all, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self.market.exclusions(offer.signed(), after.as_deref(), EXCLUSIONS_PAGE);
            let page = page.await?;
            all.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// The objects, by name. Nobody is asked.
    pub async fn ls(&self) -> Result<Vec<ObjectRecord>, Error> {
        Ok(self.catalogue().await?.live().cloned().collect())
    }

    /// One object, with its contract.
    pub async fn stat(&self, name: &ObjectName) -> Result<Stat, Error> {
        let (catalogue, object) = self.known(name).await?;
        let id = object.contract;
        let contract = catalogue.contracts.get(&id).ok_or(Error::NoSuchContract(id))?;
        let asked = tokio::time::timeout(self.options.market_within, self.market.contract(id));
        let view = asked.await.ok().and_then(Result::ok);
        Ok(Stat { object, contract: contract.value.clone(), view })
    }

    /// Removes an object: its shards leave the contract, whose room they took, and its key is forgotten, so that
    /// nobody can read it again, ourselves included. Interrupted, it is done again.
    ///
    /// # Errors
    /// Where the contract cannot be revised now (a slot is being repaired, a provider does not answer), nothing is
    /// removed; [`Client::forget`] needs nobody.
    pub async fn rm(&self, name: &ObjectName, progress: &dyn Progress) -> Result<Removed, Error> {
        let (_, object) = self.known(name).await?;
        let (removed, view) = self.taken_out(&object, progress).await?;
        if let Some(view) = view {
            let record = contract_record(&view);
            self.shelf.edit(move |catalogue| catalogue.put_contract(record)).await?;
        }
        self.forget(name, progress).await?;
        Ok(removed)
    }

    /// Takes an object out of its contract, which is given as it is then; nothing where it is over.
    pub(crate) async fn taken_out(
        &self,
        object: &ObjectRecord,
        progress: &dyn Progress,
    ) -> Result<(Removed, Option<ContractView>), Error> {
        let (contract, segments) = (object.contract, &object.layout.segments);
        let view = match self.market.contract(contract).await {
            Err(error) if error.problem().is_some_and(|problem| problem.status == 404) => None,
            view => Some(view?).filter(agree::takes_bytes),
        };
        let mut removed = Removed { contract, room: None, is_empty: false };
        if view.is_none() {
            return Ok((removed, None));
        }
        let remove = |layout: &mut ContractLayout| match place_of(layout, segments) {
            Some(place) => Ok(layout.remove(place).map(|_| true)?),
            None => Ok(false),
        };
        let Revised { view, layout } = self.revise(contract, remove, progress).await?;
        self.tell_providers(&view).await;
        let kept = view.slots.iter().map(|slot| slot.size.bytes).max().unwrap_or(0);
        let room = view.terms.slot_capacity().0.saturating_sub(kept);
        removed.room = Some(Bytes(room.saturating_mul(view.terms.redundancy.data.into())));
        removed.is_empty = layout.segments().is_empty();
        Ok((removed, Some(view)))
    }

    /// Forgets an object and its key. Its shards stay with the providers until the contract ends.
    ///
    /// # Errors
    /// Where there is no such object, or the catalogue cannot be written.
    pub async fn forget(&self, name: &ObjectName, progress: &dyn Progress) -> Result<(), Error> {
        let (_, object) = self.known(name).await?;
        let gone = name.clone();
        let remove = move |catalogue: &mut Catalogue| {
            if catalogue.object(&gone).is_none() {
                return Err(Error::NoSuchObject(gone));
            }
            catalogue.remove_object(&gone);
            Ok(())
        };
        self.shelf.change(remove).await?;
        self.backup_or_note(progress).await;
        self.refresh_shares(name, Some(&object)).await;
        Ok(())
    }

    /// The client's contracts, as the market has them.
    pub async fn contracts(&self) -> Result<Vec<ContractLine>, Error> {
        Ok(self.market.contracts().await?)
    }

    /// One contract, as the market has it.
    pub async fn contract(&self, id: ContractId) -> Result<ContractView, Error> {
        Ok(self.market.contract(id).await?)
    }

    /// The client's money.
    pub async fn account(&self) -> Result<AccountView, Error> {
        Ok(self.market.account(self.did()).await?)
    }

    /// At most `limit` postings of the client's after the posting `after`.
    pub async fn history(&self, after: u64, limit: u32) -> Result<Vec<HistoryEntry>, Error> {
        Ok(self.market.history(self.did(), after, limit).await?)
    }

    /// Presents a deposit that the market's operator signed.
    pub async fn deposit(&self, deposit: &Signed) -> Result<Accepted, Error> {
        Ok(self.market.deposit(deposit).await?)
    }

    /// Takes money out, to be paid `to` where the operator pays.
    pub async fn withdraw(&self, amount: Msat, to: &str) -> Result<Accepted, Error> {
        // The market takes rising nonces alone; two withdrawals in one microsecond are one too many.
        let nonce = u64::try_from(network::clock::now().0).unwrap_or(0);
        let withdrawal = Withdrawal { party: self.did(), amount, to: to.to_owned(), nonce };
        let signed = Verified::sign(withdrawal, &*self.signer)?;
        Ok(self.market.withdraw(signed.signed()).await?)
    }
}
