//! That a market's journal was committed in a Bitcoin block, as a receipt carries it: plain text, judged by whoever knows Bitcoin.

use super::TreeHead;
use crate::Hash;
use crate::tree::{ConsistencyProof, ProofError, Tip};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Shows that a market's journal was committed in a Bitcoin block, to whoever trusts that block's header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// How many entries the anchored journal has.
    pub size: u64,
    /// The Merkle root over them.
    pub root: Hash,
    /// Where the receipt's tree head has fewer entries: that its journal is the beginning of the anchored one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consistency: Option<ConsistencyProof>,
    /// The way into the block.
    pub proof: BlockProof,
}

/// From a commitment to a block's header. Bytes are written in hexadecimal digits; hashes of Bitcoin in its own order, last byte
/// first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockProof {
    /// Which network's block: `bitcoin`, `testnet`, `testnet4`, `signet` or `regtest`.
    pub network: String,
    /// The SHA-256 root over the files that are anchored with the journal, first byte first.
    pub files: String,
    /// The transaction that carries the commitment, without witnesses.
    pub transaction: String,
    /// Its number in the block.
    pub index: u32,
    /// The hashes beside its way up to the block's Merkle root.
    pub branch: Vec<String>,
    /// The block's header, 80 bytes.
    pub header: String,
    /// How many blocks stand below it.
    pub height: u32,
}

impl Anchor {
    /// The tree that was anchored.
    pub fn tip(&self) -> Tip {
        Tip { size: self.size, root: self.root }
    }

    /// Whether what was anchored is the journal that `head` speaks of, or one that it is the beginning of.
    ///
    /// # Errors
    /// [`ProofError`] says what does not fit.
    pub fn covers(&self, head: &TreeHead) -> Result<(), ProofError> {
        let (earlier, later) = (head.tip(), self.tip());
        if let Some(proof) = &self.consistency {
            return proof.verify(&earlier, &later);
        }
        if earlier.size != later.size {
            return Err(ProofError::OtherTree { found: later.size, expected: earlier.size });
        }
        if earlier.root != later.root {
            return Err(ProofError::OtherRoot { found: later.root, expected: earlier.root });
        }
        Ok(())
    }
}
