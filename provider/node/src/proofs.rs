//! Answers to challenges: chunks and their paths, straight from the disk.

use crate::node::Node;
use crate::store::Room;
use shards::prove::{self, Need, Pick};
use shards::{Answer, Root, SlotSummary};
use std::sync::Arc;
use types::documents::{Challenge, Proof, SlotChallenge};
use types::{Hash, Verified};

/// The signed proof, and the answers' bytes slot by slot. What is lost is answered as missing. Blocks.
pub(crate) fn answer(node: &Node, challenge: &Verified<Challenge>) -> (Verified<Proof>, Vec<Vec<u8>>) {
    let answers: Vec<Vec<u8>> = challenge.slots.iter().map(|slot| answer_slot(node, challenge, slot)).collect();
    let proof = Proof {
        provider: node.did,
        challenge: challenge.id(),
        answers: Hash::of(&answers.concat()),
    };
    (node.sign(proof), answers)
}

fn answer_slot(node: &Node, challenge: &Challenge, slot: &SlotChallenge) -> Vec<u8> {
    let room = node.store.room(&(slot.contract, slot.slot));
    let size = slot.size;
    let summary = SlotSummary { root: Root(size.root.0), bytes: size.bytes, shards: size.shards };
    let seed = slot.seed(&challenge.beacon, challenge.epoch, challenge.kind);
    let picks = prove::picks(seed, &summary, slot.count);
    let answers: Vec<Answer> = picks.into_iter().map(|pick| one(room.as_ref(), &summary, pick)).collect();
    prove::encode(&answers).to_vec()
}

fn one(room: Option<&Arc<Room>>, summary: &SlotSummary, pick: Pick) -> Answer {
    let answer = || {
        let room = room?;
        let list = room.list(&summary.root)?;
        let need = Need::of(pick, &list)?;
        let (group, outboard) = room.group(&need.root, need.start, need.len)?;
        Some(need.answer(&list, &group, &outboard))
    };
    answer().unwrap_or(Answer::Missing)
}
