//! The stream to the market: opened outward, kept open, everything that comes over it answered.

mod answers;
mod flush;
mod objections;

use crate::node::Node;
use crate::repairs::Repairs;
use crate::store::{Purse, SlotKey};
use network::api::{ToMarket, ToProvider};
use network::stream::{StreamError, StreamSender};
use shards::Root;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::TaskTracker;
use types::documents::Ask;
use types::{DocId, Document, Verified};

/// The first pause before the stream is opened again.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How often the ask is signed anew.
const ASK_AGAIN: Duration = Duration::from_hours(24);
/// How long news for the market are gathered.
const GATHER: Duration = Duration::from_millis(100);

/// What a document that is on its way says, and so what its answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sent {
    Ask,
    Confirmation(SlotKey),
    Voucher(Purse),
    Receipt(SlotKey),
    Confession(SlotKey, BTreeSet<Root>),
}

/// The node's side of its stream.
pub(crate) struct Link {
    pub(crate) node: Arc<Node>,
    endpoint: String,
    pub(crate) repairs: Repairs,
    tasks: TaskTracker,
    /// The stream that is open now.
    outgoing: Mutex<Option<StreamSender<ToMarket>>>,
    /// Documents that the market has not answered on this stream.
    sent: Mutex<BTreeMap<DocId, Sent>>,
    is_published: AtomicBool,
    /// How often in a row the market could not take what it is told unasked.
    refusals: AtomicU32,
    /// Held while a reservation is judged.
    judging: Mutex<()>,
}

impl Link {
    pub(crate) fn new(node: Arc<Node>, endpoint: String, tasks: TaskTracker) -> Self {
        Self {
            node,
            endpoint,
            repairs: Repairs::default(),
            tasks,
            outgoing: Mutex::default(),
            sent: Mutex::default(),
            is_published: AtomicBool::new(false),
            refusals: AtomicU32::new(0),
            judging: Mutex::default(),
        }
    }

    /// Whether the market has taken the ask.
    pub(crate) fn is_published(&self) -> bool {
        self.is_published.load(Ordering::Relaxed)
    }

    /// Runs `work` beside the stream, until the node is stopped.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.node.stop.clone();
        self.tasks.spawn(async move {
            stop.run_until_cancelled(work).await;
        });
    }

    /// Keeps the stream open until the future is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut pause = PAUSE;
        loop {
            let began = Instant::now();
            let ended = self.clone().converse().await;
            let reason = ended.map_or_else(|error| error.to_string(), |()| "closed".into());
            tracing::debug!(reason, "the stream to the market ended");
            self.lost();
            pause = if began.elapsed() > PAUSE_MAX { PAUSE } else { (pause * 2).min(PAUSE_MAX) };
            sleep(pause).await;
        }
    }

    /// One stream, from hello to its end.
    async fn converse(self: Arc<Self>) -> Result<(), StreamError> {
        // Before the market says which slots are to be forgotten, what they can prove is written down.
        self.catch_up().await;
        let holdings = self.node.store.holdings();
        let (sender, mut receiver) = self.node.market.stream(holdings).await?.split();
        *self.outgoing.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        let (slots, changes) = mpsc::unbounded_channel();
        self.spawn(self.clone().change_slots(changes));
        self.publish().await;
        let (mut ask_at, mut flush_at) = (Instant::now() + ASK_AGAIN, Instant::now());
        loop {
            tokio::select! {
                message = receiver.recv() => match message? {
                    Some(message) => self.clone().take(message, &slots),
                    None => return Ok(()),
                },
                () = sleep_until(ask_at) => {
                    self.publish().await;
                    ask_at = Instant::now() + ASK_AGAIN;
                }
                () = self.node.prices.changed() => self.publish().await,
                () = self.node.news.notified() => flush_at = flush_at.min(Instant::now() + GATHER),
                () = sleep_until(flush_at) => {
                    self.flush().await;
                    flush_at = Instant::now() + ASK_AGAIN;
                }
            }
        }
    }

    async fn publish(&self) {
        let ask = self.node.sign(self.standing_ask());
        self.node.prices.signed(&ask);
        self.tell(&ask, Sent::Ask, ToMarket::Ask).await;
    }

    /// The ask as it would be signed now.
    fn standing_ask(&self) -> Ask {
        let offer = self.node.prices.offer(&self.node.settings.offer);
        offer.ask(self.node.did, self.endpoint.clone(), network::clock::now())
    }

    /// Takes a message without waiting: what takes time is done beside the stream.
    fn take(self: Arc<Self>, message: ToProvider, slots: &mpsc::UnboundedSender<ToProvider>) {
        match message {
            ToProvider::Welcome(info) => {
                self.node.prices.learn(info.tiers);
                self.node.founded_with(info.beacon);
                tracing::debug!(market = %info.market, epoch = %info.current_epoch, "connected");
            }
            ToProvider::Reservation(_) | ToProvider::Released { .. } => {
                // The worker lives as long as the stream does.
                drop(slots.send(message));
            }
            ToProvider::Challenge(signed) => {
                let link = self.clone();
                self.spawn(async move { link.prove(signed).await });
            }
            ToProvider::Rebuild(order) => {
                let key = (order.contract, order.slot);
                self.sent().retain(|_, sent| *sent != Sent::Receipt(key));
                Repairs::order(&self, *order);
            }
            ToProvider::Verdict { verdict, challenge } => {
                let link = self.clone();
                self.spawn(async move { link.accused(&verdict, &challenge).await });
            }
            ToProvider::Counter { counter, quote } => {
                let link = self.clone();
                self.spawn(async move { link.bargain(counter, quote).await });
            }
            ToProvider::Accepted { document } => self.accepted(&document),
            ToProvider::Refused { document, problem } => self.refused(&document, &problem),
        }
    }

    /// Sends a document whose answer will matter. Where no stream is open it is news again when one is.
    async fn tell<T: Document>(
        &self,
        document: &Verified<T>,
        sent: Sent,
        message: fn(types::Signed) -> ToMarket,
    ) {
        self.sent().insert(document.id(), sent);
        if !self.say(message(document.signed().clone())).await {
            let unsent = self.sent().remove(&document.id());
            self.note_again(unsent);
        }
    }

    /// Sends a message on the stream that is open; `false` where none is.
    async fn say(&self, message: ToMarket) -> bool {
        let outgoing = self.outgoing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let said = match outgoing {
            Some(sender) => sender.send(message).await,
            None => Err(StreamError::Closed),
        };
        if let Err(error) = &said {
            tracing::debug!(%error, "a message waits for the next stream");
        }
        said.is_ok()
    }

    /// The stream has ended: what was on its way is news again.
    fn lost(&self) {
        *self.outgoing.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let unanswered = std::mem::take(&mut *self.sent());
        self.note_again(unanswered.into_values());
    }

    /// What was not answered is still to be confessed. Vouchers and receipts are remembered where they are kept.
    fn note_again(&self, unanswered: impl IntoIterator<Item = Sent>) {
        for sent in unanswered {
            if let Sent::Confession(key, roots) = sent {
                self.node.found_damaged(key, roots);
            }
        }
    }

    fn sent(&self) -> MutexGuard<'_, BTreeMap<DocId, Sent>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
