//! Sessions that were verified a moment ago, so that a party that asks often costs one signature check.

use axum::http::HeaderMap;
use network::api::Problem;
use types::{Did, Hash, Timestamp};

/// How many are remembered.
const REMEMBERED_MAX: u64 = 65_536;

/// Verified sessions by the hash of their serialisation: whose, and until when.
#[derive(Debug)]
pub(crate) struct Sessions(moka::sync::Cache<Hash, (Did, Timestamp)>);

impl Sessions {
    pub(crate) fn new() -> Self {
        Self(moka::sync::Cache::new(REMEMBERED_MAX))
    }

    /// The party that a request's session speaks for, and until when.
    ///
    /// # Errors
    /// 401, as [`network::auth::session`].
    pub(crate) fn check(
        &self,
        headers: &HeaderMap,
        market: Did,
        now: Timestamp,
    ) -> Result<(Did, Timestamp), Problem> {
        let bearer = network::auth::bearer_of(headers)?;
        let id = bearer.id();
        if let Some((party, expires)) = self.0.get(&id)
            && now < expires
        {
            return Ok((party, expires));
        }
        let session = network::auth::check_session(&bearer, market, now)?;
        self.0.insert(id, (session.party, session.expires));
        Ok((session.party, session.expires))
    }
}
