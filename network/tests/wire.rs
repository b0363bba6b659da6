//! Servers and clients against each other, over real sockets on loopback.

#[path = "wire/client.rs"]
mod client;
#[path = "wire/market.rs"]
mod market;
#[path = "wire/node.rs"]
mod node;
#[path = "wire/presence.rs"]
mod presence;
#[path = "wire/retry.rs"]
mod retry;
#[path = "wire/server.rs"]
mod server;
#[path = "wire/stream.rs"]
mod stream;
#[path = "wire/support.rs"]
mod support;
#[path = "wire/tls.rs"]
mod tls;
