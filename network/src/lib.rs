//! What the three doors (market/server, provider/node, client/node) share on the wire.
//!
//! In reading order:
//!
//! - [`api`]: bodies and stream messages. [`problem`]: how servers refuse.
//! - [`identity`]: a party's secret on disk. `Keystore::create(path, &Secret, &Password)`,
//!   `Keystore::open(path, &Password) -> Secret`, `Password::obtain(file, Prompt)`.
//! - [`endpoint`]: `Endpoint::parse("https://host:port#did:key:…", PlainHttp::LoopbackOnly)`, then
//!   `.pinned(did)`. [`tls`]: a node's own key as its certificate.
//! - [`auth`]: what a party shows ([`auth::Sessions`], [`auth::Pass`]) and how a server checks it
//!   ([`auth::session`], [`auth::Doorkeeper`]).
//! - [`server`]: [`server::bind`], [`server::serve`] → [`server::ServerHandle`]. [`extract`]: axum extractors
//!   whose refusals are problems.
//! - [`client`]: [`client::HttpClient`], and over it [`market_api::MarketClient`] and
//!   [`node_api::NodeClient`].
//! - [`stream`]: the framed stream between a provider and its market, both ends.
//! - [`metrics`]: figures for Prometheus. [`clock`]: the wall clock.
//!
//! A server:
//!
//! ```no_run
//! # async fn run(key: std::sync::Arc<dyn types::Signer>) -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, routing::post};
//! use network::api::{Accepted, Problem};
//! use network::extract::VerifiedBody;
//! use network::server::{ServeOptions, bind, serve};
//!
//! async fn ask(VerifiedBody(ask): VerifiedBody<types::documents::Ask>) -> Result<axum::Json<Accepted>, Problem> {
//!     if ask.capacity.0 == 0 {
//!         return Err(Problem::malformed("the ask offers nothing; a capacity above 0 is needed"));
//!     }
//!     Ok(axum::Json(Accepted { document: ask.id() }))
//! }
//!
//! let router = Router::new().route("/v1/asks", post(ask));
//! let tls = Some(network::tls::server_config(key)?);
//! let server = serve(bind("127.0.0.1:0").await?, router, ServeOptions { tls, ..Default::default() })?;
//! println!("https://{}", server.address());
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! A client of the market:
//!
//! ```no_run
//! # async fn run(key: std::sync::Arc<dyn types::Signer>) -> Result<(), Box<dyn std::error::Error>> {
//! use network::client::{ClientOptions, HttpClient};
//! use network::endpoint::{Endpoint, PlainHttp};
//! use network::market_api::MarketClient;
//!
//! let endpoint = Endpoint::parse("https://market.example:7700", PlainHttp::LoopbackOnly)?;
//! let http = HttpClient::new(endpoint, ClientOptions::default());
//! let (market, info) = MarketClient::discover(http, key).await?;
//! println!("{} is in epoch {}", info.market, info.current_epoch);
//! for contract in market.contracts().await? {
//!     println!("{} {}", contract.id, contract.state);
//! }
//! # Ok(())
//! # }
//! ```

pub mod api;
pub mod auth;
pub mod client;
pub mod clock;
pub mod endpoint;
pub mod extract;
pub mod fetch;
pub mod identity;
pub mod market_api;
pub mod metrics;
pub mod node_api;
pub mod probe;
pub mod problem;
pub mod server;
mod socket;
pub mod statements;
pub mod stream;
pub mod tls;
