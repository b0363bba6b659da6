//! How a client's treasurer reaches providers': over HTTP, each pinned to its key.

use crate::deal::message::{ToClient, ToProvider};
use crate::deal::watch::{Consent, Proposal};
use network::auth::Sessions;
use network::client::{ClientOptions, HttpClient, Retries, Timeouts};
use network::endpoint::{Endpoint, PlainHttp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use types::{ContractId, Did, Signer};

/// The longest answer: halves of every slot that a provider has.
pub(super) const ANSWER_BYTES_MAX: usize = 16 << 20;
/// The longest consent.
const CONSENT_BYTES_MAX: usize = 16 << 10;

/// A provider, and where its treasurer answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Who.
    pub provider: Did,
    /// Where, as the market says; nothing where it does not.
    pub endpoint: Option<String>,
}

/// Providers' treasurers. Whatever they answer is checked; errors are words for the operator.
pub trait Peers: Send + Sync {
    /// Tells `peer` the next word about a deal of `contract`, and hears its answer.
    fn tell(
        &self,
        peer: &Peer,
        contract: ContractId,
        message: &ToProvider,
    ) -> impl Future<Output = Result<Option<ToClient>, String>> + Send;
    /// Asks `peer` to sign a close.
    fn close(
        &self,
        peer: &Peer,
        contract: ContractId,
        proposal: &Proposal,
    ) -> impl Future<Output = Result<Consent, String>> + Send;
}

/// Providers' treasurers over HTTP, asked in one client's name.
pub struct HttpPeers {
    signer: Arc<dyn Signer>,
    plain: PlainHttp,
    options: ClientOptions,
    known: Mutex<BTreeMap<(Did, String), Arc<Line>>>,
}

/// To one provider.
struct Line {
    http: HttpClient,
    sessions: Sessions,
}

impl HttpPeers {
    /// Speaks as the party that `signer` signs for; over plain HTTP no further than `plain` allows.
    pub fn new(signer: Arc<dyn Signer>, plain: PlainHttp) -> Self {
        Self { signer, plain, options: options(), known: Mutex::default() }
    }

    fn line(&self, peer: &Peer) -> Result<Arc<Line>, String> {
        let url = peer.endpoint.clone().ok_or("its provider's address is not known")?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (peer.provider, url);
        if let Some(line) = known.get(&name) {
            return Ok(Arc::clone(line));
        }
        let endpoint = Endpoint::parse(&name.1, self.plain);
        let endpoint = endpoint.and_then(|endpoint| endpoint.pinned(peer.provider));
        let endpoint = endpoint.map_err(|error| error.to_string())?;
        let http = HttpClient::new(endpoint, self.options);
        let sessions = Sessions::new(Arc::clone(&self.signer), peer.provider);
        let line = Arc::new(Line { http, sessions });
        known.insert(name, Arc::clone(&line));
        Ok(line)
    }
}

impl std::fmt::Debug for HttpPeers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HttpPeers({})", self.signer.did())
    }
}

impl Peers for HttpPeers {
    async fn tell(
        &self,
        peer: &Peer,
        contract: ContractId,
        message: &ToProvider,
    ) -> Result<Option<ToClient>, String> {
        let line = self.line(peer)?;
        let call = line.http.post(format!("/v1/deals/{contract}")).json(message);
        let call = call.authorised(line.sessions.header());
        call.read_json(ANSWER_BYTES_MAX).await.map_err(|error| error.to_string())
    }

    async fn close(
        &self,
        peer: &Peer,
        contract: ContractId,
        proposal: &Proposal,
    ) -> Result<Consent, String> {
        let line = self.line(peer)?;
        let call = line.http.post(format!("/v1/deals/{contract}/closes")).json(proposal);
        let call = call.authorised(line.sessions.header());
        call.read_json(CONSENT_BYTES_MAX).await.map_err(|error| error.to_string())
    }
}

/// Patience for one answer, in which a provider may have to sign a few thousand times; what fails is said again in the next round.
fn options() -> ClientOptions {
    let (short, long) = (Duration::from_secs(5), Duration::from_secs(25));
    let timeouts = Timeouts { connect: short, head: long, idle: short, total: Some(long) };
    let retries = Retries { times: 1, ..Retries::default() };
    ClientOptions { timeouts, retries, ..ClientOptions::default() }
}
