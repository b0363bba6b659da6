//! What came back: the head at once, the body piece by piece or whole, never longer than allowed.

use super::{ClientError, HttpClient};
use crate::api::Problem;
use crate::problem::PROBLEM_JSON;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

/// The longest problem that is read.
const PROBLEM_BYTES_MAX: usize = 64 << 10;

/// An answer whose status is a success; its body is read on demand.
pub struct Answer {
    client: HttpClient,
    status: StatusCode,
    headers: HeaderMap,
    body: Incoming,
}

impl Answer {
    /// Takes a success, and reads a refusal.
    pub(super) async fn of(
        client: HttpClient,
        response: http::Response<Incoming>,
    ) -> Result<Self, ClientError> {
        let (parts, body) = response.into_parts();
        let answer = Self { client, status: parts.status, headers: parts.headers, body };
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(answer.refusal().await)
    }

    /// The status: 2xx.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// How long the body says it is.
    pub fn content_length(&self) -> Option<u64> {
        self.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }

    /// The next piece of the body; nothing at its end. A body that is cut short is an error.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        let idle = self.client.0.options.timeouts.idle;
        loop {
            match timeout(idle, self.body.frame()).await {
                Err(_) => return Err(self.client.timed_out("the next piece of its answer", idle)),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(self.client.broken(&error)),
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The whole body, of at most `max` bytes.
    pub async fn bytes(mut self, max: usize) -> Result<Bytes, ClientError> {
        let long = self.body.size_hint().lower();
        if long > max as u64 {
            return Err(self.client.too_large(max));
        }
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        if self.body.is_end_stream() && first.len() <= max {
            return Ok(first);
        }
        let mut whole =
            BytesMut::with_capacity(usize::try_from(long).unwrap_or(max).max(first.len()));
        let mut next = Some(first);
        while let Some(piece) = next {
            if whole.len() + piece.len() > max {
                return Err(self.client.too_large(max));
            }
            whole.extend_from_slice(&piece);
            next = self.chunk().await?;
        }
        Ok(whole.freeze())
    }

    /// The whole body as JSON, of at most `max` bytes.
    pub async fn json<T: DeserializeOwned>(self, max: usize) -> Result<T, ClientError> {
        let client = self.client.clone();
        let bytes = self.bytes(max).await?;
        serde_json::from_slice(&bytes).map_err(|error| client.wrong_answer(error.to_string()))
    }

    async fn refusal(self) -> ClientError {
        let foreign = ClientError::Foreign {
            endpoint: self.client.0.base.clone(),
            status: self.status.as_u16(),
        };
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with(PROBLEM_JSON)) {
            return foreign;
        }
        match self.json::<Problem>(PROBLEM_BYTES_MAX).await {
            Ok(problem) => ClientError::Refused(Box::new(problem)),
            Err(_) => foreign,
        }
    }
}
