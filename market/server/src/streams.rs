//! The providers that are connected now, and the way to each.

use crate::counters::Counters;
use network::api::ToProvider;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use types::documents::Proof;
use types::{Did, DocId, Verified};

/// How many messages may wait for a provider that reads slowly.
const WAITING_MAX: usize = 1_024;

/// How many documents of one provider are judged at a time.
const JUDGED_MAX: usize = 64;

/// A provider's answer to a challenge.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The signed proof.
    pub(crate) proof: Verified<Proof>,
    /// Its bytes, slot by slot.
    pub(crate) answers: Vec<Vec<u8>>,
    /// When it was there.
    pub(crate) at: Instant,
}

/// One provider's open stream.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Distinguishes this stream from the provider's earlier ones.
    pub(crate) number: u64,
    /// Whose.
    pub(crate) provider: Did,
    /// Ends the stream.
    pub(crate) closed: CancellationToken,
    /// Bounds how many of its documents are judged at a time.
    pub(crate) turns: Arc<Semaphore>,
    outgoing: mpsc::Sender<ToProvider>,
    challenged: Mutex<BTreeMap<DocId, oneshot::Sender<Answered>>>,
}

impl Connection {
    /// Puts a message on its way; `false` where the stream is closed or the provider does not read.
    pub(crate) fn send(&self, message: ToProvider) -> bool {
        let sent = !self.closed.is_cancelled() && self.outgoing.try_send(message).is_ok();
        if !sent {
            self.closed.cancel();
        }
        sent
    }

    /// Where the answer to `challenge` will arrive.
    pub(crate) fn expect(&self, challenge: DocId) -> oneshot::Receiver<Answered> {
        let (sender, receiver) = oneshot::channel();
        lock(&self.challenged).insert(challenge, sender);
        receiver
    }

    /// Gives up on the answer to `challenge`.
    pub(crate) fn forget(&self, challenge: &DocId) {
        lock(&self.challenged).remove(challenge);
    }

    /// An answer has come; `false` where nobody waits for it.
    pub(crate) fn answered(&self, answered: Answered) -> bool {
        let waiting = lock(&self.challenged).remove(&answered.proof.challenge);
        waiting.is_some_and(|waiting| waiting.send(answered).is_ok())
    }
}

/// All open streams.
#[derive(Debug)]
pub(crate) struct Streams {
    connections: RwLock<BTreeMap<Did, Arc<Connection>>>,
    /// The keys of `connections`, shared with whoever is placing slots.
    online: RwLock<Arc<BTreeSet<Did>>>,
    /// Since when a provider that was connected is not.
    gone: Mutex<BTreeMap<Did, Instant>>,
    started: Mutex<Instant>,
    numbers: AtomicU64,
    changes: watch::Sender<u64>,
    /// What clients and providers bargain about now.
    pub(crate) counters: Counters,
}

impl Streams {
    pub(crate) fn new() -> Self {
        Self {
            connections: RwLock::default(),
            online: RwLock::default(),
            gone: Mutex::default(),
            started: Mutex::new(Instant::now()),
            numbers: AtomicU64::new(1),
            changes: watch::Sender::new(0),
            counters: Counters::default(),
        }
    }

    /// A provider has connected: `first` is the first that it hears, whoever else has something to say to it. Its earlier
    /// stream, if it has one, is closed.
    pub(crate) fn open(
        &self,
        provider: Did,
        first: ToProvider,
    ) -> (Arc<Connection>, mpsc::Receiver<ToProvider>) {
        let (outgoing, messages) = mpsc::channel(WAITING_MAX);
        let connection = Arc::new(Connection {
            number: self.numbers.fetch_add(1, Ordering::Relaxed),
            provider,
            closed: CancellationToken::new(),
            turns: Arc::new(Semaphore::new(JUDGED_MAX)),
            outgoing,
            challenged: Mutex::default(),
        });
        connection.send(first);
        let earlier = {
            let mut connections = self.connections.write().unwrap_or_else(PoisonError::into_inner);
            let earlier = connections.insert(provider, connection.clone());
            let mut online = self.online.write().unwrap_or_else(PoisonError::into_inner);
            Arc::make_mut(&mut online).insert(provider);
            earlier
        };
        lock(&self.gone).remove(&provider);
        if let Some(earlier) = earlier {
            earlier.closed.cancel();
        }
        self.changes.send_modify(|change| *change += 1);
        (connection, messages)
    }

