//! `OpenTimestamps` files (`.ots`): the way from a file's SHA-256 digest to a Bitcoin block, which any client of theirs checks.
//!
//! The format is that of python-opentimestamps 0.4 (`DetachedTimestampFile`, `Timestamp`, `BitcoinBlockHeaderAttestation`). What is
//! written and read here is one unbranched way of append, prepend and SHA-256 to one Bitcoin block: what an anchor needs. The
//! crate `opentimestamps` 0.2 reads more, but a length in a foreign file makes it allocate or overflow without bounds.

mod read;

use super::commitment::{CommitmentError, Place, from_files, from_journal};
use super::trail::{Step, Trail};
use super::{AnchorProof, Files, Headers, Statement};
use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::sha256;
use bitcoin::{BlockHash, TxMerkleNode};

/// What every file begins with.
const MAGIC: &[u8] = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94";
/// The format's version.
const VERSION: u8 = 1;
/// What a Bitcoin block's attestation begins with.
const BITCOIN: [u8; 8] = [0x05, 0x88, 0x96, 0x0d, 0x73, 0xd7, 0x19, 0x01];
/// No step may lead to more bytes.
const BYTES_MAX: usize = 4_096;
/// Clients give up behind so many steps.
const STEPS_MAX: usize = 255;
/// An attestation may have so many bytes behind its tag.
const ATTESTATION_MAX: usize = 8_192;

/// What steps and attestations are announced by.
mod tag {
    pub(super) const ATTESTATION: u8 = 0x00;
    pub(super) const SHA256: u8 = 0x08;
    pub(super) const APPEND: u8 = 0xf0;
    pub(super) const PREPEND: u8 = 0xf1;
}

/// A proof that a file existed when a Bitcoin block was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ots {
    trail: Trail,
    height: u32,
}

/// When something existed, by a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Existed {
    /// How many blocks stand below it.
    pub height: u32,
    /// The block.
    pub block: BlockHash,
    /// When its miner says it was made, in seconds since 1970: an hour or two off at most.
    pub time: u32,
}

/// Why an `.ots` file cannot be written, read or believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OtsError {
    /// The transaction carries no commitment.
    #[error(transparent)]
    Commitment(#[from] CommitmentError),
    /// The transaction is longer than clients read.
    #[error(
        "the way leads through {0} bytes; OpenTimestamps takes {BYTES_MAX}: anchor by a smaller transaction, of fewer inputs"
    )]
    TooLong(usize),
    /// The way has more steps than clients follow.
    #[error("the way has more than {STEPS_MAX} steps, which OpenTimestamps does not follow")]
    TooDeep,
    /// No such file in the anchor.
    #[error("there is no file {0} among those that were anchored")]
    NoFile(usize),
    /// Not such a file.
    #[error("this is no OpenTimestamps proof")]
    Magic,
    /// A newer format.
    #[error("this OpenTimestamps proof is of version {0}, {VERSION} is known here")]
    Version(u64),
    /// The file ends too early.
    #[error("the OpenTimestamps proof ends too early, at byte {0}")]
    Truncated(usize),
    /// The file goes on too long.
    #[error("{0} bytes follow behind the end of the OpenTimestamps proof")]
    Trailing(usize),
    /// A step that is not followed here.
    #[error(
        "byte {at} announces {found:#04x}; append, prepend, sha256 and one Bitcoin block are followed here, \
         use another client for more"
    )]
    Step {
        /// Where.
        at: usize,
        /// What.
        found: u8,
    },
    /// Attested by something else than a Bitcoin block.
    #[error(
        "the proof is attested by something else than a Bitcoin block; upgrade it first (ots upgrade)"
    )]
    OtherAttestation,
    /// A number that is too large, or longer than it need be.
    #[error("the number at byte {0} is too large or not written as it must be")]
    Number(usize),
    /// The proof is another file's.
    #[error("the proof is of a file with SHA-256 {found}, this file has {expected}")]
    OtherFile {
        /// The proof's.
        found: sha256::Hash,
        /// The file's.
        expected: sha256::Hash,
    },
    /// The headers do not reach there.
    #[error(
        "the proof is by block {0}, which is not among the trusted headers; take headers that have it"
    )]
    Beyond(u32),
    /// The way leads elsewhere.
    #[error("the proof leads to {found}, block {height} has Merkle root {expected}")]
    OtherRoot {
        /// Where it leads, as a hash of Bitcoin is shown.
        found: String,
        /// The block's height.
        height: u32,
        /// Its Merkle root.
        expected: TxMerkleNode,
    },
}

