//! A small regtest chain whose third block has an anchor in it.

use bitcoin::block::{Header, Version};
use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::{
    Amount, Block, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxMerkleNode, TxOut,
    Txid, Witness, absolute, constants, transaction,
};
use contracts_bitcoin::anchor::{AnchorProof, BlockAt, Commitment, Files, Leaf, Statement};
use types::{Did, Hash};

/// The height of the block that has it.
pub(crate) const HEIGHT: u32 = 2;

/// Some journal.
pub(crate) fn statement() -> Statement {
    Statement { market: Did([7; 32]), entries: 97, root: Hash::of(b"a journal's root") }
}

/// A chain, and the proof that its third block has the anchor.
pub(crate) struct Anchoring {
    /// Its blocks, from the network's first on.
    pub(crate) chain: Vec<Block>,
    /// What was anchored with the journal.
    pub(crate) files: Files,
    /// The proof.
    pub(crate) proof: AnchorProof,
}

impl Anchoring {
    /// Four blocks on regtest's first; the anchor of a journal and `count` files is the last of `others` + 2 transactions in the
    /// second of them.
    pub(crate) fn of(statement: &Statement, others: usize, count: usize) -> Self {
        let files = batch(count);
        let commitment = Commitment::new(statement, files.root());
        let anchor = spend(u32::MAX, vec![commitment.output(), paid(546)]);
        let txid = anchor.compute_txid();
        let mut chain = vec![constants::genesis_block(Network::Regtest)];
        for height in 1..=4 {
            let mut transactions = vec![coinbase(height)];
            if height == HEIGHT {
                let others =
                    (0..u32::try_from(others).expect("a few")).map(|n| spend(n, vec![paid(1_000)]));
                transactions.extend(others);
                transactions.push(anchor.clone());
            }
            let block = mine(&chain[chain.len() - 1].header, transactions);
            chain.push(block);
        }
        let at = BlockAt { block: &chain[2], height: HEIGHT, network: Network::Regtest };
        let proof = AnchorProof::new(at, txid, files.root()).expect("the block has it");
        Self { chain, files, proof }
    }

    /// The headers of the whole chain, 80 bytes each.
    pub(crate) fn header_bytes(&self) -> Vec<u8> {
        self.chain.iter().flat_map(|block| serialize(&block.header)).collect()
    }
}

/// Some files.
pub(crate) fn batch(count: usize) -> Files {
    let leaf = |n| Leaf { digest: sha256::Hash::hash(&content(n)), nonce: nonce(n) };
    Files::new((0..count).map(leaf).collect())
}

/// What file `n` has in it.
pub(crate) fn content(n: usize) -> Vec<u8> {
    format!("file {n}\n").into_bytes()
}

fn nonce(n: usize) -> [u8; 16] {
    let digest = sha256::Hash::hash(&n.to_le_bytes()).to_byte_array();
    digest[..16].try_into().expect("16 bytes")
}

fn paid(sats: u64) -> TxOut {
    let script_pubkey = ScriptBuf::from_bytes([&[0x51, 0x20][..], &[3; 32]].concat());
    TxOut { value: Amount::from_sat(sats), script_pubkey }
}

/// A transaction with a witness, told apart by what it spends.
fn spend(n: u32, output: Vec<TxOut>) -> Transaction {
    let previous_output = OutPoint { txid: Txid::hash(b"an earlier one"), vout: n };
    let witness = Witness::from_slice(&[[9; 64]]);
    let sequence = Sequence::ENABLE_RBF_NO_LOCKTIME;
    let input = TxIn { previous_output, witness, sequence, ..TxIn::default() };
    let version = transaction::Version::TWO;
    Transaction { version, lock_time: absolute::LockTime::ZERO, input: vec![input], output }
}

fn coinbase(height: u32) -> Transaction {
    let script_sig = ScriptBuf::builder().push_int(i64::from(height)).push_int(0).into_script();
    let input = TxIn { previous_output: OutPoint::null(), script_sig, ..TxIn::default() };
    let output = vec![paid(5_000_000_000)];
    let version = transaction::Version::TWO;
    Transaction { version, lock_time: absolute::LockTime::ZERO, input: vec![input], output }
}

fn mine(before: &Header, txdata: Vec<Transaction>) -> Block {
    let header = Header {
        version: Version::from_consensus(0x2000_0000),
        prev_blockhash: before.block_hash(),
        merkle_root: TxMerkleNode::all_zeros(),
        time: before.time + 600,
        bits: before.bits,
        nonce: 0,
    };
    let mut block = Block { header, txdata };
    block.header.merkle_root = block.compute_merkle_root().expect("there are transactions");
    while !block.header.target().is_met_by(block.block_hash()) {
        block.header.nonce += 1;
    }
    block
}
