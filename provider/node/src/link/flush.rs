//! What the market is told unasked — vouchers, finished rebuilds, losses — and what it answers.

use super::{Link, Sent};
use crate::confess;
use crate::store::{Purse, SlotKey};
use network::api::{Problem, ToMarket};
use shards::Root;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::sleep;
use types::documents::{Confession, Voucher};
use types::{DocId, Signed};

/// How long is waited at most before what the market could not take is sent again.
const AGAIN_MAX: Duration = Duration::from_mins(1);

impl Link {
    /// Sends what waits and is not on its way.
    pub(super) async fn flush(self: &Arc<Self>) {
        for purse in self.node.unredeemed() {
            self.redeem(purse).await;
        }
        for (key, receipt) in self.repairs.finished() {
            if !self.sent().contains_key(&receipt.id()) {
                self.sent().insert(receipt.id(), Sent::Receipt(key));
                self.say(ToMarket::Receipt(receipt)).await;
            }
        }
        for (key, roots) in self.node.take_damage() {
            let link = self.clone();
            self.spawn(async move { link.confess(key, roots).await });
        }
    }

    async fn redeem(&self, purse: Purse) {
        let (key, payer) = purse;
        let voucher = self.node.store.room(&key).and_then(|room| room.voucher(&payer));
        let Some(Ok(voucher)) = voucher.map(|voucher| voucher.verify::<Voucher>()) else {
            return self.node.redeemed(&purse);
        };
        if !self.sent().contains_key(&voucher.id()) {
            self.tell(&voucher, Sent::Voucher(purse), ToMarket::Voucher).await;
        }
    }

    async fn confess(self: Arc<Self>, key: SlotKey, roots: BTreeSet<Root>) {
        match confess::owed(&self.node, &self.node.market, key, roots.clone()).await {
            Ok(Some(owed)) => self.send_confession(&owed, key, roots).await,
            Ok(None) => tracing::debug!(?key, "nothing that the market counts on is lost"),
            Err(error) if error.problem().is_some() && !error.is_transient() => {
                tracing::warn!(%error, ?key, "the market does not know of what is lost");
            }
            Err(error) => {
                tracing::debug!(%error, ?key, "a loss cannot be confessed yet");
                self.again(Some((key, roots)));
            }
        }
    }

    async fn send_confession(&self, owed: &Signed, key: SlotKey, roots: BTreeSet<Root>) {
        let Ok(owed) = owed.verify::<Confession>() else { return };
        tracing::warn!(?key, lost_bytes = owed.lost_bytes, "a loss is confessed");
        self.tell(&owed, Sent::Confession(key, roots), ToMarket::Confession).await;
    }

    /// Sends what waits once more, after a while: a longer one each time, until the market takes something.
    fn again(&self, damage: Option<(SlotKey, BTreeSet<Root>)>) {
        let node = self.node.clone();
        let refusals = self.refusals.fetch_add(1, Ordering::Relaxed).min(8);
        let pause = Duration::from_secs(1 << refusals).min(AGAIN_MAX);
        self.spawn(async move {
            sleep(pause).await;
            match damage {
                Some((key, roots)) => node.found_damaged(key, roots),
                None => node.news.notify_one(),
            }
        });
    }

    /// The market has taken a document.
    pub(super) fn accepted(&self, document: &DocId) {
        let sent = self.sent().remove(document);
        if matches!(sent, Some(Sent::Voucher(_) | Sent::Receipt(_) | Sent::Confession(..))) {
            self.refusals.store(0, Ordering::Relaxed);
        }
        match sent {
            Some(Sent::Ask) => self.is_published.store(true, Ordering::Relaxed),
            Some(Sent::Voucher(purse)) => self.redeemed(purse, document),
            Some(Sent::Receipt(key)) => self.repairs.settle(&key, document),
            Some(Sent::Confirmation(_) | Sent::Confession(..)) | None => {}
        }
    }

    /// The market has refused a document: for now, or for good.
    pub(super) fn refused(&self, document: &DocId, problem: &Problem) {
        let (code, detail) = (&problem.code, &problem.detail);
        tracing::warn!(%document, code, detail, "the market refused a document");
        let is_passing = matches!(problem.status, 402 | 429 | 500..);
        let sent = self.sent().remove(document);
        match sent {
            Some(Sent::Ask) => self.is_published.store(false, Ordering::Relaxed),
            Some(Sent::Confirmation(key)) => self.give_back(key),
            Some(Sent::Voucher(_) | Sent::Receipt(_)) if is_passing => self.again(None),
            Some(Sent::Voucher(purse)) => self.redeemed(purse, document),
            Some(Sent::Receipt(key)) => self.repairs.settle(&key, document),
            // The contract has moved on meanwhile, or the market cannot write now.
            Some(Sent::Confession(key, roots)) if is_passing || code == "invalid_field" => {
                self.again(Some((key, roots)));
            }
            Some(Sent::Confession(..)) | None => {}
        }
    }

    /// A voucher was answered. A higher one that came meanwhile still waits.
    fn redeemed(&self, purse: Purse, document: &DocId) {
        let (key, payer) = purse;
        let newest = self.node.store.room(&key).and_then(|room| room.voucher(&payer));
        if newest.is_none_or(|voucher| voucher.id() == *document) {
            self.node.redeemed(&purse);
        } else {
            self.node.news.notify_one();
        }
    }

    /// A slot that the market did not let this provider take is nobody's here.
    fn give_back(&self, key: SlotKey) {
        let node = self.node.clone();
        self.spawn(async move {
            if let Err(error) = node.blocking(move |node| node.store.forget_empty(&key)).await {
                tracing::warn!(%error, "a slot that is not ours is left");
            }
        });
    }
}
