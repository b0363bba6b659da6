//! Where an object is kept ([`housing`]); what a download asks whom, and when it stops waiting: a state machine
//! without sockets or clock.
//!
//! Any k of a segment's shards will do. Data shards come first, because they need no decoding; a slot that was
//! slow, wrong or silent is asked after those that were not. A shard that takes longer than a few times the
//! median is asked of another slot as well (a hedge), and whichever comes first is taken.

mod download;
pub mod housing;
mod segment;

pub use download::{Arrival, DownloadPlan, Failure, Fetch, Missing, Pace};
pub use housing::{Housed, Housing, Room, house};
