//! Answers to challenges: chunks and their paths, straight from the disk.

use crate::node::Node;
use crate::store::Room;
use shards::prove::{self, Need, Pick};
use shards::{Answer, Root, SlotList, SlotSummary};
use types::documents::{Challenge, Proof, SlotChallenge};
use types::{Hash, Verified};

/// The signed proof, and the answers' bytes slot by slot. What is lost is answered as missing. Blocks.
pub(crate) fn answer(
    node: &Node,
    challenge: &Verified<Challenge>,
) -> (Verified<Proof>, Vec<Vec<u8>>) {
    let slots = challenge.slots.iter();
    let answers: Vec<Vec<u8>> = slots.map(|slot| answer_slot(node, challenge, slot)).collect();
    let answered = Hash::of(&answers.concat());
    let proof = Proof { provider: node.did, challenge: challenge.id(), answers: answered };
    (node.sign(proof), answers)
}

/// What a challenge names is what the market counts on: older lists may go. Blocks.
pub(crate) fn prune(node: &Node, challenge: &Challenge) {
    for slot in &challenge.slots {
        if let Some(room) = node.store.room(&(slot.contract, slot.slot)) {
            room.prune(&Root(slot.size.root.0));
        }
    }
}

fn answer_slot(node: &Node, challenge: &Challenge, slot: &SlotChallenge) -> Vec<u8> {
    let room = node.store.room(&(slot.contract, slot.slot));
    let size = slot.size;
    let summary = SlotSummary { root: Root(size.root.0), bytes: size.bytes, shards: size.shards };
    let kept = room.and_then(|room| room.list(&summary.root).map(|list| (room, list)));
    let seed = slot.seed(&challenge.beacon, challenge.epoch, challenge.kind);
    let answer = |pick| {
        kept.as_ref().map_or(Answer::Missing, |(room, list)| one(room, list, &summary, pick))
    };
    let picks = prove::picks(seed, &summary, slot.count);
    let answers: Vec<Answer> = picks.into_iter().map(answer).collect();
    prove::encode(&answers).to_vec()
}

/// A proof that would not hold is not sent: the chunk is lost, and the answer says so.
fn one(room: &Room, list: &SlotList, summary: &SlotSummary, pick: Pick) -> Answer {
    let answer = || {
        let need = Need::of(pick, list)?;
        let (group, outboard) = room.group(&need.root, need.start, need.len)?;
        let answer = need.answer(list, &group, &outboard);
        prove::verify(pick, summary, &answer).is_ok().then_some(answer)
    };
    answer().unwrap_or(Answer::Missing)
}
