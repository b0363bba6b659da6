//! The contract that an object is put into: one with room, a new one, or that of an interrupted upload.

use super::journal::{Journal, UploadPlan};
use super::source::Stamp;
use crate::account::Client;
use crate::agree::{self, Offer};
use crate::chance;
use crate::error::Error;
use crate::progress::{Event, Progress};
use client::plan::{Housed, Room, house};
use client::{BucketKey, CounterPrices, Housing, ObjectName, StorageWish};
use network::api::ContractView;
use shards::{Cipher, ObjectKey};
use types::{Bytes, ContractId, Signed, Span, Terms};

/// How many quotes are asked for when others keep taking the room first.
const QUOTES_MAX: u32 = 4;
/// How many contracts are looked at for room.
const LOOKED_AT_MAX: usize = 32;

/// What a first look at the source tells.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) stamp: Option<Stamp>,
    pub(crate) compress: bool,
}

/// An upload whose contract is agreed.
pub(crate) struct Agreed {
    pub(crate) plan: UploadPlan,
    pub(crate) journal: Option<Journal>,
    pub(crate) resumed: bool,
}

impl Client {
    /// Goes on with the contract of an interrupted upload, finds one with room, or makes a new one.
    pub(crate) async fn agree(
        &self,
        look: Look,
        name: &ObjectName,
        wish: &StorageWish,
        progress: &dyn Progress,
    ) -> Result<Agreed, Error> {
        let terms = wish.terms()?;
        let mut journal = None;
        if look.stamp.is_some() {
            let (open, earlier) = Journal::open(&self.uploads(), name)?;
            if let Some(plan) =
                earlier.filter(|plan| plan.stamp == look.stamp && plan.terms == terms)
                && self.takes_more_of(&plan, &open, wish).await?
            {
                return Ok(Agreed { plan, journal: Some(open), resumed: true });
            }
            journal = Some(open);
        }
        if let Some(contract) = self.housed((wish, name), &terms).await? {
            let bucket = self.keys.bucket(&name.bucket);
            let plan = plan(&bucket, (look, name), terms, (contract, None));
            if let Some(journal) = &mut journal {
                journal.begin(&plan)?;
            }
            progress.notice(&Event::Joined { contract });
            return Ok(Agreed { plan, journal, resumed: false });
        }
        self.newly_agreed((look, name), (terms, wish.counter), journal, progress).await
    }

    async fn newly_agreed(
        &self,
        (look, name): (Look, &ObjectName),
        (terms, most): (Terms, Option<CounterPrices>),
        mut journal: Option<Journal>,
        progress: &dyn Progress,
    ) -> Result<Agreed, Error> {
        let bucket = self.keys.bucket(&name.bucket);
        let begin = |offer: &Offer, acceptance: &Signed| {
            let made = (acceptance.id(), Some((offer, acceptance.clone())));
            let plan = plan(&bucket, (look, name), terms.clone(), made);
            if let Some(journal) = &mut journal {
                journal.begin(&plan)?;
            }
            Ok(plan)
        };
        let plan = self.bought((&terms, most), begin, progress).await?;
        Ok(Agreed { plan, journal, resumed: false })
    }

