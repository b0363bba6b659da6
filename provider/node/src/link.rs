//! The stream to the market: opened outward, kept open, everything that comes over it answered.

use crate::node::Node;
use crate::proofs;
use crate::rebuild;
use crate::store::{Lease, SlotKey};
use network::api::{ToMarket, ToProvider};
use network::market_api::MarketClient;
use network::stream::{StreamError, StreamSender};
use provider::{Room, judge, lost_bytes};
use shards::Root;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::TaskTracker;
use types::documents::{Challenge, Confession, Confirmation, Reservation};
use types::{DocId, Signed};

/// The first pause before the stream is opened again.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How often the ask is signed anew.
const ASK_AGAIN: Duration = Duration::from_hours(24);
/// How long vouchers are gathered before they are redeemed.
const GATHER: Duration = Duration::from_millis(100);

/// The node's side of its stream.
pub(crate) struct Link {
    node: Arc<Node>,
    market: MarketClient,
    endpoint: String,
    /// Vouchers on their way: which slot each is for, by document.
    sent: Mutex<BTreeMap<DocId, SlotKey>>,
    /// Damage that was found and is to be confessed.
    damage: Mutex<BTreeMap<SlotKey, u64>>,
    tasks: TaskTracker,
}

impl Link {
    pub(crate) fn new(node: Arc<Node>, market: MarketClient, endpoint: String, tasks: TaskTracker) -> Self {
        Self { node, market, endpoint, sent: Mutex::default(), damage: Mutex::default(), tasks }
    }

