//! A party's Bitcoin keys: one BIP-32 tree from its words, and which branch is for what.

use bip39::Mnemonic;
use bitcoin::bip32::{ChildNumber, DerivationPath, Fingerprint, Xpriv, Xpub};
use bitcoin::secp256k1::{Keypair, Secp256k1, SignOnly};
use bitcoin::{Network, NetworkKind, Psbt, ScriptBuf};
use std::fmt;
use std::ops::Deref;
use zeroize::{Zeroize, Zeroizing};

/// Purpose of the wallet's branch (BIP-86: single-key Taproot outputs).
const WALLET: u32 = 86;
/// Purpose of the branch whose keys sign escrows and what spends them.
const ESCROW: u32 = 7_737;
/// Purpose of the branch that an auditor attests with.
const ORACLE: u32 = 7_738;

/// Why keys cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// BIP-32 knows seeds of 16 to 64 bytes.
    #[error("a seed of {0} bytes; BIP-32 takes 16 to 64")]
    SeedLength(usize),
    /// Beyond what a path can number.
    #[error("there is no key {0}; a branch numbers its keys from 0 to 2147483647")]
    Index(u32),
    /// What is no list of words.
    #[error("{0}; give all 24 words in their order")]
    Words(String),
    /// BIP-32's one in 2^127.
    #[error("this seed has no key there; take another seed")]
    Underivable,
}

/// One of a party's keys. It shows nothing of itself, and is wiped when it is dropped.
pub struct Key(Keypair);

impl Deref for Key {
    type Target = Keypair;

    fn deref(&self) -> &Keypair {
        &self.0
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.non_secure_erase();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0.x_only_public_key().0)
    }
}

/// The root of a party's Bitcoin keys. It shows nothing of itself.
///
/// | path | for |
/// |---|---|
/// | `m/86'/coin'/0'` | the wallet: deposits, change, and every payout of a contract (BIP-86) |
/// | `m/7737'/coin'/0'/i'` | the party's key in the escrow of its contract `i` |
/// | `m/7738'/coin'/0'/0'` | an auditor's attestation key |
/// | `m/7738'/coin'/1'/i'` | what the nonces of an auditor's announcement `i` are derived from |
///
/// `coin'` is 0' on Bitcoin's main network and 1' everywhere else (SLIP-44). Payouts go to the wallet's branch alone, so that the
/// words alone bring back whatever has been paid.
pub struct MasterKey {
    root: Xpriv,
    network: Network,
}

impl MasterKey {
    /// The tree that grows from `seed`, such as the 64 bytes that BIP-39 makes of words.
    pub fn new(seed: &[u8], network: Network) -> Result<Self, KeyError> {
        if !(16..=64).contains(&seed.len()) {
            return Err(KeyError::SeedLength(seed.len()));
        }
        let root = Xpriv::new_master(NetworkKind::from(network), seed);
        Ok(Self { root: root.map_err(|_| KeyError::Underivable)?, network })
    }

    /// The tree of a wallet whose 24 words hold `entropy` (BIP-39, no passphrase).
    pub fn of_entropy(entropy: &[u8; 32], network: Network) -> Result<Self, KeyError> {
        let seed = Zeroizing::new(mnemonic(entropy).to_seed_normalized(""));
        Self::new(&*seed, network)
    }

    /// The network whose coins these keys are for.
    pub fn network(&self) -> Network {
        self.network
    }

    /// The root's fingerprint (BIP-32), by which a signer knows whether a key is its own.
    pub fn fingerprint(&self) -> Fingerprint {
        self.root.fingerprint(&Secp256k1::signing_only())
    }

    /// The public half of the wallet's account: watches, spends nothing.
    pub fn wallet_account_public(&self) -> Result<Xpub, KeyError> {
        let account = self.derive(&[WALLET, self.coin(), 0])?;
        Ok(Xpub::from_priv(&Secp256k1::signing_only(), &account))
    }

    /// Adds this tree's signature to every input of `psbt` whose key is in it. An anchor has no key and needs none.
    ///
    /// # Errors
    /// What keeps an input from being signed, in words.
    pub fn sign(&self, psbt: &mut Psbt) -> Result<(), String> {
        let signed = psbt.sign(&self.root, &Secp256k1::new());
        let Err((_, errors)) = signed else { return Ok(()) };
        let keyless = |input: &usize| {
            let known = psbt.inputs.get(*input).and_then(|input| input.witness_utxo.as_ref());
            known.is_some_and(|output| output.script_pubkey == ScriptBuf::new_p2a())
        };
        let errors = errors.iter().filter(|(input, _)| !keyless(input));
        let told = errors.map(|(input, error)| format!("input {input}: {error}"));
        let told = told.collect::<Vec<_>>().join(", ");
        if told.is_empty() { Ok(()) } else { Err(told) }
    }

    /// The party's key in the escrow of its contract `index`.
    pub fn escrow(&self, index: u32) -> Result<Key, KeyError> {
        self.keypair(&[ESCROW, self.coin(), 0, index])
    }

    /// An auditor's attestation key.
    pub fn oracle(&self) -> Result<Key, KeyError> {
        self.keypair(&[ORACLE, self.coin(), 0, 0])
    }

