//! How often a party may ask: a bucket of requests for each, refilled at a steady rate, one for reads and one for writes.
//!
//! Whom the market knows (it has an account) has a bucket of its own. Everybody else shares one with their address, since
//! keys cost nothing. Requests from this machine without a known party come from its operator, or through a proxy that
//! hides who asks, and are not limited.

use crate::app::App;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use contracts::Account;
use network::api::Problem;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use types::Did;

/// How many buckets are remembered; the longest unused are forgotten, which fills them.
const REMEMBERED_MAX: u64 = 100_000;
const SECOND_NS: u64 = 1_000_000_000;

/// How often one party may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Requests per second, in the long run.
    pub per_second: u32,
    /// Requests at once, after a pause.
    pub burst: u32,
}

/// How often a party may read and write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `GET`.
    pub reads: Limit,
    /// Everything else.
    pub writes: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reads: Limit { per_second: 2_000, burst: 10_000 },
            writes: Limit { per_second: 1_000, burst: 5_000 },
        }
    }
}

/// Whose bucket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Asker {
    Party(Did),
    Address(IpAddr),
}

/// All buckets.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: Limits,
    started: Instant,
    buckets: moka::sync::Cache<(Asker, bool), Arc<Bucket>>,
}

/// When the bucket is full again, in nanoseconds since the limiter was made: the generic cell rate algorithm (ITU-T I.371).
#[derive(Debug, Default)]
struct Bucket(AtomicU64);

impl Bucket {
    /// Takes one request out; else says how long to wait for it.
    fn take(&self, now: u64, rate: u32, burst: u32) -> Result<(), Duration> {
        let each = SECOND_NS / u64::from(rate.max(1));
        let room = each.saturating_mul(u64::from(burst.max(1)));
        let taken = self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, |full| {
            let full = full.max(now).saturating_add(each);
            (full - now <= room).then_some(full)
        });
        taken.map(drop).map_err(|full| Duration::from_nanos(full.saturating_add(each) - now - room))
    }
}

impl Limiter {
    pub(crate) fn new(limits: Limits) -> Self {
        let buckets = moka::sync::Cache::new(REMEMBERED_MAX);
        Self { limits, started: Instant::now(), buckets }
    }

    fn take(&self, asker: Asker, writes: bool) -> Result<(), Duration> {
        let limit = if writes { self.limits.writes } else { self.limits.reads };
        let bucket = self.buckets.get_with((asker, writes), Arc::default);
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        bucket.take(now, limit.per_second, limit.burst)
    }
}

/// Lets a request through, or tells it when to come again.
pub(super) async fn limit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let writes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let Some(asker) = asker(&app, &request) else { return next.run(request).await };
    match app.front.limiter.take(asker, writes) {
        Ok(()) => next.run(request).await,
        Err(wait) => refuse(wait),
    }
}

fn asker(app: &App, request: &Request) -> Option<Asker> {
    let session = app.front.sessions.check(request.headers(), app.did, app.clock.now()).ok();
    if let Some((party, _)) = session.filter(|(party, _)| is_known(app, *party)) {
        return Some(Asker::Party(party));
    }
    let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    let address = peer.ip().to_canonical();
    (!address.is_loopback()).then_some(Asker::Address(address))
}

fn is_known(app: &App, party: Did) -> bool {
    let view = app.view();
    let credits = view.market.ledger().totals(Account::Available(party)).credits;
    party == app.did || credits > 0 || view.market.offers().contains_key(&party)
}

fn refuse(wait: Duration) -> Response {
    let seconds = wait.as_secs() + 1;
    let detail = format!("too many requests at once: send the next one in {seconds} s");
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail);
    let mut response = problem.into_response();
    response.headers_mut().insert(RETRY_AFTER, seconds.into());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let bucket = Bucket::default();
        assert_eq!((0..10).filter(|_| bucket.take(0, 2, 4).is_ok()).count(), 4);
        assert_eq!(bucket.take(0, 2, 4), Err(Duration::from_millis(500)));
        assert_eq!(bucket.take(SECOND_NS / 2, 2, 4), Ok(()));
        assert!(bucket.take(SECOND_NS / 2, 2, 4).is_err());
        // A long pause fills it, and no more than that.
        let later = 1_000 * SECOND_NS;
        assert_eq!((0..10).filter(|_| bucket.take(later, 2, 4).is_ok()).count(), 4);
    }
    #[test]
    fn each_party_and_each_address_has_its_own_buckets_for_reads_and_for_writes() {
        let limit = |burst| Limit { per_second: 1, burst };
        let limiter = Limiter::new(Limits { reads: limit(5), writes: limit(2) });
        let taken =
            |asker, writes| (0..100).filter(|_| limiter.take(asker, writes).is_ok()).count();
        let address = |last| Asker::Address(IpAddr::from([192, 0, 2, last]));
        let party = |byte| Asker::Party(Did([byte; 32]));
        for asker in [address(1), address(2), party(1), party(2)] {
            let (writes, reads) = (taken(asker, true), taken(asker, false));
            assert!((2..50).contains(&writes) && (5..50).contains(&reads), "{writes} {reads}");
        }
    }
}
