//! The judge's side.

use super::answer::{Answer, Proof};
use super::chunk::{self, CHUNK_BYTES};
use super::error::ProofError;
use super::pick::Pick;
use crate::slot::{Node, SlotSummary};

/// Whether an answer proves that the provider has the chunk that was picked. It takes nothing but the
/// slot's summary, and every byte of the answer counts.
///
/// # Errors
/// Names the first step that fails; [`ProofError::Missing`] where the provider says so itself.
pub fn verify(pick: Pick, slot: &SlotSummary, answer: &Answer) -> Result<(), ProofError> {
    if pick.offset >= slot.bytes {
        return Err(ProofError::BeyondSlot { offset: pick.offset, bytes: slot.bytes });
    }
    let Answer::Proof(proof) = answer else { return Err(ProofError::Missing) };
    let start = shard_start(slot, proof)?;
    let end = start.saturating_add(proof.entry.bytes.into());
    if !(start..end).contains(&pick.offset) {
        return Err(ProofError::OtherShard { offset: pick.offset, start, end });
    }
    let within = usize::try_from(pick.offset - start).expect("a shard's length has 32 bits");
    verify_chunk(proof, within / CHUNK_BYTES)
}

/// Follows the shard's path to the slot's root, and gives the first of the slot's bytes it holds.
fn shard_start(slot: &SlotSummary, proof: &Proof) -> Result<u64, ProofError> {
    let misfit = ProofError::SlotPath { place: proof.place, shards: slot.shards };
    if proof.place >= slot.shards {
        return Err(misfit);
    }
    let (mut place, mut count) = (proof.place, slot.shards);
    let mut node = Node::leaf(&proof.entry);
    let mut start = 0_u64;
    let mut path = proof.slot_path.iter();
    while count > 1 {
        if place ^ 1 < count {
            let sibling = path.next().ok_or(misfit.clone())?;
            let is_left = place & 1 == 0;
            let (left, right) = if is_left { (&node, sibling) } else { (sibling, &node) };
            let above = Node::above(left, right).ok_or(ProofError::SlotRoot)?;
            if !is_left {
                start = start.checked_add(sibling.bytes).ok_or(ProofError::SlotRoot)?;
            }
            node = above;
        }
        place >>= 1;
        count = count.div_ceil(2);
    }
    if path.next().is_some() {
        return Err(misfit);
    }
    let agrees = node.digest == slot.root.0 && node.bytes == slot.bytes;
    if agrees { Ok(start) } else { Err(ProofError::SlotRoot) }
}

fn verify_chunk(proof: &Proof, chunk: usize) -> Result<(), ProofError> {
    let want = (proof.entry.bytes as usize - chunk * CHUNK_BYTES).min(CHUNK_BYTES);
    let got = proof.chunk.len();
    if got != want {
        return Err(ProofError::ChunkBytes { got, want });
    }
    match chunk::root(&proof.chunk, &proof.chunk_path, proof.entry.bytes, chunk) {
        None => Err(ProofError::ChunkPath),
        Some(root) if root == proof.entry.root => Ok(()),
        Some(_) => Err(ProofError::ChunkRoot),
    }
}
