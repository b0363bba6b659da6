//! The whole way from a statement to a block's header, and its check against blocks that the verifier trusts.

use super::branch::{Branch, BranchError};
use super::commitment::{Commitment, CommitmentError};
use super::headers::{self, Headers, HeadersError};
use super::statement::Statement;
use bitcoin::block::Header;
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::hashes::sha256;
use bitcoin::{Block, BlockHash, Network, Transaction, TxMerkleNode, Txid};
use serde::{Deserialize, Serialize};
use types::documents::BlockProof;
use types::tree::ProofError;

/// Shows that a commitment is in a Bitcoin block. Its JSON is that of [`BlockProof`], which receipts carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BlockProof", into = "BlockProof")]
pub struct AnchorProof {
    /// Which network's block.
    pub network: Network,
    /// The root over the files that are anchored with the journal.
    pub files: sha256::Hash,
    /// The transaction that carries the commitment, without witnesses.
    pub transaction: Transaction,
    /// From it to the block's Merkle root.
    pub branch: Branch,
    /// The block's header.
    pub header: Header,
    /// How many blocks stand below it.
    pub height: u32,
}

/// What a verifier takes for true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trusted {
    /// A run of headers.
    Headers(Headers),
    /// One block, by its name; its height is not known by that.
    Block {
        /// Which.
        hash: BlockHash,
        /// Of which network.
        network: Network,
    },
}

/// What an anchor proves: that a journal was as stated when a block was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Anchored {
    /// Which network's block.
    pub network: Network,
    /// The block.
    pub block: BlockHash,
    /// How many blocks stand below it; where only its name is trusted, as the proof says.
    pub height: u32,
    /// When its miner says it was made, in seconds since 1970: an hour or two off at most.
    pub time: u32,
    /// The transaction.
    pub transaction: Txid,
    /// How many blocks there are from it to the last trusted header, itself among them; nothing where only its name is trusted.
    pub confirmations: Option<u32>,
}

/// Why an anchor proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// There is none.
    #[error("the receipt has no anchor; ask the market for it again once its journal is anchored")]
    None,
    /// What was anchored does not continue the journal in question.
    #[error("what was anchored does not continue the journal of the tree head: {0}")]
    OtherJournal(ProofError),
    /// A part cannot be read.
    #[error("the anchor's {part} cannot be read: {reason}")]
    Unreadable {
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// It is another network's.
    #[error("the anchor is in a block of {found}, {expected} is asked for")]
    OtherNetwork {
        /// The anchor's.
        found: Network,
        /// The verifier's.
        expected: Network,
    },
    /// The transaction carries no commitment.
    #[error(transparent)]
    Commitment(#[from] CommitmentError),
    /// The transaction carries another commitment.
    #[error(
        "the anchor's transaction commits to {found}, this journal and these files come to {expected}"
    )]
    OtherCommitment {
        /// What is in it.
        found: sha256::Hash,
        /// What should be.
        expected: sha256::Hash,
    },
    /// The branch could lie.
    #[error(transparent)]
    Branch(#[from] BranchError),
    /// The branch leads elsewhere.
    #[error("the anchor's branch leads to Merkle root {found}, its header says {expected}")]
    OtherRoot {
        /// Where it leads.
        found: TxMerkleNode,
        /// The header's.
        expected: TxMerkleNode,
    },
    /// The header is not one of its network.
    #[error(transparent)]
    Header(#[from] HeadersError),
    /// The headers do not reach there.
    #[error(
        "the anchor is in block {height}, the trusted headers are those from {first} to {last}; take headers that have it"
    )]
    Beyond {
        /// Where it is.
        height: u32,
        /// The first that there is.
        first: u32,
        /// The last.
        last: u32,
    },
    /// The block is not among those that are trusted.
    #[error(
        "the anchor is in block {found}, the trusted one is {expected}; it was left by the chain, or never in it"
    )]
    OtherBlock {
        /// The anchor's.
        found: BlockHash,
        /// The trusted one.
        expected: BlockHash,
    },
}

impl AnchorError {
    /// The stable name of this kind of error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::None => "anchor_none",
            Self::OtherJournal(_) => "anchor_other_journal",
            Self::Unreadable { .. } => "anchor_unreadable",
            Self::OtherNetwork { .. } => "anchor_other_network",
            Self::Commitment(_) => "anchor_no_commitment",
            Self::OtherCommitment { .. } => "anchor_other_commitment",
            Self::Branch(_) => "anchor_branch",
            Self::OtherRoot { .. } => "anchor_not_in_block",
            Self::Header(_) => "anchor_header",
            Self::Beyond { .. } => "anchor_beyond",
            Self::OtherBlock { .. } => "anchor_other_block",
        }
    }
}

/// A block, as whoever has read it from a chain knows it.
#[derive(Clone, Copy, Debug)]
pub struct BlockAt<'a> {
    /// The block.
    pub block: &'a Block,
    /// How many stand below it.
    pub height: u32,
    /// Of which network.
    pub network: Network,
}

