//! A funding that wallets sign, judged by Bitcoin Core's interpreter, and what hangs on it before anybody has signed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "each test uses a part of it")]
mod escrow_world;

use bitcoin::hashes::Hash;
use bitcoin::key::TapTweak;
use bitcoin::secp256k1::{Message, Secp256k1};
use bitcoin::sighash::{EcdsaSighashType, Prevouts, SighashCache, TapSighashType};
use bitcoin::{
    Amount, CompressedPublicKey, FeeRate, OutPoint, Psbt, ScriptBuf, TxOut, Txid, Witness,
};
use contracts_bitcoin::escrow::funding::{Funder, Funding, FundingInput, FundingPlan, SlotFunding};
use contracts_bitcoin::escrow::spend::{Path, SpendError};
use contracts_bitcoin::escrow::{Leaf, Party};
use contracts_bitcoin::outcome::{Setup, Terms};
use escrow_world::{
    BOND, CLIENT, Oracle, PRICE, PROVIDER, REFUND_BLOCKS, RESERVE, escrow, judge, key, payees,
    quorum, refund, script, sla, spends,
};

/// A wallet of one key with one output.
#[derive(Clone, Copy)]
enum Wallet {
    Taproot(u8),
    Segwit(u8),
}

impl Wallet {
    fn script(self) -> ScriptBuf {
        match self {
            Self::Taproot(secret) => script(secret),
            Self::Segwit(secret) => ScriptBuf::new_p2wpkh(&compressed(secret).wpubkey_hash()),
        }
    }

    fn funder(self, number: u32, value: Amount) -> Funder {
        let outpoint = OutPoint::new(Txid::hash(b"wallets"), number);
        let output = TxOut { value, script_pubkey: self.script() };
        Funder { inputs: vec![FundingInput { outpoint, output }], change: self.script() }
    }

    /// Signs input `index` and makes it final, as a wallet does that was handed the PSBT.
    fn sign(self, psbt: &mut Psbt, index: usize) {
        let secp = Secp256k1::new();
        let spent: Vec<TxOut> =
            psbt.inputs.iter().map(|input| input.witness_utxo.clone().unwrap()).collect();
        let mut cache = SighashCache::new(&psbt.unsigned_tx);
        let witness = match self {
            Self::Taproot(secret) => {
                let (all, default) = (Prevouts::All(&spent), TapSighashType::Default);
                let hash = cache.taproot_key_spend_signature_hash(index, &all, default).unwrap();
                let tweaked = key(secret).tap_tweak(&secp, None).to_keypair();
                let signature = secp.sign_schnorr_no_aux_rand(&Message::from(hash), &tweaked);
                Witness::from_slice(&[signature.as_ref()])
            }
            Self::Segwit(secret) => {
                let (value, all) = (spent[index].value, EcdsaSighashType::All);
                let hash = cache.p2wpkh_signature_hash(index, &self.script(), value, all).unwrap();
                let signature = secp.sign_ecdsa(&Message::from(hash), &key(secret).secret_key());
                let signature = bitcoin::ecdsa::Signature { signature, sighash_type: all };
                Witness::p2wpkh(&signature, &compressed(secret).0)
            }
        };
        psbt.inputs[index].final_script_witness = Some(witness);
    }
}

fn compressed(secret: u8) -> CompressedPublicKey {
    CompressedPublicKey(key(secret).public_key())
}

/// A contract of one slot, with one input of each side.
fn plan(client: Wallet, provider: Wallet) -> FundingPlan {
    let fees = Amount::from_sat(10_000);
    FundingPlan {
        client: client.funder(0, PRICE + RESERVE + fees),
        providers: vec![provider.funder(1, BOND + fees)],
        slots: vec![SlotFunding {
            spends: None,
            escrow: escrow(false),
            provider: 0,
            price: PRICE,
            bond: BOND,
            fee_reserve: RESERVE,
        }],
        market_fee: None,
        rate: FeeRate::from_sat_per_vb_u32(7),
    }
}

