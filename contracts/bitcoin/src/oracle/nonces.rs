//! An announcement's secret nonces, and the signature under one of them.

use super::points::{SECP, challenge, tagged};
use crate::keys::{KeyError, MasterKey};
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::secp256k1::{Keypair, Message, Parity, Scalar, SecretKey, XOnlyPublicKey};
use std::fmt;
use zeroize::Zeroizing;

/// The tag of the hash that makes nonces of a seed.
const NONCE_TAG: &str = "bondstore/oracle/nonce/v1";

/// What nonces are derived from, beside the master key: all of it stands in the book before anybody sees the nonces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    /// Which announcement.
    pub(super) index: u32,
    /// Drawn for this announcement alone, so that an index that is taken again (from words on an empty disk) gives other nonces.
    pub(super) salt: &'a [u8; 32],
    /// What is announced.
    pub(super) event: &'a str,
    /// From when on.
    pub(super) maturity: u32,
}

/// The secret nonces of one announcement. They show nothing of themselves, and are wiped when dropped.
pub(super) struct Nonces(Vec<SecretKey>);

impl Nonces {
    /// So many nonces: each the hash of the master key's seed for this announcement and of everything in `origin`, made even.
    pub(super) fn derive(
        master: &MasterKey,
        origin: Origin<'_>,
        count: u16,
    ) -> Result<Self, KeyError> {
        let seed = master.oracle_nonces(origin.index)?;
        let mut nonces = Self(Vec::with_capacity(usize::from(count)));
        for digit in 0..count {
            nonces.0.push(nonce(&seed, &origin, digit));
        }
        Ok(nonces)
    }

    /// What is announced of them.
    pub(super) fn public(&self) -> Vec<XOnlyPublicKey> {
        self.0.iter().map(|nonce| nonce.x_only_public_key(&SECP).0).collect()
    }

    #[cfg(test)]
    pub(super) fn secrets(&self) -> Vec<[u8; 32]> {
        self.0.iter().map(SecretKey::secret_bytes).collect()
    }

    /// Signs each message under the nonce of its place. Nothing where the numbers do not allow it (once in 2^127).
    pub(super) fn sign(self, key: &Keypair, messages: &[Message]) -> Option<Vec<Signature>> {
        let signed = self.0.iter().zip(messages);
        signed.map(|(nonce, message)| sign(key, nonce, message)).collect()
    }
}

impl Drop for Nonces {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(SecretKey::non_secure_erase);
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonces({} of them)", self.0.len())
    }
}

fn nonce(seed: &[u8; 32], origin: &Origin<'_>, digit: u16) -> SecretKey {
    let (length, maturity) = ((origin.event.len() as u64).to_be_bytes(), origin.maturity);
    let mut again = 0_u8;
    loop {
        let parts: [&[u8]; 7] = [
            seed,
            origin.salt,
            &length,
            origin.event.as_bytes(),
            &maturity.to_be_bytes(),
            &digit.to_be_bytes(),
            &[again],
        ];
        let hash = Zeroizing::new(*AsRef::<[u8; 32]>::as_ref(&tagged(NONCE_TAG, &parts)));
        // A hash beyond the group's order comes once in 2^127; 256 in a row do not.
        match SecretKey::from_slice(&*hash) {
            Ok(nonce) => return nonce,
            Err(_) => again = again.wrapping_add(1),
        }
    }
}

/// The BIP-340 signature s = k + e·d with a nonce that was announced.
fn sign(key: &Keypair, nonce: &SecretKey, message: &Message) -> Option<Signature> {
    let (oracle, parity) = key.x_only_public_key();
    let mut secret = even(key.secret_key(), parity);
    let (point, parity) = nonce.x_only_public_key(&SECP);
    let mut nonce = even(*nonce, parity);
    let product = challenge(&point, &oracle, message).and_then(|e| secret.mul_tweak(&e).ok());
    let sum = product.and_then(|mut product| {
        let sum = product.add_tweak(&Scalar::from(nonce)).ok();
        product.non_secure_erase();
        sum
    });
    secret.non_secure_erase();
    nonce.non_secure_erase();
    let bytes = [point.serialize(), sum?.secret_bytes()].concat();
    let signature = Signature::from_slice(&bytes).ok()?;
    // A signature that does not hold could betray the key.
    SECP.verify_schnorr(&signature, message, &oracle).ok().map(|()| signature)
}

/// The scalar whose point has an even y coordinate.
fn even(secret: SecretKey, parity: Parity) -> SecretKey {
    if parity == Parity::Even { secret } else { secret.negate() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::Network;

    fn origin(salt: &[u8; 32]) -> Origin<'_> {
        Origin { index: 3, salt, event: "an event", maturity: 9 }
    }

    #[test]
    fn nonces_come_back_and_depend_on_everything_that_they_are_derived_from() {
        let master = |seed| MasterKey::new(&[seed; 32], Network::Regtest).unwrap();
        let public = |seed, origin| Nonces::derive(&master(seed), origin, 10).unwrap().public();
        let (salt, other) = ([5; 32], [6; 32]);
        assert_eq!(public(1, origin(&salt)), public(1, origin(&salt)));
        let mut seen = std::collections::BTreeSet::new();
        for nonces in [
            public(1, origin(&salt)),
            public(2, origin(&salt)),
            public(1, origin(&other)),
            public(1, Origin { index: 4, ..origin(&salt) }),
            public(1, Origin { event: "another", ..origin(&salt) }),
            public(1, Origin { maturity: 10, ..origin(&salt) }),
        ] {
            assert!(nonces.iter().all(|nonce| seen.insert(*nonce)), "a nonce stands twice");
        }
    }

    #[test]
    fn a_signature_is_under_its_nonce_whatever_the_parities() {
        let master = MasterKey::new(&[1; 32], Network::Regtest).unwrap();
        for key in 1..=8 {
            let key = Keypair::from_seckey_slice(&SECP, &[key; 32]).unwrap();
            let nonces = Nonces::derive(&master, origin(&[7; 32]), 10).unwrap();
            let public = nonces.public();
            let messages: Vec<_> = (0..10).map(|n| Message::from_digest([n; 32])).collect();
            for (signature, nonce) in nonces.sign(&key, &messages).unwrap().iter().zip(public) {
                assert_eq!(signature.serialize()[..32], nonce.serialize());
            }
        }
    }

    #[test]
    fn the_published_signatures_are_the_ones_we_make() {
        let Some(folder) = std::env::var_os("BONDSTORE_VECTORS") else {
            println!("skipped: BONDSTORE_VECTORS names no folder of published vectors");
            return;
        };
        let path = std::path::Path::new(&folder).join("dlcspecs/dlc_schnorr_test.json");
        let vectors: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for vector in vectors.as_array().unwrap() {
            let bytes = |value: &serde_json::Value| hex::decode(value.as_str().unwrap()).unwrap();
            let inputs = &vector["inputs"];
            let key = Keypair::from_seckey_slice(&SECP, &bytes(&inputs["privKey"])).unwrap();
            let nonce = SecretKey::from_slice(&bytes(&inputs["privNonce"])).unwrap();
            let message = Message::from_digest_slice(&bytes(&inputs["msgHash"])).unwrap();
            let signature = sign(&key, &nonce, &message).unwrap();
            assert_eq!(signature.serialize().to_vec(), bytes(&vector["signature"]));
        }
    }
}