    /// What the nonces of an auditor's announcement `index` are derived from.
    pub fn oracle_nonces(&self, index: u32) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        let mut key = self.derive(&[ORACLE, self.coin(), 1, index])?;
        let bytes = Zeroizing::new(key.private_key.secret_bytes());
        key.private_key.non_secure_erase();
        Ok(bytes)
    }

    fn coin(&self) -> u32 {
        u32::from(self.network != Network::Bitcoin)
    }

    fn keypair(&self, path: &[u32]) -> Result<Key, KeyError> {
        let secp: Secp256k1<SignOnly> = Secp256k1::signing_only();
        let mut derived = self.derive(path)?;
        let key = Key(derived.to_keypair(&secp));
        derived.private_key.non_secure_erase();
        Ok(key)
    }

    fn derive(&self, path: &[u32]) -> Result<Xpriv, KeyError> {
        let numbers: Result<Vec<_>, _> = path
            .iter()
            .map(|index| {
                ChildNumber::from_hardened_idx(*index).map_err(|_| KeyError::Index(*index))
            })
            .collect();
        let path = DerivationPath::from(numbers?);
        let derived = self.root.derive_priv(&Secp256k1::signing_only(), &path);
        derived.map_err(|_| KeyError::Underivable)
    }
}

/// The 24 words that hold `entropy`.
pub fn words(entropy: &[u8; 32]) -> Zeroizing<String> {
    Zeroizing::new(mnemonic(entropy).to_string())
}

/// What 24 words hold.
///
/// # Errors
/// [`KeyError::Words`] says which is none, or that they do not belong together.
pub fn entropy(words: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mnemonic = Mnemonic::parse_normalized(words.trim());
    let mnemonic = mnemonic.map_err(|error| KeyError::Words(error.to_string()))?;
    let entropy = Zeroizing::new(mnemonic.to_entropy());
    let entropy = entropy.as_slice().try_into();
    entropy.map(Zeroizing::new).map_err(|_| KeyError::Words("these are not 24 words".into()))
}

fn mnemonic(entropy: &[u8; 32]) -> Mnemonic {
    Mnemonic::from_entropy(entropy).expect("BIP-39 has words for 32 bytes")
}

impl Zeroize for MasterKey {
    fn zeroize(&mut self) {
        self.root.private_key.non_secure_erase();
    }
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey {{ network: {} }}", self.network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::Address;
    use bitcoin::secp256k1::XOnlyPublicKey;

    /// The seed of BIP-86's test vectors: `abandon … about`, no passphrase.
    const SEED: &str = "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1\
                        9a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4";

    fn master(network: Network) -> MasterKey {
        MasterKey::new(&hex::decode(SEED).unwrap(), network).unwrap()
    }

    #[test]
    fn the_wallets_first_address_is_the_one_of_bip_86() {
        let secp = Secp256k1::new();
        let account = master(Network::Bitcoin).wallet_account_public().unwrap();
        let path = [ChildNumber::Normal { index: 0 }; 2];
        let key = XOnlyPublicKey::from(account.derive_pub(&secp, &path).unwrap().public_key);
        let address = Address::p2tr(&secp, key, None, Network::Bitcoin);
        assert_eq!(
            address.to_string(),
            "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"
        );
    }

    #[test]
    fn words_and_entropy_are_the_same_thing() {
        let entropy_of_ones = [0x11; 32];
        let text = words(&entropy_of_ones);
        assert_eq!(text.split(' ').count(), 24);
        assert_eq!(*entropy(&format!(" {}\n", *text)).unwrap(), entropy_of_ones);
        let one = MasterKey::of_entropy(&entropy_of_ones, Network::Regtest).unwrap();
        let seed = mnemonic(&entropy_of_ones).to_seed("");
        let other = MasterKey::new(&seed, Network::Regtest).unwrap();
        assert_eq!(one.fingerprint(), other.fingerprint());
        let abandon = [["abandon"; 11].join(" "), "about".into()].join(" ");
        for (words, says) in [("one two", "24 words"), (abandon.as_str(), "not 24 words")] {
            let refused = entropy(words).unwrap_err().to_string();
            assert!(refused.contains(says), "{refused}");
        }
    }

    #[test]
    fn every_branch_and_network_has_keys_of_its_own() {
        let (main, test) = (master(Network::Bitcoin), master(Network::Regtest));
        let mut keys = vec![];
        for tree in [&main, &test] {
            keys.extend([0, 1].map(|index| tree.escrow(index).unwrap().secret_bytes()));
            keys.extend([0, 1].map(|index| *tree.oracle_nonces(index).unwrap()));
            keys.push(tree.oracle().unwrap().secret_bytes());
            keys.push(tree.derive(&[WALLET, tree.coin(), 0]).unwrap().private_key.secret_bytes());
        }
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        let secret = |tree: &MasterKey| tree.escrow(1).unwrap().secret_bytes();
        assert_eq!(secret(&main), secret(&master(Network::Bitcoin)));
    }

    #[test]
    fn what_is_no_seed_or_no_index_is_refused_by_name() {
        for length in [0, 15, 65] {
            let refused = MasterKey::new(&vec![1; length], Network::Regtest).unwrap_err();
            assert_eq!(refused, KeyError::SeedLength(length));
        }
        let refused = master(Network::Regtest).escrow(1 << 31).unwrap_err();
        assert_eq!(refused, KeyError::Index(1 << 31));
    }

    #[test]
    fn what_is_shown_of_a_key_is_its_network() {
        assert_eq!(format!("{:?}", master(Network::Signet)), "MasterKey { network: signet }");
    }
}
