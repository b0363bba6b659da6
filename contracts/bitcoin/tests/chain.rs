//! Chains over the wire: the same answers in process, over JSON-RPC and over Esplora's HTTP; and nodes that lie, lag, return garbage
//! or belong to another network.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "chain/lies.rs"]
mod lies;
#[path = "chain/lying.rs"]
mod lying;
#[path = "chain/parity.rs"]
mod parity;
#[path = "chain/served.rs"]
mod served;
#[path = "chain/stage.rs"]
mod stage;
