//! The way of an object back from its slots.

use super::engine::{Broken, Download};
use super::fetch::Seller;
use super::tab::{Counts, STEP_BYTES, Tab, TabFile};
use super::target::{Sink, Target};
use crate::account::Client;
use crate::error::Error;
use crate::holding::holders;
use crate::progress::{Event, Progress};
use crate::sharing::Found;
use crate::shelf::blocking;
use client::plan::{DownloadPlan, Pace};
use client::{BucketKey, ContractRecord, Holder, ObjectName, ObjectRecord};
use futures_util::future::join_all;
use network::api::{ContractView, SlotPass};
use shards::{Decoder, Shape};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use types::documents::Access;
use types::{Bytes, ContractId, Did, Hash};

/// How much memory the segments that are being fetched may take.
const WINDOW_BYTES: u64 = 64 << 20;
/// How long the last vouchers may take.
const SETTLE_WITHIN: Duration = Duration::from_secs(5);

/// An object that came back.
#[derive(Clone, Debug)]
pub struct Got {
    /// What it is called.
    pub name: ObjectName,
    /// From which contract.
    pub contract: ContractId,
    /// Its bytes.
    pub bytes: Bytes,
    /// The BLAKE3 hash of its bytes, as it was stored and as it came.
    pub hash: Hash,
    /// How many of its bytes were there from an interrupted download.
    pub resumed_at: u64,
    /// What each slot gave.
    pub slots: Vec<GotSlot>,
    /// Whether the market was asked in vain where the slots are.
    pub without_market: bool,
}

/// What one slot gave of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GotSlot {
    /// Its number.
    pub slot: u16,
    /// Who keeps it.
    pub provider: Did,
    /// Verified shard bytes that came from it.
    pub bytes: Bytes,
}

/// Everything a download goes by.
struct Route {
    object: ObjectRecord,
    /// What opens its key.
    bucket: BucketKey,
    contract: ContractRecord,
    /// Slots that the market says are not well, with their state.
    unwell: Vec<(u16, String)>,
    without_market: bool,
}

/// Whom a download asks: slot by slot, or why it cannot be reached.
type Sellers = Vec<Result<Arc<Seller>, (Did, String)>>;

impl Client {
    /// Fetches an object. Works from the catalogue alone when the market does not answer.
    ///
    /// # Errors
    /// [`Error::Missing`] names the slots when too few answer. A file target is never left with wrong bytes,
    /// and what came is kept for the next attempt.
    pub async fn get(
        &self,
        name: &ObjectName,
        target: Target,
        progress: Arc<dyn Progress>,
    ) -> Result<Got, Error> {
        let (catalogue, object) = self.known(name).await?;
        let id = object.contract;
        let contract = catalogue.contracts.get(&id).ok_or(Error::NoSuchContract(id))?;
        let (contract, bucket) = (contract.value.clone(), self.keys.bucket(&name.bucket));
        self.get_own(Found { object, contract, bucket }, target, progress).await
    }

    /// Fetches an object from a contract of the client's own.
    pub(crate) async fn get_own(
        &self,
        found: Found,
        target: Target,
        progress: Arc<dyn Progress>,
    ) -> Result<Got, Error> {
        let route = self.route(found, &*progress).await?;
        let paid = route.contract.paid.clone();
        let tabs = Arc::new(self.open_tabs(route.contract.id, paid).await?);
        let sellers = self.sellers(&route, &tabs);
        let object = route.object.clone();
        let sink = blocking(move || Sink::open(target, &object)).await?;
        let fetched = self.fetched(&route, sink, &sellers, &progress).await;
        let read = self.settled(&route, &sellers, &tabs).await;
        if read >= STEP_BYTES && !route.without_market {
            self.backup_or_note(&*progress).await;
        }
        fetched
    }

    /// Fetches another's object by the passes that the market gave for it.
    pub(crate) async fn get_foreign(
        &self,
        Found { object, contract, bucket }: Found,
        passes: &[SlotPass],
        (sellers, tabs): (Sellers, &TabFile),
        (target, progress): (Target, Arc<dyn Progress>),
    ) -> Result<Got, Error> {
        let holder =
            |pass: &SlotPass| Holder { provider: pass.provider, endpoint: pass.endpoint.clone() };
        let contract = ContractRecord { holders: passes.iter().map(holder).collect(), ..contract };
        let unwell = passes.iter().filter(|pass| !pass.well);
        let unwell = unwell.map(|pass| (pass.slot, "not well".to_owned())).collect();
        let route =
            Route { object: object.clone(), bucket, contract, unwell, without_market: false };
        let sink = blocking(move || Sink::open(target, &object)).await?;
        let fetched = self.fetched(&route, sink, &sellers, &progress).await;
        self.settled(&route, &sellers, tabs).await;
        fetched
    }

    /// What was read under a contract by now.
    pub(crate) async fn open_tabs(
        &self,
        contract: ContractId,
        paid: Counts,
    ) -> Result<TabFile, Error> {
        let dir = self.tabs();
        blocking(move || TabFile::open(&dir, contract, &paid)).await
    }

