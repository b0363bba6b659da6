//! A client's judgement: its keys, its catalogue, how to upload and how to download.
//!
//! In reading order. [`words`] spells the one secret a person keeps, and [`keys`] derives every key from it.
//! [`wish`] turns what a person wants stored into the terms of a contract. [`catalogue`] is what the client
//! knows of its objects and contracts, and how two copies of it become one. [`plan`] decides under which contract
//! an object is kept and, shard by shard, what a download asks whom, and when it stops waiting. [`sharing`] lets
//! others read and write.
//!
//! Pure: no clock, no operating-system randomness, no files, no sockets. Entropy, nonces and time are
//! arguments; `client-node` is the door that supplies them.

pub mod catalogue;
pub mod keys;
pub mod name;
pub mod plan;
pub mod sharing;
pub mod wish;
pub mod words;

pub use catalogue::{Catalogue, CatalogueError, ContractRecord, Holder, ObjectRecord};
pub use keys::{BucketKey, KeyError, Keys, WrappedKey};
pub use name::{NameError, ObjectName};
pub use plan::{Arrival, DownloadPlan, Failure, Fetch, Housing, Missing, Pace};
pub use sharing::{Scope, ShareError, ShareKey};
pub use wish::{CounterPrices, StorageWish, WishError};
pub use words::{Master, WordsError};
