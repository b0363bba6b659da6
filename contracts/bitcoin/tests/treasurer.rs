//! Treasurers of a client and its providers, between a development chain, real oracles and a market that only lists contracts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "treasurer/books.rs"]
mod books;
#[path = "treasurer/crashes.rs"]
mod crashes;
#[path = "treasurer/endings.rs"]
mod endings;
#[path = "treasurer/fees.rs"]
mod fees;
#[path = "treasurer/funders.rs"]
mod funders;
#[path = "treasurer/http.rs"]
mod http;
#[path = "treasurer/kept.rs"]
mod kept;
#[path = "treasurer/lies.rs"]
mod lies;
#[path = "treasurer/life.rs"]
mod life;
#[path = "treasurer/others.rs"]
mod others;
#[path = "treasurer/papers.rs"]
mod papers;
#[path = "treasurer/refusals.rs"]
mod refusals;
#[path = "treasurer/secrets.rs"]
mod secrets;
#[path = "treasurer/strangers.rs"]
mod strangers;
#[path = "treasurer/timely.rs"]
mod timely;
#[path = "treasurer/world.rs"]
mod world;
