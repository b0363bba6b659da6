//! Opening connections: plain to loopback, TLS with a pinned key to everywhere else.

use super::ClientError;
use crate::endpoint::Endpoint;
use crate::socket::Socket;
use crate::tls::{Pin, WrongKey, client_config};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Opens connections to one endpoint.
#[derive(Clone)]
pub(super) struct Connector(Arc<Target>);

struct Target {
    endpoint: Endpoint,
    within: Duration,
    tls: Result<Arc<ClientConfig>, rustls::Error>,
}

impl Connector {
    pub(super) fn new(endpoint: Endpoint, within: Duration, pin: Arc<Pin>) -> Self {
        Self(Arc::new(Target { endpoint, within, tls: client_config(pin) }))
    }
}

impl tower::Service<http::Uri> for Connector {
    type Response = TokioIo<Socket>;
    type Error = ClientError;
    type Future = futures_util::future::BoxFuture<'static, Result<Self::Response, ClientError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), ClientError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: http::Uri) -> Self::Future {
        let target = Arc::clone(&self.0);
        Box::pin(async move {
            let opened = timeout(target.within, target.open()).await;
            opened.unwrap_or_else(|_| Err(target.timed_out())).map(TokioIo::new)
        })
    }
}

impl Target {
    async fn open(&self) -> Result<Socket, ClientError> {
        let tcp = self.dial().await?;
        tcp.set_nodelay(true).map_err(|e| self.failed(&e))?;
        if !self.endpoint.is_tls() {
            return Ok(Socket::Plain(tcp));
        }
        let config = self.tls.clone().map_err(|e| self.failed(&io::Error::other(e)))?;
        let name = ServerName::try_from(self.endpoint.host())
            .map_err(|e| self.failed(&io::Error::other(e)))?;
        let tls = TlsConnector::from(config).connect(name, tcp).await;
        let tls = tls.map_err(|e| self.handshake_failed(&e))?;
        Ok(Socket::Tls(Box::new(tls.into())))
    }

    /// Tries every address that the name stands for and the endpoint allows.
    async fn dial(&self) -> Result<TcpStream, ClientError> {
        let (host, port) = (self.endpoint.host(), self.endpoint.port());
        let addresses = lookup_host((host.as_str(), port)).await.map_err(|e| self.failed(&e))?;
        let mut failure = self.failed(&io::Error::other("the name stands for no address"));
        for address in addresses {
            if !self.endpoint.allows(address.ip()) {
                failure = ClientError::PlainRemote {
                    endpoint: self.endpoint.to_string(),
                    address: address.ip(),
                };
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = self.failed(&error),
            }
        }
        Err(failure)
    }

    fn failed(&self, error: &io::Error) -> ClientError {
        ClientError::Connect { endpoint: self.endpoint.to_string(), reason: error.to_string() }
    }

    fn handshake_failed(&self, error: &io::Error) -> ClientError {
        match error.get_ref().and_then(|inner| inner.downcast_ref()).and_then(wrong_key) {
            Some(wrong) => ClientError::WrongPeer { endpoint: self.endpoint.to_string(), wrong },
            None => self.failed(error),
        }
    }

    fn timed_out(&self) -> ClientError {
        ClientError::TimedOut {
            endpoint: self.endpoint.to_string(),
            what: "the connection",
            after: self.within,
        }
    }
}

fn wrong_key(error: &rustls::Error) -> Option<WrongKey> {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            other.0.downcast_ref().cloned()
        }
        _ => None,
    }
}