fn signed_by_all(mut funding: Funding, wallets: [Wallet; 2]) -> Funding {
    for (index, wallet) in wallets.into_iter().enumerate() {
        let mut sent = Psbt::deserialize(&funding.psbt().serialize()).unwrap();
        funding.check(&sent).unwrap();
        wallet.sign(&mut sent, index);
        funding.join(sent).unwrap();
    }
    funding
}

#[test]
fn wallets_sign_one_transaction_whose_id_was_known_before() {
    let (taproot, segwit) =
        ([Wallet::Taproot(21), Wallet::Taproot(22)], [Wallet::Segwit(23), Wallet::Segwit(24)]);
    for (wallets, size) in [(taproot, 255), (segwit, 252)] {
        let plan = plan(wallets[0], wallets[1]);
        let before = plan.build().unwrap();
        let funding = signed_by_all(before.clone(), wallets);
        let transaction = funding.transaction().unwrap();
        assert_eq!(transaction.compute_txid(), before.txid());
        let inputs = [&plan.client, &plan.providers[0]].map(|funder| funder.inputs[0].clone());
        let spent = inputs.map(|input| input.output);
        assert_eq!(judge(&transaction, &spent), Ok(()));
        let (paid, brought) = (&transaction.output, &spent);
        let sum = |outputs: &[TxOut]| outputs.iter().map(|output| output.value).sum::<Amount>();
        assert_eq!(sum(brought), sum(paid) + funding.fee());
        assert!(transaction.vsize() <= size && size <= transaction.vsize() + 1);
        assert!(funding.fee() >= Amount::from_sat(7 * transaction.vsize() as u64 - 6));
        let mut robbed = transaction.clone();
        robbed.output[1].script_pubkey = script(66);
        assert!(judge(&robbed, &spent).is_err());
    }
}

#[test]
fn a_slot_is_set_up_before_its_funding_is_signed_and_spent_after() {
    let wallets = [Wallet::Taproot(21), Wallet::Segwit(24)];
    let funding = plan(wallets[0], wallets[1]).build().unwrap();
    let terms = || Terms {
        coin: funding.slot(0).unwrap(),
        payees: payees(),
        payouts: sla(),
        refund: refund(),
        refund_blocks: REFUND_BLOCKS,
        quorum: quorum(1, 1),
    };
    let (client, provider) = (Setup::new(terms()).unwrap(), Setup::new(terms()).unwrap());
    let of_client = client.sign(&key(CLIENT), &[1; 32]).unwrap();
    let of_provider = provider.sign(&key(PROVIDER), &[2; 32]).unwrap();
    client.verify(Party::Provider, &of_provider).unwrap();
    provider.verify(Party::Client, &of_client).unwrap();
    let funded = signed_by_all(funding.clone(), wallets).transaction().unwrap();
    let signatures = Oracle::new(1).attest(800);
    let attested = [client.terms().quorum.attestation(0, 800, &signatures).unwrap()];
    let paid = provider.complete(&attested, &of_client, &key(PROVIDER), &[3; 32]).unwrap();
    assert_eq!(judge(&paid, &[funded.output[0].clone()]), Ok(()));
    let coin = funding.slot(0).unwrap();
    assert_eq!(paid.input[0].previous_output.txid, funded.compute_txid());
    let back = client.refund(&of_provider, &key(CLIENT), &[4; 32]).unwrap();
    assert!(spends(&back, &coin));
    let mut dearer = plan(wallets[0], wallets[1]);
    dearer.rate = FeeRate::from_sat_per_vb_u32(8);
    let replaced = dearer.build().unwrap().slot(0).unwrap();
    let foreign = replaced.message(&paid, Path::Script(Leaf::Outcome)).unwrap_err();
    assert_eq!(foreign, SpendError::ForeignInput(0), "a replaced funding has set-ups of its own");
}
