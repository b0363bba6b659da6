//! The one digest that an anchor puts into Bitcoin, and how a transaction carries it.

use super::statement::Statement;
use super::trail::Trail;
use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::{Amount, Script, ScriptBuf, Transaction, TxOut, Txid, VarInt, opcodes, script};

/// What journal and files are hashed behind.
const BOTH: &[u8] = b"bondstore/anchor/both/1";
/// What the output's data begin with.
const MAGIC: [u8; 4] = *b"BDST";
/// The version of everything that the digest stands for.
const VERSION: u8 = 1;
/// Magic, version and digest.
const PAYLOAD: usize = MAGIC.len() + 1 + 32;
/// `OP_RETURN` and the length of what it is followed by.
const OPENING: [u8; 2] = [opcodes::all::OP_RETURN.to_u8(), 37];

/// Why a transaction anchors nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitmentError {
    /// No output of it is an anchor's.
    #[error("transaction {0} has no anchor's output: OP_RETURN, BDST, a version and 32 bytes")]
    None(Txid),
    /// More than one output of it is.
    #[error("transaction {0} has {1} anchor's outputs; an anchor has one")]
    Several(Txid, usize),
    /// An anchor's, but of a kind that is not known here.
    #[error("the anchor in transaction {0} is of version {1}, {VERSION} is known here")]
    Version(Txid, u8),
}

/// The digest over one journal's statement and the files anchored with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitment(pub sha256::Hash);

impl Commitment {
    /// The digest over a journal and the root over files ([`Files::root`](super::Files::root)).
    pub fn new(statement: &Statement, files: sha256::Hash) -> Self {
        Self(from_journal(statement.trail(), files).digest())
    }

    /// The output that carries it: 39 bytes of script, worth nothing.
    pub fn output(&self) -> TxOut {
        TxOut { value: Amount::ZERO, script_pubkey: self.script() }
    }

    /// Its script: `OP_RETURN` and, in one push of 37 bytes, `BDST`, the version and the digest.
    pub fn script(&self) -> ScriptBuf {
        let mut payload = [0; PAYLOAD];
        payload[..4].copy_from_slice(&MAGIC);
        payload[4] = VERSION;
        payload[5..].copy_from_slice(self.0.as_byte_array());
        script::Builder::new()
            .push_opcode(opcodes::all::OP_RETURN)
            .push_slice(payload)
            .into_script()
    }

    /// The commitment that a transaction carries, in its only output of this form.
    ///
    /// # Errors
    /// [`CommitmentError`] where there is none, more than one, or one of another version.
    pub fn find(transaction: &Transaction) -> Result<Self, CommitmentError> {
        Ok(Self(Place::find(transaction)?.digest))
    }
}

/// Where in a transaction the digest stands.
#[derive(Debug)]
pub(super) struct Place {
    /// What stands there.
    pub(super) digest: sha256::Hash,
    /// How many bytes of the transaction, without witnesses, come before it.
    pub(super) before: usize,
}

