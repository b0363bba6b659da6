//! The escrows of contracts on Bitcoin: what auditors announce, and attest.
//!
//! The list says no more than an auditor needs: which escrows there are, and what they came to. Whose they are it does not say.

use super::Party;
use crate::app::App;
use crate::refuse;
use crate::store::Store;
use crate::store::changes::Marked;
use axum::Json;
use axum::extract::State;
use network::api::{EntryProof, EscrowPage, EscrowView, Problem};
use network::extract::{PathOf, QueryOf};
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use utoipa::IntoParams;

/// How many lines a page has where nothing is said, and at most.
const PAGE: u32 = 100;
const PAGE_MAX: u32 = 1_000;

/// Where a page ends: the number of an entry, and a place in it.
#[derive(Clone, Copy)]
struct Cursor(u64, u64);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl FromStr for Cursor {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (entry, place) = text.split_once('.').unwrap_or((text, ""));
        Ok(Self(entry.parse()?, place.parse()?))
    }
}

/// Which piece of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    /// The `next` of a page that was given, now or long ago; nothing for the beginning.
    #[param(pattern = "^[0-9]{1,18}[.][0-9]{1,18}$")]
    since: Option<String>,
    /// How many lines at most; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

impl Since {
    fn cursor(&self) -> Result<Option<Cursor>, Problem> {
        let malformed = |error| {
            let detail = format!("since: {error}; use the next of a page that you were given");
            Problem::new(axum::http::StatusCode::BAD_REQUEST, "cursor_malformed", detail)
        };
        self.since.as_deref().map(|text| text.parse().map_err(malformed)).transpose()
    }

    fn limit(&self) -> Result<u32, Problem> {
        match self.limit.unwrap_or(PAGE) {
            limit @ 1..=PAGE_MAX => Ok(limit),
            limit => {
                let detail =
                    format!("limit is {limit}; between 1 and {PAGE_MAX} are given at a time");
                let status = axum::http::StatusCode::BAD_REQUEST;
                Err(Problem::new(status, "query_malformed", detail))
            }
        }
    }
}

/// What became of escrows of contracts on Bitcoin, in the journal's order: that they began, and their outcome once nothing can change
/// that any more.
#[utoipa::path(
    get, path = "/v1/escrows", operation_id = "escrows", tag = "contracts",
    params(Since),
    responses((status = 200, description = "What came behind the cursor.", body = EscrowPage)),
    extensions(("x-codes" = json!(["cursor_malformed", "query_malformed"]))),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    QueryOf(since): QueryOf<Since>,
) -> Result<Json<EscrowPage>, Problem> {
    let (cursor, limit) = (since.cursor()?, since.limit()?);
    // Entries and places are numbered from 0: what is behind nothing is behind no entry.
    let after = cursor.map(|Cursor(entry, place)| (entry, place));
    let read = move |store: &Store| {
        store.marks::<EscrowView>(Marked::Escrow, after, limit.saturating_add(1))
    };
    let mut marks = app.readers.ask(read).await.map_err(|error| refuse::unreadable(&error))?;
    let more = marks.len() > limit as usize;
    marks.truncate(limit as usize);
    let last = marks.last().map(|((entry, place), _)| Cursor(*entry, *place)).or(cursor);
    let next = last.map_or_else(String::new, |cursor| cursor.to_string());
    let items = marks.into_iter().map(|(_, view)| view).collect();
    Ok(Json(EscrowPage { items, next, more }))
}

/// The entry that says what an escrow came to, with the proof that it is in the market's journal: for whoever attests it.
#[utoipa::path(
    get, path = "/v1/escrows/{entry}", operation_id = "escrow_entry", tag = "contracts",
    params(("entry" = u64, Path, description = "The entry's number, as the list has it.")),
    security(("session" = [])),
    responses((status = 200, description = "The entry.", body = EntryProof)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
pub(super) async fn entry(
    _party: Party,
    State(app): State<Arc<App>>,
    PathOf(entry): PathOf<u64>,
) -> Result<Json<EntryProof>, Problem> {
    let found = app.readers.ask(move |store| store.concluded(entry)).await;
    let found = found.map_err(|error| refuse::unreadable(&error))?;
    let nothing = || {
        let detail = format!("entry {entry} says of no escrow what it came to");
        Problem::not_found(format!("{detail}; take an entry from the list that has an outcome"))
    };
    found.map(Json).ok_or_else(nothing)
}
