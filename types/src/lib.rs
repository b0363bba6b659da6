//! The vocabulary of Bondstore: money, size, time, prices, identities, signed documents, terms and scores.
//!
//! Reading order: [`money`], [`size`], [`time`] and [`price`] are the units; [`id`] names parties and
//! things; [`keys`] sign and [`jws`] wraps what is signed; [`terms`] and [`cost`] say what is promised
//! and what it costs; [`documents`] are the sentences the parties exchange; [`score`] is what reputation
//! says of a provider; [`chain`] says which blocks a market's beacons are made of; [`tree`] is what proves that something is in a journal; [`text`] reads and writes units as
//! people do, and [`schema`] describes all this to programs that read the API's description.
//!
//! Pure: no clock, no operating-system randomness, no input or output.

pub mod chain;
pub mod cost;
pub mod documents;
pub mod id;
pub mod jws;
pub mod keys;
pub mod money;
pub mod price;
pub mod schema;
pub mod score;
pub mod size;
pub mod terms;
pub mod text;
pub mod tiers;
pub mod time;
pub mod tree;
pub mod utc;

pub use chain::{ChainRule, KnownBlock};
pub use cost::{CostVector, SlotCost};
pub use id::{ContractId, Did, DocId, Hash, IdError};
pub use jws::{Document, JwsError, Signed, Verified};
pub use keys::{PublicKey, SecretKey, Signer};
pub use money::{MoneyError, Msat};
pub use price::{GbPrice, Price, PriceError};
pub use schema::Jws;
pub use score::{Dimension, Score, Standing};
pub use size::Bytes;
pub use terms::{Redundancy, Terms, Tier};
pub use tiers::TierRates;
pub use time::{Epoch, Span, Timestamp};
