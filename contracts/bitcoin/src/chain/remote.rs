//! HTTP to a node that is not of ours: plain to this machine, TLS by this system's certificates to others; bounded in time and size.

use super::ChainError;
use axum::body::Bytes;
use backon::{ExponentialBuilder, Retryable};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use network::client::causes;
use network::endpoint::{Endpoint, PlainHttp};
use std::time::Duration;
use tokio::time::timeout;

/// The longest body that is read of an answer that says no.
const REFUSAL_BYTES_MAX: usize = 64 << 10;

/// How long a node may take, and how often it is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For one attempt, from dialling to the last byte.
    pub attempt: Duration,
    /// How often a call that found nobody is repeated.
    pub retries: usize,
    /// The pause before the first repetition; each further one doubles.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempt: Duration::from_secs(30), retries: 3, pause: Duration::from_millis(200) }
    }
}

/// A server, by its address.
pub(super) struct Remote {
    pool: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    patience: Patience,
}

/// What is asked of it.
#[derive(Clone)]
pub(super) struct Question {
    pub(super) method: Method,
    /// Behind the address; begins with a slash, or is empty.
    pub(super) path: String,
    pub(super) authorization: Option<String>,
    pub(super) body: Bytes,
    /// How long its answer may be.
    pub(super) bytes_max: usize,
}

/// What it answers.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

impl Reply {
    /// The beginning of what it says, for errors.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().chars().take(300).collect()
    }
}

impl Remote {
    /// The server at `url`: `http://…` of this machine (of any where `plain` says so), or `https://…`; a path may follow.
    pub(super) fn new(url: &str, plain: PlainHttp, patience: Patience) -> Result<Self, ChainError> {
        let base = url.trim().trim_end_matches('/');
        let wrong = |reason: String| ChainError::Address(reason);
        let (scheme, rest) = base
            .split_once("://")
            .ok_or_else(|| wrong(format!("{url:?} is no http:// or https:// address")))?;
        let host = rest.split('/').next().unwrap_or_default();
        let endpoint = Endpoint::parse(&format!("{scheme}://{host}"), plain)
            .map_err(|error| wrong(error.to_string()))?;
        let connector = connector(endpoint.is_tls()).map_err(|error| {
            wrong(format!("no certificates of this system can be read: {error}"))
        })?;
        let pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(15))
            .build(connector);
        Ok(Self { pool, base: base.to_owned(), patience })
    }

    /// Asks until `read` makes something of the answer, or patience ends; what found nobody is asked again.
    pub(super) async fn ask<T>(
        &self,
        question: impl Fn() -> Result<Question, ChainError>,
        read: impl Fn(Reply) -> Result<T, ChainError>,
    ) -> Result<T, ChainError> {
        let attempt = || async {
            let asked = self.attempt(question()?);
            let reply = timeout(self.patience.attempt, asked).await.map_err(|_| {
                self.unreachable(&format!("no answer within {:?}", self.patience.attempt))
            })??;
            read(reply)
        };
        let backoff = ExponentialBuilder::default()
            .with_jitter()
            .with_max_times(self.patience.retries)
            .with_min_delay(self.patience.pause);
        attempt
            .retry(backoff)
            .sleep(tokio::time::sleep)
            .when(|error| matches!(error, ChainError::Unreachable(_)))
            .await
    }

    async fn attempt(&self, question: Question) -> Result<Reply, ChainError> {
        let mut request = Request::builder()
            .method(question.method)
            .uri(format!("{}{}", self.base, question.path))
            .header(header::USER_AGENT, "bondstore");
        if let Some(authorization) = question.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if !question.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(question.body))
            .map_err(|error| ChainError::Address(format!("{}: {error}", self.base)))?;
        let answer = self.pool.request(request).await;
        let answer = answer.map_err(|error| self.unreachable(&causes(&error)))?;
        let status = answer.status();
        let most = if status.is_success() { question.bytes_max } else { REFUSAL_BYTES_MAX };
        let body = Limited::new(answer.into_body(), most).collect().await.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                return ChainError::Senseless(format!("{}: more than {most} bytes", self.base));
            }
            self.unreachable(&error.to_string())
        })?;
        Ok(Reply { status: status.as_u16(), body: body.to_bytes() })
    }

    fn unreachable(&self, reason: &str) -> ChainError {
        ChainError::Unreachable(format!("{}: {reason}", self.base))
    }
}

/// Opens connections; trusts what this system trusts where TLS is spoken.
fn connector(tls: bool) -> std::io::Result<HttpsConnector<HttpConnector>> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = HttpsConnectorBuilder::new();
    let builder = if tls {
        builder.with_provider_and_native_roots(provider)?
    } else {
        let config = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        builder.with_tls_config(config)
    };
    Ok(builder.https_or_http().enable_http1().build())
}
