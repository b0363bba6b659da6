//! The thread that writes batches, one at a time, while the writer judges the next.

use super::super::Job;
use super::super::batch::Batch;
use crate::store::{Store, StoreError};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::WeakSender;

/// A batch that is to be written in a term. The database goes with it, and comes back.
struct Order {
    store: Store,
    batch: Arc<Batch>,
    term: u64,
}

/// What became of it.
pub(super) struct Written {
    /// Nothing where the thread that had it has ended.
    pub(super) store: Option<Store>,
    pub(super) result: Result<(), StoreError>,
    pub(super) took: Duration,
}

impl Written {
    fn lost() -> Self {
        let result = Err(StoreError::Unavailable("the thread that writes has ended".into()));
        Self { store: None, result, took: Duration::ZERO }
    }
}

/// The way to the thread, which ends with it.
pub(super) struct Scribe {
    orders: Option<Sender<Order>>,
    written: Receiver<Written>,
    thread: Option<JoinHandle<()>>,
}

impl Scribe {
    /// Starts the thread, which wakes the writer whenever it has written a batch.
    pub(super) fn employ(wake: WeakSender<Job>) -> Result<Self, StoreError> {
        let (orders, received) = channel::<Order>();
        let (reply, written) = channel();
        let write = move || {
            for Order { store, batch, term } in received {
                let began = Instant::now();
                let result = store.write(batch.changes(), term);
                // The writer is to be its only owner again.
                drop(batch);
                let took = began.elapsed();
                if reply.send(Written { store: Some(store), result, took }).is_err() {
                    return;
                }
                if let Some(wake) = wake.upgrade() {
                    // A full queue wakes the writer as well.
                    let _ = wake.try_send(Job::Written);
                }
            }
        };
        let thread = std::thread::Builder::new().name("market-scribe".into()).spawn(write);
        let thread = thread.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { orders: Some(orders), written, thread: Some(thread) })
    }

    /// Has a batch written. The one before it must have been written.
    pub(super) fn write(&self, store: Store, batch: Arc<Batch>, term: u64) {
        let orders = self.orders.as_ref().expect("it is taken only when the thread is to end");
        // That the thread has ended is found when the batch is asked for.
        let _ = orders.send(Order { store, batch, term });
    }

    /// What became of the batch that was to be written; nothing while it is being written, unless that is waited for.
    pub(super) fn written(&self, wait: bool) -> Option<Written> {
        if wait {
            return Some(self.written.recv().unwrap_or_else(|_| Written::lost()));
        }
        match self.written.try_recv() {
            Ok(written) => Some(written),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Written::lost()),
        }
    }
}

impl Drop for Scribe {
    /// Waits until the thread has closed its database: whoever opens it next finds it free.
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic was reported where it happened.
            let _ = thread.join();
        }
    }
}
