//! Connections on which requests read.

use super::driver::StoreError;
use super::recent::Recent;
use super::{Place, Store};
use crate::error::OpenError;
use network::client::BreakerPolicy;
use network::client::breaker::Breaker;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How many connections read at once: a server gives each of them a process.
const READERS_MAX: usize = 16;
/// A server that is gone is left alone, so that requests are refused at once instead of waiting for it in a queue.
const BREAKER: BreakerPolicy = BreakerPolicy {
    failures_max: 8,
    pause: Duration::from_millis(500),
    pause_max: Duration::from_secs(2),
    probe_within: Duration::from_secs(10),
};

/// Connections for reading, opened as they are needed.
#[derive(Debug)]
pub(crate) struct Readers {
    place: Place,
    idle: Mutex<Vec<Store>>,
    turns: Semaphore,
    recent: Arc<Recent>,
    breaker: Mutex<Breaker>,
    made: Instant,
}

impl Readers {
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place,
            idle: Mutex::default(),
            turns: Semaphore::new(READERS_MAX),
            recent: Arc::default(),
            breaker: Mutex::default(),
            made: Instant::now(),
        }
    }

    /// Lets `question` ask a connection, on a thread that may block; a second one where the first is broken.
    pub(crate) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl Fn(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, OpenError> {
        // The semaphore is never closed, so that an error cannot be.
        let _turn = self.turns.acquire().await;
        self.admit()?;
        let readers = self.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let idle = lock(&readers.idle).pop();
            if let Some(store) = idle {
                match question(&store) {
                    Err(StoreError::Unavailable(_)) if readers.place.is_shared() => {
                        // The others came from the same server, which may have been restarted.
                        lock(&readers.idle).clear();
                    }
                    answer => return readers.keep(store, answer),
                }
            }
            let store = Store::open_for_reading(&readers.place)?.sharing(readers.recent.clone());
            let answer = question(&store);
            readers.keep(store, answer)
        });
        let answer =
            asked.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        self.note(&answer);
        answer
    }

    /// Keeps a connection that answered for the next question.
    fn keep<T>(&self, store: Store, answer: Result<T, StoreError>) -> Result<T, OpenError> {
        let answer = answer?;
        lock(&self.idle).push(store);
        Ok(answer)
    }

    /// Whether a server may be asked now.
    fn admit(&self) -> Result<(), OpenError> {
        if !self.place.is_shared() {
            return Ok(());
        }
        lock(&self.breaker).admit(&BREAKER, self.made.elapsed()).map_err(|wait| {
            let reason =
                format!("it has not answered; it is asked again in {} ms", wait.as_millis());
            StoreError::Unavailable(reason).into()
        })
    }

    fn note<T>(&self, answer: &Result<T, OpenError>) {
        let mut breaker = lock(&self.breaker);
        match answer {
            Err(OpenError::Database(StoreError::Unavailable(_))) => {
                breaker.failed(&BREAKER, self.made.elapsed());
            }
            _ => breaker.answered(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[tokio::test]
    async fn a_server_that_is_gone_is_left_alone_and_asked_again_later() {
        // It takes connections and ends each at once.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicU64::new(0));
        let counted = asked.clone();
        std::thread::spawn(move || {
            for _closed_at_once in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        let place = Place::Postgres(format!("postgres://bondstore@{address}/market"));
        let readers = Arc::new(Readers::new(place));
        let mut refused_at_once = 0;
        for _ in 0..100 {
            let before = asked.load(Ordering::SeqCst);
            let error = readers.ask(Store::writer).await.unwrap_err().to_string();
            if error.contains("asked again in") {
                assert_eq!(asked.load(Ordering::SeqCst), before, "it was left alone");
                refused_at_once += 1;
            }
        }
        assert!(refused_at_once > 0, "a hundred failed before it was left alone");
        let before = asked.load(Ordering::SeqCst);
        let began = Instant::now();
        while asked.load(Ordering::SeqCst) == before {
            assert!(began.elapsed() < Duration::from_secs(30), "it is never asked again");
            tokio::time::sleep(Duration::from_millis(50)).await;
            readers.ask(Store::writer).await.unwrap_err();
        }
    }
}
