//! What requests, streams and workers share.

use crate::clock::Clock;
use crate::http::front::Front;
use crate::outbox::Nudge;
use crate::probes::Targets;
use crate::published::{Published, View};
use crate::store::read::Readers;
use crate::streams::Streams;
use crate::writer::{Role, Writer};
use network::api::{JournalView, MarketInfo};
use std::sync::{Arc, Mutex, PoisonError, RwLockReadGuard};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use types::{Did, Document, Hash, SecretKey, Verified};

/// What the seeds of quotes and placements are derived under.
const SEED: &str = "bondstore 2026 market seed";

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
    /// The root of the state after a block, kept because it costs a pass over the whole state.
    pub(crate) root: Mutex<Option<(u64, Hash)>>,
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
        let mut kept = self.root.lock().unwrap_or_else(PoisonError::into_inner);
        let view = self.view();
        let root = match *kept {
            Some((block, root)) if block == view.head.blocks => root,
            _ => view.market.root(),
        };
        *kept = Some((view.head.blocks, root));
        JournalView { blocks: view.head.blocks, head: view.head.hash, state_root: root }
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
        }
    }
}
