//! One slot's escrow: an output that client and provider fund together, and every way out of it.
//!
//! In reading order:
//!
//! - [`funding`]: one transaction that makes the escrows of all slots of a contract, of coins and of old escrows.
//! - [`spend`]: transactions that spend an escrow, and what signs them.
//! - [`close`]: the key path, when both agree: one signature of two, by MuSig2.
//! - [`timelock`]: from which height a transaction may be mined.
//!
//! The output is `tr(MuSig2(C,P), outcome)`, or with an arbiter `tr(MuSig2(C,P), {outcome,{C+A,P+A}})`. Each leaf wants two
//! signatures, so nobody ever takes anything alone. The refund is no leaf: it is a transaction on the outcome leaf which both signed
//! beforehand and which a relative timelock holds back; so it gives both their own (`docs/adr/0039-a-refund-gives-both-their-own.md`).

pub mod close;
pub(crate) mod curve;
pub mod footprint;
pub mod funding;
pub mod spend;
pub mod timelock;

use bitcoin::secp256k1::XOnlyPublicKey;
use bitcoin::taproot::{ControlBlock, LeafVersion, TapNodeHash};
use bitcoin::{Address, Amount, Network, OutPoint, ScriptBuf};
use miniscript::descriptor::Tr;
use musig2::KeyAggContext;
use std::str::FromStr;

pub use spend::Funded;

/// Why there can be no such escrow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EscrowError {
    /// Two of the parties would be one.
    #[error("two parties of an escrow have the same key {0}; each needs a key of its own")]
    SameKey(XOnlyPublicKey),
    /// No output can be made of the keys.
    #[error("these keys make no output: {0}")]
    Keys(String),
}

/// The two whose money is in an escrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Who buys.
    Client,
    /// Who sells.
    Provider,
}

impl Party {
    /// The one across.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Provider,
            Self::Provider => Self::Client,
        }
    }
}

impl std::fmt::Display for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Provider => "provider",
        })
    }
}

/// Whose keys an escrow is locked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EscrowKeys {
    /// The client's.
    pub client: XOnlyPublicKey,
    /// The provider's.
    pub provider: XOnlyPublicKey,
    /// Of whoever may decide with one of the two, where the terms name somebody.
    pub arbiter: Option<XOnlyPublicKey>,
}

impl EscrowKeys {
    /// The key of `party`.
    pub fn of(&self, party: Party) -> XOnlyPublicKey {
        match party {
            Party::Client => self.client,
            Party::Provider => self.provider,
        }
    }

    /// Which of the two parties has `key`.
    pub fn party(&self, key: XOnlyPublicKey) -> Option<Party> {
        [Party::Client, Party::Provider].into_iter().find(|party| self.of(*party) == key)
    }

    fn distinct(&self) -> Result<(), EscrowError> {
        let same = (self.client == self.provider).then_some(self.client);
        let arbiter = self.arbiter.filter(|key| self.party(*key).is_some());
        same.or(arbiter).map_or(Ok(()), |key| Err(EscrowError::SameKey(key)))
    }
}

/// A script of the output's tree, by who signs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// Client and provider: outcomes and the refund.
    Outcome,
    /// Client and arbiter.
    ClientArbiter,
    /// Provider and arbiter.
    ProviderArbiter,
}

/// One leaf with what shows that it belongs to the output.
#[derive(Clone, Debug)]
struct LeafProof {
    leaf: Leaf,
    script: ScriptBuf,
    control: ControlBlock,
}

/// The output that locks one slot's money.
#[derive(Clone, Debug)]
pub struct Escrow {
    keys: EscrowKeys,
    internal: XOnlyPublicKey,
    root: TapNodeHash,
    aggregate: KeyAggContext,
    script: ScriptBuf,
    leaves: Vec<LeafProof>,
}

impl Escrow {
    /// The output of `keys`.
    ///
    /// # Errors
    /// Where two keys are one, or keys were chosen so that their sum is none.
    pub fn new(keys: EscrowKeys) -> Result<Self, EscrowError> {
        keys.distinct()?;
        let refuse = |error: &dyn std::fmt::Display| EscrowError::Keys(error.to_string());
        let parties = [keys.client, keys.provider].map(curve::point);
        let plain = KeyAggContext::new(parties).map_err(|error| refuse(&error))?;
        let internal = curve::x_only(plain.aggregated_pubkey_untweaked());
        let tree = Tr::<XOnlyPublicKey>::from_str(&descriptor(&keys, internal))
            .map_err(|error| refuse(&error))?;
        let spend = tree.spend_info();
        let root = spend.merkle_root().ok_or_else(|| refuse(&"the tree is empty"))?;
        let aggregate = plain.with_taproot_tweak(root.as_ref()).map_err(|error| refuse(&error))?;
        let leaves = [Leaf::Outcome, Leaf::ClientArbiter, Leaf::ProviderArbiter];
        let leaves =
            leaves.into_iter().zip(tree.iter_scripts()).filter_map(|(leaf, (_, script))| {
                let script = script.encode();
                let control = spend.control_block(&(script.clone(), LeafVersion::TapScript))?;
                Some(LeafProof { leaf, script, control })
            });
        let leaves = leaves.collect();
        Ok(Self { keys, internal, root, aggregate, script: tree.script_pubkey(), leaves })
    }

    /// Whose it is.
    pub fn keys(&self) -> &EscrowKeys {
        &self.keys
    }

    /// What a transaction's output carries to lock money in it.
    pub fn script_pubkey(&self) -> &ScriptBuf {
        &self.script
    }

    /// The same for people.
    pub fn address(&self, network: Network) -> Address {
        Address::from_script(&self.script, network).expect("a Taproot output has an address")
    }

    /// The output's descriptor (BIP-386), for wallets that watch it.
    pub fn descriptor(&self) -> String {
        descriptor(&self.keys, self.internal)
    }

    /// This escrow, holding `value` in the output `outpoint`.
    #[must_use]
    pub fn funded(self, outpoint: OutPoint, value: Amount) -> Funded {
        Funded::new(self, outpoint, value)
    }

    fn leaf(&self, leaf: Leaf) -> Option<&LeafProof> {
        self.leaves.iter().find(|proof| proof.leaf == leaf)
    }
}

fn descriptor(keys: &EscrowKeys, internal: XOnlyPublicKey) -> String {
    let both =
        |one: XOnlyPublicKey, other: XOnlyPublicKey| format!("and_v(v:pk({one}),pk({other}))");
    let outcome = both(keys.client, keys.provider);
    match keys.arbiter {
        None => format!("tr({internal},{outcome})"),
        Some(arbiter) => {
            let (client, provider) = (both(keys.client, arbiter), both(keys.provider, arbiter));
            format!("tr({internal},{{{outcome},{{{client},{provider}}}}})")
        }
    }
}
