//! `kill -9` at random moments: of a market under load, of a provider between its receipt and its restart.
//!
//! `BONDSTORE_KILL_ROUNDS` says how often the market is killed (300 where nothing is said), and the provider a
//! tenth as often; `BONDSTORE_KILL_SEED` repeats the moments of an earlier run.

#[path = "support/load.rs"]
mod load;
#[path = "kills/market.rs"]
mod market_kills;
#[path = "kills/process.rs"]
mod process;
#[path = "kills/provider.rs"]
mod provider_kills;
#[path = "kills/workers.rs"]
mod workers;

use std::time::{SystemTime, UNIX_EPOCH};

/// How often the market is killed where nothing is said.
const ROUNDS: u64 = 300;

/// How often the market is to be killed.
fn rounds() -> u64 {
    number("BONDSTORE_KILL_ROUNDS").unwrap_or(ROUNDS)
}

/// What every draw follows from; printed, so that a run can be repeated.
fn seed() -> u64 {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seed = number("BONDSTORE_KILL_SEED").unwrap_or_else(now);
    println!("BONDSTORE_KILL_SEED={seed}");
    seed
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable}={text:?}: {error}")))
}
