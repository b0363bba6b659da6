//! The coins behind the ledger: where deposits arrive, and what pays withdrawals out.
//!
//! A wallet knows public keys alone: it watches, and makes transactions that a [`MasterKey`] signs. What it must not forget is in
//! one file ([`Log`]); everything else is on the chain.

mod fund;
mod hasten;
mod lift;
mod log;
mod payment;
mod sync;

pub use lift::{Lift, Parent};
pub use log::{Log, LogError};
pub use payment::{Payment, Payout};

use crate::chain::{ChainError, Tip};
use crate::keys::{KeyError, MasterKey};
use bdk_wallet::chain::{BlockId, Merge};
use bdk_wallet::{ChangeSet, KeychainKind};
use bitcoin::bip32::{Fingerprint, Xpub};
use bitcoin::{Address, Amount, Network, OutPoint, Txid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use types::{Did, Hash};

/// How far beyond the last used address the chain is searched: parties may ask for addresses and never use them, and a wallet that
/// is brought back from its words does not know how many did.
const LOOKAHEAD: u32 = 1_000;

/// Why a wallet does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// The chain does not answer.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Its file does not serve.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is no such key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The file is another wallet's, or of another network.
    #[error(
        "this is not the file of these keys: {0}; name the right file, or bring back the right words"
    )]
    OtherKeys(String),
    /// Blocks do not follow each other.
    #[error("the chain moved while it was read; read it again")]
    Moved,
    /// A fee rate that nobody means.
    #[error("a fee rate of {0} sat per 1000 weight units; give one from {min} to {max}", min = payment::LEAST_RATE, max = payment::MOST_RATE)]
    FeeRate(u64),
    /// The payout would not be worth its fee.
    #[error("{amount} for {id} would pay {fee} of fees; withdraw at least {least}")]
    TooSmall {
        /// Which payout.
        id: Hash,
        /// What it is.
        amount: Amount,
        /// Its part of the fee.
        fee: Amount,
        /// What would do.
        least: Amount,
    },
    /// A child that pays for its parent would cost more than it may.
    #[error(
        "a child that pays for {parent} takes {fee}, at most {fee_max} is paid for it; wait until fees fall"
    )]
    Dear {
        /// Whose child.
        parent: Txid,
        /// What it takes.
        fee: Amount,
        /// What it may.
        fee_max: Amount,
    },
    /// None of a transaction's outputs can be spent here.
    #[error("nothing of {0} is this wallet's")]
    NotOurs(Txid),
    /// It has not that much.
    #[error("{0}; wait for deposits to be confirmed, or add coins")]
    Funds(String),
    /// What BDK says that cannot come of what it was given.
    #[error("no transaction can be made of this: {0}")]
    Unbuildable(String),
    /// The keys do not fit.
    #[error("the transaction is not signed: {0}")]
    Unsigned(String),
    /// Nothing is known of that payment.
    #[error("no payment has {0}")]
    UnknownPayment(Hash),
}

/// One line of the wallet's file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    /// What BDK has to remember.
    Change(Box<ChangeSet>),
    /// A party's address.
    Address { party: Did, index: u32 },
    /// A payment that may be on its way.
    Payment(Payment),
    /// Coins kept aside under a name; no coins where they were let go.
    Reserved { id: Hash, coins: Option<fund::Reserved> },
}

/// Coins that arrived for a party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Whose address they arrived at.
    pub party: Did,
    /// Where they are.
    pub outpoint: OutPoint,
    /// How many.
    pub amount: Amount,
    /// In which block.
    pub height: u32,
}

impl Received {
    /// What a deposit of them is called in the books; each counts once.
    pub fn reference(&self) -> String {
        format!("bitcoin:{}", self.outpoint)
    }
}

/// One account of keys, what is known of its coins, and what has been paid with them.
#[derive(Debug)]
pub struct Wallet {
    bdk: bdk_wallet::Wallet,
    log: Log,
    addresses: BTreeMap<Did, u32>,
    parties: BTreeMap<u32, Did>,
    payments: Vec<Payment>,
    reserved: BTreeMap<Hash, fund::Reserved>,
    /// Since when payments that no block has are waited for, as far as this process knows.
    asked: BTreeMap<Txid, u32>,
}

impl Wallet {
    /// Opens the wallet of `keys` at `path`, or makes it.
    ///
    /// A new one looks for coins from `birthday` on, or from the chain's beginning.
    pub fn open(path: &Path, keys: &MasterKey, birthday: Option<Tip>) -> Result<Self, WalletError> {
        let origin = (keys.fingerprint(), keys.wallet_account_public()?);
        Self::watch(path, origin, keys.network(), birthday)
    }