impl AnchorProof {
    /// The proof for transaction `txid` of a block, with the root over the files that were anchored by it; nothing where the
    /// block does not have it.
    pub fn new(at: BlockAt<'_>, txid: Txid, files: sha256::Hash) -> Option<Self> {
        let BlockAt { block, height, network } = at;
        let txids: Vec<Txid> = block.txdata.iter().map(Transaction::compute_txid).collect();
        let place = txids.iter().position(|known| *known == txid)?;
        let branch = Branch::new(&txids, u32::try_from(place).ok()?)?;
        let mut transaction = block.txdata[place].clone();
        transaction.input.iter_mut().for_each(|input| input.witness.clear());
        Some(Self { network, files, transaction, branch, header: block.header, height })
    }

    /// Whether the journal of `statement` was committed in a block that is trusted.
    ///
    /// # Errors
    /// [`AnchorError`] names the first link that does not hold, from the statement to the block.
    pub fn verify(
        &self,
        statement: &Statement,
        trusted: &Trusted,
    ) -> Result<Anchored, AnchorError> {
        let expected = Commitment::new(statement, self.files).0;
        let found = Commitment::find(&self.transaction)?.0;
        if found != expected {
            return Err(AnchorError::OtherCommitment { found, expected });
        }
        let transaction = self.transaction.compute_txid();
        let (found, expected) = (self.branch.root(transaction)?, self.header.merkle_root);
        if found != expected {
            return Err(AnchorError::OtherRoot { found, expected });
        }
        let confirmations = self.confirmed(trusted)?;
        let Self { network, header, height, .. } = *self;
        let block = header.block_hash();
        Ok(Anchored { network, block, height, time: header.time, transaction, confirmations })
    }

    /// Whether the header is trusted; how deep it lies, where that can be known.
    fn confirmed(&self, trusted: &Trusted) -> Result<Option<u32>, AnchorError> {
        let (found, expected) = (self.network, trusted.network());
        if found != expected {
            return Err(AnchorError::OtherNetwork { found, expected });
        }
        let found = headers::worked(&self.header, self.height, self.network)?;
        let (expected, confirmations) = match trusted {
            Trusted::Block { hash, .. } => (*hash, None),
            Trusted::Headers(headers) => {
                let (height, first, last) = (self.height, headers.first(), headers.tip().height);
                let beyond = AnchorError::Beyond { height, first, last };
                let expected = headers.at(height).ok_or(beyond)?.block_hash();
                (expected, Some((last - height).saturating_add(1)))
            }
        };
        if found != expected {
            return Err(AnchorError::OtherBlock { found, expected });
        }
        Ok(confirmations)
    }
}

impl Trusted {
    /// Which network's.
    pub fn network(&self) -> Network {
        match self {
            Self::Headers(headers) => headers.network(),
            Self::Block { network, .. } => *network,
        }
    }
}

impl From<AnchorProof> for BlockProof {
    fn from(proof: AnchorProof) -> Self {
        let AnchorProof { network, files, transaction, branch, header, height } = proof;
        Self {
            network: network.to_string(),
            files: files.to_string(),
            transaction: serialize_hex(&transaction),
            index: branch.index,
            branch: branch.hashes.iter().map(ToString::to_string).collect(),
            header: serialize_hex(&header),
            height,
        }
    }
}

impl TryFrom<BlockProof> for AnchorProof {
    type Error = AnchorError;

    fn try_from(proof: BlockProof) -> Result<Self, AnchorError> {
        let transaction = deserialize_hex(&proof.transaction);
        let transaction: Transaction = transaction.map_err(unreadable("transaction"))?;
        let hashes = proof.branch.iter().map(|hash| hash.parse());
        let hashes = hashes.collect::<Result<_, _>>().map_err(unreadable("branch"))?;
        let read = Self {
            network: proof.network.parse().map_err(unreadable("network"))?,
            files: proof.files.parse().map_err(unreadable("root over files"))?,
            transaction,
            branch: Branch { index: proof.index, hashes },
            header: deserialize_hex(&proof.header).map_err(unreadable("header"))?,
            height: proof.height,
        };
        if read.transaction.input.iter().any(|input| !input.witness.is_empty()) {
            let reason = "it has witnesses; the transaction is needed without them";
            return Err(unreadable("transaction")(reason));
        }
        // One proof has one text: digits in small letters, as they are written here.
        if BlockProof::from(read.clone()) != proof {
            let reason = "it is not written as it must be, in lower-case hexadecimal digits";
            return Err(unreadable("text")(reason));
        }
        Ok(read)
    }
}

fn unreadable<E: ToString>(part: &'static str) -> impl Fn(E) -> AnchorError {
    move |reason| AnchorError::Unreadable { part, reason: reason.to_string() }
}
