//! From a transaction to its block: the Merkle branch, and the two known ways to lie with one.

use bitcoin::hashes::{Hash as _, HashEngine as _};
use bitcoin::{TxMerkleNode, Txid};

/// A block of 4,000,000 weight units holds less than 2^15 of the smallest transactions.
const LEVELS_MAX: usize = 15;

/// Why a branch shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BranchError {
    /// No block has as many transactions.
    #[error("a branch of {0} hashes; no block has room for more than 2^{LEVELS_MAX} transactions")]
    TooLong(usize),
    /// The branch does not reach a transaction with that number.
    #[error("transaction {index} is beyond what a branch of {levels} hashes reaches")]
    Beyond {
        /// The number.
        index: u32,
        /// How many hashes there are.
        levels: usize,
    },
    /// Only the copy that fills an incomplete row up has a twin on its left.
    #[error(
        "the branch goes through a copy that fills up an incomplete row (CVE-2012-2459); the transaction has a lower number"
    )]
    Copy,
    /// A hash in the branch is one that a transaction of 64 bytes could stand behind.
    #[error(
        "the branch goes through 64 bytes that are a transaction, so it may lead below the block's own transactions"
    )]
    Transaction,
}

/// The hashes beside a transaction's way up to its block's Merkle root.
///
/// Two weaknesses of Bitcoin's tree are met. An incomplete row is filled up by a copy of its last hash (CVE-2012-2459), so that a
/// transaction would have several numbers: a copy is refused, which leaves one number to each. And nothing tells a node of two
/// hashes from a transaction of 64 bytes: with such a transaction in a block, what its 64 bytes name could be proven to be in the
/// block. So no node on the way may read as a transaction; chance makes one such node in a thousand million. The
/// other way round, a node taken for an anchor's transaction, cannot be: that has 99 bytes at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The transaction's number in its block; the coinbase is 0.
    pub index: u32,
    /// The hashes, from the transaction's neighbour up.
    pub hashes: Vec<TxMerkleNode>,
}

impl Branch {
    /// The branch of transaction `index` among a block's; nothing where there is no such transaction.
    pub fn new(txids: &[Txid], index: u32) -> Option<Self> {
        let mut place = usize::try_from(index).ok().filter(|place| *place < txids.len())?;
        let mut level: Vec<_> = txids.iter().map(|txid| TxMerkleNode::from(*txid)).collect();
        let mut hashes = vec![];
        while level.len() > 1 {
            hashes.push(*level.get(place ^ 1).unwrap_or(&level[place]));
            let over = |pair: &[TxMerkleNode]| hash(&both(&pair[0], pair.last()?)).into();
            level = level.chunks(2).filter_map(over).collect();
            place >>= 1;
        }
        Some(Self { index, hashes })
    }

    /// The Merkle root that the branch gives a transaction.
    ///
    /// # Errors
    /// [`BranchError`] where the branch could lie.
    pub fn root(&self, txid: Txid) -> Result<TxMerkleNode, BranchError> {
        let levels = self.hashes.len();
        if levels > LEVELS_MAX {
            return Err(BranchError::TooLong(levels));
        }
        if self.index >> levels != 0 {
            return Err(BranchError::Beyond { index: self.index, levels });
        }
        let mut node = TxMerkleNode::from(txid);
        for (level, beside) in self.hashes.iter().enumerate() {
            let is_right = self.index >> level & 1 == 1;
            if is_right && *beside == node {
                return Err(BranchError::Copy);
            }
            let pair = if is_right { both(beside, &node) } else { both(&node, beside) };
            if is_transaction(&pair) {
                return Err(BranchError::Transaction);
            }
            node = hash(&pair);
        }
        Ok(node)
    }
}

fn both(left: &TxMerkleNode, right: &TxMerkleNode) -> [u8; 64] {
    let mut pair = [0; 64];
    pair[..32].copy_from_slice(left.as_byte_array());
    pair[32..].copy_from_slice(right.as_byte_array());
    pair
}

fn hash(pair: &[u8; 64]) -> TxMerkleNode {
    let mut engine = TxMerkleNode::engine();
    engine.input(pair);
    TxMerkleNode::from_engine(engine)
}

