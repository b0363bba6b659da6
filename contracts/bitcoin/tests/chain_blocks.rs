//! A development chain on disk with every kind of spending that this project makes, and blocks beside it that break one rule each.
//!
//! Where `BONDSTORE_DEVCHAIN_BLOCKS` names a folder they are left there, for other engines to judge (`contracts/bitcoin/kernel`). Where
//! `BITCOIND_EXE` names a bitcoind, it judges them here, and our client speaks to it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "chain_blocks/node.rs"]
mod node;

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::Hash;
use bitcoin::key::{CompressedPublicKey, Keypair, PrivateKey, Secp256k1, TapTweak};
use bitcoin::opcodes::all::{OP_CHECKSIGVERIFY, OP_CSV};
use bitcoin::secp256k1::{All, Message};
use bitcoin::sighash::{EcdsaSighashType, Prevouts, SighashCache, TapSighashType};
use bitcoin::taproot::{LeafVersion, TapLeafHash, TaprootBuilder, TaprootSpendInfo};
use bitcoin::{
    Amount, Block, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness,
    ecdsa, transaction,
};
use contracts_bitcoin::chain::devchain::{Devchain, Mining, blocks_in};
use contracts_bitcoin::chain::rpc::{self, Auth, Bitcoind};
use contracts_bitcoin::chain::{Chain, ChainError, FeeBounds, Patience};
use network::endpoint::PlainHttp;
use serde_json::json;
use std::path::Path;

/// How many blocks the timelocked leaf waits.
const WAIT: u16 = 3;
const FEE: Amount = Amount::from_sat(1_000);

struct Mint {
    chain: Devchain,
    secp: Secp256k1<All>,
    key: Keypair,
}

impl Mint {
    fn open(folder: &Path) -> Self {
        let secp = Secp256k1::new();
        let key = Keypair::from_seckey_slice(&secp, &[7; 32]).unwrap();
        Self { chain: Devchain::open(folder).unwrap(), secp, key }
    }

    fn mining(&self) -> Mining {
        Mining { script: self.key_script(), time: 1_700_000_000 + 600 * self.chain.top().height }
    }

    fn mine(&self, count: u32) {
        for _ in 0..count {
            self.chain.mine(&self.mining()).unwrap();
        }
    }

    fn key_script(&self) -> ScriptBuf {
        ScriptBuf::new_p2tr(&self.secp, self.key.x_only_public_key().0, None)
    }

    fn leaf(&self) -> ScriptBuf {
        ScriptBuf::builder()
            .push_x_only_key(&self.key.x_only_public_key().0)
            .push_opcode(OP_CHECKSIGVERIFY)
            .push_int(i64::from(WAIT))
            .push_opcode(OP_CSV)
            .into_script()
    }

    fn tree(&self) -> TaprootSpendInfo {
        let built = TaprootBuilder::new().add_leaf(0, self.leaf()).unwrap();
        built.finalize(&self.secp, self.key.x_only_public_key().0).unwrap()
    }

    fn public(&self) -> CompressedPublicKey {
        let private = PrivateKey::new(self.key.secret_key(), Network::Regtest);
        CompressedPublicKey::from_private_key(&self.secp, &private).unwrap()
    }

    fn coinbase(&self, height: u32) -> (OutPoint, TxOut) {
        let coinbase = self.chain.block_at(height).unwrap().txdata[0].clone();
        (OutPoint::new(coinbase.compute_txid(), 0), coinbase.output[0].clone())
    }

    /// Signs the first input by the key path.
    fn by_key(&self, mut spending: Transaction, spent: &TxOut) -> Transaction {
        let hash = SighashCache::new(&spending)
            .taproot_key_spend_signature_hash(0, &Prevouts::All(&[spent]), TapSighashType::Default)
            .unwrap();
        let tweaked = self.key.tap_tweak(&self.secp, None).to_keypair();
        let message = Message::from_digest(hash.to_byte_array());
        let signature = self.secp.sign_schnorr_no_aux_rand(&message, &tweaked);
        spending.input[0].witness = Witness::from_slice(&[signature.as_ref()]);
        spending
    }

    /// Signs the first input by the timelocked leaf.
    fn by_leaf(&self, mut spending: Transaction, spent: &TxOut) -> Transaction {
        let leaf = TapLeafHash::from_script(&self.leaf(), LeafVersion::TapScript);
        let (all, kind) = (&[spent], TapSighashType::Default);
        let hash = SighashCache::new(&spending)
            .taproot_script_spend_signature_hash(0, &Prevouts::All(all), leaf, kind)
            .unwrap();
        let message = Message::from_digest(hash.to_byte_array());
        let signature = self.secp.sign_schnorr_no_aux_rand(&message, &self.key);
        let control = self.tree().control_block(&(self.leaf(), LeafVersion::TapScript)).unwrap();
        spending.input[0].witness = Witness::from_slice(&[
            signature.as_ref().to_vec(),
            self.leaf().into_bytes(),
            control.serialize(),
        ]);
        spending
    }

