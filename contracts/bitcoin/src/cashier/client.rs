//! What parties ask a cashier.

use super::serve::DepositAddress;
use network::auth::Sessions;
use network::client::{ClientError, ClientOptions, HttpClient};
use network::endpoint::{Endpoint, EndpointError, PlainHttp};
use types::Did;
use types::documents::Anchor;

/// The longest address.
const ADDRESS_BYTES_MAX: usize = 4 << 10;
/// The longest anchor: a transaction, and hashes beside it.
const ANCHOR_BYTES_MAX: usize = 1 << 20;

/// Speaks to the cashier of one market.
#[derive(Clone)]
pub struct CashierClient {
    http: HttpClient,
}

impl CashierClient {
    /// The cashier of `market` at `url`; beyond this machine it must show the market's key.
    ///
    /// # Errors
    /// Where that is no address, or a plain one that goes further than `plain` allows.
    pub fn new(url: &str, market: Did, plain: PlainHttp) -> Result<Self, EndpointError> {
        let mut endpoint = Endpoint::parse(url, plain)?;
        if endpoint.is_tls() {
            endpoint = endpoint.pinned(market)?;
        }
        Ok(Self { http: HttpClient::new(endpoint, ClientOptions::default()) })
    }

    /// Where the party of `sessions` sends its deposits.
    ///
    /// # Errors
    /// Where it does not answer, or refuses the session.
    pub async fn address(&self, sessions: &Sessions) -> Result<DepositAddress, ClientError> {
        let call = self.http.post("/v1/address").authorised(sessions.header());
        call.read_json(ADDRESS_BYTES_MAX).await
    }

    /// The first anchor that can be proven of a journal with at least so many entries.
    ///
    /// # Errors
    /// Where there is none yet, or it does not answer.
    pub async fn anchor(&self, entries: u64) -> Result<Anchor, ClientError> {
        let call = self.http.get(format!("/v1/anchor?entries={entries}"));
        call.read_json(ANCHOR_BYTES_MAX).await
    }
}