    /// Asks for a quote and takes it, anew where others took the room first. `begin` hears of each before money moves.
    async fn bought<T>(
        &self,
        (terms, most): (&Terms, Option<CounterPrices>),
        mut begin: impl FnMut(&Offer, &Signed) -> Result<T, Error>,
        progress: &dyn Progress,
    ) -> Result<T, Error> {
        let mut quotes_left = QUOTES_MAX;
        loop {
            quotes_left -= 1;
            let offer = agree::bargain(&self.market, &*self.signer, terms.clone(), most).await?;
            progress.notice(&Event::Quoted(offer.quote()));
            if let Some(most) = most.filter(|most| !most.is_met_by(offer.quote())) {
                return Err(not_met(&most, &offer));
            }
            let acceptance = agree::acceptance(&offer, &*self.signer)?;
            let begun = begin(&offer, &acceptance)?;
            match agree::accept(&self.market, offer.signed(), &acceptance).await {
                Ok(view) => {
                    let contract = acceptance.id();
                    progress.notice(&Event::Agreed { contract, escrow: view.escrow });
                    return Ok(begun);
                }
                // Somebody else took the room that was quoted: ask for other room.
                Err(error) if error.code() == Some("quote_stale") && quotes_left > 0 => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Makes a contract as `wish` says and begins it, empty: for a guest to write to.
    ///
    /// # Errors
    /// What making a contract fails with. Money that was locked for one that never began comes back when it expires.
    pub async fn make_contract(
        &self,
        wish: &StorageWish,
        progress: &dyn Progress,
    ) -> Result<ContractId, Error> {
        let begin = |_: &Offer, acceptance: &Signed| Ok(acceptance.id());
        let contract = self.bought((&wish.terms()?, wish.counter), begin, progress).await?;
        let patience = self.options.confirm_within;
        let view = agree::wait_until_confirmed(&self.market, contract, patience, progress).await?;
        self.funded(view, progress).await?;
        self.revise(contract, |_| Ok(true), progress).await?;
        Ok(contract)
    }

    /// Whether an interrupted upload can go on: its contract takes bytes, and if it is shared, still has the room. A
    /// contract that the market has not heard of is accepted again, if its quote is still firm.
    pub(super) async fn takes_more_of(
        &self,
        plan: &UploadPlan,
        journal: &Journal,
        wish: &StorageWish,
    ) -> Result<bool, Error> {
        let view = match (self.market.contract(plan.contract).await, &plan.agreed) {
            (Err(error), Some((quote, acceptance)))
                if error.problem().is_some_and(|problem| problem.status == 404) =>
            {
                agree::accept(&self.market, quote, acceptance).await
            }
            (other, _) => other,
        };
        match view {
            Ok(view) if !agree::takes_bytes(&view) => Ok(false),
            Ok(_) if plan.agreed.is_some() => Ok(true),
            Ok(view) => {
                let room = room(&view, Span(0));
                if room.need(wish.size.0).is_some_and(|need| need <= room.free()) {
                    return Ok(true);
                }
                // Full: perhaps of the very object, whose revision was taken before the upload was interrupted.
                let layout = self.layout_of(&view).await?;
                Ok(journal.first_known().is_some_and(|first| layout.segments().contains(first)))
            }
            Err(error) if error.problem().is_some() && !error.is_transient() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The contract that is there for what is wished, grown where it must be; nothing where a new one is needed.
    async fn housed(
        &self,
        (wish, name): (&StorageWish, &ObjectName),
        terms: &Terms,
    ) -> Result<Option<ContractId>, Error> {
        let may_grow = match wish.housing {
            Housing::Own => return Ok(None),
            Housing::In(contract) => {
                self.may_join(contract, name).await?;
                return self.named(contract, wish).await.map(Some);
            }
            Housing::Shared => false,
            Housing::Growing => true,
        };
        let views = self.active_contracts().await?;
        if views.is_empty() {
            return Ok(None);
        }
        let info = self.market.info().await?;
        let left = |view: &ContractView| {
            let through =
                view.first_epoch.unwrap_or(info.current_epoch).0.saturating_add(view.epochs);
            let epochs = through.saturating_sub(info.current_epoch.0);
            Span(info.epoch.0.saturating_mul(epochs))
        };
        let rooms: Vec<Room<'_>> = views.iter().map(|view| room(view, left(view))).collect();
        match house(wish.size.0, terms, &rooms, may_grow) {
            Housed::Join(contract) => Ok(Some(contract)),
            Housed::Grow { contract, capacity } => match self.grow(contract, capacity).await {
                Ok(_) => Ok(Some(contract)),
                // Its providers do not stand by more: a new contract finds others.
                Err(Error::Network(error))
                    if error.problem().is_some() && !error.is_transient() =>
                {
                    tracing::info!(%error, %contract, "the contract cannot grow");
                    Ok(None)
                }
                Err(error) => Err(error),
            },
            Housed::New => Ok(None),
        }
    }

    pub(super) async fn named(
        &self,
        contract: ContractId,
        wish: &StorageWish,
    ) -> Result<ContractId, Error> {
        let view = self.market.contract(contract).await?;
        let room = room(&view, Span(0));
        let (free, need) = (room.free(), room.need(wish.size.0).unwrap_or(u64::MAX));
        if !agree::takes_bytes(&view) {
            return Err(Error::ContractState { contract, state: view.state });
        }
        if need <= free {
            return Ok(contract);
        }
        Err(Error::NoRoom { contract, free: Bytes(free), need: Bytes(need) })
    }

    /// The client's active contracts that may have room, those with the most of it first. What a guest may write to is
    /// left out: it could remove the object.
    async fn active_contracts(&self) -> Result<Vec<ContractView>, Error> {
        let mut lines = self.market.contracts().await?;
        lines.retain(|line| line.state == "active" && line.client == self.did());
        if lines.is_empty() {
            return Ok(Vec::new());
        }
        let guests = self.written_by_guests().await?;
        lines.retain(|line| !guests.iter().any(|(contract, ..)| *contract == line.id));
        lines.sort_by_key(|line| {
            let slots = u64::from(line.redundancy.slots()).max(1);
            let kept = (line.kept.0 / slots).saturating_mul(line.redundancy.data.into());
            std::cmp::Reverse(line.capacity.0.saturating_sub(kept))
        });
        let mut views = Vec::new();
        for line in lines.iter().take(LOOKED_AT_MAX) {
            views.push(self.market.contract(line.id).await?);
        }
        Ok(views)
    }
}

/// Why nothing is agreed: providers ask more than the client would pay.
fn not_met(most: &CounterPrices, offer: &Offer) -> Error {
    let dearest = offer.quote().slots.iter().map(|slot| slot.price).max();
    let asked = dearest.unwrap_or(most.price).to_string();
    let told = offer.refusals().map(|r| format!("; {}: {}", r.provider.short(), r.reason));
    let refusals = told.collect::<Vec<_>>().concat();
    Error::CounterNotMet { most: most.price.to_string(), asked, refusals }
}

pub(super) fn plan(
    bucket: &BucketKey,
    (look, name): (Look, &ObjectName),
    terms: Terms,
    (contract, agreed): (ContractId, Option<(&Offer, Signed)>),
) -> UploadPlan {
    let key = ObjectKey::new(chance::random());
    UploadPlan {
        name: name.clone(),
        stamp: look.stamp,
        terms,
        contract,
        agreed: agreed.map(|(offer, acceptance)| (offer.signed().clone(), acceptance)),
        wrapped: bucket.wrap(&name.name, &key, chance::random()),
        cipher: Cipher::for_this_cpu(),
        compress: look.compress,
    }
}

fn room(view: &ContractView, left: Span) -> Room<'_> {
    let well = |slot: &network::api::SlotView| slot.confirmed && slot.state == "filled";
    Room {
        id: view.id,
        terms: &view.terms,
        kept: Bytes(view.slots.iter().map(|slot| slot.size.bytes).max().unwrap_or(0)),
        left,
        is_well: view.state == "active" && view.slots.iter().all(well),
    }
}
