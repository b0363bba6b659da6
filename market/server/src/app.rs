//! What requests, streams and workers share.

use crate::chain::Wait;
use crate::clock::Clock;
use crate::http::front::Front;
use crate::outbox::Nudge;
use crate::probes::Targets;
use crate::published::{Published, View};
use crate::store::readers::Readers;
use crate::streams::Streams;
use crate::writer::{Role, Writer};
use network::api::{BeaconInfo, BitcoinInfo, JournalView, MarketInfo};
use std::sync::{Arc, Mutex, PoisonError, RwLockReadGuard};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use types::{Did, Document, Hash, SecretKey, Verified};

/// What the seeds of quotes and placements are derived under.
const SEED: &str = "bondstore 2026 market seed";
/// A pass over the state that takes longer is not made for everyone who asks.
const DEAR: Duration = Duration::from_millis(50);

/// The running market.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) did: Did,
    pub(crate) key: SecretKey,
    pub(crate) clock: Clock,
    pub(crate) epoch_every: Option<Duration>,
    pub(crate) published: Arc<Published>,
    pub(crate) writer: Writer,
    pub(crate) readers: Arc<Readers>,
    pub(crate) streams: Arc<Streams>,
    /// Where providers can be measured.
    pub(crate) targets: Targets,
    pub(crate) outbox: mpsc::UnboundedSender<Nudge>,
    pub(crate) blocks: watch::Receiver<u64>,
    /// Whether this process writes.
    pub(crate) role: watch::Receiver<Role>,
    /// What requests share before they reach the market.
    pub(crate) front: Front,
    /// Everything that is drawn is drawn from this and from what it is drawn for.
    pub(crate) seed: [u8; 32],
    /// How far the journal had come when the state was last hashed, which costs a pass over all of it.
    pub(crate) hashed: Mutex<Option<Hashed>>,
    /// How contracts settle on Bitcoin, where they can.
    pub(crate) bitcoin: Option<BitcoinInfo>,
    /// What the next epoch waits for, though its time has come.
    pub(crate) waits: Mutex<Option<Wait>>,
}

/// The journal's head with the state's root.
#[derive(Clone, Debug)]
pub(crate) struct Hashed {
    view: JournalView,
    at: Instant,
    /// How long the pass took.
    took: Duration,
}

impl Hashed {
    /// Whether another pass now would leave less than nineteen twentieths of the time to others.
    fn is_dear(&self) -> bool {
        self.took > DEAR && self.at.elapsed() < self.took * 20
    }
}

impl App {
    /// The newest durable state, held still while it is read.
    pub(crate) fn view(&self) -> RwLockReadGuard<'_, View> {
        self.published.read()
    }

    /// Signs a document of the market's own.
    pub(crate) fn sign<T: Document>(&self, document: T) -> Verified<T> {
        Verified::sign(document, &self.key).expect("the market signs only what names it as signer")
    }

    /// What chance draws from for `purpose`.
    pub(crate) fn seed_for(&self, purpose: &[&[u8]]) -> [u8; 32] {
        let parts: Vec<&[u8]> =
            std::iter::once(self.seed.as_slice()).chain(purpose.iter().copied()).collect();
        Hash::derive(SEED, &parts).0
    }

    /// How far the journal has come.
    pub(crate) fn journal(&self) -> JournalView {
        self.hashed(|known, blocks| known.view.blocks == blocks)
    }

    /// How far the journal has come, or had come a moment ago where the state is so large that hashing it is dear.
    pub(crate) fn journal_of_late(&self) -> JournalView {
        self.hashed(|known, blocks| known.view.blocks == blocks || known.is_dear())
    }

    fn hashed(&self, does: impl FnOnce(&Hashed, u64) -> bool) -> JournalView {
        let mut kept = self.hashed.lock().unwrap_or_else(PoisonError::into_inner);
        let view = self.view();
        if let Some(known) = kept.as_ref().filter(|known| does(known, view.head.blocks)) {
            return known.view.clone();
        }
        let at = Instant::now();
        let state_root = view.market.root();
        let view = JournalView { blocks: view.head.blocks, head: view.head.hash, state_root };
        *kept = Some(Hashed { view: view.clone(), at, took: at.elapsed() });
        view
    }

    fn beacon(&self, view: &View) -> BeaconInfo {
        let genesis = view.market.genesis();
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        BeaconInfo {
            anchor: genesis.beacon_anchor,
            chain: genesis.chain,
            waits: waits.as_ref().map(ToString::to_string),
        }
    }

    /// Whether the next epoch waits for its block.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Says in the log, once, that the next epoch waits for something, or that it does no longer.
    pub(crate) fn note_wait(&self, wait: Option<Wait>) {
        let mut known = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = |wait: &Option<Wait>| wait.as_ref().map(Wait::kind);
        if kind(&wait) != kind(&known) {
            match &wait {
                Some(Wait::NotYet(reason)) => tracing::info!(%reason, "the next epoch waits"),
                Some(reason) => tracing::warn!(%reason, "the next epoch waits"),
                None => tracing::info!("the next epoch waits no longer"),
            }
        }
        *known = wait;
    }

    /// Who the market is and how it counts time.
    pub(crate) fn info(&self) -> MarketInfo {
        let view = self.view();
        MarketInfo {
            market: self.did,
            epoch: view.market.genesis().epoch,
            epoch_every: self.epoch_every.map(crate::clock::span),
            current_epoch: view.market.epoch(),
            now: self.clock.now(),
            tiers: view.market.genesis().pricing.tiers,
            bitcoin: self.bitcoin.clone(),
            beacon: Some(self.beacon(&view)),
        }
    }
}