    /// As [`Wallet::open`], of an account whose private keys are elsewhere: the root's fingerprint and the account's public key.
    pub fn watch(
        path: &Path,
        (root, account): (Fingerprint, Xpub),
        network: Network,
        birthday: Option<Tip>,
    ) -> Result<Self, WalletError> {
        let (mut log, records) = Log::open::<Record>(path)?;
        let descriptors = descriptors(root, account, network);
        let mut changes = ChangeSet::default();
        let mut addresses = BTreeMap::new();
        let mut payments = Vec::new();
        let mut aside = Vec::new();
        for record in records {
            match record {
                Record::Change(change) => changes.merge(*change),
                Record::Address { party, index } => {
                    addresses.insert(party, index);
                }
                Record::Payment(payment) => payments.push(payment),
                Record::Reserved { id, coins } => aside.push((id, coins)),
            }
        }
        let known = load(changes, &descriptors, network)?;
        let bdk = match known {
            Some(bdk) => bdk,
            None => create(&mut log, descriptors, network, birthday)?,
        };
        let parties = addresses.iter().map(|(party, index)| (*index, *party)).collect();
        let reserved = BTreeMap::new();
        let asked = BTreeMap::new();
        let mut wallet = Self { bdk, log, addresses, parties, payments, reserved, asked };
        for (id, coins) in aside {
            wallet.keep_aside(id, coins);
        }
        wallet.remember_payments();
        Ok(wallet)
    }

    /// The network whose coins it watches.
    pub fn network(&self) -> Network {
        self.bdk.network()
    }

    /// Where `party` sends its deposits: always the same address, known for the party's before it is shown.
    pub fn deposit_address(&mut self, party: Did) -> Result<Address, WalletError> {
        if let Some(index) = self.addresses.get(&party) {
            return Ok(self.bdk.peek_address(KeychainKind::External, *index).address);
        }
        let shown = self.bdk.reveal_next_address(KeychainKind::External);
        self.save()?;
        self.log.append(&Record::Address { party, index: shown.index })?;
        self.addresses.insert(party, shown.index);
        self.parties.insert(shown.index, party);
        Ok(shown.address)
    }

    /// An address of its own that nobody has seen: what contracts pay out to.
    pub fn payout_address(&mut self) -> Result<Address, WalletError> {
        let shown = self.bdk.reveal_next_address(KeychainKind::External);
        self.save()?;
        Ok(shown.address)
    }

    /// Everything that arrived for parties and has `confirmations` blocks, its own included, by height.
    pub fn received(&self, confirmations: u32) -> Vec<Received> {
        let tip = self.tip().height;
        let mut received: Vec<Received> = self
            .bdk
            .list_output()
            .filter(|output| output.keychain == KeychainKind::External)
            .filter_map(|output| {
                let party = *self.parties.get(&output.derivation_index)?;
                let height = output.chain_position.confirmation_height_upper_bound()?;
                let deep = tip.saturating_add(1).saturating_sub(height) >= confirmations.max(1);
                let (outpoint, amount) = (output.outpoint, output.txout.value);
                deep.then_some(Received { party, outpoint, amount, height })
            })
            .collect();
        received.sort_by_key(|coins| (coins.height, coins.outpoint));
        received
    }

    /// All its coins that are in blocks or its own change.
    pub fn balance(&self) -> Amount {
        self.bdk.balance().trusted_spendable()
    }

    /// The last block it has seen.
    pub fn tip(&self) -> Tip {
        let tip = self.bdk.latest_checkpoint();
        Tip { height: tip.height(), hash: tip.hash() }
    }

    /// Makes durable what BDK has learnt.
    fn save(&mut self) -> Result<(), WalletError> {
        let Some(change) = self.bdk.staged() else { return Ok(()) };
        self.log.append(&Record::Change(Box::new(change.clone())))?;
        self.bdk.take_staged();
        Ok(())
    }
}

/// BIP-86's receiving and change descriptors, with the origin that a signer looks for.
fn descriptors(root: Fingerprint, account: Xpub, network: Network) -> [String; 2] {
    let coin = u32::from(network != Network::Bitcoin);
    [0, 1].map(|branch| format!("tr([{root}/86'/{coin}'/0']{account}/{branch}/*)"))
}

fn load(
    changes: ChangeSet,
    [receiving, change]: &[String; 2],
    network: Network,
) -> Result<Option<bdk_wallet::Wallet>, WalletError> {
    let expected = bdk_wallet::Wallet::load()
        .descriptor(KeychainKind::External, Some(receiving.clone()))
        .descriptor(KeychainKind::Internal, Some(change.clone()))
        .check_network(network)
        .lookahead(LOOKAHEAD);
    let loaded = expected.load_wallet_no_persist(changes);
    loaded.map_err(|error| WalletError::OtherKeys(error.to_string()))
}

fn create(
    log: &mut Log,
    [receiving, change]: [String; 2],
    network: Network,
    birthday: Option<Tip>,
) -> Result<bdk_wallet::Wallet, WalletError> {
    let created = bdk_wallet::Wallet::create(receiving, change)
        .network(network)
        .lookahead(LOOKAHEAD)
        .create_wallet_no_persist();
    let mut bdk = created.map_err(|error| WalletError::OtherKeys(error.to_string()))?;
    if let Some(Tip { height, hash }) = birthday.filter(|tip| tip.height > 0) {
        let from = bdk.latest_checkpoint().push(BlockId { height, hash });
        let from = from.map_err(|_| WalletError::Moved)?;
        let update = bdk_wallet::Update { chain: Some(from), ..bdk_wallet::Update::default() };
        bdk.apply_update(update).map_err(|_| WalletError::Moved)?;
    }
    if let Some(change) = bdk.take_staged() {
        log.append(&Record::Change(Box::new(change)))?;
    }
    Ok(bdk)
}

#[cfg(test)]
mod tests;