impl Ots {
    /// The proof of a journal: of the file that has [`Statement::text`] in it.
    ///
    /// # Errors
    /// Where the transaction is too long for it, or carries no commitment.
    pub fn of_journal(statement: &Statement, proof: &AnchorProof) -> Result<Self, OtsError> {
        Self::new(from_journal(statement.trail(), proof.files), proof)
    }

    /// The proof of file `index` among those that were anchored with a journal.
    ///
    /// # Errors
    /// Where there is no such file, the transaction is too long, or carries no commitment.
    pub fn of_file(
        (files, index): (&Files, usize),
        statement: &Statement,
        proof: &AnchorProof,
    ) -> Result<Self, OtsError> {
        let trail = files.trail(index).ok_or(OtsError::NoFile(index))?;
        Self::new(from_files(trail, statement.leaf()), proof)
    }

    /// From a commitment through its transaction to the block.
    fn new(to_commitment: Trail, proof: &AnchorProof) -> Result<Self, OtsError> {
        let place = Place::find(&proof.transaction)?;
        let bytes = serialize(&proof.transaction);
        let (before, after) = (&bytes[..place.before], &bytes[place.before + 32..]);
        let mut trail = to_commitment.prepend(before).append(after).sha256().sha256();
        for (level, beside) in proof.branch.hashes.iter().enumerate() {
            let is_right = proof.branch.index >> level & 1 == 1;
            trail = if is_right { trail.prepend(beside) } else { trail.append(beside) };
            trail = trail.sha256().sha256();
        }
        if trail.longest() > BYTES_MAX {
            return Err(OtsError::TooLong(trail.longest()));
        }
        if trail.steps().len() > STEPS_MAX {
            return Err(OtsError::TooDeep);
        }
        Ok(Self { trail, height: proof.height })
    }

    /// The SHA-256 digest of the file that it is a proof of.
    pub fn digest(&self) -> sha256::Hash {
        self.trail.start()
    }

    /// The height of the block that it leads to.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = [MAGIC, &[VERSION, tag::SHA256], self.digest().as_ref()].concat();
        for step in self.trail.steps() {
            let (tag, argument) = match step {
                Step::Sha256 => (tag::SHA256, None),
                Step::Append(argument) => (tag::APPEND, Some(argument)),
                Step::Prepend(argument) => (tag::PREPEND, Some(argument)),
            };
            bytes.push(tag);
            if let Some(argument) = argument {
                write_number(argument.len() as u64, &mut bytes);
                bytes.extend_from_slice(argument);
            }
        }
        let mut height = vec![];
        write_number(self.height.into(), &mut height);
        bytes.push(tag::ATTESTATION);
        bytes.extend_from_slice(&BITCOIN);
        write_number(height.len() as u64, &mut bytes);
        bytes.extend_from_slice(&height);
        bytes
    }

    /// Whether the file that hashes to `digest` existed when a block of `headers` was made.
    ///
    /// # Errors
    /// [`OtsError`] says what does not fit.
    pub fn verify(&self, digest: sha256::Hash, headers: &Headers) -> Result<Existed, OtsError> {
        let (found, height) = (self.digest(), self.height);
        if found != digest {
            return Err(OtsError::OtherFile { found, expected: digest });
        }
        let header = headers.at(height).ok_or(OtsError::Beyond(height))?;
        let expected = header.merkle_root;
        let reached = self.trail.reached();
        if reached != <TxMerkleNode as AsRef<[u8]>>::as_ref(&expected) {
            let found = hex::encode(reached.iter().rev().copied().collect::<Vec<_>>());
            return Err(OtsError::OtherRoot { found, height, expected });
        }
        Ok(Existed { height, block: header.block_hash(), time: header.time })
    }
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn write_number(mut number: u64, bytes: &mut Vec<u8>) {
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}
