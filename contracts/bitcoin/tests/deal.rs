//! One contract from its offer to its last payout, on a development chain with wallets of their own. There is no market in any of this:
//! client, providers and auditors need none, and whoever vanishes keeps nobody's money.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "deal/books.rs"]
mod books;
#[path = "deal/coins.rs"]
mod coins;
#[path = "deal/endings.rs"]
mod endings;
#[expect(dead_code, reason = "each test uses a part of it")]
mod escrow_world;
#[path = "deal/negotiation.rs"]
mod negotiation;
#[path = "deal/reorganised.rs"]
mod reorganised;
#[path = "deal/respent.rs"]
mod respent;
#[path = "deal/respent_refused.rs"]
mod respent_refused;
#[path = "deal/world.rs"]
mod world;
