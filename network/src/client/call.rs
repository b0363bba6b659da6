//! One request: built step by step, sent once or several times.

use super::{Answer, ClientError, HttpClient};
use backon::Retryable;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use hyper::upgrade::Upgraded;
use serde::{Serialize, de::DeserializeOwned};
use std::error::Error as _;
use std::time::Duration;
use tokio::time::timeout;
use types::Signed;

/// The header that makes a repeated request count once.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The media type of a signed document.
pub const JOSE: &str = "application/jose";
/// The media type of JSON.
pub const JSON: &str = "application/json";
/// The media type of plain bytes.
pub const OCTETS: &str = "application/octet-stream";

/// A request that is being built.
#[derive(Clone)]
#[must_use = "a call is made by sending it"]
pub struct Call {
    client: HttpClient,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
    once: bool,
    fault: Option<String>,
}

impl Call {
    pub(super) fn new(client: HttpClient, method: Method, path: String) -> Self {
        let mut call = Self {
            client,
            method,
            path,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            once: false,
            fault: None,
        };
        if call.method == Method::POST {
            let mut key = [0; 16];
            match getrandom::fill(&mut key) {
                Ok(()) => call = call.idempotency_key(&BASE64.encode(key)),
                Err(error) => call.fault = Some(format!("no randomness: {error}")),
            }
        }
        call
    }

    /// Adds a header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Speaks under `Authorization: Bearer …`, as made by [`bearer`](crate::auth::bearer).
    pub fn authorised(self, bearer: HeaderValue) -> Self {
        self.header(AUTHORIZATION, bearer)
    }

    /// Replaces the fresh idempotency key by `key`, of at most 128 visible characters.
    pub fn idempotency_key(mut self, key: &str) -> Self {
        match HeaderValue::from_str(key) {
            Ok(value) if key.len() <= 128 => self.header(IDEMPOTENCY_KEY, value),
            _ => {
                self.fault = Some("an idempotency key has at most 128 visible characters".into());
                self
            }
        }
    }

    /// Sends `value` as JSON.
    pub fn json<T: Serialize>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.body = body.into(),
            Err(error) => self.fault = Some(error.to_string()),
        }
        self.header(CONTENT_TYPE, HeaderValue::from_static(JSON))
    }

    /// Sends a signed document.
    pub fn document(mut self, document: &Signed) -> Self {
        self.body = Bytes::copy_from_slice(document.0.as_bytes());
        self.header(CONTENT_TYPE, HeaderValue::from_static(JOSE))
    }

    /// Sends bytes, without copying them.
    pub fn bytes(mut self, body: Bytes) -> Self {
        self.body = body;
        self.header(CONTENT_TYPE, HeaderValue::from_static(OCTETS))
    }

    /// Makes the call once, whatever happens.
    pub fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// Sends the request and gives the head of a success; the body is the caller's to read.
    pub async fn send(self) -> Result<Answer, ClientError> {
        self.repeated(Self::attempt).await
    }

    /// Sends the request and reads the answer's body, of at most `max` bytes.
    pub async fn read_bytes(self, max: usize) -> Result<Bytes, ClientError> {
        self.repeated(move |call| async move { call.attempt().await?.bytes(max).await }).await
    }

    /// Sends the request and reads the answer as JSON, of at most `max` bytes.
    pub async fn read_json<T: DeserializeOwned>(self, max: usize) -> Result<T, ClientError> {
        self.repeated(move |call| async move { call.attempt().await?.json(max).await }).await
    }

    /// Sends the request and wants nothing but success.
    pub async fn done(self) -> Result<(), ClientError> {
        self.read_bytes(1 << 10).await.map(drop)
    }

    /// Sends the request once, asking the peer to speak `protocol` from here on.
    pub async fn upgrade(mut self, protocol: &'static str) -> Result<Upgraded, ClientError> {
        self.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        self.headers.insert(UPGRADE, HeaderValue::from_static(protocol));
        let response = self.client.guarded(self.exchange()).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            Answer::of(self.client.clone(), response).await?;
            let reason = format!("it does not speak {protocol}");
            return Err(self.client.wrong_answer(reason));
        }
        hyper::upgrade::on(response).await.map_err(|error| self.client.broken(&error))
    }

    async fn repeated<T, Attempted>(
        self,
        attempt: impl Fn(Self) -> Attempted,
    ) -> Result<T, ClientError>
    where
        Attempted: Future<Output = Result<T, ClientError>>,
    {
        let client = self.client.clone();
        let options = client.0.options;
        let work = async {
            if self.once || options.retries.times == 0 || !self.may_be_repeated() {
                return attempt(self).await;
            }
            (|| attempt(self.clone()))
                .retry(options.retries.backoff())
                .sleep(tokio::time::sleep)
                .when(ClientError::is_transient)
                .await
        };
        match options.timeouts.total {
            None => work.await,
            Some(total) => timeout(total, work)
                .await
                .unwrap_or_else(|_| Err(client.timed_out("the whole call", total))),
        }
    }

    fn may_be_repeated(&self) -> bool {
        self.method.is_idempotent() || self.headers.contains_key(IDEMPOTENCY_KEY)
    }

    async fn attempt(self) -> Result<Answer, ClientError> {
        Answer::of(self.client.clone(), self.client.guarded(self.exchange()).await?).await
    }

    async fn exchange(&self) -> Result<http::Response<hyper::body::Incoming>, ClientError> {
        let mut request = Request::new(Full::new(self.body.clone()));
        if let Some(fault) = &self.fault {
            return Err(ClientError::Impossible(fault.clone()));
        }
        *request.uri_mut() = format!("{}{}", self.client.base(), self.path)
            .parse()
            .map_err(|e| ClientError::Impossible(format!("{:?} is no path: {e}", self.path)))?;
        *request.method_mut() = self.method.clone();
        *request.headers_mut() = self.headers.clone();
        let head = self.client.0.options.timeouts.head;
        timeout(head, self.client.0.pool.request(request))
            .await
            .map_err(|_| self.client.timed_out("the head of its answer", head))?
            .map_err(|error| self.client.failed(&error))
    }
}

impl HttpClient {
    pub(super) fn timed_out(&self, what: &'static str, after: Duration) -> ClientError {
        ClientError::TimedOut { endpoint: self.0.base.clone(), what, after }
    }

    pub(super) fn broken(&self, error: &hyper::Error) -> ClientError {
        ClientError::Broken { endpoint: self.0.base.clone(), reason: causes(error) }
    }

    pub(super) fn too_large(&self, max: usize) -> ClientError {
        ClientError::TooLarge { endpoint: self.0.base.clone(), max }
    }

    pub(crate) fn wrong_answer(&self, reason: impl Into<String>) -> ClientError {
        ClientError::WrongAnswer { endpoint: self.0.base.clone(), reason: reason.into() }
    }

    /// The connector's own error, where connecting failed; else what broke.
    fn failed(&self, error: &hyper_util::client::legacy::Error) -> ClientError {
        error
            .source()
            .and_then(|source| source.downcast_ref::<ClientError>())
            .cloned()
            .unwrap_or_else(|| ClientError::Broken {
                endpoint: self.0.base.clone(),
                reason: causes(error),
            })
    }
}

/// An error with all its causes, in one line.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