    /// Keeps the stream open until the future is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut pause = PAUSE;
        loop {
            let began = Instant::now();
            let ended = self.clone().once().await;
            tracing::debug!(reason = %ended.map_or_else(|e| e.to_string(), |()| "closed".into()), "the stream to the market ended");
            pause = if began.elapsed() > PAUSE_MAX { PAUSE } else { (pause * 2).min(PAUSE_MAX) };
            sleep(pause).await;
        }
    }

    /// One stream, from hello to its end.
    async fn once(self: Arc<Self>) -> Result<(), StreamError> {
        let holdings = self.node.store.rooms().iter().map(|room| room.key()).collect();
        let (sender, mut receiver) = self.market.stream(holdings).await?.split();
        self.publish(&sender).await?;
        let (mut ask_at, mut redeem_at) = (Instant::now() + ASK_AGAIN, Instant::now());
        self.confess_all(&sender).await?;
        loop {
            tokio::select! {
                message = receiver.recv() => match message? {
                    Some(message) => self.clone().take(message, &sender).await?,
                    None => return Ok(()),
                },
                () = sleep_until(ask_at) => {
                    self.publish(&sender).await?;
                    ask_at = Instant::now() + ASK_AGAIN;
                }
                () = self.node.vouchers.notified() => redeem_at = Instant::now() + GATHER,
                () = sleep_until(redeem_at) => {
                    self.redeem(&sender).await?;
                    self.confess_all(&sender).await?;
                    redeem_at = Instant::now() + ASK_AGAIN;
                }
            }
        }
    }

    async fn publish(&self, sender: &StreamSender<ToMarket>) -> Result<(), StreamError> {
        let ask = self.node.settings.offer.ask(self.node.did, self.endpoint.clone(), network::clock::now());
        sender.send(ToMarket::Ask(self.node.sign(ask).signed().clone())).await
    }

    async fn redeem(&self, sender: &StreamSender<ToMarket>) -> Result<(), StreamError> {
        for key in self.node.unredeemed() {
            let Some(voucher) = self.node.store.room(&key).and_then(|room| room.voucher()) else {
                self.node.redeemed(&key);
                continue;
            };
            self.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(voucher.id(), key);
            sender.send(ToMarket::Voucher(voucher)).await?;
        }
        Ok(())
    }

    /// Notes what a check of the disk found; it is confessed over the stream.
    pub(crate) fn found_damaged(&self, key: SlotKey, bytes: u64) {
        self.damage.lock().unwrap_or_else(PoisonError::into_inner).insert(key, bytes);
        self.node.vouchers.notify_one();
    }

    /// Confesses what was found damaged, at the revision the market has now.
    async fn confess_all(&self, sender: &StreamSender<ToMarket>) -> Result<(), StreamError> {
        let damage = std::mem::take(&mut *self.damage.lock().unwrap_or_else(PoisonError::into_inner));
        for ((contract, slot), lost_bytes) in damage {
            let revision = match self.market.contract(contract).await {
                Ok(view) => view.revision,
                Err(error) => {
                    tracing::warn!(%error, %contract, slot, "a loss cannot be confessed yet");
                    self.damage.lock().unwrap_or_else(PoisonError::into_inner).insert((contract, slot), lost_bytes);
                    continue;
                }
            };
            let confession = Confession { provider: self.node.did, contract, slot, revision, lost_bytes };
            sender.send(ToMarket::Confession(self.node.sign(confession).signed().clone())).await?;
        }
        Ok(())
    }

    async fn take(
        self: Arc<Self>,
        message: ToProvider,
        sender: &StreamSender<ToMarket>,
    ) -> Result<(), StreamError> {
        match message {
            ToProvider::Welcome(info) => {
                tracing::debug!(market = %info.market, epoch = %info.current_epoch, "connected");
            }
            ToProvider::Reservation(signed) => self.answer_later(sender, signed, Self::confirm),
            ToProvider::Challenge(signed) => self.answer_later(sender, signed, Self::prove),
            ToProvider::Rebuild(order) => {
                let sender = sender.clone();
                let link = self.clone();
                self.tasks.spawn(async move {
                    match rebuild::rebuild(&link.node, *order).await {
                        Ok(Some(receipt)) => drop(sender.send(ToMarket::Receipt(receipt)).await),
                        Ok(None) => {}
                        Err(error) => tracing::warn!(%error, "a slot cannot be rebuilt now"),
                    }
                });
            }
            ToProvider::Released { contract, slot } => {
                let link = self.clone();
                self.tasks.spawn_blocking(move || {
                    if let Err(error) = link.node.store.forget(&(contract, slot)) {
                        tracing::warn!(%error, "a released slot's files are left");
                    }
                });
            }
            ToProvider::Accepted { document } => self.settled(&document),
            ToProvider::Refused { document, problem } => {
                tracing::warn!(%document, code = problem.code, detail = problem.detail, "the market refused a document");
                // Later it may be taken; what can never be is not sent again before the next start.
                self.settled(&document);
            }
        }
        Ok(())
    }

    /// A voucher was answered. A higher one that came meanwhile still waits.
    fn settled(&self, document: &DocId) {
        let key = self.sent.lock().unwrap_or_else(PoisonError::into_inner).remove(document);
        let Some(key) = key else { return };
        let newest = self.node.store.room(&key).and_then(|room| room.voucher());
        if newest.is_none_or(|voucher| voucher.id() == *document) {
            self.node.redeemed(&key);
        } else {
            self.node.vouchers.notify_one();
        }
    }

    /// Answers a document on a thread that may block, without holding up the stream.
    fn answer_later(
        self: Arc<Self>,
        sender: &StreamSender<ToMarket>,
        signed: Signed,
        answer: fn(&Self, &Signed) -> Option<ToMarket>,
    ) {
        let (sender, tasks) = (sender.clone(), self.tasks.clone());
        tasks.spawn(async move {
            let answered = tokio::task::spawn_blocking(move || answer(&self, &signed)).await;
            if let Ok(Some(message)) = answered {
                // A stream that ended meanwhile is opened again, and the market asks again.
                drop(sender.send(message).await);
            }
        });
    }

    fn confirm(&self, signed: &Signed) -> Option<ToMarket> {
        let node = &self.node;
        let reservation = signed.verify::<Reservation>().ok().filter(|r| r.market == node.settings.market_key)?;
        let key = (reservation.contract, reservation.slot);
        let there = node.store.room(&key).map_or(0, |room| room.lease().capacity.0);
        let room = Room {
            provider: node.did,
            market: node.settings.market_key,
            committed: types::Bytes(node.store.committed().0.saturating_sub(there)),
            disk_free: node.store.disk_free(),
            now: network::clock::now(),
        };
        let lease = Lease {
            client: reservation.client,
            capacity: reservation.capacity,
            redundancy: reservation.redundancy,
            shard_bytes: reservation.shard_bytes,
        };
        let judged = judge(&reservation, &node.settings.offer, &room).map_err(|declined| declined.to_string());
        let taken = judged.and_then(|()| node.store.reserve(key, &lease).map_err(|error| error.to_string()));
        let declined = taken.err();
        let confirmation = Confirmation { provider: node.did, contract: key.0, slot: key.1, declined };
        Some(ToMarket::Confirmation(node.sign(confirmation).signed().clone()))
    }

    fn prove(&self, signed: &Signed) -> Option<ToMarket> {
        let node = &self.node;
        let challenge = signed.verify::<Challenge>().ok()?;
        if challenge.auditor != node.settings.market_key || challenge.provider != node.did {
            return None;
        }
        let (proof, answers) = proofs::answer(node, &challenge);
        Some(ToMarket::Proof { proof: proof.signed().clone(), answers })
    }

    /// Looks at every byte that receipts were signed for, and confesses what is lost. Blocks for long.
    pub(crate) fn check_disk(&self) {
        for room in self.node.store.rooms() {
            let damaged = room.damaged();
            if let Some(lost) = lost_bytes(damaged.iter().map(|entry| entry.bytes)) {
                let roots: Vec<Root> = damaged.iter().map(|entry| entry.root).collect();
                tracing::warn!(slot = ?room.key(), ?roots, "the disk has lost shards");
                self.found_damaged(room.key(), lost);
            }
        }
    }
}
