//! Answers as bytes.
//!
//! A list begins with the format's number, 1, and the number of answers; each answer with 0 (missing) or 1
//! (proof). A proof is the shard's place, root and length, the slot path, the chunk and the chunk path,
//! each of the last three behind its length. Numbers are little-endian.

use super::answer::{Answer, Proof};
use super::chunk::CHUNK_BYTES;
use super::error::ProofError;
use crate::hash::Root;
use crate::slot::{Entry, Node};
use bytes::Bytes;

/// How many answers one list can have.
pub const ANSWERS_MAX: usize = 1 << 16;
/// The format's number.
const FORMAT: u8 = 1;
/// A tree over a 64-bit number of leaves has 64 levels.
const PATH_MAX: usize = 64;
const MISSING: u8 = 0;
const PROOF: u8 = 1;

/// The bytes of a list of answers.
///
/// # Panics
/// There are more than [`ANSWERS_MAX`], or one is not as [`super::answer`] or [`decode`] makes them.
pub fn encode(answers: &[Answer]) -> Bytes {
    assert!(answers.len() <= ANSWERS_MAX, "{} answers in one list", answers.len());
    let mut to = Vec::with_capacity(5 + answers.len() * 2_048);
    to.push(FORMAT);
    to.extend(u32::try_from(answers.len()).expect("at most 65,536").to_le_bytes());
    for answer in answers {
        match answer {
            Answer::Missing => to.push(MISSING),
            Answer::Proof(proof) => {
                to.push(PROOF);
                encode_proof(proof, &mut to);
            }
        }
    }
    to.into()
}

fn encode_proof(proof: &Proof, to: &mut Vec<u8>) {
    to.extend(proof.place.to_le_bytes());
    to.extend(proof.entry.root.0);
    to.extend(proof.entry.bytes.to_le_bytes());
    to.push(u8::try_from(proof.slot_path.len()).expect("a path has 64 levels at most"));
    for node in &proof.slot_path {
        to.extend(node.digest);
        to.extend(node.bytes.to_le_bytes());
    }
    to.extend(u16::try_from(proof.chunk.len()).expect("a chunk has 1 KiB at most").to_le_bytes());
    to.extend_from_slice(&proof.chunk);
    to.push(u8::try_from(proof.chunk_path.len()).expect("a path has 64 levels at most"));
    to.extend_from_slice(proof.chunk_path.as_flattened());
}

/// Reads a list of answers. What it allocates is bounded by the length of `from`, which it does not copy.
///
/// # Errors
/// [`ProofError::Malformed`] says where it stopped, and why.
pub fn decode(from: &Bytes) -> Result<Vec<Answer>, ProofError> {
    let mut reader = Reader { from, at: 0 };
    let answers = reader.list()?;
    if reader.at == from.len() { Ok(answers) } else { Err(reader.malformed("the list ends here")) }
}

/// Reads the first of several lists that stand one behind the other, and gives what follows it.
///
/// # Errors
/// As [`decode`].
pub fn decode_first(from: &Bytes) -> Result<(Vec<Answer>, Bytes), ProofError> {
    let mut reader = Reader { from, at: 0 };
    let answers = reader.list()?;
    Ok((answers, from.slice(reader.at..)))
}

struct Reader<'a> {
    from: &'a Bytes,
    at: usize,
}

impl Reader<'_> {
    fn malformed(&self, what: &'static str) -> ProofError {
        ProofError::Malformed { at: self.at, what }
    }

    fn bytes(&mut self, len: usize, what: &'static str) -> Result<Bytes, ProofError> {
        let end = self.at.checked_add(len).filter(|&end| end <= self.from.len());
        let end = end.ok_or_else(|| self.malformed(what))?;
        let bytes = self.from.slice(self.at..end);
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], ProofError> {
        let found = self.from.get(self.at..).and_then(<[u8]>::first_chunk);
        let array = *found.ok_or_else(|| self.malformed(what))?;
        self.at += N;
        Ok(array)
    }

    fn list(&mut self) -> Result<Vec<Answer>, ProofError> {
        let [format] = self.array("the format's number")?;
        if format != FORMAT {
            return Err(self.malformed("this format's number is 1"));
        }
        let count = u32::from_le_bytes(self.array("the number of answers")?) as usize;
        if count > ANSWERS_MAX || count > self.from.len() {
            return Err(self.malformed("there are fewer answers than announced"));
        }
        (0..count).map(|_| self.answer()).collect()
    }

    fn answer(&mut self) -> Result<Answer, ProofError> {
        match self.array("an answer")? {
            [MISSING] => Ok(Answer::Missing),
            [PROOF] => Ok(Answer::Proof(Box::new(self.proof()?))),
            _ => Err(self.malformed("an answer begins with 0 or 1")),
        }
    }

    fn proof(&mut self) -> Result<Proof, ProofError> {
        let place = u64::from_le_bytes(self.array("the shard's number")?);
        let root = Root(self.array("the shard's root")?);
        let bytes = u32::from_le_bytes(self.array("the shard's length")?);
        let levels = self.levels("the slot path's length, 64 at most")?;
        let slot_path = (0..levels).map(|_| self.node()).collect::<Result<_, _>>()?;
        let len = usize::from(u16::from_le_bytes(self.array("the chunk's length")?));
        if len > CHUNK_BYTES {
            return Err(self.malformed("a chunk has 1,024 bytes at most"));
        }
        let chunk = self.bytes(len, "the chunk")?;
        let levels = self.levels("the chunk path's length, 64 at most")?;
        let chunk_path = (0..levels).map(|_| self.array("a hash")).collect::<Result<_, _>>()?;
        Ok(Proof { place, entry: Entry { root, bytes }, slot_path, chunk, chunk_path })
    }

    fn levels(&mut self, what: &'static str) -> Result<usize, ProofError> {
        let [levels] = self.array(what)?;
        let levels = usize::from(levels);
        if levels <= PATH_MAX { Ok(levels) } else { Err(self.malformed(what)) }
    }

    fn node(&mut self) -> Result<Node, ProofError> {
        let digest = self.array("a node's digest")?;
        let bytes = u64::from_le_bytes(self.array("a node's bytes")?);
        Ok(Node { digest, bytes })
    }
}
