//! Rebuilds that the market has ordered: one worker a slot, until the market has taken its receipt.

use crate::link::Link;
use crate::rebuild::{self, RebuildError};
use crate::store::SlotKey;
use network::api::RebuildOrder;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use types::{DocId, Signed};

/// The first pause before a rebuild that failed is tried again.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// The longest pause while an escrow's funding is waited for: asking costs nothing.
const FUNDING_PAUSE_MAX: Duration = Duration::from_secs(5);

/// One slot's rebuild.
struct Job {
    /// The latest order; dropped where there is nothing left to do.
    order: watch::Sender<Arc<RebuildOrder>>,
    /// What was signed for it.
    receipt: Option<Signed>,
}

/// All rebuilds that are not over.
#[derive(Default)]
pub(crate) struct Repairs(Mutex<BTreeMap<SlotKey, Job>>);

impl Repairs {
    /// Takes an order. One that is known already brings fresh sources, and its receipt is sent again.
    pub(crate) fn order(link: &Arc<Link>, order: RebuildOrder) {
        let key = (order.contract, order.slot);
        let mut jobs = link.repairs.jobs();
        let running = jobs.get_mut(&key).filter(|job| !job.order.is_closed());
        if let Some(job) = running {
            if !is_same(&job.order.borrow(), &order) {
                job.receipt = None;
            }
            job.order.send_replace(Arc::new(order));
        } else {
            let (sender, orders) = watch::channel(Arc::new(order));
            jobs.insert(key, Job { order: sender, receipt: None });
            let worker = link.clone();
            link.spawn(async move { worker.work(key, orders).await });
        }
        drop(jobs);
        link.node.news.notify_one();
    }

    /// Receipts that the market has not taken yet.
    pub(crate) fn finished(&self) -> Vec<(SlotKey, Signed)> {
        let jobs = self.jobs();
        let receipts = jobs.iter().filter_map(|(key, job)| Some((*key, job.receipt.clone()?)));
        receipts.collect()
    }

    /// The market has answered a receipt for good: its rebuild is over, unless it has ordered another since.
    pub(crate) fn settle(&self, key: &SlotKey, document: &DocId) {
        let mut jobs = self.jobs();
        let receipt = jobs.get(key).and_then(|job| job.receipt.as_ref());
        if receipt.is_some_and(|receipt| receipt.id() == *document) {
            jobs.remove(key);
        }
    }

    /// The slot is no longer wanted.
    pub(crate) fn forget(&self, key: &SlotKey) {
        self.jobs().remove(key);
    }

    /// Keeps the receipt for `order`, if that is still the latest one.
    fn finish(&self, order: &RebuildOrder, receipt: Signed) {
        let mut jobs = self.jobs();
        let job = jobs.get_mut(&(order.contract, order.slot));
        if let Some(job) = job.filter(|job| is_same(&job.order.borrow(), order)) {
            job.receipt = Some(receipt);
        }
    }

    fn is_finished(&self, key: &SlotKey) -> bool {
        self.jobs().get(key).is_some_and(|job| job.receipt.is_some())
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<SlotKey, Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a receipt for the one is a receipt for the other.
fn is_same(one: &RebuildOrder, other: &RebuildOrder) -> bool {
    (one.revision, one.size) == (other.revision, other.size)
}

impl Link {
    /// Works on a slot's orders until there are none any more.
    async fn work(self: Arc<Self>, key: SlotKey, mut orders: watch::Receiver<Arc<RebuildOrder>>) {
        let mut pause = PAUSE;
        loop {
            let order = orders.borrow_and_update().clone();
            if !self.repairs.is_finished(&key) {
                tokio::select! {
                    rebuilt = rebuild::rebuild(&self.node, &order) => match rebuilt {
                        Ok(receipt) => {
                            tracing::info!(?key, revision = order.revision, "a slot is rebuilt");
                            self.repairs.finish(&order, receipt);
                            self.node.news.notify_one();
                            pause = PAUSE;
                        }
                        Err(error) => {
                            tell(&error, key);
                            if !wait(&mut orders, &error, pause).await {
                                return;
                            }
                            pause = (pause * 2).min(longest(&error));
                            continue;
                        }
                    },
                    other = superseded(&mut orders, &order) => {
                        if !other {
                            return;
                        }
                        continue;
                    }
                }
            }
            if orders.has_changed().is_ok_and(|changed| changed) {
                continue;
            }
            if orders.changed().await.is_err() {
                return;
            }
        }
    }
}

fn tell(error: &RebuildError, key: SlotKey) {
    match error {
        RebuildError::NotFunded(waits) => tracing::debug!(%waits, ?key, "a rebuild waits"),
        error => tracing::warn!(%error, ?key, "a slot cannot be rebuilt now"),
    }
}

/// The longest pause after `error`.
const fn longest(error: &RebuildError) -> Duration {
    if matches!(error, RebuildError::NotFunded(_)) { FUNDING_PAUSE_MAX } else { PAUSE_MAX }
}

/// Waits until the rebuild may be tried again; `false` where nobody wants it any more.
async fn wait(
    orders: &mut watch::Receiver<Arc<RebuildOrder>>,
    error: &RebuildError,
    pause: Duration,
) -> bool {
    if error.is_final() {
        return orders.changed().await.is_ok();
    }
    tokio::select! {
        () = sleep(pause) => true,
        changed = orders.changed() => changed.is_ok(),
    }
}

/// Waits for an order for other bytes than `order`'s; `false` where nobody wants any.
async fn superseded(orders: &mut watch::Receiver<Arc<RebuildOrder>>, order: &RebuildOrder) -> bool {
    loop {
        if orders.changed().await.is_err() {
            return false;
        }
        if !is_same(&orders.borrow_and_update(), order) {
            return true;
        }
    }
}
