//! A client's door to the world: its directory, its market, its providers.
//!
//! In reading order. [`account`] makes a client, brings one back from its words, and opens it. [`agree`] is the
//! way from a wish to a confirmed contract, [`upload`] puts an object into one, [`download`] fetches it from any k
//! of its slots, [`objects`] lists, removes and asks for money, [`amend`] changes contracts,
//! [`sharing`] lets others read and write. [`backup`] keeps the catalogue, sealed, in the
//! market. [`progress`] tells whoever wants to know. What is decided without the world is in `client`.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use client::{ObjectName, StorageWish};
//! use client_node::{Client, Options, Source, Target};
//! use network::identity::Password;
//! use std::{path::Path, sync::Arc};
//! use types::{Bytes, Span};
//!
//! let password = Password::new("a good one")?;
//! let options = Options::default();
//! let (client, words) =
//!     Client::init(Path::new("data"), "http://127.0.0.1:7000", &password, options).await?;
//! println!("write these down: {}", *words);
//! let name = ObjectName::new("thesis")?;
//! let wish = StorageWish::new(Bytes(1), Span(30 * Span::DAY.0)); // put takes the file's own size
//! client.put(Source::file("thesis.pdf"), &name, &wish, Arc::new(())).await?;
//! client.get(&name, Target::file("again.pdf"), Arc::new(())).await?;
//! # Ok(())
//! # }
//! ```

pub mod account;
pub mod agree;
pub mod amend;
pub mod backup;
mod chance;
pub mod download;
mod error;
mod file;
mod holding;
pub mod objects;
pub mod progress;
mod revision;
pub mod sharing;
mod shelf;
pub mod upload;

pub use account::{Client, Options, Recovered};
pub use agree::Offer;
pub use download::{Got, GotSlot, Target};
pub use error::Error;
pub use objects::{Removed, Stat};
pub use progress::{Event, Progress};
pub use sharing::Share;
pub use upload::{Put, PutSlot, Source};
