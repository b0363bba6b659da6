//! Axum extractors whose refusals are problems: bodies of bounded size, documents, paths and queries.

use crate::api::Problem;
use crate::client::{IDEMPOTENCY_KEY, JOSE, JSON, OCTETS};
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use types::jws::JWS_BYTES_MAX;
use types::{Document, Signed, Verified};

/// The longest JSON body, where a handler says nothing else.
pub const JSON_BYTES_MAX: usize = 16 << 20;
/// How long the next piece of a body is waited for.
const IDLE: Duration = Duration::from_secs(30);

/// How long a whole body of at most `max` bytes may take: a minute, and a second more for every 64 KiB.
fn whole_within(max: usize) -> Duration {
    Duration::from_mins(1).saturating_add(Duration::from_secs((max >> 16) as u64))
}

/// A request's body, piece by piece, of at most so many bytes.
pub struct Pieces {
    body: Body,
    left: usize,
    max: usize,
    ends: Instant,
}

impl Pieces {
    /// The pieces of `body`, of at most `max` bytes together.
    ///
    /// # Errors
    /// 413 where the body says beforehand that it is longer.
    pub fn new(body: Body, max: usize) -> Result<Self, Problem> {
        if body.size_hint().lower() > max as u64 {
            return Err(Problem::too_large(max));
        }
        let ends = Instant::now() + whole_within(max);
        Ok(Self { body, left: max, max, ends })
    }

    /// The next piece; nothing at the body's end.
    ///
    /// # Errors
    /// 413 where the body is too long, 408 where it stalls, 400 where it breaks off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            let patience = IDLE.min(self.ends.saturating_duration_since(Instant::now()));
            let frame = timeout(patience, self.body.frame()).await.map_err(|_| {
                let detail = format!(
                    "nothing of the body came for {IDLE:?}, or not all of it within {:?}: send it again, faster",
                    whole_within(self.max)
                );
                Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail)
            })?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| {
                let detail = format!("the body broke off ({error}): send it again");
                Problem::new(StatusCode::BAD_REQUEST, "body_broken", detail)
            })?;
            if let Ok(piece) = frame.into_data() {
                self.left = self
                    .left
                    .checked_sub(piece.len())
                    .ok_or_else(|| Problem::too_large(self.max))?;
                return Ok(Some(piece));
            }
        }
    }

    /// The whole body.
    ///
    /// # Errors
    /// As [`Pieces::next`].
    pub async fn whole(mut self) -> Result<Bytes, Problem> {
        let long = usize::try_from(self.body.size_hint().lower()).unwrap_or(self.max);
        let Some(first) = self.next().await? else { return Ok(Bytes::new()) };
        if self.body.is_end_stream() {
            return Ok(first);
        }
        let mut whole = BytesMut::with_capacity(long.max(first.len()));
        let mut next = Some(first);
        while let Some(piece) = next {
            whole.extend_from_slice(&piece);
            next = self.next().await?;
        }
        Ok(whole.freeze())
    }
}

/// Refuses a body that says it is something else than `expected`. One that says nothing is taken.
fn check_media_type(request: &Request, expected: &str) -> Result<(), Problem> {
    let Some(value) = request.headers().get(CONTENT_TYPE) else { return Ok(()) };
    let essence = value.to_str().ok().and_then(|text| text.split(';').next()).unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    let detail = format!("the body says that it is {value:?}: {expected} is taken here");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type_unsupported", detail))
}

/// A body of at most `MAX` bytes, whole.
#[derive(Clone, Debug)]
pub struct RawBody<const MAX: usize>(pub Bytes);

impl<S: Send + Sync, const MAX: usize> FromRequest<S> for RawBody<MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        check_media_type(&request, OCTETS)?;
        Pieces::new(request.into_body(), MAX)?.whole().await.map(Self)
    }
}

/// A JSON body of at most `MAX` bytes.
#[derive(Clone, Debug)]
pub struct JsonBody<T, const MAX: usize = JSON_BYTES_MAX>(pub T);

impl<S: Send + Sync, T: DeserializeOwned, const MAX: usize> FromRequest<S> for JsonBody<T, MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        check_media_type(&request, JSON)?;
        let body = Pieces::new(request.into_body(), MAX)?.whole().await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let detail = format!("the body is not the JSON that is needed here: {error}");
            Problem::new(StatusCode::BAD_REQUEST, "json_malformed", detail)
        })
    }
}

/// A signed document as the whole body, not yet verified.
#[derive(Clone, Debug)]
pub struct SignedBody(pub Signed);

impl<S: Send + Sync> FromRequest<S> for SignedBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        check_media_type(&request, JOSE)?;
        let body = Pieces::new(request.into_body(), JWS_BYTES_MAX)?.whole().await?;
        let text = std::str::from_utf8(&body).map_err(|_| types::JwsError::Malformed)?;
        Ok(Self(Signed(text.trim().to_owned())))
    }
}

/// A signed document as the whole body, verified.
#[derive(Clone, Debug)]
pub struct VerifiedBody<T>(pub Verified<T>);

impl<S: Send + Sync, T: Document> FromRequest<S> for VerifiedBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let SignedBody(signed) = SignedBody::from_request(request, state).await?;
        Ok(Self(signed.verify()?))
    }
}

/// The `Idempotency-Key` header, where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(IDEMPOTENCY_KEY) else { return Ok(Self(None)) };
        match value.to_str() {
            Ok(key) if (1..=128).contains(&key.len()) => Ok(Self(Some(key.to_owned()))),
            _ => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "idempotency_key_malformed",
                "an Idempotency-Key has between 1 and 128 visible ASCII characters",
            )),
        }
    }
}

/// The most items in a page.
pub const PAGE_MAX: u32 = 1_000;
/// Items in a page, where the request does not say.
const PAGE: u32 = 100;

/// Which page of a list: `?after=<cursor>&limit=<number>`.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// The `next` of the page before; nothing for the first page.
    after: Option<String>,
    /// How many items at most; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

impl Paging {
    /// The page's cursor as a `T`.
    ///
    /// # Errors
    /// 400 `cursor_malformed`.
    pub fn after<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
    ) -> Result<Option<T>, Problem> {
        let malformed = |error: T::Err| {
            let detail = format!("after: {error}; use the next of a page that you were given");
            Problem::new(StatusCode::BAD_REQUEST, "cursor_malformed", detail)
        };
        self.after.as_deref().map(|text| text.parse().map_err(malformed)).transpose()
    }

    /// How many items the page has at most.
    ///
    /// # Errors
    /// 400 `query_malformed` where the request asks for none, or for more than [`PAGE_MAX`].
    pub fn limit(&self) -> Result<u32, Problem> {
        match self.limit {
            None => Ok(PAGE),
            Some(limit) if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
            Some(limit) => {
                let detail =
                    format!("limit is {limit}; between 1 and {PAGE_MAX} are given at a time");
                Err(Problem::new(StatusCode::BAD_REQUEST, "query_malformed", detail))
            }
        }
    }
}

/// A path's parameters.
#[derive(Clone, Copy, Debug)]
pub struct PathOf<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(error) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "path_malformed",
                format!("{} cannot be read: {}", parts.uri.path(), error.body_text()),
            )),
        }
    }
}

/// A query's parameters.
#[derive(Clone, Copy, Debug)]
pub struct QueryOf<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for QueryOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(error) => {
                Err(Problem::new(StatusCode::BAD_REQUEST, "query_malformed", error.body_text()))
            }
        }
    }
}
