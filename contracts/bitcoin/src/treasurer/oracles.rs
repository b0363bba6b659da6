//! What a treasurer asks auditors: what they announce, and what they attest.

use crate::oracle::client::{OracleClient, Wanted};
use crate::oracle::messages::{Announcement, Attestation};
use network::api::OracleInfo;
use network::client::ClientOptions;
use network::endpoint::{Endpoint, PlainHttp};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Auditors, whichever a contract names. What they say is verified here again.
pub trait Oracles: Send + Sync {
    /// What `oracle` announced of `event`; words where it has not, or cannot be asked.
    fn announcement(
        &self,
        oracle: &OracleInfo,
        event: &str,
    ) -> impl Future<Output = Result<Announcement, String>> + Send;
    /// What `oracle` attests of what it announced; nothing where it has not yet.
    fn attestation(
        &self,
        oracle: &OracleInfo,
        announcement: &Announcement,
    ) -> impl Future<Output = Result<Option<Attestation>, String>> + Send;
}

/// Auditors over HTTP, at the addresses that the market names for their keys.
#[derive(Debug)]
pub struct HttpOracles {
    plain: PlainHttp,
    options: ClientOptions,
    known: Mutex<BTreeMap<(String, Vec<String>), OracleClient>>,
}

impl HttpOracles {
    /// Asks over plain HTTP no further than `plain` allows.
    pub fn new(plain: PlainHttp) -> Self {
        Self { plain, options: OracleClient::options(), known: Mutex::default() }
    }

    fn client(&self, oracle: &OracleInfo) -> Result<OracleClient, String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (oracle.key.clone(), oracle.urls.clone());
        if let Some(client) = known.get(&name) {
            return Ok(client.clone());
        }
        let key = oracle.key.parse();
        let key = key.map_err(|_| format!("{:?} is no key of an oracle", oracle.key))?;
        let endpoints = oracle.urls.iter().map(|url| Endpoint::parse(url, self.plain));
        let endpoints = endpoints.collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
        let client = OracleClient::new(key, endpoints, self.options);
        known.insert(name, client.clone());
        Ok(client)
    }
}

impl Oracles for HttpOracles {
    async fn announcement(&self, oracle: &OracleInfo, event: &str) -> Result<Announcement, String> {
        let client = self.client(oracle)?;
        client.announcement(Wanted::score(event)).await.map_err(|error| error.to_string())
    }

    async fn attestation(
        &self,
        oracle: &OracleInfo,
        announcement: &Announcement,
    ) -> Result<Option<Attestation>, String> {
        let client = self.client(oracle)?;
        let attested = client.attestation(announcement).await;
        let attested = attested.map_err(|error| error.to_string())?;
        Ok(attested.map(|(attestation, _)| attestation))
    }
}
