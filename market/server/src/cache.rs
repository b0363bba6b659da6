//! Answers that are kept until something that they show changes.
//!
//! Each contract and each party has a stamp, which the writer changes together with the state, while nobody reads it. An
//! answer is made and kept while the state is held still, with the stamp that it found: so one that is found with the
//! stamp of now is the one that would be made now, and a party that reads after its own write sees it.

mod touched;

use axum::body::Bytes;
use market::{Event, Market};
use moka::sync::Cache;
use std::hash::Hash as HashKey;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use types::{Did, Hash};

/// How many stamps there are; contracts or parties that share one only miss more often.
const STAMPS: usize = 1 << 16;
/// How many bytes of answers each cache keeps.
const BYTES_MAX: u64 = 64 << 20;

/// What an answer was made under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The contract's, the party's or the journal's.
    own: u64,
    /// What touches everything: epochs, asks.
    era: u64,
    /// Who is connected.
    online: u64,
}

/// An answer with its entity tag (RFC 9110).
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) json: Bytes,
    pub(crate) tag: Arc<str>,
}

impl Answer {
    fn of(json: Vec<u8>) -> Self {
        let tag = format!("\"{}\"", &Hash::of(&json).to_string()[..32]);
        Self { json: json.into(), tag: tag.into() }
    }
}

/// One kind of answers.
#[derive(Debug)]
pub(crate) struct Kept<K: HashKey + Eq + Send + Sync + 'static> {
    name: &'static str,
    answers: Cache<K, (Stamp, Answer)>,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl<K: HashKey + Eq + Send + Sync + 'static> Kept<K> {
    fn new(name: &'static str) -> Self {
        let weigh = |_: &K, (_, answer): &(Stamp, Answer)| {
            u32::try_from(answer.json.len()).unwrap_or(u32::MAX).saturating_add(256)
        };
        let answers = Cache::builder().max_capacity(BYTES_MAX).weigher(weigh).build();
        Self { name, answers, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// The answer under `stamp`, made where it is not kept. The state must be held still meanwhile.
    pub(crate) fn get(&self, key: K, stamp: Stamp, make: impl FnOnce() -> Vec<u8>) -> Answer {
        if let Some((kept, answer)) = self.answers.get(&key)
            && kept == stamp
        {
            self.hits.fetch_add(1, Ordering::Relaxed);
            metrics::counter!("bondstore_cache_total", "cache" => self.name, "found" => "yes")
                .increment(1);
            return answer;
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("bondstore_cache_total", "cache" => self.name, "found" => "no")
            .increment(1);
        let answer = Answer::of(make());
        self.answers.insert(key, (stamp, answer.clone()));
        answer
    }

    fn use_so_far(&self) -> CacheUse {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheUse { cache: self.name, hits: count(&self.hits), misses: count(&self.misses) }
    }
}

/// How often a cache had the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheUse {
    /// Which cache.
    pub cache: &'static str,
    /// How often it had the answer.
    pub hits: u64,
    /// How often the answer had to be made.
    pub misses: u64,
}

/// All caches of answers.
#[derive(Debug)]
pub(crate) struct Caches {
    pub(crate) contracts: Kept<Hash>,
    pub(crate) accounts: Kept<Did>,
    /// Pages of the list of providers, by cursor and length.
    pub(crate) providers: Kept<(Option<Did>, u32)>,
    stamps: Box<[AtomicU64]>,
    era: AtomicU64,
}

impl Caches {
    pub(crate) fn new() -> Self {
        Self {
            contracts: Kept::new("contracts"),
            accounts: Kept::new("accounts"),
            providers: Kept::new("providers"),
            stamps: (0..STAMPS).map(|_| AtomicU64::new(0)).collect(),
            era: AtomicU64::new(0),
        }
    }

    /// The stamp of a contract or party, named by its 32 bytes. `online` counts changes of who is connected.
    pub(crate) fn stamp(&self, name: &[u8; 32], online: u64) -> Stamp {
        let own = self.stamp_of(name).load(Ordering::Relaxed);
        Stamp { own, era: self.era.load(Ordering::Relaxed), online }
    }

    /// The stamp of everything, which each block changes.
    pub(crate) const fn stamp_of_all(block: u64, online: u64) -> Stamp {
        Stamp { own: block, era: 0, online }
    }

    /// How often each cache had the answer.
    pub(crate) fn uses(&self) -> Vec<CacheUse> {
        vec![self.contracts.use_so_far(), self.accounts.use_so_far(), self.providers.use_so_far()]
    }

    /// Changes the stamps of all that an event touches, on the way from one state to another. For the writer alone.
    pub(crate) fn touch(&self, before: &Market, after: &Market, event: &Event) {
        let mut touch = |name: &[u8; 32]| {
            self.stamp_of(name).fetch_add(1, Ordering::Relaxed);
        };
        // Who was concerned before, and who is after: a slot may change hands.
        let known = touched::touched(before, event, &mut touch);
        if !known || !touched::touched(after, event, &mut touch) {
            self.era.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn stamp_of(&self, name: &[u8; 32]) -> &AtomicU64 {
        // Names are hashes and public keys, so that any of their bytes will do.
        &self.stamps[usize::from(u16::from_le_bytes([name[30], name[31]]))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_made_again_only_under_another_stamp() {
        let caches = Caches::new();
        let name = [7; 32];
        let ask = |made: &str| {
            let stamp = caches.stamp(&name, 0);
            caches.contracts.get(Hash(name), stamp, || made.as_bytes().to_vec()).json
        };
        assert_eq!(ask("first"), "first");
        assert_eq!(ask("second"), "first");
        caches.stamp_of(&name).fetch_add(1, Ordering::Relaxed);
        assert_eq!(ask("third"), "third");
        caches.era.fetch_add(1, Ordering::Relaxed);
        assert_eq!(ask("fourth"), "fourth");
        let uses = caches.uses();
        assert_eq!((uses[0].hits, uses[0].misses), (1, 3));
    }
}
