//! The market's desk: the shipped [`Market`], and a hash of everything that it took.
//!
//! Nothing here judges: a command is decided by the market as it ships, its events are applied, and both go into the trace.

use market::{Command, Effect, Event, Market, Rejection};
use std::collections::BTreeMap;
use types::{Hash, Timestamp};

/// Where documents are handed in.
#[derive(Clone, Debug)]
pub struct Desk {
    market: Market,
    trace: blake3::Hasher,
    /// What events have asked of the outside and nobody has taken yet.
    effects: Vec<Effect>,
    /// How often each kind of command was taken.
    taken: BTreeMap<&'static str, u64>,
    /// How often each was refused, with the refusal's code.
    refused: BTreeMap<(&'static str, &'static str), u64>,
}

impl Desk {
    /// The desk of a market as it stands.
    pub fn new(market: Market) -> Self {
        Self {
            market,
            trace: blake3::Hasher::new_derive_key("bondstore 2026 simulated trace"),
            effects: Vec::new(),
            taken: BTreeMap::new(),
            refused: BTreeMap::new(),
        }
    }

    /// The market.
    pub const fn market(&self) -> &Market {
        &self.market
    }

    /// The hash of every command that was taken, when, and every event that came of it.
    pub fn trace(&self) -> Hash {
        Hash(*self.trace.finalize().as_bytes())
    }

    /// How often each kind of command was taken.
    pub const fn taken(&self) -> &BTreeMap<&'static str, u64> {
        &self.taken
    }

    /// How often each kind of command was refused, by the refusal's code.
    pub const fn refused(&self) -> &BTreeMap<(&'static str, &'static str), u64> {
        &self.refused
    }

    /// What the outside is to do since this was asked last.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Hands `command` in at `now`. What comes of it has happened then.
    ///
    /// # Errors
    /// The market's refusal; nothing has changed.
    pub fn submit(&mut self, now: Timestamp, command: &Command) -> Result<Vec<Event>, Rejection> {
        let events = match self.market.decide(now, command) {
            Ok(events) => events,
            Err(refusal) => {
                *self.refused.entry((command.name(), refusal.code())).or_default() += 1;
                return Err(refusal);
            }
        };
        if events.is_empty() {
            return Ok(events);
        }
        *self.taken.entry(command.name()).or_default() += 1;
        self.trace.update(&now.0.to_le_bytes());
        self.trace.update(command.name().as_bytes());
        for (id, _) in command.documents() {
            self.trace.update(&id.0);
        }
        for event in &events {
            self.market.apply(event);
            self.write_down(event);
            self.effects.extend(market::effect::effects(&self.market, event));
        }
        Ok(events)
    }

    fn write_down(&mut self, event: &Event) {
        postcard::to_io(event, &mut self.trace).expect("a hash takes everything that is written");
    }
}
