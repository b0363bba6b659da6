//! The journal's newest blocks, decoded once for everyone who follows the events.

use crate::app::App;
use crate::refuse;
use market::Event;
use moka::sync::Cache;
use network::api::Problem;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use types::{Did, Timestamp};

/// How many blocks are kept.
const BLOCKS_MAX: u64 = 256;
/// How many streams of events a party may hold open.
const STREAMS_MAX: u32 = 16;

/// What happened in one block.
#[derive(Debug)]
pub(super) struct Happened {
    pub(super) at: Timestamp,
    pub(super) events: Vec<Event>,
}

/// The newest blocks, and who follows them.
#[derive(Debug)]
pub(crate) struct Tail {
    blocks: Cache<u64, Arc<Happened>>,
    followers: Arc<Mutex<BTreeMap<Did, u32>>>,
}

impl Tail {
    pub(super) fn new() -> Self {
        Self { blocks: Cache::new(BLOCKS_MAX), followers: Arc::default() }
    }

    /// A party begins to follow; nothing where it follows too often.
    pub(super) fn seat(&self, party: Did) -> Option<Seat> {
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = followers.entry(party).or_default();
        (*count < STREAMS_MAX).then(|| {
            *count += 1;
            Seat { party, followers: self.followers.clone() }
        })
    }
}

/// One stream of events of a party, counted until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    party: Did,
    followers: Arc<Mutex<BTreeMap<Did, u32>>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = followers.get_mut(&self.party) {
            *count -= 1;
            if *count == 0 {
                followers.remove(&self.party);
            }
        }
    }
}

/// What happened in block `number`, which must be there.
pub(super) async fn block(app: &App, number: u64) -> Result<Arc<Happened>, Problem> {
    if let Some(known) = app.front.tail.blocks.get(&number) {
        return Ok(known);
    }
    let block = app.readers.ask(move |store| store.block_at(number)).await;
    let block = block.map_err(|error| refuse::unreadable(&error))?.ok_or_else(Problem::internal)?;
    let entries = block.decode().map_err(|error| {
        tracing::error!(%error, block = number, "a block cannot be decoded");
        Problem::internal()
    })?;
    let events = entries.into_iter().flat_map(|entry| entry.events).collect();
    let happened = Arc::new(Happened { at: block.time, events });
    app.front.tail.blocks.insert(number, happened.clone());
    Ok(happened)
}
