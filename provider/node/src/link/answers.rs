//! What the market asks: whether a slot is taken, and what is in it.

use super::{Link, Sent};
use crate::figures;
use crate::proofs;
use crate::store::{Lease, SlotKey};
use network::api::{ToMarket, ToProvider};
use provider::{Asked, Room, Use, judge};
use std::sync::{Arc, PoisonError};
use tokio::sync::mpsc::UnboundedReceiver;
use types::documents::{Challenge, Confirmation, Counter, CounterRefusal, Quote, Reservation};
use types::{Signed, Verified};

impl Link {
    /// Takes slots and lets go of them, in the order in which the market says so.
    pub(super) async fn change_slots(self: Arc<Self>, mut slots: UnboundedReceiver<ToProvider>) {
        while let Some(message) = slots.recv().await {
            match message {
                ToProvider::Reservation(signed) => self.confirm(signed).await,
                ToProvider::Released { contract, slot } => {
                    self.release((contract, slot)).await;
                    // It may have been lost over a verdict that can be refuted.
                    let link = self.clone();
                    self.spawn(async move { link.catch_up().await });
                }
                _ => {}
            }
        }
    }

    async fn release(&self, key: SlotKey) {
        self.repairs.forget(&key);
        self.node.forget_purses(&key);
        if let Some(settlement) = &self.node.settlement {
            settlement.gate.let_go(key);
        }
        if let Err(error) = self.node.blocking(move |node| node.store.forget(&key)).await {
            tracing::warn!(%error, "a released slot's files are left");
        }
    }

    /// Takes a reserved slot, or says why not.
    async fn confirm(self: &Arc<Self>, signed: Signed) {
        let ours = self.node.settings.market_key;
        let reservation = match signed.verify::<Reservation>() {
            Ok(reservation) if reservation.market == ours => reservation,
            Ok(other) => return tracing::warn!(market = %other.market, "another's reservation"),
            Err(error) => return tracing::warn!(%error, "a reservation is no document"),
        };
        let key = (reservation.contract, reservation.slot);
        let link = self.clone();
        let answer_by = reservation.answer_by;
        let judged = self.node.blocking(move |_| Ok(link.judge(key, &reservation))).await;
        let Ok(declined) = judged else { return };
        let ((contract, slot), provider) = (key, self.node.did);
        let confirmation = Confirmation { provider, contract, slot, answer_by, declined };
        let confirmation = self.node.sign(confirmation);
        self.tell(&confirmation, Sent::Confirmation(key), ToMarket::Confirmation).await;
    }

    /// Answers a counter: with an ask for it alone, or with why there is none.
    pub(super) async fn bargain(self: Arc<Self>, counter: Signed, quote: Signed) {
        let (Ok(counter), Ok(quote)) = (counter.verify::<Counter>(), quote.verify::<Quote>())
        else {
            return tracing::warn!("a counter is no document");
        };
        let ours = self.node.settings.market_key;
        if quote.market != ours || counter.quote != quote.id() || counter.client != quote.client {
            return tracing::warn!(market = %quote.market, "a counter to another quote");
        }
        let standing = self.standing_ask();
        let taken = Use {
            capacity: self.node.settings.offer.capacity,
            sold: self.node.store.committed_in_all(),
        };
        let rates = self.node.prices.rates();
        let asked = Asked { counter: &counter, id: counter.id(), quote: &quote, rates: &rates };
        match self.node.prices.bargain(&asked, &standing, taken) {
            Ok(ask) => {
                let ask = self.node.sign(ask);
                self.node.prices.signed(&ask);
                tracing::info!(price = %ask.price, round = counter.round, "a counter is answered");
                self.say(ToMarket::Ask(ask.signed().clone())).await;
            }
            Err(reason) => {
                tracing::info!(reason, round = counter.round, "a counter is refused");
                let (provider, counter) = (self.node.did, counter.id());
                let refusal = self.node.sign(CounterRefusal { provider, counter, reason });
                self.say(ToMarket::CounterRefusal(refusal.signed().clone())).await;
            }
        }
    }

    /// Makes room for a slot; or why it is declined. Blocks.
    fn judge(&self, key: SlotKey, reservation: &Verified<Reservation>) -> Option<String> {
        let node = &self.node;
        // Two reservations at a time must not be promised the same room.
        let _one_by_one = self.judging.lock().unwrap_or_else(PoisonError::into_inner);
        let (committed, unwritten) = node.store.committed(&key);
        let room = Room {
            provider: node.did,
            market: node.settings.market_key,
            committed,
            unwritten,
            disk_free: node.store.disk_free(),
            has_treasurer: node.settlement.is_some(),
            now: network::clock::now(),
        };
        let lease = Lease {
            client: reservation.client,
            capacity: reservation.capacity,
            redundancy: reservation.redundancy,
            shard_bytes: reservation.shard_bytes,
            rail: reservation.rail,
        };
        // A slot that is held already was judged when it was taken; more room for it is what our ask consents to.
        let holds = node.store.room(&key).is_some();
        let (least, settled) =
            (node.prices.least(reservation.quoted.ask, &node.settings.offer), &node.settings.offer);
        if !holds && let Err(declined) = judge(reservation, settled.capacity, &least, &room) {
            return Some(declined.to_string());
        }
        if let Err(reason) = node.agrees(reservation, holds) {
            return Some(reason);
        }
        node.store.reserve(key, &lease).err().map(|error| error.to_string())
    }

    /// Answers a challenge, and lets go of what the challenge shows to be superseded.
    pub(super) async fn prove(self: Arc<Self>, signed: Signed) {
        let (ours, me) = (self.node.settings.market_key, self.node.did);
        let challenge: Arc<Verified<Challenge>> = match signed.verify::<Challenge>() {
            Ok(challenge) if challenge.auditor == ours && challenge.provider == me => {
                challenge.into()
            }
            Ok(other) => return tracing::warn!(auditor = %other.auditor, "another's challenge"),
            Err(error) => return tracing::warn!(%error, "a challenge is no document"),
        };
        if !self.node.accepts_beacon(&challenge).await {
            return;
        }
        let asked = challenge.clone();
        let answered = self.node.blocking(move |node| Ok(proofs::answer(node, &asked))).await;
        figures::challenged(answered.is_ok());
        let Ok((proof, answers)) = answered else { return };
        self.say(ToMarket::Proof { proof: proof.signed().clone(), answers }).await;
        let pruned = self.node.blocking(move |node| {
            proofs::prune(node, &challenge);
            Ok(())
        });
        if let Err(error) = pruned.await {
            tracing::debug!(%error, "older lists stay until the next audit");
        }
    }
}
