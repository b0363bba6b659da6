//! Server-sent events: what changes, as it becomes durable.
//!
//! A stream reads the journal from a position on, block by block, as fast as its reader takes it: a slow reader falls
//! behind in the journal and never holds up the writer. It ends with the session; the next one resumes from the last
//! event that came.

use super::tail::{self, Seat};
use super::{Party, views_of};
use crate::app::App;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use network::api::{EventFrame, EventView, Problem};
use network::extract::QueryOf;
use serde::Deserialize;
use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;
use types::{Did, Timestamp};
use utoipa::IntoParams;

/// How long a stream is silent at most.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Where a reader resumes.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// What a stream begins with, and says where nothing happens.
const SILENCE: &str = ": nothing new\n\n";

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    /// The id of the last event that was seen, as Last-Event-ID; 0.0 for the journal's beginning, nothing for now.
    #[param(pattern = "^[0-9]{1,19}[.][0-9]{1,9}([.][0-9]{1,9})?$")]
    after: Option<String>,
    /// Whether the stream goes on with what happens later, as it does where nothing is said; else it ends with what has
    /// happened by now.
    follow: Option<bool>,
}

/// The number of a block and of an event in it, and of a part of that event; what was sent last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    block: u64,
    event: usize,
    /// Nothing where all of the event was sent.
    part: Option<usize>,
}

impl Position {
    /// Before the first event of a block.
    fn before(block: u64) -> Self {
        Self { block, event: 0, part: None }
    }

    fn parse(text: &str) -> Option<Self> {
        let (block, rest) = text.split_once('.')?;
        let (event, part) = match rest.split_once('.') {
            Some((event, part)) => (event, Some(part.parse().ok()?)),
            None => (rest, None),
        };
        Some(Self { block: block.parse().ok()?, event: event.parse().ok()?, part })
    }

    /// Whether what has this position was sent by now.
    fn has_sent(&self, event: usize, part: usize) -> bool {
        event < self.event || (event == self.event && self.part.is_none_or(|sent| part <= sent))
    }
}

/// Follows what concerned the party when it happened: its contracts, slots, money, record and grants; everything, for the
/// operator.
///
/// Each event's id is its position in the journal: send the last one as Last-Event-ID to resume behind it. What concerns
/// the party is told by what the event says, so that it is the same whenever it is read.
#[utoipa::path(
    get, path = "/v1/events", operation_id = "events", tag = "market",
    params(
        Since,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen.",
            pattern = "^[0-9]{1,19}[.][0-9]{1,9}([.][0-9]{1,9})?$"),
    ),
    security(("session" = [])),
    responses((status = 200, description = "The events, each with an EventView as its data.",
        body = EventFrame, content_type = "text/event-stream")),
    extensions(("x-codes" = json!(["too_many_streams"]))),
)]
pub(super) async fn follow(
    party: Party,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    QueryOf(since): QueryOf<Since>,
) -> Result<Response, Problem> {
    let header = headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or_default());
    let blocks = app.blocks.clone();
    let newest = *blocks.borrow();
    let at = match header.or(since.after.as_deref()) {
        None => Position::before(newest + 1),
        Some(text) => Position::parse(text)
            .filter(|at| at.block <= newest)
            .ok_or_else(|| foreign_position(text))?,
    };
    let last = if since.follow.unwrap_or(true) { u64::MAX } else { newest };
    let seat = app.front.tail.seat(party.did).ok_or_else(too_many)?;
    let (party, until) = (party.did, party.expires);
    let follower = Follower { app, party, until, at, last, blocks, _seat: seat };
    let first = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(SILENCE.as_bytes())) });
    let rest = stream::unfold(follower, |mut follower| async move {
        let frames = follower.next().await?;
        Some((Ok(Bytes::from(frames)), follower))
    });
    let body = Body::from_stream(futures_util::StreamExt::chain(first, rest));
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, body).into_response())
}

fn foreign_position(text: &str) -> Problem {
    let shown: String = text.chars().take(40).collect();
    let detail =
        format!("{shown:?} is no position of this journal: send the id of an event you were given");
    Problem::new(StatusCode::BAD_REQUEST, "cursor_malformed", detail)
}

fn too_many() -> Problem {
    let detail = "you follow the events too often at once: close a stream first";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", detail)
}

/// One stream.
struct Follower {
    app: Arc<App>,
    party: Did,
    until: Timestamp,
    /// What was sent last.
    at: Position,
    /// The last block that is sent.
    last: u64,
    blocks: watch::Receiver<u64>,
    _seat: Seat,
}

impl Follower {
    /// What is to be sent next; nothing at the stream's end.
    async fn next(&mut self) -> Option<String> {
        let stop = self.app.front.stop.clone();
        loop {
            let over = self.app.clock.now() >= self.until || self.at.block > self.last;
            if over || stop.is_cancelled() {
                return None;
            }
            if self.at.block <= *self.blocks.borrow_and_update() {
                let frames = self.block().await?;
                if !frames.is_empty() {
                    return Some(frames);
                }
                continue;
            }
            let changed =
                stop.run_until_cancelled(timeout(HEARTBEAT, self.blocks.changed())).await?;
            match changed {
                Ok(changed) => changed.ok()?,
                Err(_) => return Some(SILENCE.to_owned()),
            }
        }
    }

    /// What the party may see of the block that it is in, and moves on to the next one.
    async fn block(&mut self) -> Option<String> {
        let (at, block) = (self.at, self.at.block);
        self.at = Position::before(block + 1);
        // Block 0 is the genesis: nothing has happened yet.
        if block == 0 {
            return Some(String::new());
        }
        let happened = tail::block(&self.app, block).await.ok()?;
        let mut frames = String::new();
        let view = self.app.view();
        for (number, event) in (1..).zip(&happened.events) {
            let id = format!("{block}.{number}");
            let parts = views_of::event(&view.market, self.party, event, (&id, happened.at));
            let parts = (1..).zip(&parts).filter(|(part, _)| !at.has_sent(number, *part));
            parts.for_each(|(_, part)| frame(&mut frames, part));
        }
        Some(frames)
    }
}

fn frame(frames: &mut String, view: &EventView) {
    let data = serde_json::to_string(view).expect("views have only text as keys");
    write!(frames, "id: {}\nevent: {}\ndata: {data}\n\n", view.id, view.kind)
        .expect("memory takes every byte");
}