    /// Fetches into `sink`. What an interrupted download left there is continued; where that was not the
    /// object's beginning after all, everything is fetched once more.
    async fn fetched(
        &self,
        route: &Route,
        mut sink: Sink,
        sellers: &[Result<Arc<Seller>, (Did, String)>],
        progress: &Arc<dyn Progress>,
    ) -> Result<Got, Error> {
        let object = &route.object;
        let key = route.bucket.unwrap(&object.name.name, &object.wrapped)?;
        let layout = Arc::new(object.layout.clone());
        let mut bytes_by_slot = BTreeMap::new();
        loop {
            let resumed_at = sink.bytes();
            let decoder = Decoder::starting_at(object.layout.clone(), &key, resumed_at)?;
            let plan = planned(route, decoder.next_segment());
            let mut download =
                Download::new(plan, Arc::clone(&layout), sellers.to_vec(), Arc::clone(progress));
            let run = download.run(decoder, sink).await;
            for (slot, bytes) in &download.bytes_by_slot {
                *bytes_by_slot.entry(*slot).or_default() += bytes;
            }
            sink = run.map_err(|broken| match broken {
                Broken::Missing(missing) => Error::Missing { name: object.name.clone(), missing },
                Broken::Failed(error) => error,
            })?;
            if sink.is(object.hash) {
                blocking(move || sink.finish()).await?;
                return Ok(got(route, resumed_at, &bytes_by_slot));
            }
            if resumed_at == 0 {
                return Err(Error::WrongHash(object.name.clone()));
            }
            sink.restart()?;
        }
    }

    /// Where the object's slots are now.
    async fn route(
        &self,
        Found { object, contract, bucket }: Found,
        progress: &dyn Progress,
    ) -> Result<Route, Error> {
        let id = contract.id;
        let mut route =
            Route { object, bucket, contract, unwell: Vec::new(), without_market: false };
        let asked =
            tokio::time::timeout(self.options.market_within, self.market.contract(id)).await;
        let unanswered = match asked {
            Ok(Ok(view)) => return self.updated(route, &view).await,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it did not answer within {:?}", self.options.market_within),
        };
        progress.notice(&Event::WithoutMarket { reason: &unanswered });
        route.without_market = true;
        Ok(route)
    }

    /// Takes the holders that the market names, and remembers them. An address it does not know now may
    /// still be right.
    async fn updated(&self, mut route: Route, view: &ContractView) -> Result<Route, Error> {
        let well = |slot: &network::api::SlotView| slot.online && slot.state == "filled";
        let unwell = view.slots.iter().filter(|slot| !well(slot));
        route.unwell = unwell.map(|slot| (slot.slot, slot.state.clone())).collect();
        let known = |holder: &Holder| {
            let before = route.contract.holders.iter().find(|h| h.provider == holder.provider);
            before.and_then(|before| before.endpoint.clone())
        };
        let now: Vec<Holder> = holders(view)
            .into_iter()
            .map(|holder| Holder {
                endpoint: holder.endpoint.clone().or_else(|| known(&holder)),
                ..holder
            })
            .collect();
        if now != route.contract.holders || view.revision > route.contract.revision {
            route.contract.holders = now;
            route.contract.revision = route.contract.revision.max(view.revision);
            let record = route.contract.clone();
            self.shelf.edit(move |catalogue| catalogue.put_contract(record)).await?;
        }
        Ok(route)
    }

    fn sellers(&self, route: &Route, tabs: &Arc<TabFile>) -> Sellers {
        let mut connector = self.connector(self.options.download);
        let slots = (0..).zip(&route.contract.holders);
        slots
            .map(|(slot, holder)| {
                let holding = connector
                    .holding(route.contract.id, slot, holder, &[Access::Read])
                    .map_err(|reason| (holder.provider, reason))?;
                let tab = Tab::new(holding.clone(), Arc::clone(&self.signer), Arc::clone(tabs));
                Ok(Arc::new(Seller { holding, tab }))
            })
            .collect()
    }

    /// Pays what is open, as far as the providers answer, and notes it; gives how many bytes were read.
    async fn settled(
        &self,
        route: &Route,
        sellers: &[Result<Arc<Seller>, (Did, String)>],
        tabs: &TabFile,
    ) -> u64 {
        let paying = sellers.iter().flatten().map(|seller| seller.tab.settle());
        if tokio::time::timeout(SETTLE_WITHIN, join_all(paying)).await.is_err() {
            tracing::info!("some providers did not take their last voucher");
        }
        let (before, now) = (&route.contract.paid, tabs.counts());
        let sum = |counts: &super::tab::Counts| counts.values().sum::<u64>();
        let read = sum(&now).saturating_sub(sum(before));
        if read > 0 {
            let id = route.contract.id;
            let noted = self.shelf.edit(move |catalogue| {
                if let Some(entry) = catalogue.contracts.get(&id) {
                    catalogue.put_contract(ContractRecord { paid: now, ..entry.value.clone() });
                }
            });
            if let Err(error) = noted.await {
                tracing::warn!(%error, "what was paid for reads could not be noted in the catalogue");
            }
        }
        read
    }
}

fn planned(route: &Route, first: Option<u64>) -> DownloadPlan {
    let layout = &route.object.layout;
    let end = layout.segments.len() as u64;
    let pace = Pace { window: window(layout.shape), ..Pace::default() };
    let segments = first.unwrap_or(end)..end;
    let mut plan = DownloadPlan::new(layout.shape.data, layout.shape.shards(), segments, pace);
    for (slot, state) in &route.unwell {
        plan.distrust(*slot, &format!("the market says it is {state}"));
    }
    plan
}

fn window(shape: Shape) -> u64 {
    (WINDOW_BYTES / shape.segment_bytes()).clamp(1, Pace::default().window)
}

fn got(route: &Route, resumed_at: u64, bytes_by_slot: &BTreeMap<u16, u64>) -> Got {
    let slots = (0..).zip(&route.contract.holders).map(|(slot, holder)| GotSlot {
        slot,
        provider: holder.provider,
        bytes: Bytes(bytes_by_slot.get(&slot).copied().unwrap_or(0)),
    });
    Got {
        name: route.object.name.clone(),
        contract: route.contract.id,
        bytes: Bytes(route.object.layout.plain_bytes),
        hash: route.object.hash,
        resumed_at,
        slots: slots.collect(),
        without_market: route.without_market,
    }
}
