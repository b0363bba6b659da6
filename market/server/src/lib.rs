//! The market's door: the pure state machine behind one durable writer, an HTTP API, and the workers that
//! do outside what its events ask for.
//!
//! In reading order. [`init()`] founds a market in a data directory; [`start()`] opens it and gives a
//! [`Handle`]. `replay` turns the [`journal`] back into the state, and [`verify_journal`] checks it from
//! the first block on. [`writer`] is the only one that changes anything: it commits commands in groups
//! to the `store` (SQLite or PostgreSQL), then publishes and answers. `http` takes requests, `converse` speaks
//! with a provider over its stream (`streams` knows who is connected). `epochs` does what time makes
//! due, and waits for the blocks of the market's `chain` where it has one, `prober` measures providers (`probes` says where that can be done), `auditor` challenges and judges, `outbox` and `repair` see to reservations and rebuilds.
//!
//! Nothing is acknowledged before it is durable, and whatever is sent again takes effect once.

mod app;
mod auditor;
mod backup;
mod cache;
mod chain;
mod clock;
mod codes;
mod converse;
mod counters;
mod duties;
mod epochs;
mod error;
pub mod export;
mod figures;
mod gate;
mod handle;
mod http;
mod init;
pub mod journal;
mod location;
mod outbox;
mod prober;
mod probes;
mod progress;
mod published;
mod ready;
mod refuse;
mod repair;
mod replay;
mod sessions;
mod snapshot;
mod start;
mod statements;
mod store;
mod streams;
mod survey;
pub mod verify;
mod views;
pub mod writer;

pub use backup::{BackupError, back_up, migrate, restore};
pub use cache::CacheUse;
pub use chain::HeaderSource;
pub use clock::Clock;
pub use error::OpenError;
pub use handle::{Handle, deposit};
pub use http::limit::{Limit, Limits};
pub use http::openapi;
pub use init::{InitError, KEY_FILE, found, init, obtain_key, open_key};
pub use published::View;
pub use replay::{JournalReport, genesis, verify_journal};
pub use start::{ADDRESS_FILE, Config, StartError, start};
pub use store::{Place, StoreError};