    /// Signs the first input as P2WPKH.
    fn by_hash(&self, mut spending: Transaction, spent: &TxOut) -> Transaction {
        let kind = EcdsaSighashType::All;
        let hash = SighashCache::new(&spending)
            .p2wpkh_signature_hash(0, &spent.script_pubkey, spent.value, kind)
            .unwrap();
        let message = Message::from_digest(hash.to_byte_array());
        let signature = self.secp.sign_ecdsa(&message, &self.key.secret_key());
        let signature = ecdsa::Signature { signature, sighash_type: kind };
        spending.input[0].witness = Witness::p2wpkh(&signature, &self.public().0);
        spending
    }
}

fn anyone() -> ScriptBuf {
    ScriptBuf::from(vec![0x51]).to_p2wsh()
}

fn spending(from: OutPoint, sequence: Sequence, output: Vec<TxOut>) -> Transaction {
    let input = TxIn {
        previous_output: from,
        script_sig: ScriptBuf::new(),
        sequence,
        witness: Witness::new(),
    };
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![input],
        output,
    }
}

fn paying(value: Amount, script_pubkey: ScriptBuf) -> Vec<TxOut> {
    vec![TxOut { value: value - FEE, script_pubkey }]
}

/// Splits the first coin for every kind of spending, and spends each; the last of them is the timelocked leaf's.
fn spend_in_every_way(mint: &Mint) {
    let (from, coin) = mint.coinbase(1);
    let part = Amount::from_int_btc(10);
    let scripts = [
        ScriptBuf::new_p2tr_tweaked(mint.tree().output_key()),
        ScriptBuf::new_p2wpkh(&mint.public().wpubkey_hash()),
        anyone(),
    ];
    let mut outputs: Vec<_> =
        scripts.into_iter().map(|script| TxOut { value: part, script_pubkey: script }).collect();
    outputs.push(TxOut { value: Amount::ZERO, script_pubkey: ScriptBuf::new_op_return([7; 32]) });
    let split = mint.by_key(spending(from, Sequence::MAX, outputs.clone()), &coin);
    mint.chain.carry(&split).unwrap();
    let out = |vout| OutPoint::new(split.compute_txid(), vout);

    // A child of what waits, with a lock time that is just over.
    let mut child =
        spending(out(2), Sequence::ENABLE_LOCKTIME_NO_RBF, paying(part, mint.key_script()));
    child.lock_time = LockTime::from_height(mint.chain.top().height).unwrap();
    child.input[0].witness = Witness::from_slice(&[[0x51]]);
    mint.chain.carry(&child).unwrap();
    mint.mine(1);
    let hashed = spending(out(1), Sequence::MAX, paying(part, mint.key_script()));
    mint.chain.carry(&mint.by_hash(hashed, &outputs[1])).unwrap();
    mint.mine(2);
    let late = spending(out(0), Sequence::from_height(WAIT), paying(part, mint.key_script()));
    mint.chain.carry(&mint.by_leaf(late, &outputs[0])).unwrap();
    mint.mine(1);
}

/// Blocks on the tip that break one rule each.
fn wrong_blocks(mint: &Mint) -> Vec<(&'static str, Block)> {
    let top = mint.chain.top();
    let with = |transactions| mint.chain.assemble(top.hash, transactions, &mint.mining()).unwrap();
    let (from, coin) = mint.coinbase(2);
    let pay = |sequence| {
        mint.by_key(spending(from, sequence, paying(coin.value, mint.key_script())), &coin)
    };
    let mut forged = pay(Sequence::MAX);
    forged.output[0].value -= Amount::from_sat(1);
    let (young, reward) = mint.coinbase(top.height - 50);
    let early = spending(young, Sequence::MAX, paying(reward.value, mint.key_script()));
    let mut locked = spending(from, Sequence::ZERO, paying(coin.value, mint.key_script()));
    locked.lock_time = LockTime::from_height(top.height + 1).unwrap();
    let minted = vec![TxOut { value: coin.value + FEE, script_pubkey: mint.key_script() }];
    let mut greedy = with(vec![]);
    greedy.txdata[0].output[0].value += Amount::from_sat(1);
    let mut uncommitted = with(vec![pay(Sequence::MAX)]);
    uncommitted.txdata[0].output[1].script_pubkey = ScriptBuf::new_op_return([0; 36]);
    vec![
        ("mandatory-script-verify-flag-failed", with(vec![forged])),
        ("bad-txns-premature-spend-of-coinbase", with(vec![mint.by_key(early, &reward)])),
        ("non-final", with(vec![mint.by_key(locked, &coin)])),
        ("non-BIP68-final", with(vec![pay(Sequence::from_height(u16::MAX))])),
        (
            "bad-txns-in-belowout",
            with(vec![mint.by_key(spending(from, Sequence::MAX, minted), &coin)]),
        ),
        ("bad-txns-inputs-missingorspent", with(vec![pay(Sequence::MAX), pay(Sequence::ZERO)])),
        ("bad-cb-amount", remade(greedy)),
        ("bad-witness-merkle-match", remade(uncommitted)),
    ]
}

