//! What the tests and benches of escrows share: parties, a curve, auditors that attest, and Bitcoin Core's interpreter as the judge.

use bitcoin::hashes::Hash;
use bitcoin::secp256k1::{Keypair, Secp256k1, XOnlyPublicKey, schnorr};
use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, TxOut, Txid, consensus};
use bitcoinconsensus::{Utxo, VERIFY_ALL_PRE_TAPROOT, VERIFY_TAPROOT, verify_with_flags};
use contracts_bitcoin::escrow::spend::{Payees, Split};
use contracts_bitcoin::escrow::{Escrow, EscrowKeys, Funded};
use contracts_bitcoin::outcome::oracle::digit_message;
use contracts_bitcoin::outcome::prefix::{DIGITS, digits};
use contracts_bitcoin::outcome::{Auditor, PayoutTable, Quorum, Setup, Terms};
use musig2::secp::{MaybeScalar, Scalar};
use std::num::NonZeroU16;

pub(crate) const PRICE: Amount = Amount::from_sat(1_000_000);
pub(crate) const BOND: Amount = Amount::from_sat(400_000);
pub(crate) const RESERVE: Amount = Amount::from_sat(2_000);
pub(crate) const REFUND_BLOCKS: u16 = 1_008;
pub(crate) const CLIENT: u8 = 1;
pub(crate) const PROVIDER: u8 = 2;
pub(crate) const ARBITER: u8 = 3;
pub(crate) const STRANGER: u8 = 9;

pub(crate) fn key(secret: u8) -> Keypair {
    Keypair::from_seckey_slice(&Secp256k1::new(), &[secret; 32]).unwrap()
}

pub(crate) fn public(secret: u8) -> XOnlyPublicKey {
    key(secret).x_only_public_key().0
}

/// A wallet's output of its own.
pub(crate) fn script(secret: u8) -> ScriptBuf {
    ScriptBuf::new_p2tr(&Secp256k1::new(), public(secret), None)
}

pub(crate) fn escrow(arbiter: bool) -> Escrow {
    let arbiter = arbiter.then(|| public(ARBITER));
    Escrow::new(EscrowKeys { client: public(CLIENT), provider: public(PROVIDER), arbiter }).unwrap()
}

pub(crate) fn coin(arbiter: bool) -> Funded {
    let outpoint = OutPoint::new(Txid::hash(b"funding"), 0);
    escrow(arbiter).funded(outpoint, PRICE + BOND + RESERVE)
}

pub(crate) fn payees() -> Payees {
    Payees { provider: script(12), client: script(11), pool: script(13) }
}

pub(crate) fn sats(provider: u64, client: u64, pool: u64) -> Split {
    let [provider, client, pool] = [provider, client, pool].map(Amount::from_sat);
    Split { provider, client, pool }
}

pub(crate) fn refund() -> Split {
    Split { provider: BOND, client: PRICE, pool: Amount::ZERO }
}

/// Nothing of the price up to 500, all of it from 990, linear between; rounded to 1 %.
pub(crate) fn sla() -> PayoutTable {
    let price = PRICE.to_sat();
    let splits: Vec<Split> = (0..=1000)
        .map(|compliance: u64| {
            let earned = price * compliance.clamp(500, 990).saturating_sub(500) / 490;
            sats(BOND.to_sat() + earned, price - earned, 0)
        })
        .collect();
    let table = PayoutTable::new(PRICE + BOND, &splits).unwrap();
    table.rounded(NonZeroU16::new(100).unwrap())
}

/// An auditor with its secrets.
pub(crate) struct Oracle {
    key: Scalar,
    nonces: [Scalar; DIGITS],
}

impl Oracle {
    pub(crate) fn new(number: u8) -> Self {
        let even = |bytes: [u8; 32]| {
            let scalar = Scalar::try_from(bytes).unwrap();
            scalar.negate_if(scalar.base_point_mul().parity())
        };
        let nonce = |place: usize| {
            let mut bytes = [number; 32];
            bytes[0] = u8::try_from(place).unwrap() + 1;
            even(bytes)
        };
        Self { key: even([100 + number; 32]), nonces: std::array::from_fn(nonce) }
    }

    pub(crate) fn announced(&self) -> Auditor {
        let public = |secret: &Scalar| {
            XOnlyPublicKey::from_slice(&secret.base_point_mul().serialize_xonly()).unwrap()
        };
        Auditor { key: public(&self.key), nonces: self.nonces.each_ref().map(public) }
    }

    pub(crate) fn attest(&self, value: u16) -> Vec<schnorr::Signature> {
        let public = self.key.base_point_mul();
        let sign = |(digit, nonce): (bool, &Scalar)| {
            let announced = nonce.base_point_mul().serialize_xonly();
            let challenge: MaybeScalar =
                musig2::compute_challenge_hash_tweak(&announced, &public, digit_message(digit));
            let secret = MaybeScalar::from(*nonce) + challenge * self.key;
            schnorr::Signature::from_slice(&[announced, secret.serialize()].concat()).unwrap()
        };
        digits(value).into_iter().zip(&self.nonces).map(sign).collect()
    }
}

pub(crate) fn quorum(threshold: usize, auditors: u8) -> Quorum {
    let auditors = (1..=auditors).map(|number| Oracle::new(number).announced()).collect();
    Quorum::new(auditors, threshold).unwrap()
}

pub(crate) fn terms(quorum: Quorum, payouts: PayoutTable) -> Terms {
    let (coin, payees) = (coin(false), payees());
    Terms { coin, payees, payouts, refund: refund(), refund_blocks: REFUND_BLOCKS, quorum }
}

pub(crate) fn setup(threshold: usize, auditors: u8) -> Setup {
    Setup::new(terms(quorum(threshold, auditors), sla())).unwrap()
}

/// What Bitcoin Core says of every input of `transaction`, which spends `spent`.
pub(crate) fn judge(
    transaction: &Transaction,
    spent: &[TxOut],
) -> Result<(), bitcoinconsensus::Error> {
    let bytes = consensus::serialize(transaction);
    let utxo = |output: &TxOut| Utxo {
        script_pubkey: output.script_pubkey.as_bytes().as_ptr(),
        script_pubkey_len: u32::try_from(output.script_pubkey.len()).unwrap(),
        value: i64::try_from(output.value.to_sat()).unwrap(),
    };
    let utxos: Vec<Utxo> = spent.iter().map(utxo).collect();
    spent.iter().enumerate().try_for_each(|(index, output)| {
        let (script, value) = (output.script_pubkey.as_bytes(), output.value.to_sat());
        let flags = VERIFY_ALL_PRE_TAPROOT | VERIFY_TAPROOT;
        verify_with_flags(script, value, &bytes, Some(&utxos), index, flags)
    })
}

/// Whether Bitcoin Core lets `transaction` spend `coin`.
pub(crate) fn spends(transaction: &Transaction, coin: &Funded) -> bool {
    judge(transaction, &[coin.output()]).is_ok()
}