/// Whether 64 bytes read as a transaction. It can only have one input and one output, whose scripts have four bytes together:
/// version 4, count 1, input 36 + 1 + script + 4, count 1, output 8 + 1 + script, lock time 4.
fn is_transaction(bytes: &[u8; 64]) -> bool {
    let signature = usize::from(bytes[41]);
    if bytes[4] != 1 || signature > 4 {
        return false;
    }
    let outputs = 42 + signature + 4;
    bytes[outputs] == 1 && usize::from(bytes[outputs + 9]) == 4 - signature
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::consensus::encode::{deserialize, serialize};
    use bitcoin::{
        Amount, ScriptBuf, Transaction, TxIn, TxOut, absolute, merkle_tree, transaction,
    };
    use proptest::prelude::*;

    fn txids(count: u32) -> Vec<Txid> {
        (0..count).map(|n| Txid::hash(&n.to_le_bytes())).collect()
    }

    /// What bitcoin's own function makes of all of them.
    fn root(txids: &[Txid]) -> TxMerkleNode {
        merkle_tree::calculate_root(txids.iter().map(|txid| txid.to_raw_hash())).unwrap().into()
    }

    fn of_64_bytes(signature: usize) -> Transaction {
        let script = |length| ScriptBuf::from_bytes(vec![0x51; length]);
        Transaction {
            version: transaction::Version::TWO,
            lock_time: absolute::LockTime::ZERO,
            input: vec![TxIn { script_sig: script(signature), ..TxIn::default() }],
            output: vec![TxOut { value: Amount::ZERO, script_pubkey: script(4 - signature) }],
        }
    }

    #[test]
    fn every_transaction_of_every_block_is_proven_by_one_number_alone() {
        for count in 1..=70 {
            let txids = txids(count);
            let root = root(&txids);
            for index in 0..count {
                let branch = Branch::new(&txids, index).unwrap();
                let txid = txids[index as usize];
                assert_eq!(branch.root(txid), Ok(root), "{index} of {count}");
                for other in (0..1 << branch.hashes.len()).filter(|other| *other != index) {
                    let moved = Branch { index: other, ..branch.clone() };
                    assert_ne!(moved.root(txid), Ok(root), "{index} as {other} of {count}");
                }
            }
            assert_eq!(Branch::new(&txids, count), None);
        }
    }

    #[test]
    fn a_copy_that_fills_a_row_up_is_refused() {
        let txids = txids(3);
        let branch = Branch::new(&txids, 2).unwrap();
        let copy = Branch { index: 3, ..branch };
        assert_eq!(copy.root(txids[2]), Err(BranchError::Copy));
    }

    #[test]
    fn what_a_transaction_of_64_bytes_names_is_not_in_its_block() {
        for signature in 0..=4 {
            let bytes: [u8; 64] = serialize(&of_64_bytes(signature)).try_into().unwrap();
            assert!(is_transaction(&bytes));
            // The transaction's second half is the forged transaction's name, its first half the neighbour's.
            let half = |range: std::ops::Range<usize>| Txid::from_slice(&bytes[range]).unwrap();
            let real = of_64_bytes(signature).compute_txid();
            let block = [real, Txid::hash(b"other")];
            let mut forged = Branch::new(&block, 0).unwrap();
            forged.hashes.insert(0, TxMerkleNode::from(half(0..32)));
            forged.index = 1;
            assert_eq!(forged.root(half(32..64)), Err(BranchError::Transaction));
        }
    }

    #[test]
    fn branches_that_no_block_has_are_refused() {
        let hashes = vec![TxMerkleNode::all_zeros(); 16];
        let txid = Txid::hash(b"x");
        assert_eq!(Branch { index: 0, hashes }.root(txid), Err(BranchError::TooLong(16)));
        let hashes = vec![TxMerkleNode::all_zeros(); 2];
        let beyond = BranchError::Beyond { index: 4, levels: 2 };
        assert_eq!(Branch { index: 4, hashes }.root(txid), Err(beyond));
        let beyond = BranchError::Beyond { index: 1, levels: 0 };
        assert_eq!(Branch { index: 1, hashes: vec![] }.root(txid), Err(beyond));
    }

    proptest! {
        #[test]
        fn a_branch_leads_to_the_root_whatever_the_block(count in 1u32..3_000, at in any::<prop::sample::Index>()) {
            let txids = txids(count);
            let index = u32::try_from(at.index(txids.len())).unwrap();
            let branch = Branch::new(&txids, index).unwrap();
            prop_assert_eq!(branch.root(txids[index as usize]), Ok(root(&txids)));
        }

        #[test]
        fn a_changed_hash_leads_elsewhere(
            count in 2u32..300, at in any::<prop::sample::Index>(), byte in 0usize..32, bit in 0u8..8
        ) {
            let txids = txids(count);
            let mut branch = Branch::new(&txids, 0).unwrap();
            let hash = at.get_mut(&mut branch.hashes);
            let mut bytes = hash.to_byte_array();
            bytes[byte] ^= 1 << bit;
            *hash = TxMerkleNode::from_byte_array(bytes);
            prop_assert_ne!(branch.root(txids[0]), Ok(root(&txids)));
        }

        #[test]
        fn what_bitcoin_reads_as_a_transaction_of_64_bytes_is_found(
            mut bytes in any::<[u8; 32]>(), rest in any::<[u8; 32]>(), signature in 0u8..6
        ) {
            let mut pair = [0; 64];
            bytes[4] = 1;
            pair[..32].copy_from_slice(&bytes);
            pair[32..].copy_from_slice(&rest);
            pair[41] = signature;
            let outputs = 46 + usize::from(signature);
            pair[outputs] = 1;
            pair[outputs + 9] = 4u8.saturating_sub(signature);
            prop_assert_eq!(is_transaction(&pair), deserialize::<Transaction>(&pair).is_ok());
        }
    }
}