impl Place {
    pub(super) fn find(transaction: &Transaction) -> Result<Self, CommitmentError> {
        let outputs = transaction.output.iter().enumerate();
        let found = outputs.filter_map(|(n, out)| Some((n, payload(&out.script_pubkey)?)));
        let found: Vec<(usize, &[u8; PAYLOAD])> = found.collect();
        let [(output, payload)] = found[..] else {
            let txid = transaction.compute_txid();
            return Err(match found.len() {
                0 => CommitmentError::None(txid),
                count => CommitmentError::Several(txid, count),
            });
        };
        if payload[4] != VERSION {
            return Err(CommitmentError::Version(transaction.compute_txid(), payload[4]));
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(&payload[5..]);
        let before = before_script(transaction, output) + OPENING.len() + MAGIC.len() + 1;
        Ok(Self { digest: sha256::Hash::from_byte_array(digest), before })
    }
}

/// What an anchor's output carries, whatever its version.
fn payload(script: &Script) -> Option<&[u8; PAYLOAD]> {
    let payload = script.as_bytes().strip_prefix(&OPENING)?;
    payload.starts_with(&MAGIC).then_some(payload)?.try_into().ok()
}

/// How many bytes of a transaction without witnesses come before the script of one of its outputs.
fn before_script(transaction: &Transaction, output: usize) -> usize {
    let counted = |count: usize| VarInt::from(count).size();
    let inputs: usize = transaction.input.iter().map(bitcoin::TxIn::base_size).sum();
    let outputs: usize = transaction.output[..output].iter().map(TxOut::size).sum();
    let script = &transaction.output[output].script_pubkey;
    let version = 4;
    let lists = counted(transaction.input.len()) + inputs + counted(transaction.output.len());
    version + lists + outputs + Amount::SIZE + counted(script.len())
}

/// From the journal's part on to the commitment.
pub(super) fn from_journal(journal: Trail, files: sha256::Hash) -> Trail {
    journal.append(files).prepend(BOTH).sha256()
}

/// From the root over files on to the commitment.
pub(super) fn from_files(files: Trail, journal: sha256::Hash) -> Trail {
    files.prepend(journal).prepend(BOTH).sha256()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anchor::{Files, Leaf};
    use bitcoin::consensus::encode::serialize;
    use bitcoin::{OutPoint, TxIn, absolute, transaction};
    use proptest::prelude::*;
    use types::{Did, Hash};

    fn statement() -> Statement {
        Statement { market: Did([7; 32]), entries: 97, root: Hash::of(b"root") }
    }

    fn commitment() -> Commitment {
        Commitment::new(&statement(), Files::new(vec![]).root())
    }

    fn plain(bytes: usize) -> TxOut {
        let value = Amount::from_sat(1_000);
        TxOut { value, script_pubkey: ScriptBuf::from_bytes(vec![0x51; bytes]) }
    }

    fn transaction(inputs: usize, output: Vec<TxOut>) -> Transaction {
        let input = TxIn { previous_output: OutPoint::null(), ..TxIn::default() };
        Transaction {
            version: transaction::Version::TWO,
            lock_time: absolute::LockTime::ZERO,
            input: vec![input; inputs],
            output,
        }
    }

    #[test]
    fn the_output_is_an_op_return_within_eighty_bytes() {
        let output = commitment().output();
        assert!(output.script_pubkey.is_op_return());
        assert_eq!((output.script_pubkey.len(), output.value), (39, Amount::ZERO));
        assert_eq!(output.script_pubkey.as_bytes()[..7], *b"\x6a\x25BDST\x01");
    }

    #[test]
    fn a_transaction_anchors_by_exactly_one_output_of_a_known_version() {
        let [good, other] = [commitment().output(), plain(22)];
        let with = |outputs: Vec<TxOut>| transaction(1, outputs);
        let found = Commitment::find(&with(vec![other.clone(), good.clone()]));
        assert_eq!(found, Ok(commitment()));
        let none = with(vec![other]);
        let txid = none.compute_txid();
        assert_eq!(Commitment::find(&none), Err(CommitmentError::None(txid)));
        let two = with(vec![good.clone(), good.clone()]);
        let txid = two.compute_txid();
        assert_eq!(Commitment::find(&two), Err(CommitmentError::Several(txid, 2)));
        let mut bytes = good.script_pubkey.clone().into_bytes();
        bytes[6] = 2;
        let newer = with(vec![TxOut { script_pubkey: ScriptBuf::from_bytes(bytes), ..good }]);
        let txid = newer.compute_txid();
        assert_eq!(Commitment::find(&newer), Err(CommitmentError::Version(txid, 2)));
    }

    #[test]
    fn journal_and_files_lead_to_one_commitment_and_cannot_change_places() {
        let leaf = Leaf { digest: statement().digest(), nonce: [0; 16] };
        let files = Files::new(vec![leaf]);
        let commitment = Commitment::new(&statement(), files.root());
        let trail = from_files(files.trail(0).unwrap(), statement().leaf());
        assert_eq!(Commitment(trail.digest()), commitment);
        assert_ne!(files.root(), statement().leaf());
        let swapped = from_files(statement().trail(), files.root());
        assert_ne!(Commitment(swapped.digest()), commitment);
    }

    proptest! {
        #[test]
        fn the_digest_stands_where_it_is_said_to(
            inputs in 1usize..300, before in prop::collection::vec(0usize..300, 0..300), after in 0usize..3
        ) {
            let mut outputs: Vec<_> = before.into_iter().map(plain).collect();
            outputs.push(commitment().output());
            outputs.extend((0..after).map(plain));
            let transaction = transaction(inputs, outputs);
            let (place, expected) = (Place::find(&transaction).unwrap(), commitment());
            let bytes = serialize(&transaction);
            prop_assert_eq!(&bytes[place.before..][..32], expected.0.as_byte_array());
        }
    }
}
