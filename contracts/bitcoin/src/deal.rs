//! The life of one bonded contract on Bitcoin between a client, its providers and its auditors. Nobody holds anything for anybody.
//!
//! In reading order:
//!
//! - [`stakes`]: what the ledger's terms come to in satoshis.
//! - [`message`]: what client and providers say to each other before the funding.
//! - [`respend`]: old escrows whose money goes on in a contract's new ones.
//! - [`agreed`]: the funding and the set-ups that an offer and its answers make.
//! - [`client`], [`provider`]: each side until the funding is signed.
//! - [`watch`]: each side from then on, alone with the chain.
//!
//! Everything is without I/O: messages and the chain's news come in, messages and transactions go out; secret keys and
//! randomness are arguments, and no state holds a secret. A state may be stored between any two calls. Who sent a message is for
//! whoever carries it to know: these types ask for a provider's number and believe it.

pub mod agreed;
pub mod client;
mod error;
mod inputs;
pub mod message;
pub mod provider;
pub mod respend;
pub mod stakes;
pub mod watch;
mod wire;

pub use agreed::Agreed;
pub use client::Client;
pub use error::DealError;
pub use provider::Provider;
pub use watch::Watch;

use bitcoin::secp256k1::Keypair;

/// What signs for a party: its key of this contract and randomness.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// The party's escrow key ([`MasterKey::escrow`](crate::keys::MasterKey::escrow)).
    pub key: &'a Keypair,
    /// 32 bytes of fresh randomness, secret.
    pub seed: [u8; 32],
}

impl std::fmt::Debug for Signer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer {{ key: {} }}", self.key.x_only_public_key().0)
    }
}
