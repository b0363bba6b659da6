//! The HTTP/1.1 client: one pool of connections to one peer, whose key is pinned.
//!
//! [`HttpClient`] starts a [`Call`]; what comes back is an [`Answer`], read whole or piece by piece, or
//! a [`ClientError`]. Calls that may be repeated are, under one `Idempotency-Key`; a peer that keeps failing is
//! left alone for a while by its [`breaker`].

mod answer;
pub mod breaker;
mod call;
mod connect;
mod error;

pub use answer::Answer;
pub use breaker::BreakerPolicy;
pub use call::{Call, IDEMPOTENCY_KEY, JOSE, JSON, OCTETS, causes};
pub use error::ClientError;

use crate::endpoint::Endpoint;
use crate::tls::Pin;
use backon::ExponentialBuilder;
use breaker::Breaker;
use bytes::Bytes;
use connect::Connector;
use http::Method;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use types::Did;

/// How long a client waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the connection, with its handshake.
    pub connect: Duration,
    /// From the start of one attempt to the head of its answer, the request's body included.
    pub head: Duration,
    /// For the next piece of an answer's body.
    pub idle: Duration,
    /// For everything: all attempts, their pauses and bodies that are read whole. Nothing: no limit.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            head: Duration::from_mins(1),
            idle: Duration::from_secs(20),
            total: Some(Duration::from_mins(3)),
        }
    }
}

/// How often, and after which pauses, a call that failed in passing is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// How often at most, the first attempt not counted.
    pub times: usize,
    /// The first pause; each one doubles, with jitter.
    pub pause: Duration,
    /// The longest pause.
    pub pause_max: Duration,
}

impl Retries {
    /// Every call is made once.
    pub const NONE: Self = Self { times: 0, pause: Duration::ZERO, pause_max: Duration::ZERO };

    fn backoff(self) -> ExponentialBuilder {
        ExponentialBuilder::default()
            .with_jitter()
            .with_max_times(self.times)
            .with_min_delay(self.pause)
            .with_max_delay(self.pause_max)
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self { times: 4, pause: Duration::from_millis(100), pause_max: Duration::from_secs(3) }
    }
}

/// How a client behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientOptions {
    /// How long it waits.
    pub timeouts: Timeouts,
    /// How it repeats.
    pub retries: Retries,
    /// When it leaves a failing peer alone.
    pub breaker: BreakerPolicy,
}

/// A pool of connections to one peer. Clones share it; dropping the last closes every connection.
#[derive(Clone)]
pub struct HttpClient(Arc<Shared>);

struct Shared {
    endpoint: Endpoint,
    base: String,
    pin: Arc<Pin>,
    options: ClientOptions,
    breaker: Mutex<Breaker>,
    /// What the breaker's times count from.
    made: Instant,
    pool: Client<Connector, Full<Bytes>>,
}

impl HttpClient {
    /// A client of the peer at `endpoint`. It connects when the first call is made.
    ///
    /// Over TLS, an endpoint without a pin accepts whichever key answers first, and only that one afterwards.
    pub fn new(endpoint: Endpoint, options: ClientOptions) -> Self {
        let pin = Arc::new(Pin::new(endpoint.pin()));
        let connector =
            Connector::new(endpoint.clone(), options.timeouts.connect, Arc::clone(&pin));
        let pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // Shorter than the server's own limit, so that a connection is not used as it is closed.
            .pool_idle_timeout(Duration::from_secs(15))
            // Larger buffers fall out of the cache when several shards come at a time.
            .http1_max_buf_size(256 << 10)
            .build(connector);
        Self(Arc::new(Shared {
            base: endpoint.to_string(),
            endpoint,
            pin,
            options,
            breaker: Mutex::default(),
            made: Instant::now(),
            pool,
        }))
    }

    /// Where the peer answers.
    pub fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// The peer's key: pinned, or learnt in the first handshake. Over plain HTTP only the pin is known.
    pub fn peer(&self) -> Option<Did> {
        self.0.pin.did()
    }

    /// Whether the peer is being left alone now, because it kept failing.
    pub fn is_left_alone(&self) -> bool {
        self.0.breaker.lock().unwrap_or_else(PoisonError::into_inner).is_open()
    }

    /// Runs one attempt under the breaker.
    async fn guarded<T>(
        &self,
        attempt: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        let policy = &self.0.options.breaker;
        let breaker = || self.0.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let since = || self.0.made.elapsed();
        breaker().admit(policy, since()).map_err(|again_in| ClientError::LeftAlone {
            endpoint: self.0.base.clone(),
            again_in,
        })?;
        let done = attempt.await;
        match &done {
            Err(error) if error.is_silence() => breaker().failed(policy, since()),
            _ => breaker().answered(),
        }
        done
    }

    /// Starts a `GET` of `path` (with its query), which begins with a slash.
    pub fn get(&self, path: impl Into<String>) -> Call {
        Call::new(self.clone(), Method::GET, path.into())
    }

    /// Starts a `PUT`.
    pub fn put(&self, path: impl Into<String>) -> Call {
        Call::new(self.clone(), Method::PUT, path.into())
    }

    /// Starts a `POST`, under a fresh idempotency key.
    pub fn post(&self, path: impl Into<String>) -> Call {
        Call::new(self.clone(), Method::POST, path.into())
    }

    fn base(&self) -> &str {
        &self.0.base
    }
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HttpClient({})", self.0.endpoint)
    }
}
