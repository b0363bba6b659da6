//! Making blocks.

use super::rules::{self, BITS};
use bitcoin::absolute::LockTime;
use bitcoin::block::{Header, Version};
use bitcoin::hashes::Hash;
use bitcoin::opcodes::all::OP_RETURN;
use bitcoin::script::Builder;
use bitcoin::{
    Amount, Block, BlockHash, CompactTarget, OutPoint, ScriptBuf, Sequence, Transaction, TxIn,
    TxMerkleNode, TxOut, Witness, WitnessMerkleNode, transaction,
};

/// Who is paid for a block, and when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mining {
    /// What the subsidy and the fees are paid to.
    pub script: ScriptBuf,
    /// The block's time, in seconds since 1970. Where rules ask for a later one it is the earliest that they allow.
    pub time: u32,
}

/// Where a new block stands.
pub(super) struct Ground {
    pub(super) parent: BlockHash,
    /// The new block's height.
    pub(super) height: u32,
    /// The median time of the parent.
    pub(super) median: u32,
    /// What makes the coinbase unlike any other.
    pub(super) extra: u64,
}

/// A block on `ground` that holds `transactions` and takes `fees`, with its proof of work.
pub(super) fn block(
    ground: &Ground,
    transactions: Vec<Transaction>,
    fees: Amount,
    mining: &Mining,
) -> Block {
    let header = Header {
        version: Version::NO_SOFT_FORK_SIGNALLING,
        prev_blockhash: ground.parent,
        merkle_root: TxMerkleNode::all_zeros(),
        time: mining.time.max(ground.median.saturating_add(1)),
        bits: CompactTarget::from_consensus(BITS),
        nonce: 0,
    };
    let mut txdata = Vec::with_capacity(transactions.len() + 1);
    txdata.push(coinbase(ground, fees, mining));
    txdata.extend(transactions);
    let mut block = Block { header, txdata };
    if let Some(root) = block.witness_root() {
        block.txdata[0].output[1].script_pubkey = commitment(&root);
    }
    block.header.merkle_root = block.compute_merkle_root().unwrap_or(TxMerkleNode::all_zeros());
    let target = block.header.target();
    while !target.is_met_by(block.header.block_hash()) {
        // Every second hash will do on regtest.
        block.header.nonce = block.header.nonce.wrapping_add(1);
    }
    block
}

/// The coinbase: pays first, commits to the witnesses second.
fn coinbase(ground: &Ground, fees: Amount, mining: &Mining) -> Transaction {
    let mut script_sig = rules::height_push(ground.height).into_bytes();
    let extra = Builder::new().push_slice(ground.extra.to_le_bytes()).into_script();
    script_sig.extend_from_slice(extra.as_bytes());
    let value = rules::subsidy(ground.height).checked_add(fees).unwrap_or(Amount::MAX_MONEY);
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::null(),
            script_sig: ScriptBuf::from(script_sig),
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[[0_u8; 32]]),
        }],
        output: vec![
            TxOut { value, script_pubkey: mining.script.clone() },
            TxOut { value: Amount::ZERO, script_pubkey: ScriptBuf::new() },
        ],
    }
}

/// BIP-141: the output that commits to the witnesses.
fn commitment(root: &WitnessMerkleNode) -> ScriptBuf {
    let mut bytes = [0; 36];
    bytes[..4].copy_from_slice(&[0xaa, 0x21, 0xa9, 0xed]);
    let commitment = Block::compute_witness_commitment(root, &[0; 32]);
    bytes[4..].copy_from_slice(commitment.as_byte_array());
    Builder::new().push_opcode(OP_RETURN).push_slice(bytes).into_script()
}
