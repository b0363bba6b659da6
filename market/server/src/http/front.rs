//! What requests share before they reach the market: verified sessions, buckets of requests, the journal's newest blocks.

use super::limit::{Limiter, Limits};
use super::tail::Tail;
use crate::sessions::Sessions;
use tokio_util::sync::CancellationToken;

/// The front of the API.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) sessions: Sessions,
    pub(crate) limiter: Limiter,
    pub(crate) tail: Tail,
    /// Ends what would go on for ever.
    pub(crate) stop: CancellationToken,
}

impl Front {
    pub(crate) fn new(limits: Limits, stop: CancellationToken) -> Self {
        Self { sessions: Sessions::new(), limiter: Limiter::new(limits), tail: Tail::new(), stop }
    }
}