    /// A stream has ended.
    pub(crate) fn close(&self, connection: &Connection) {
        connection.closed.cancel();
        lock(&connection.challenged).clear();
        {
            let mut connections = self.connections.write().unwrap_or_else(PoisonError::into_inner);
            let newest = connections.get(&connection.provider).map(|c| c.number);
            if newest != Some(connection.number) {
                return;
            }
            connections.remove(&connection.provider);
            let mut online = self.online.write().unwrap_or_else(PoisonError::into_inner);
            Arc::make_mut(&mut online).remove(&connection.provider);
        }
        lock(&self.gone).insert(connection.provider, Instant::now());
        self.changes.send_modify(|change| *change += 1);
    }

    /// The way to a provider, if it is connected.
    pub(crate) fn get(&self, provider: &Did) -> Option<Arc<Connection>> {
        self.connections
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(provider)
            .filter(|connection| !connection.closed.is_cancelled())
            .cloned()
    }

    /// Whether a provider is connected.
    pub(crate) fn is_online(&self, provider: &Did) -> bool {
        self.get(provider).is_some()
    }

    /// All providers that are connected.
    pub(crate) fn online(&self) -> Arc<BTreeSet<Did>> {
        self.online.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// For how long a provider has been away; since the start, where it has not connected yet.
    pub(crate) fn absence(&self, provider: &Did) -> Duration {
        let gone = lock(&self.gone).get(provider).copied();
        gone.unwrap_or_else(|| *lock(&self.started)).elapsed()
    }

    /// Counts absences anew: from now on providers are expected here.
    pub(crate) fn begin(&self) {
        *lock(&self.started) = Instant::now();
        lock(&self.gone).clear();
    }

    /// Ends every stream, so that providers look for the process that writes.
    pub(crate) fn close_all(&self) {
        let connections = self.connections.read().unwrap_or_else(PoisonError::into_inner);
        connections.values().for_each(|connection| connection.closed.cancel());
    }

    /// How often a provider has connected or disconnected.
    pub(crate) fn generation(&self) -> u64 {
        *self.changes.borrow()
    }

    /// Changes when a provider connects or disconnects.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn said(slot: u16) -> ToProvider {
        ToProvider::Released { contract: types::Hash([0; 32]), slot }
    }

    #[test]
    fn what_is_said_first_is_heard_first() {
        let streams = Streams::new();
        let provider = Did([1; 32]);
        let (_connection, mut messages) = streams.open(provider, said(1));
        streams.get(&provider).expect("it is online").send(said(2));
        for expected in [1, 2] {
            let heard = messages.try_recv().expect("two messages wait");
            assert!(matches!(heard, ToProvider::Released { slot, .. } if slot == expected));
        }
    }

    #[test]
    fn a_second_stream_of_a_provider_replaces_the_first() {
        let streams = Streams::new();
        let provider = Did([1; 32]);
        let (first, _messages) = streams.open(provider, said(0));
        let (second, _kept) = streams.open(provider, said(0));
        assert!(first.closed.is_cancelled());
        streams.close(&first);
        assert!(streams.is_online(&provider));
        assert_eq!(streams.get(&provider).map(|c| c.number), Some(second.number));
        streams.close(&second);
        assert!(!streams.is_online(&provider));
        assert!(streams.online().is_empty());
    }

    #[test]
    fn a_provider_that_does_not_read_is_dropped() {
        let streams = Streams::new();
        let (connection, messages) = streams.open(Did([1; 32]), said(0));
        for _ in 1..WAITING_MAX {
            assert!(connection.send(said(1)));
        }
        assert!(!connection.send(said(1)));
        assert!(!streams.is_online(&Did([1; 32])));
        drop(messages);
    }
}