/// Gives a changed block its Merkle root and its proof of work again.
fn remade(mut block: Block) -> Block {
    block.header.merkle_root = block.compute_merkle_root().unwrap();
    while !block.header.target().is_met_by(block.block_hash()) {
        block.header.nonce += 1;
    }
    block
}

/// In the form of the file of blocks.
fn record(block: &Block) -> Vec<u8> {
    let bytes = serialize(block);
    let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    [&Network::Regtest.magic().to_bytes()[..], &length, &bytes].concat()
}

/// Whether a bitcoind takes every block, and none of the wrong ones; and whether our client reads of it what the chain says.
fn judged_by(node: &node::Node, folder: &Path, (mint, wrong): (&Mint, &[(&str, Block)])) {
    let submit = |block: &Block| node.call("submitblock", &json!([hex::encode(serialize(block))]));
    for block in blocks_in(folder).unwrap() {
        let said = submit(&block);
        // A block of a branch that is not the best one yet is judged when it is.
        assert!(said.is_null() || said == "inconclusive", "{said}");
    }
    let top = mint.chain.top();
    let best = || node.call("getbestblockhash", &json!([]));
    assert_eq!(best(), json!(top.hash));
    for (name, block) in wrong {
        let said = submit(block);
        assert!(said.is_string(), "a wrong block is taken: {name}");
        assert_eq!(best(), json!(top.hash), "{name}: {said}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Bitcoind::connect(rpc::Node {
            url: node.url(),
            network: Network::Regtest,
            auth: Auth::Cookie(node.cookie()),
            plain: PlainHttp::LoopbackOnly,
            patience: Patience::default(),
            fees: FeeBounds::default(),
        });
        let client = client.await.unwrap();
        assert_eq!(client.tip().await, Ok(top));
        assert_eq!(client.block(161).await, mint.chain.block(161).await);
        assert_eq!(client.block(top.height + 1).await, Ok(None));
        let (coinbase, reward) = mint.coinbase(top.height);
        assert_eq!(client.unspent(coinbase).await, mint.chain.unspent(coinbase).await);
        assert!(client.fee_rate(6).await.is_ok());
        let early = paying(reward.value, mint.key_script());
        let early = mint.by_key(spending(coinbase, Sequence::MAX, early), &reward);
        let refused = client.broadcast(&early).await;
        assert!(matches!(refused, Err(ChainError::Refused { .. })), "{refused:?}");
        let (mature, coin) = mint.coinbase(3);
        let paid = paying(coin.value, mint.key_script());
        let paid = mint.by_key(spending(mature, Sequence::MAX, paid), &coin);
        assert_eq!(client.broadcast(&paid).await, Ok(paid.compute_txid()));
        assert_eq!(client.broadcast(&paid).await, Ok(paid.compute_txid()), "it waits already");
        assert_eq!(client.unspent(mature).await, Ok(None));
        let made = OutPoint::new(paid.compute_txid(), 0);
        assert_eq!(client.unspent(made).await.unwrap().unwrap().confirmations, 0);
    });
}

#[test]
fn a_chain_with_every_kind_of_spending_and_what_it_refuses_are_left_for_other_engines() {
    let own = tempfile::tempdir().unwrap();
    let named = std::env::var_os("BONDSTORE_DEVCHAIN_BLOCKS").map(std::path::PathBuf::from);
    let folder = named.as_deref().unwrap_or(own.path());
    let mint = Mint::open(folder);
    assert_eq!(mint.chain.top().height, 0, "{} holds a chain already", folder.display());
    mint.mine(160);
    spend_in_every_way(&mint);
    for depth in 1..=6 {
        mint.chain.reorganise(depth, &mint.mining()).unwrap();
        mint.mine(depth + 1);
    }
    // Past the second halving.
    mint.mine(310 - mint.chain.top().height);
    assert_eq!(mint.chain.waiting(), []);

    let top = mint.chain.top();
    let wrong = wrong_blocks(&mint);
    let records: Vec<u8> = wrong.iter().flat_map(|(_, block)| record(block)).collect();
    std::fs::write(folder.join("wrong.dat"), records).unwrap();
    let judge = Devchain::new();
    for block in blocks_in(folder).unwrap() {
        judge.submit(block, u32::MAX).unwrap();
    }
    assert_eq!(judge.top(), top);
    match node::Node::start() {
        Some(node) => judged_by(&node, folder, (&mint, &wrong)),
        None => eprintln!("skipped: a bitcoind's judgement (BITCOIND_EXE names none)"),
    }
    for (name, block) in wrong {
        let refused = judge.submit(block, u32::MAX).unwrap_err().to_string();
        assert!(refused.contains(name), "{name}: {refused}");
        assert_eq!(judge.top(), top);
    }
}
