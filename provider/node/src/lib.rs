//! A provider's door to the world: its disk, its data plane, its stream to the market.
//!
//! In reading order. [`init()`] makes a node in a data directory ([`settings`]); [`start()`] opens it and gives a
//! [`Handle`]. [`store`] keeps shards durably; `plane` serves them to whoever has a token; `link` holds the
//! stream to the market and answers reservations, challenges (`proofs`) whose `beacons` nobody chose, rebuilds (`repairs`, `rebuild`) and
//! releases and counters, tells of losses (`confess`) and contests verdicts that are wrong ([`objections`]);
//! [`prices`] says what is asked, [`settlement`] what a treasurer beside the node adds for contracts on Bitcoin.
//!
//! A receipt is signed only for what is durable, so a node may be killed at any moment.

mod beacons;
mod confess;
mod figures;
mod handle;
mod link;
mod node;
pub mod objections;
mod plane;
pub mod prices;
mod proofs;
mod rebuild;
mod repairs;
pub mod settings;
pub mod settlement;
pub mod store;

pub use handle::{Config, Handle, StartError, start};
pub use prices::{Pricing, RateSource};
pub use settings::{KEY_FILE, Settings, SettingsError, discover, init, open_key};
pub use settlement::{Gate, NotFunded, Settlement};
